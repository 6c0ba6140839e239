"""The offline verifier: what it says of each kind of file, and its exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interurban_protocol.__main__ import NOT_VALID, STALE, USAGE, VALID, main
from interurban_protocol.agreements import (
    AgreedPlan,
    Agreement,
    Party,
    ReferenceTerms,
)
from interurban_protocol.consent_records import ConsentState, Receipt
from interurban_protocol.encoding import (
    canonical_json,
    format_time,
    sha256_digest,
)
from interurban_protocol.keys import Purpose, fingerprint_words
from interurban_protocol.multikeys import did_key
from interurban_protocol.node_descriptors import describe_key, did_document
from interurban_protocol.references import PARTNER_FACTS, present
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import release_bundle
from interurban_protocol.signed_documents import (
    DocumentPayload,
    Signer,
    start_document,
)
from tests.support import statistics
from tests.support.certificates import INDEX as INDEX_OF_CERTIFICATE
from tests.support.certificates import (
    a_vc_jwt,
    an_sd_jwt,
    list_document,
    of_did_key,
    signed,
    signed_by_did_key,
    status_entries,
    unsigned,
)
from tests.support.credentials import (
    CERTIFICATES,
    DOCUMENTS,
    HARBOUR,
    HARBOUR_DOCUMENTS,
    IDENTITY,
    LAKESIDE,
    NOW,
    a_credential,
    a_reference,
    a_status_token,
    lakeside,
    lakeside_descriptor,
    some_claims,
)

INDEX = some_claims().status.status_list.idx
Files = Callable[[Mapping[str, bytes]], list[str]]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Verify bytes with the command line; gives the exit code and what it printed.

    Named files become options: `status_list=...` is `--status-list`.
    """

    def write(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        return str(path)

    def run_it(
        document: bytes,
        *options: str,
        descriptors: tuple[bytes, ...] = (lakeside_descriptor(),),
        at: datetime = NOW,
        **files: bytes,
    ) -> tuple[int, str]:
        arguments = ["verify", write("document", document), "--at", format_time(at)]
        for number, descriptor in enumerate(descriptors):
            arguments += ["--descriptor", write(f"descriptor-{number}", descriptor)]
        for name, data in files.items():
            arguments += [f"--{name.replace('_', '-')}", write(name, data)]
        code = main([*arguments, *options])
        return code, capsys.readouterr().out

    return run_it


# --- references


def reference() -> bytes:
    return present(a_reference(), PARTNER_FACTS).encode()


def test_a_reference_with_its_list_is_fresh(run: Run) -> None:
    code, printed = run(reference(), status_list=a_status_token().encode())
    assert code == VALID
    assert printed.startswith("FRESH: credential reference, verified at 2026-05-14")
    assert f"issuer: {LAKESIDE}" in printed
    assert f"recipient: {HARBOUR}" in printed


def test_a_reference_without_a_list_is_stale(run: Run) -> None:
    code, printed = run(reference())
    assert code == STALE
    assert "No status list is at hand." in printed
    assert "status_list_age_seconds: -" in printed


def test_a_reference_with_yesterdays_list_is_stale(run: Run) -> None:
    old = a_status_token(at=NOW - timedelta(days=1)).encode()
    assert run(reference(), status_list=old)[0] == STALE


def test_an_ended_reference_is_not_valid(run: Run) -> None:
    ended = a_status_token([INDEX]).encode()
    code, printed = run(reference(), status_list=ended)
    assert code == NOT_VALID
    assert "ENDED" in printed
    assert "The reference is no longer shared." in printed


def test_an_expired_reference_is_not_valid(run: Run) -> None:
    code, printed = run(reference(), at=NOW + timedelta(days=61))
    assert code == NOT_VALID
    assert printed.startswith("EXPIRED")


def test_nothing_about_the_learner_is_printed(run: Run) -> None:
    _, printed = run(a_reference().encode(), "--json")
    assert "Welding" not in printed
    assert some_claims().sub not in printed
    assert some_claims().jti not in printed


# --- certificates


def test_a_certificate_is_valid_and_its_revocation_was_not_checked(run: Run) -> None:
    code, printed = run(a_credential())
    assert code == VALID
    assert f"{LAKESIDE} signed this certificate." in printed
    assert "NOT checked" in printed


def test_an_expired_certificate_is_not_valid(run: Run) -> None:
    code, printed = run(a_credential(valid_until=NOW))
    assert code == NOT_VALID
    assert printed.startswith("EXPIRED: certificate")


# --- receipts


def a_receipt(**changes: Any) -> Receipt:
    members: dict[str, Any] = {
        "signers": (Signer(node=LAKESIDE, key_id=DOCUMENTS.public.key_id),),
        "controller": LAKESIDE,
        "event": sha256_digest(b"event"),
        "head": sha256_digest(b"head"),
        "question": sha256_digest(b"question"),
        "state": ConsentState.WITHDRAWN,
        "at": NOW - timedelta(days=1),
        "recipients": (HARBOUR,),
        "language": "ar",
    }
    return Receipt(**{**members, **changes})


def test_a_receipt_says_which_answer_was_recorded(run: Run) -> None:
    code, printed = run(start_document(a_receipt(), DOCUMENTS))
    assert code == VALID
    assert f"{LAKESIDE} recorded this answer: withdrawn." in printed


def test_a_receipt_verifies_after_its_key_was_rotated(run: Run) -> None:
    rotated = describe_key(
        LAKESIDE,
        Purpose.DOCUMENTS,
        DOCUMENTS,
        valid_from=NOW - timedelta(days=30),
        valid_until=NOW,
    )
    code, _ = run(
        start_document(a_receipt(), DOCUMENTS),
        at=NOW + timedelta(days=400),
        descriptors=(lakeside_descriptor(keys=(rotated,)),),
    )
    assert code == VALID


# --- agreements


def harbour_descriptor() -> bytes:
    return lakeside_descriptor(
        node=HARBOUR,
        name={"en": "Harbour"},
        signers=(Signer(node=HARBOUR, key_id=IDENTITY.public.key_id),),
        keys=(
            describe_key(
                HARBOUR,
                Purpose.DOCUMENTS,
                HARBOUR_DOCUMENTS,
                valid_from=NOW - timedelta(days=30),
            ),
        ),
    )


def an_agreement(**changes: Any) -> Agreement:
    parties = ((LAKESIDE, DOCUMENTS), (HARBOUR, HARBOUR_DOCUMENTS))
    members: dict[str, Any] = {
        "signers": tuple(
            Signer(node=node, key_id=key.public.key_id) for node, key in parties
        ),
        "title": {"en": "Training and jobs"},
        "parties": tuple(
            Party(node=node, name={"en": "City"}, identity_key_id="x")
            for node, _ in parties
        ),
        "minimum_parties": 2,
        "proposed_by": LAKESIDE,
        "proposed_at": NOW - timedelta(days=9),
        "answer_by": NOW - timedelta(days=2),
        "plans": (
            AgreedPlan(
                plan=sha256_digest(b"plan"),
                subject="enrolments",
                structures=(sha256_digest(b"structure"),),
            ),
        ),
        "purposes": ("programme-evaluation",),
        "disclosure_floor": ProtectionProfile(),
        "references": ReferenceTerms(
            purpose="job-placement", maximum_days=90, answer_days=7
        ),
        "valid_from": NOW - timedelta(days=1),
        "valid_until": NOW + timedelta(days=1),
        "at_end": {"en": "Published figures stay."},
    }
    return Agreement(**{**members, **changes})


BOTH = (lakeside_descriptor(), harbour_descriptor())


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (-2, "It comes into force on 2026-05-13T09:30:00Z."),
        (0, "It is in force until 2026-05-15T09:30:00Z."),
        (400, "It ended on 2026-05-15T09:30:00Z."),
    ],
)
def test_an_agreement_says_whether_it_is_in_force(
    run: Run, days: int, sentence: str
) -> None:
    document = start_document(an_agreement(), DOCUMENTS, HARBOUR_DOCUMENTS)
    code, printed = run(document, descriptors=BOTH, at=NOW + timedelta(days=days))
    assert code == VALID
    assert sentence in printed
    assert f"{HARBOUR}, {LAKESIDE}" in printed


