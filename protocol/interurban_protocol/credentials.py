"""Certificates that a learner holds: Open Badges 3.0 on the W3C VC Data Model 2.0.

Made from facts of the registry that are passed in, and signed with a Data Integrity proof,
`eddsa-rdfc-2022` unless the caller asks for `eddsa-jcs-2022`. The issuer is the node's
`did:web`; the verification method is that identifier with the key's id.

This is the reading of our own certificates, with our own keys: exactly the shape that we
issue, exactly one proof. Certificates of anybody, in any of the forms, with trust and
status, are the business of `credential_verdicts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol.contexts import CREDENTIALS_V2, OPEN_BADGES
from interurban_protocol.credential_model import check_credential
from interurban_protocol.data_integrity import (
    Cryptosuite,
    DataIntegrityProof,
    ProofOptions,
    ProofPurpose,
    add_proof,
    proofs,
    verify_proof,
)
from interurban_protocol.encoding import (
    JsonValue,
    canonical_json,
    format_time,
    parse_json_object,
    sha256_digest,
)
from interurban_protocol.errors import (
    ExpiredError,
    MalformedError,
    NotYetValidError,
    UnknownKeyError,
    UnsupportedError,
)
from interurban_protocol.keys import KeySet, PrivateKey, PublicKey, Purpose
from interurban_protocol.node_descriptors import did_web
from interurban_protocol.signed_documents import Moment, Origin, WireModel

CONTEXTS: Final = (CREDENTIALS_V2, OPEN_BADGES)
TYPES: Final = ("VerifiableCredential", "OpenBadgeCredential")
"""Two names stand for one type. This is the one that JSON-LD compaction chooses, and the
only one that some strict verifiers take; `AchievementCredential` is read as well."""
_READ_TYPES: Final = (TYPES, ("VerifiableCredential", "AchievementCredential"))

Uri = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*:\S+$", max_length=400)]
Words = Annotated[str, Field(min_length=1, max_length=4000)]


class Criteria(WireModel):
    """How the achievement is earned, in words."""

    narrative: Words


class Alignment(WireModel):
    """What it corresponds to elsewhere: a skill of ESCO or DigComp, a level of the EQF."""

    type: tuple[Literal["Alignment"]] = ("Alignment",)
    targetName: Words  # noqa: N815 - the member's name in Open Badges 3.0
    targetUrl: Uri  # noqa: N815 - likewise
    targetCode: Words | None = None  # noqa: N815 - likewise
    targetFramework: Words | None = None  # noqa: N815 - likewise
    targetType: Words | None = None  # noqa: N815 - likewise


class Achievement(WireModel):
    """What can be achieved (Open Badges 3.0 `Achievement`)."""

    id: Uri
    type: tuple[Literal["Achievement"]] = ("Achievement",)
    name: Words
    description: Words
    criteria: Criteria
    inLanguage: str  # noqa: N815 - the member's name in Open Badges 3.0
    achievementType: Words | None = None  # noqa: N815 - likewise
    alignment: tuple[Alignment, ...] | None = None
    fieldOfStudy: Words | None = None  # noqa: N815 - likewise; ISCED-F
    creditsAvailable: float | None = None  # noqa: N815 - likewise


class Result(WireModel):
    """How it went (Open Badges 3.0 `Result`): a status, a value, or both."""

    type: tuple[Literal["Result"]] = ("Result",)
    status: Literal["Completed", "Enrolled", "Failed", "InProgress"] | None = None
    value: str | None = None


class AchievementSubject(WireModel):
    """The learner, by a random `urn:uuid` or by nothing, and the achievement."""

    id: Uri | None = None
    type: tuple[Literal["AchievementSubject"]] = ("AchievementSubject",)
    achievement: Achievement
    result: tuple[Result, ...] | None = None


class IssuerProfile(WireModel):
    """The issuing node."""

    id: Uri
    type: tuple[Literal["Profile"]] = ("Profile",)
    name: Words


class CredentialStatus(WireModel):
    """Where to look up whether the certificate was revoked (Bitstring Status List 1.0)."""

    id: Uri | None = None
    type: Literal["BitstringStatusListEntry"] = "BitstringStatusListEntry"
    statusPurpose: Literal["revocation", "suspension"] = "revocation"  # noqa: N815 - the standard's name
    statusListIndex: str  # noqa: N815 - the standard's name
    statusListCredential: Uri  # noqa: N815 - the standard's name


class AchievementCredential(WireModel):
    """A certificate without its proof."""

    context: Annotated[tuple[str, ...], Field(alias="@context")] = CONTEXTS
    id: Uri
    type: tuple[str, ...] = TYPES
    issuer: IssuerProfile
    name: Words
    validFrom: Moment  # noqa: N815 - the member's name in the VC Data Model 2.0
    validUntil: Moment | None = None  # noqa: N815 - likewise
    credentialSubject: AchievementSubject  # noqa: N815 - likewise
    credentialStatus: CredentialStatus | tuple[CredentialStatus, ...] | None = None  # noqa: N815 - likewise

    def to_json(self) -> bytes:
        """The canonical bytes; members that are None are left out."""
        return canonical_json(
            self.model_dump(mode="json", exclude_none=True, by_alias=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFacts:
    """What a certificate is made of; all of it comes from the registry.

    `credential_id` and `subject_id` are random `urn:uuid` identifiers; without a subject id
    the certificate says that somebody achieved this, and the holder cannot be looked up.
    """

    credential_id: str
    issuer: Origin
    issuer_name: str
    achievement: Achievement
    valid_from: datetime
    valid_until: datetime | None = None
    subject_id: str | None = None
    result: Result | None = None
    status: tuple[CredentialStatus, ...] = ()


_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """A certificate that its issuer signed. Only `verify_credential` makes one.

    Whether it was revoked since is not checked here.
    """

    credential: AchievementCredential
    issuer: str  # the node's origin
    digest: str  # `credential_digest`
    key_id: str
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_credential makes a VerifiedCredential")


def achievement_credential(facts: CredentialFacts) -> AchievementCredential:
    """The unsigned certificate of these facts.

    Raises:
        MalformedError: a fact that is not of the standard's form.
    """
    subject: dict[str, JsonValue] = {
        "id": facts.subject_id,
        "type": ["AchievementSubject"],
        "achievement": _members(facts.achievement),
        "result": [_members(facts.result)] if facts.result else None,
    }
    value: dict[str, JsonValue] = {
        "@context": CONTEXTS,
        "id": facts.credential_id,
        "type": TYPES,
        "issuer": {
            "id": did_web(facts.issuer),
            "type": ["Profile"],
            "name": facts.issuer_name,
        },
        "name": facts.achievement.name,
        "validFrom": format_time(facts.valid_from),
        "validUntil": format_time(facts.valid_until) if facts.valid_until else None,
        "credentialSubject": subject,
        "credentialStatus": _status(facts.status),
    }
    return AchievementCredential.from_json(canonical_json(value))


def credential_digest(data: bytes) -> str:
    """The digest of a certificate, however its JSON is laid out (over RFC 8785 bytes).

    Raises:
        MalformedError: no JSON object.
    """
    return sha256_digest(canonical_json(parse_json_object(data)))


def verification_method(origin: str, key: PublicKey) -> str:
    """How a proof names the key: the node's `did:web` and the key id."""
    return f"{did_web(origin)}#{key.key_id}"


