"""Issue and verify credentials, as ratios to the raw signature of the same run.

The floor is one Ed25519 or P-256 signature (or its verification) with `cryptography` and
nothing around it. Everything else is what a caller calls: strict JSON, the data model, trust,
times and status are in the time. All figures are CPU time of this process, on one core, so
that a busy machine changes them little; the ratios are what to compare.

Verification is measured over many different certificates of one issuer, so that no answer
can come from a cache of answers; `cold` is the first certificate of its kind, for which the
JSON-LD is expanded.

    python -m benchmarks.credentials [--count 2000] [--batch 10000]
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from interurban_protocol import credentials, linked_data, references, status_lists
from interurban_protocol.credential_trust import CredentialTrust, trust_in
from interurban_protocol.credential_verdicts import (
    CredentialState,
    HeldStatuses,
    verify_credential,
)
from interurban_protocol.data_integrity import Cryptosuite
from interurban_protocol.encoding import parse_json_object
from interurban_protocol.keys import (
    Algorithm,
    KeySet,
    PrivateKey,
    PublishedKey,
    Purpose,
)
from interurban_protocol.sd_jwt_credentials import (
    HolderChallenge,
    SdJwtFacts,
    TokenStatus,
    bind_to_holder,
    disclosable_facts,
    sign_sd_jwt,
)
from interurban_protocol.vc_jwt import sign_vc_jwt

NODE = "https://lakeside.example"
PARTNER = "https://harbour.example"
NOW = datetime(2026, 5, 14, tzinfo=UTC)
LIST = f"{NODE}/api/v1/status-lists/1"
CHALLENGE = HolderChallenge("https://employer.example", "nonce")


def key(label: str, algorithm: Algorithm) -> PrivateKey:
    """A key that is the same in every run."""
    return PrivateKey.from_random(
        algorithm, hashlib.shake_256(label.encode()).digest(48)
    )


ED25519 = key("certificates", Algorithm.ED25519)
P256 = key("references", Algorithm.ES256)
STATUS = key("status", Algorithm.ES256)
WALLET = key("wallet", Algorithm.ES256)
METHOD = credentials.verification_method(NODE, ED25519.public)


@dataclass(frozen=True)
class Figure:
    """One row: what was done, how often a second, and the floor that it is compared with."""

    name: str
    per_second: float
    floor: float
    target: str = ""

    @property
    def ratio(self) -> float:
        """The share of the floor that is reached."""
        return self.per_second / self.floor


def per_second(action: Callable[[int], object], count: int) -> float:
    """How often a second of CPU `action` runs; it gets the number of the turn."""
    action(0)
    begun = time.process_time()
    for number in range(count):
        action(number)
    return count / (time.process_time() - begun)


def keys() -> KeySet:
    """The city's keys."""
    uses = (
        (ED25519, Purpose.CREDENTIALS),
        (P256, Purpose.CREDENTIALS),
        (STATUS, Purpose.STATUS),
    )
    begun = NOW - timedelta(days=9)
    return KeySet(
        tuple(
            PublishedKey(key=each.public, purpose=purpose, valid_from=begun)
            for each, purpose in uses
        )
    )


def certificate(number: int) -> bytes:
    """An unsigned certificate; every one differs in its texts."""
    facts = credentials.CredentialFacts(
        credential_id=f"urn:uuid:00000000-0000-4000-8000-{number:012}",
        subject_id=f"urn:uuid:10000000-0000-4000-8000-{number:012}",
        issuer=NODE,
        issuer_name="Lakeside",
        achievement=credentials.Achievement(
            id=f"{NODE}/achievements/welding-{number % 7}",
            name=f"Welding, level {number % 7}",
            description="Welds fillet joints in steel plate, by two methods.",
            criteria=credentials.Criteria(narrative="Passed the examination."),
            inLanguage="en",
            fieldOfStudy="0715",
            alignment=(
                credentials.Alignment(
                    targetName="operate welding equipment",
                    targetUrl="http://data.europa.eu/esco/skill/welding",
                    targetFramework="ESCO",
                ),
            ),
        ),
        valid_from=NOW - timedelta(days=1, seconds=number),
        result=credentials.Result(status="Completed", value=str(60 + number % 40)),
    )
    return credentials.achievement_credential(facts).to_json()


def issue(number: int, suite: Cryptosuite = Cryptosuite.RDFC) -> bytes:
    """A signed certificate."""
    made = NOW - timedelta(seconds=number)
    return credentials.sign_credential(
        certificate(number), ED25519, METHOD, made, suite
    )


def salts(label: str, count: int) -> list[bytes]:
    """Salts that look random."""
    data = hashlib.shake_256(label.encode()).digest(16 * count)
    return [data[16 * number : 16 * number + 16] for number in range(count)]


def sd_jwt(number: int) -> str:
    """The certificate for a wallet, presented with key binding."""
    model = credentials.AchievementCredential.from_json(certificate(number))
    facts = SdJwtFacts(
        issuer=NODE,
        disclosable=disclosable_facts(model),
        issued_at=NOW,
        holder=WALLET.public,
        status=TokenStatus(number, LIST),
    )
    return sign_sd_jwt(facts, P256, salts=salts(str(number), len(facts.disclosable)))