def test_an_agreement_without_one_partys_signature_is_not_valid(run: Run) -> None:
    code, printed = run(start_document(an_agreement(), DOCUMENTS), descriptors=BOTH)
    assert code == NOT_VALID
    assert "1 required signature(s) are missing." in printed


# --- releases


@pytest.fixture(scope="module")
def release() -> statistics.SignedRelease:
    return statistics.a_release()


def publisher() -> tuple[bytes, ...]:
    """The descriptor of the city that made the statistical test releases."""
    key = describe_key(
        LAKESIDE,
        Purpose.DOCUMENTS,
        statistics.a_key(),
        valid_from=datetime(2025, 1, 1, tzinfo=UTC),
    )
    issued = datetime(2025, 1, 1, tzinfo=UTC)
    return (lakeside_descriptor(keys=(key,), issued_at=issued),)


def test_a_release_in_one_file_is_verified_with_its_figures(
    run: Run, release: statistics.SignedRelease
) -> None:
    bundle = release_bundle(release.document, release.data, release.structure_bytes)
    code, printed = run(bundle, descriptors=publisher())
    assert code == VALID
    assert printed.startswith("VALID: release,")
    assert "The figures are the ones that were signed" in printed


def test_a_manifest_with_data_and_structure_is_the_same_release(
    run: Run, release: statistics.SignedRelease
) -> None:
    code, printed = run(
        release.document,
        descriptors=publisher(),
        data=release.data,
        structure=release.structure_bytes,
    )
    assert code == VALID
    assert printed.startswith("VALID: release,")


