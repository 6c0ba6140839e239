"""Verify offline what was exchanged: `python -m interurban_protocol verify FILE ...`.

For auditors, courts and other cities, with this package alone. FILE is a release bundle or
manifest, a credential reference, a certificate (Open Badges JSON, VC-JWT or SD-JWT VC), a
consent receipt or an agreement; what it is is read from it. The keys come from descriptors,
which may lie about who they belong to: compare the printed fingerprint words with the ones
that the city itself reads out. Certificates of others can be verified with a DID document
(`--did-document`) or a `did:key` that you trust (`--trust`).

The exit code is 0 for valid, 1 for not valid, 2 for a wrong call, 3 for stale: signed and
in time, but nothing at hand proves that it still holds.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interurban_protocol import (
    agreements,
    consent_records,
    references,
    releases,
)
from interurban_protocol.credential_files import (
    SENTENCES,
    CredentialFile,
    verify_credential_file,
)
from interurban_protocol.credential_verdicts import CredentialState
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    format_time,
    parse_json_object,
    parse_time,
)
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    NotYetValidError,
    UnknownKeyError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.node_descriptors import (
    VerifiedDescriptor,
    did_web,
    verify_descriptor,
)
from interurban_protocol.signed_documents import (
    check_understood,
    open_document,
    read_payload,
    verify_document,
)
from interurban_protocol.status_lists import VerifiedStatusList, verify_status_list
from interurban_protocol.structures import parse_structure

VALID, NOT_VALID, USAGE, STALE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: one state, sentences for a person, facts for a program."""

    kind: str
    state: str
    exit_code: int
    sentences: tuple[str, ...]
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that was handed over, as bytes, and the time to verify at."""

    document: bytes
    descriptors: tuple[VerifiedDescriptor, ...]
    data: bytes | None
    structure: bytes | None
    status_lists: tuple[bytes, ...]
    did_documents: tuple[bytes, ...]
    did_keys: tuple[str, ...]
    at: datetime

    @property
    def keys(self) -> Mapping[str, KeySet]:
        """The key sets of the described nodes, by origin."""
        return {each.payload.node: each.key_set for each in self.descriptors}

    def keys_of(self, node: str) -> KeySet:
        """The key set of one node.

        Raises:
            UnknownKeyError: no descriptor of it was given.
        """
        if node not in self.keys:
            raise UnknownKeyError(
                f"no descriptor of {node} was given",
                next_step="Give the issuer's descriptor with --descriptor.",
            )
        return self.keys[node]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the result."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        at = _time(options.at)
    except MalformedError as error:
        parser.error(f"--at: {error.message}")
    files = [_read(parser, name) for name in (options.file, *options.descriptor)]
    optional = {
        name: _read(parser, value) if (value := getattr(options, name)) else None
        for name in ("data", "structure")
    }
    lists = tuple(_read(parser, name) for name in options.status_list)
    documents = tuple(_read(parser, name) for name in options.did_document)
    descriptors: tuple[VerifiedDescriptor, ...] = ()
    try:
        descriptors = tuple(verify_descriptor(each, at) for each in files[1:])
        inputs = Inputs(
            document=files[0],
            descriptors=descriptors,
            at=at,
            status_lists=lists,
            did_documents=documents,
            did_keys=tuple(options.trust),
            **optional,
        )
        verdict = verify(inputs)
    except InterurbanError as error:
        verdict = _not_valid(error)
    report = _json_report if options.json else _text_report
    print(report(verdict, descriptors, at))
    return verdict.exit_code


def verify(inputs: Inputs) -> Verdict:
    """The verdict on the document.

    Raises:
        InterurbanError: it is not valid, and why.
    """
    if not inputs.document.lstrip().startswith(b"{"):
        return _verify_token(inputs)
    value = parse_json_object(inputs.document)
    if value.get("kind") == releases.BUNDLE_KIND:
        return _verify_bundle(inputs)
    if "@context" in value:
        return _verify_credential(inputs)
    return _verify_document(inputs)


def _verify_document(inputs: Inputs) -> Verdict:
    opened = open_document(inputs.document)
    match parse_json_object(opened.payload_bytes):
        case {"kind": str(kind)} if kind in _DOCUMENTS:
            return _DOCUMENTS[kind](inputs)
        case _:
            raise MalformedError(
                "the file is a signed document of a kind that is not verified here"
            )


def _verify_bundle(inputs: Inputs) -> Verdict:
    bundle = releases.open_bundle(inputs.document)
    return _verify_release(inputs, bundle)


def _verify_manifest(inputs: Inputs) -> Verdict:
    if inputs.data is not None and inputs.structure is not None:
        parts = (inputs.document, inputs.data, inputs.structure)
        return _verify_release(inputs, releases.ReleaseBundle(*parts))
    verified = releases.verify_manifest(inputs.document, keys=inputs.keys, at=inputs.at)
    return Verdict(
        "release manifest",
        "manifest only",
        VALID,
        (
            f"{verified.manifest.publisher} signed this manifest.",
            "The figures were NOT checked: give --data and --structure to check them.",
        ),
        {**_release_facts(verified.manifest), "release": verified.release_id},
    )


def _verify_release(inputs: Inputs, bundle: releases.ReleaseBundle) -> Verdict:
    release = releases.verify_release(
        bundle.manifest,
        bundle.data,
        structure=parse_structure(bundle.structure),
        keys=inputs.keys,
        at=inputs.at,
    )
    payload = release.manifest
    return Verdict(
        "release",
        "valid",
        VALID,
        (
            f"{payload.publisher} signed this release.",
            "The figures are the ones that were signed, and keep to the protection "
            "profile that the manifest names.",
        ),
        {**_release_facts(payload), "release": release.release_id},
    )


def _release_facts(manifest: releases.ReleaseManifest) -> Mapping[str, JsonValue]:
    return {
        "publisher": manifest.publisher,
        "dataflow": manifest.dataflow,
        "observation_period": manifest.observation_period,
        "recipients": manifest.recipients,
        "agreement": manifest.agreement,
        "plan": manifest.plan,
        "published": format_time(manifest.publication_at),
    }


def _verify_agreement(inputs: Inputs) -> Verdict:
    unverified = read_payload(open_document(inputs.document), agreements.Agreement)
    # The parties sign until answer_by, and their keys may have been rotated since.
    signed_by = min(inputs.at, unverified.answer_by)
    agreement = verify_document(
        inputs.document,
        agreements.Agreement,
        kind=agreements.KIND,
        keys=inputs.keys,
        at=signed_by,
    )
    check_understood(agreement.payload)
    agreements.check_agreement(agreement.payload)
    parties = sorted(agreement.payload.nodes)
    return Verdict(
        "agreement",
        "valid",
        VALID,
        (
            f"All parties signed this agreement: {', '.join(parties)}.",
            _in_force(agreement.payload, inputs.at),
        ),
        {
            "agreement": agreement.document_id,
            "signed_set": agreement.set_digest,
            "parties": parties,
            "valid_from": format_time(agreement.payload.valid_from),
            "valid_until": format_time(agreement.payload.valid_until),
        },
    )


def _in_force(agreement: agreements.Agreement, at: datetime) -> str:
    if at < agreement.valid_from:
        return f"It comes into force on {format_time(agreement.valid_from)}."
    if at >= agreement.valid_until:
        return f"It ended on {format_time(agreement.valid_until)}."
    return f"It is in force until {format_time(agreement.valid_until)}."


def _verify_receipt(inputs: Inputs) -> Verdict:
    unverified = read_payload(open_document(inputs.document), consent_records.Receipt)
    if unverified.at > inputs.at:
        raise NotYetValidError("the receipt is dated in the future")
    receipt = verify_document(
        inputs.document,
        consent_records.Receipt,
        kind=consent_records.RECEIPT_KIND,
        keys=inputs.keys,
        at=unverified.at,  # a key that was rotated since goes on verifying
    )
    consent_records.check_receipt_form(receipt.payload)
    return Verdict(
        "consent receipt",
        "valid",
        VALID,
        (
            f"{receipt.payload.controller} recorded this answer: "
            f"{receipt.payload.state}.",
            "Whether it still holds is known to the city's own history alone.",
        ),
        {
            "controller": receipt.payload.controller,
            "answer": receipt.payload.state,
            "at": format_time(receipt.payload.at),
            "question": receipt.payload.question,
            "event": receipt.payload.event,
            "head": receipt.payload.head,
        },
    )


_STILL_GOOD = frozenset(
    {CredentialState.FRESH, CredentialState.CACHED, CredentialState.NO_STATUS}
)
_NOT_KNOWN = frozenset({CredentialState.STALE, CredentialState.UNKNOWN_STATUS})


def _verify_credential(inputs: Inputs) -> Verdict:
    found = verify_credential_file(
        CredentialFile(
            document=inputs.document,
            at=inputs.at,
            nodes=inputs.keys,
            did_documents=inputs.did_documents,
            did_keys=inputs.did_keys,
            status_lists=inputs.status_lists,
        )
    )
    verdict = found.verdict
    reason = f"{verdict.reason[0].upper()}{verdict.reason[1:]}."
    sentences = [reason, SENTENCES[verdict.state]]
    facts: dict[str, JsonValue] = {"text_unchanged": verdict.proof_verified}
    if verdict.claims is not None:
        issuer = _issuer_name(inputs, verdict.claims.issuer)
        sentences[0] = f"{issuer} signed this certificate."
        facts |= {
            "issuer": issuer,
            "form": str(verdict.claims.form),
            "status_list_age_seconds": _seconds(verdict.age),
        }
    sentences += [f"A status list was left out: {why}." for why in found.refused_lists]
    if verdict.state in _STILL_GOOD:
        return Verdict("certificate", "valid", VALID, tuple(sentences), facts)
    exit_code = STALE if verdict.state in _NOT_KNOWN else NOT_VALID
    state = verdict.state.replace("_", " ")
    return Verdict("certificate", state, exit_code, tuple(sentences), facts)


def _issuer_name(inputs: Inputs, issuer: str) -> str:
    """The city's origin where a descriptor was given, else the identifier itself."""
    return next((node for node in inputs.keys if did_web(node) == issuer), issuer)