def reference(number: int) -> str:
    """A credential reference for a partner."""
    jti = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    claims = references.ReferenceClaims(
        iss=NODE,
        iat=references.whole_day(NOW),
        exp=references.whole_day(NOW + timedelta(days=60)),
        jti=jti,
        sub=jti[::-1],
        consent=references.ReferenceConsent(
            id=jti,
            purpose="job-placement",
            recipient=PARTNER,
            expires=NOW + timedelta(days=180),
        ),
        status=references.ReferenceStatus(
            status_list=references.StatusPointer(idx=number, uri=LIST)
        ),
        claim_commitment=references.claim_commitment(jti.encode()),
        stop_commitment=references.stop_commitment(jti.encode()),
    )
    facts = references.ReferenceFacts(
        achievement=references.AchievementName(
            id=f"{NODE}/achievements/welding-2", name={"en": "Welding, level 2"}
        ),
        issue_date=NOW.date(),
        level="EQF 4",
    )
    return references.issue_reference(
        claims, facts, key=P256, salts=salts(jti, references.DIGEST_COUNT)
    )


def check(documents: Sequence[bytes], number: int, trust: CredentialTrust) -> None:
    """Verify one document the whole way, and insist on the answer."""
    verdict = verify_credential(
        documents[number], trust=trust, at=NOW, held=HELD, challenge=None
    )
    if verdict.state not in {CredentialState.NO_STATUS, CredentialState.FRESH}:
        raise SystemExit(f"not verified: {verdict.reason}")


def status_list() -> status_lists.VerifiedStatusList:
    """The city's list, in which nothing has ended."""
    token = status_lists.sign_status_list(
        status_lists.StatusList.of_valid(), uri=LIST, key=STATUS, at=NOW
    )
    return status_lists.verify_status_list(token, uri=LIST, keys=keys(), at=NOW)


HELD = HeldStatuses(tokens={LIST: status_list()})


def floor(signer: PrivateKey, count: int) -> tuple[float, float]:
    """One signature and nothing around it: made, and verified."""
    message = b"m" * 64
    made, public = signer.sign(message), signer.public
    return (
        per_second(lambda _: signer.sign(message), count),
        per_second(lambda _: public.verify(made, message), count),
    )


def measure(count: int) -> list[Figure]:
    """Every figure of the table."""
    floors = {each: floor(each, count) for each in (ED25519, P256)}
    trust = trust_in(nodes={NODE: keys()})
    figures = [
        Figure(f"{each.algorithm}: {name}", floor, floor)
        for each, pair in floors.items()
        for name, floor in zip(("sign", "verify"), pair, strict=True)
    ]
    forms: list[tuple[str, PrivateKey, Callable[[int], bytes], str, str]] = [
        (
            "eddsa-rdfc-2022",
            ED25519,
            issue,
            "",
            ">= 7 % (15 times)",
        ),
        (
            "eddsa-jcs-2022",
            ED25519,
            lambda number: issue(number, Cryptosuite.JCS),
            "",
            ">= 40 %",
        ),
        (
            "VC-JWT",
            ED25519,
            lambda number: sign_vc_jwt(
                parse_json_object(certificate(number)), ED25519, key_id=METHOD
            ).encode(),
            "",
            "",
        ),
        ("SD-JWT VC", P256, lambda number: sd_jwt(number).encode(), "", ""),
        (
            "SD-JWT VC with key binding",
            P256,
            lambda number: bind_to_holder(
                sd_jwt(number), WALLET, CHALLENGE, NOW
            ).encode(),
            "",
            "",
        ),
    ]
    for name, signer, make, issue_target, verify_target in forms:
        sign_floor, verify_floor = floors[signer]
        documents = [make(number) for number in range(count)]
        figures += [
            Figure(f"{name}: issue", per_second(make, count), sign_floor, issue_target),
            Figure(
                f"{name}: verify",
                per_second(
                    lambda number, documents=documents: check(documents, number, trust),
                    count,
                ),
                verify_floor,
                verify_target,
            ),
        ]
    return [*figures, *measure_references(count, floors[P256]), cold(floors, trust)]


def measure_references(count: int, floor: tuple[float, float]) -> list[Figure]:
    """References: issued, and verified with a status list at hand."""
    made = [reference(number) for number in range(count)]
    published, listed = keys(), HELD.tokens[LIST]

    def verify(number: int) -> None:
        verdict = references.verify_reference(
            made[number],
            issuer_keys=published,
            expected_issuer=NODE,
            recipient=PARTNER,
            status=listed,
            at=NOW,
        )
        if not verdict.is_valid():
            raise SystemExit(f"not verified: {verdict.reason}")

    return [
        Figure("reference: issue", per_second(reference, count), floor[0], ">= 25 %"),
        Figure("reference: verify", per_second(verify, count), floor[1], ">= 50 %"),
    ]


def cold(
    floors: dict[PrivateKey, tuple[float, float]], trust: CredentialTrust
) -> Figure:
    """The first certificate of its kind: the JSON-LD is expanded each time."""
    documents = [issue(number) for number in range(60)]

    def verify(number: int) -> None:
        linked_data._template.cache_clear()  # noqa: SLF001 - to measure without it
        check(documents, number, trust)

    speed = per_second(verify, len(documents))
    return Figure("eddsa-rdfc-2022: verify, cold", speed, floors[ED25519][1])


def batch(count: int) -> float:
    """The seconds of wall clock that a batch of certificates takes, with progress."""
    begun = time.monotonic()
    for number in range(count):
        issue(number)
        if number % 1000 == 0:
            print(f"  {number} of {count}", file=sys.stderr)
    return time.monotonic() - begun


def show(figures: Sequence[Figure]) -> None:
    """The table, with ratios to the floor of the same key."""
    print(f"{'':34}{'a second':>10}{'of the floor':>14}   target")
    for figure in figures:
        print(
            f"{figure.name:34}{figure.per_second:>10,.0f}{figure.ratio:>13.0%} "
            f"   {figure.target}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=10_000)
    options = parser.parse_args()
    show(measure(options.count))
    seconds = batch(options.batch)
    print(f"batch of {options.batch:,} Open Badges: {seconds:.1f} s, target 20 s")


if __name__ == "__main__":
    main()