@pytest.mark.parametrize("given", [(), ("data",), ("structure",)])
def test_a_manifest_alone_says_that_the_figures_were_not_checked(
    run: Run, release: statistics.SignedRelease, given: tuple[str, ...]
) -> None:
    files = {"data": release.data, "structure": release.structure_bytes}
    code, printed = run(
        release.document,
        descriptors=publisher(),
        **{name: files[name] for name in given},
    )
    assert code == VALID
    assert printed.startswith("MANIFEST ONLY: release manifest")
    assert "The figures were NOT checked" in printed


def test_another_figure_makes_a_release_not_valid(
    run: Run, release: statistics.SignedRelease
) -> None:
    lines = release.data.split(b"\n")
    lines[1] = lines[1].replace(b",A,F", b"9,A,F")
    data = b"\n".join(lines)
    assert data != release.data
    code, printed = run(
        release.document,
        descriptors=publisher(),
        data=data,
        structure=release.structure_bytes,
    )
    assert code == NOT_VALID
    assert "The data are not those that the manifest signs." in printed
    assert "Fetch the content again" in printed


# --- what is not valid


def unknown_document() -> bytes:
    payload = DocumentPayload(kind="treaty", signers=a_receipt().signers)
    return start_document(payload, DOCUMENTS)


NOT_VALID_FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "MalformedError"),
    "text": (b"hello", "MalformedError"),
    "a picture": (b"\x89PNG\r\n", "MalformedError"),
    "half a JSON": (b'{"kind":', "MalformedError"),
    "another JSON": (b'{"a":1}', "MalformedError"),
    "a reference of an unknown city": (
        a_reference(
            iss=HARBOUR,
            status=some_claims().status.model_copy(
                update={
                    "status_list": some_claims().status.status_list.model_copy(
                        update={"uri": f"{HARBOUR}/api/v1/status-lists/1"}
                    )
                }
            ),
        ).encode(),
        "UnknownKeyError",
    ),
    "another kind of document": (unknown_document(), "MalformedError"),
    "a receipt of tomorrow": (
        start_document(a_receipt(at=NOW + timedelta(days=1)), DOCUMENTS),
        "NotYetValidError",
    ),
    "a receipt of another controller": (
        start_document(a_receipt(controller=HARBOUR), DOCUMENTS),
        "MalformedError",
    ),
    "an unsigned bundle": (
        b'{"kind":"interurban-release-bundle","data":"","manifest":{}}',
        "MalformedError",
    ),
}