def _verify_token(inputs: Inputs) -> Verdict:
    """A reference is an SD-JWT as well; its `vct` tells."""
    text = inputs.document.strip()
    try:
        claims = parse_json_object(
            base64url_decode(text.split(b".")[1].decode("ascii"))
        )
    except (IndexError, UnicodeDecodeError, MalformedError):
        return _verify_reference(inputs)  # which says what is wrong
    if claims.get("vct") == references.REFERENCE_VCT:
        return _verify_reference(inputs)
    return _verify_credential(inputs)


def _verify_reference(inputs: Inputs) -> Verdict:
    try:
        token = inputs.document.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MalformedError("the file is of no kind that is verified here") from error
    claims = references.parse_reference(token).claims
    keys = inputs.keys_of(claims.iss)
    verdict = references.verify_reference(
        token,
        issuer_keys=keys,
        expected_issuer=claims.iss,
        recipient=None,
        status=_status_list(inputs, claims.status.status_list.uri, keys),
        at=inputs.at,
    )
    exit_code = VALID if verdict.is_valid() else NOT_VALID
    stale = verdict.state is references.ReferenceState.STALE
    return Verdict(
        "credential reference",
        verdict.state,
        STALE if stale else exit_code,
        (f"{verdict.reason[0].upper()}{verdict.reason[1:]}.",),
        {
            "issuer": claims.iss,
            "recipient": claims.consent.recipient,
            "purpose": claims.consent.purpose,
            "expires": format_time(claims.expires_at),
            "status_list_age_seconds": _seconds(verdict.age),
        },
    )