def sign_credential(
    document: bytes,
    key: PrivateKey,
    verification_method: str,
    created: datetime,
    suite: Cryptosuite = Cryptosuite.RDFC,
) -> bytes:
    """The certificate with its proof, in canonical bytes.

    Raises:
        MalformedError: no JSON object, or one that has a proof already.
        UnsupportedError: a term that none of its contexts defines, or another context.
    """
    unsigned = parse_json_object(document)
    if "proof" in unsigned:
        raise MalformedError("the certificate has a proof already")
    options = ProofOptions(
        suite=suite, verification_method=verification_method, created=created
    )
    return canonical_json(add_proof(unsigned, key, options))


def verify_credential(
    data: bytes, *, issuer: str, keys: KeySet, at: datetime
) -> VerifiedCredential:
    """The certificate, if the node `issuer` with these `keys` signed it and it is in time.

    Steps: 1. strict JSON; 2. the proof names the suite, the purpose and a key of the
    issuer; 3. that key could sign certificates when the proof was made; 4. the proof
    verifies; 5. only then the document is parsed, its contexts and issuer compared; 6. it is
    valid at `at`.

    Raises:
        MalformedError, UnsignedError, UnsupportedError: steps 1, 2 and 5.
        UnknownKeyError, WrongKeyError: steps 2, 3 and 5.
        SignatureInvalidError: step 4.
        NotYetValidError, ExpiredError: step 6.
    """
    document = parse_json_object(data)  # 1
    proof = _proof(document)  # 2
    did, _, key_id = proof.verificationMethod.partition("#")
    if did != did_web(issuer):
        raise UnknownKeyError("the certificate names a key of another issuer")
    key = keys.find(key_id, Purpose.CREDENTIALS, proof.created_at or at)  # 3
    verify_proof(document, key)  # 4
    credential = _read_credential(document)  # 5
    if credential.issuer.id != did:
        raise UnknownKeyError("the certificate is signed by another than its issuer")
    _check_times(credential, proof, at)  # 6
    return VerifiedCredential(
        credential, issuer, credential_digest(data), key_id, _SEAL
    )


def _proof(document: Mapping[str, JsonValue]) -> DataIntegrityProof:
    found = proofs(document)
    if len(found) != 1:
        raise MalformedError("the certificate has not exactly one proof")
    if found[0].created_at is None:
        raise MalformedError("the proof does not say when it was made")
    if found[0].proofPurpose is not ProofPurpose.ASSERTION:
        raise MalformedError("the proof was made for another purpose")
    return found[0]


def _status(entries: tuple[CredentialStatus, ...]) -> JsonValue:
    members = [_members(entry) for entry in entries]
    return members[0] if len(members) == 1 else members or None


def _read_credential(document: Mapping[str, JsonValue]) -> AchievementCredential:
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    if unsecured.get("@context") != list(CONTEXTS):
        raise UnsupportedError("the certificate has other contexts than the known ones")
    check_credential(unsecured)
    credential = AchievementCredential.from_json(canonical_json(unsecured))
    if credential.type not in _READ_TYPES:
        raise UnsupportedError("the certificate is of another type")
    return credential


def _check_times(
    credential: AchievementCredential, proof: DataIntegrityProof, at: datetime
) -> None:
    if at < credential.validFrom:
        raise NotYetValidError("the certificate is not valid yet")
    ends = [end for end in (credential.validUntil, proof.expires_at) if end is not None]
    if any(at >= end for end in ends):
        raise ExpiredError("the certificate is no longer valid")


def _members(model: WireModel) -> Mapping[str, JsonValue]:
    return parse_json_object(model.to_json())