@pytest.mark.parametrize(
    ("document", "problem"), NOT_VALID_FILES.values(), ids=NOT_VALID_FILES
)
def test_what_cannot_be_believed_is_not_valid_and_says_what_to_do(
    run: Run, document: bytes, problem: str
) -> None:
    code, printed = run(document, "--json")
    report = json.loads(printed)
    assert code == report["exit_code"] == NOT_VALID
    assert report["state"] == "not valid"
    assert report["facts"]["problem"] == problem
    assert len(report["sentences"]) == 2


CERTIFICATES_NOT_VALID: dict[str, tuple[bytes, str]] = {
    "without issuer": (b'{"@context":[]}', "malformed"),
    "of an unknown city": (
        a_credential().replace(b"did:web:lakeside", b"did:web:elsewhere"),
        "untrusted issuer",
    ),
    "changed": (a_credential().replace(b"Welding", b"Piloting"), "invalid signature"),
    "changed as a token": (a_vc_jwt()[:-6].encode() + b"AAAAAA", "invalid signature"),
    "for a wallet, of an unknown city": (
        an_sd_jwt(issuer=HARBOUR).encode(),
        "untrusted issuer",
    ),
}


@pytest.mark.parametrize(
    ("document", "state"), CERTIFICATES_NOT_VALID.values(), ids=CERTIFICATES_NOT_VALID
)
def test_a_certificate_that_cannot_be_believed_has_its_state(
    run: Run, document: bytes, state: str
) -> None:
    code, printed = run(document, "--json")
    report = json.loads(printed)
    assert code == report["exit_code"] == NOT_VALID
    assert report["state"] == state
    assert len(report["sentences"]) == 2


LISTS = {"status_list": list_document()}
REVOKED = {"status_list": list_document(ended=(INDEX_OF_CERTIFICATE,))}
WITH_STATUS = canonical_json(signed(unsigned(credentialStatus=status_entries()[0])))


@pytest.mark.parametrize(
    ("document", "files", "code", "said"),
    [
        (a_vc_jwt().encode(), {}, VALID, "keeps no status"),
        (an_sd_jwt(status=None).encode(), {}, VALID, "keeps no status"),
        (an_sd_jwt().encode(), {}, STALE, "give --status-list"),
        (
            an_sd_jwt().encode(),
            {"status_list": a_status_token().encode()},
            VALID,
            "says that it is valid",
        ),
        (
            an_sd_jwt().encode(),
            {"status_list": a_status_token([INDEX_OF_CERTIFICATE]).encode()},
            NOT_VALID,
            "has revoked it",
        ),
        (WITH_STATUS, {}, STALE, "give --status-list"),
        (WITH_STATUS, LISTS, VALID, "says that it is valid"),
        (WITH_STATUS, REVOKED, NOT_VALID, "has revoked it"),
        (WITH_STATUS, {"status_list": b"x"}, STALE, "A status list was left out"),
        (WITH_STATUS, {"status_list": b"{}"}, STALE, "A status list was left out"),
        (WITH_STATUS, {"status_list": b"\xff"}, STALE, "A status list was left out"),
    ],
)
def test_a_certificate_in_any_form_is_verified_with_the_lists_at_hand(
    run: Run, document: bytes, files: dict[str, bytes], code: int, said: str
) -> None:
    found, printed = run(document, **files)
    assert found == code
    assert said in printed