def _seconds(age: timedelta | None) -> int | None:
    return None if age is None else int(age.total_seconds())


def _status_list(inputs: Inputs, uri: str, keys: KeySet) -> VerifiedStatusList | None:
    if not inputs.status_lists:
        return None
    try:
        token = inputs.status_lists[0].decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MalformedError("the status list is not a compact token") from error
    return verify_status_list(token, uri=uri, keys=keys, at=inputs.at)


_DOCUMENTS: Mapping[str, Callable[[Inputs], Verdict]] = {
    agreements.KIND: _verify_agreement,
    consent_records.RECEIPT_KIND: _verify_receipt,
    releases.KIND: _verify_manifest,
}


def _not_valid(error: InterurbanError) -> Verdict:
    return Verdict(
        "file",
        "not valid",
        NOT_VALID,
        (_sentence(error), error.next_step),
        {"problem": type(error).__name__},
    )


def _sentence(error: InterurbanError) -> str:
    return f"{error.message[0].upper()}{error.message[1:]}."


def _text_report(
    verdict: Verdict, descriptors: Sequence[VerifiedDescriptor], at: datetime
) -> str:
    lines = [f"{verdict.state.upper()}: {verdict.kind}, verified at {format_time(at)}"]
    lines += verdict.sentences
    lines += [f"  {name}: {_shown(value)}" for name, value in verdict.facts.items()]
    if descriptors:
        lines.append("Keys were taken from these descriptors; compare the words with")
        lines.append("the ones that the city itself reads out:")
    lines += [
        f"  {each.payload.node} (descriptor {each.payload.number}): {each.words}"
        for each in descriptors
    ]
    return "\n".join(lines)