def test_an_old_status_list_says_until_when_it_was_known(run: Run) -> None:
    code, printed = run(WITH_STATUS, **LISTS, at=NOW + timedelta(days=2))
    assert code == STALE
    assert printed.startswith("STALE: certificate")


def test_a_certificate_of_a_did_key_is_verified_when_it_is_trusted(run: Run) -> None:
    document = canonical_json(signed_by_did_key(of_did_key()))
    code, printed = run(document, descriptors=())
    assert code == NOT_VALID
    assert "text_unchanged: True" in printed
    did = did_key(CERTIFICATES.public)
    code, printed = run(document, "--trust", did, descriptors=())
    assert code == VALID
    assert f"{did} signed this certificate." in printed


def test_a_certificate_is_verified_with_a_did_document(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "did.json"
    path.write_bytes(canonical_json(did_document(lakeside())))
    code, _ = run(a_credential(), "--did-document", str(path), descriptors=())
    assert code == VALID
    for wrong in (b"{}", b'{"id":3}', b"x"):
        path.write_bytes(wrong)
        code, _ = run(a_credential(), "--did-document", str(path), descriptors=())
        assert code == NOT_VALID


def test_a_changed_status_list_is_not_valid(run: Run) -> None:
    for status_list in (a_status_token().encode()[:-4], "ä".encode()):
        assert run(reference(), status_list=status_list)[0] == NOT_VALID


def test_a_changed_descriptor_gives_no_keys(run: Run) -> None:
    descriptor = lakeside_descriptor().replace(b'"payload":"', b'"payload":"e30')
    code, printed = run(reference(), descriptors=(descriptor,))
    assert code == NOT_VALID
    assert "Keys were taken" not in printed


# --- how it says so


def test_the_words_of_every_descriptor_are_shown(run: Run) -> None:
    words = fingerprint_words(IDENTITY.public)
    _, printed = run(reference(), descriptors=BOTH)
    assert printed.count(words) == 2
    assert "compare the words" in printed
    _, printed = run(reference(), "--json")
    assert json.loads(printed)["descriptors"] == [
        {"node": LAKESIDE, "number": 0, "fingerprint": words}
    ]


def test_json_has_the_facts_of_the_text(run: Run) -> None:
    code, printed = run(
        reference(), "--json", status_list=a_status_token().encode(), at=NOW
    )
    report = json.loads(printed)
    assert report["state"] == "fresh"
    assert report["exit_code"] == code == VALID
    assert report["verified_at"] == "2026-05-14T09:30:00Z"
    assert report["facts"]["status_list_age_seconds"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify"],
        ["verify", "FILE", "--descriptor"],
        ["verify", "FILE", "--descriptor", "missing"],
        ["verify", "missing", "--descriptor", "FILE"],
        ["verify", "FILE", "--descriptor", "FILE", "--data", "missing"],
        ["verify", "FILE", "--descriptor", "FILE", "--at", "yesterday"],
        ["prove", "FILE"],
    ],
)
def test_a_wrong_call_is_told_apart_from_a_wrong_file(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(reference())
    with pytest.raises(SystemExit) as caught:
        main([str(file) if each == "FILE" else each for each in arguments])
    assert caught.value.code == USAGE
    assert "usage:" in capsys.readouterr().err


def test_it_runs_as_a_program_with_this_package_alone(tmp_path: Path) -> None:
    """In a process of its own, as of now, when the reference has long expired or not begun."""
    for name, data in (("r", reference()), ("d", lakeside_descriptor())):
        (tmp_path / name).write_bytes(data)
    program = (
        "import runpy, sys\n"
        "try:\n"
        "    runpy.run_module('interurban_protocol', run_name='__main__')\n"
        "finally:\n"
        "    loaded = {'fastapi', 'sqlalchemy', 'httpx', 'interurban_node'}\n"
        "    print(sorted(loaded & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "verify", "r", "--descriptor", "d", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "[]\n"
    assert json.loads(done.stdout)["exit_code"] == done.returncode