def _shown(value: JsonValue) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(member) for member in value)
    return "-" if value is None else str(value)


def _json_report(
    verdict: Verdict, descriptors: Sequence[VerifiedDescriptor], at: datetime
) -> str:
    return json.dumps(
        {
            "kind": verdict.kind,
            "state": verdict.state,
            "exit_code": verdict.exit_code,
            "verified_at": format_time(at),
            "sentences": verdict.sentences,
            "facts": verdict.facts,
            "descriptors": [
                {
                    "node": each.payload.node,
                    "number": each.payload.number,
                    "fingerprint": each.words,
                }
                for each in descriptors
            ],
        },
        indent=2,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m interurban_protocol",
        description="Verify offline what two cities exchanged.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify_command = commands.add_parser(
        "verify",
        help="verify one file",
        epilog="Exit codes: 0 valid, 1 not valid, 2 wrong call, 3 stale.",
    )
    add = verify_command.add_argument
    add("file", metavar="FILE", help="release, reference, certificate, receipt, ...")
    add(
        "--descriptor",
        metavar="FILE",
        action="append",
        default=[],
        help="signed descriptor of a city whose keys count; may be repeated",
    )
    add("--data", metavar="FILE", help="the figures beside a release manifest")
    add("--structure", metavar="FILE", help="the structure beside a release manifest")
    add(
        "--status-list",
        metavar="FILE",
        action="append",
        default=[],
        help="status list of a reference or certificate; may be repeated",
    )
    add(
        "--did-document",
        metavar="FILE",
        action="append",
        default=[],
        help="DID document of an issuer that you trust; may be repeated",
    )
    add(
        "--trust",
        metavar="DID",
        action="append",
        default=[],
        help="did:key of an issuer that you trust; may be repeated",
    )
    add("--at", metavar="TIME", help="as of this time, 2026-01-31T09:30:00Z (now)")
    add("--json", action="store_true", help="print JSON for a program")
    return parser


def _time(text: str | None) -> datetime:
    if text is not None:
        return parse_time(text)
    return datetime.now(UTC)  # noqa: TID251 - a command line is asked now, by a person


def _read(parser: argparse.ArgumentParser, name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        parser.error(f"cannot read {name}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
