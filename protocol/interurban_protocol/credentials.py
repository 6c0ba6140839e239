"""Certificates that a learner holds: Open Badges 3.0 on the W3C VC Data Model 2.0.

Made from facts of the registry that are passed in, and signed with a Data Integrity proof
of the suite `eddsa-jcs-2022` (W3C vc-di-eddsa section 3.3). The issuer is the node's
`did:web`; the verification method is that identifier with the key's id.

The bytes of a certificate are what was signed: verification hashes the members as they
are, and adds or removes nothing but the proof itself. A proof without `@context` is verified
without one. Contexts other than the two known ones are refused, never fetched.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

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
    SignatureInvalidError,
    UnknownKeyError,
    UnsignedError,
    UnsupportedError,
)
from interurban_protocol.keys import Algorithm, KeySet, PrivateKey, PublicKey, Purpose
from interurban_protocol.node_descriptors import did_web
from interurban_protocol.signed_documents import Moment, Origin, WireModel

CONTEXTS: Final = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)
TYPES: Final = ("VerifiableCredential", "AchievementCredential")
CRYPTOSUITE: Final = "eddsa-jcs-2022"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MAX_PROOF_CHARACTERS = 128  # a signature has 87 to 89; longer ones cost quadratic time
_ED25519_MULTICODEC = bytes.fromhex("ed01")

Uri = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*:\S+$", max_length=400)]
Words = Annotated[str, Field(min_length=1, max_length=4000)]


class Criteria(WireModel):
    """How the achievement is earned, in words."""

    narrative: Words


class Achievement(WireModel):
    """What can be achieved (Open Badges 3.0 `Achievement`)."""

    id: Uri
    type: tuple[Literal["Achievement"]] = ("Achievement",)
    name: Words
    description: Words
    criteria: Criteria
    inLanguage: str  # noqa: N815 - the member's name in Open Badges 3.0


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
    statusPurpose: Literal["revocation"] = "revocation"  # noqa: N815 - the standard's name
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
    credentialStatus: CredentialStatus | None = None  # noqa: N815 - likewise

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
    status: CredentialStatus | None = None


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
        "credentialStatus": _members(facts.status) if facts.status else None,
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
    document: bytes, key: PrivateKey, verification_method: str, created: datetime
) -> bytes:
    """The certificate with its proof, in canonical bytes.

    Raises:
        MalformedError: no JSON object, or one that has a proof already.
    """
    unsigned = parse_json_object(document)
    return canonical_json(add_proof(unsigned, key, verification_method, created))


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
    key = keys.find(key_id, Purpose.CREDENTIALS, proof.created)  # 3
    verify_proof(document, key)  # 4
    credential = _read_credential(document)  # 5
    if credential.issuer.id != did:
        raise UnknownKeyError("the certificate is signed by another than its issuer")
    _check_times(credential, proof, at)  # 6
    return VerifiedCredential(
        credential, issuer, credential_digest(data), key_id, _SEAL
    )


class DataIntegrityProof(WireModel):
    """The members of a proof that are checked; every member takes part in the hash."""

    type: Literal["DataIntegrityProof"]
    cryptosuite: str
    created: Moment
    verificationMethod: str  # noqa: N815 - the member's name in Data Integrity 1.0
    proofPurpose: Literal["assertionMethod"]  # noqa: N815 - likewise
    proofValue: str  # noqa: N815 - likewise
    expires: Moment | None = None


def add_proof(
    document: Mapping[str, JsonValue],
    key: PrivateKey,
    verification_method: str,
    created: datetime,
) -> Mapping[str, JsonValue]:
    """The document with an `eddsa-jcs-2022` proof (vc-di-eddsa section 3.3.1).

    Raises:
        MalformedError: the document has a proof already.
    """
    if key.algorithm is not Algorithm.ED25519:
        raise ValueError("certificates are signed with an Ed25519 key")
    if "proof" in document:
        raise MalformedError("the certificate has a proof already")
    options: dict[str, JsonValue] = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": format_time(created),
        "verificationMethod": verification_method,
        "proofPurpose": "assertionMethod",
    }
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = key.sign(proof_input(document, options))
    return {**document, "proof": {**options, "proofValue": _multibase(signature)}}


def verify_proof(document: Mapping[str, JsonValue], key: PublicKey) -> None:
    """Return if the document's proof verifies under `key` (section 3.3.2).

    1. Take the proof off; 2. decode its value; 3. if the proof has a context, it must begin
    the document's, and replaces it; 4. hash both; 5. verify.

    Raises:
        MalformedError, UnsignedError, UnsupportedError: no proof of this suite.
        SignatureInvalidError: it does not verify.
    """
    proof = _proof(document)
    if key.algorithm is not Algorithm.ED25519:
        raise SignatureInvalidError(f"{CRYPTOSUITE} proofs are made with Ed25519 keys")
    options = {  # 1
        name: value
        for name, value in _mapping(document["proof"]).items()
        if name != "proofValue"
    }
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    signature = _from_multibase(proof.proofValue)  # 2
    if "@context" in options:  # 3
        _check_context_begins(unsecured.get("@context"), options["@context"])
        unsecured["@context"] = options["@context"]
    key.verify(signature, proof_input(unsecured, options))  # 4, 5


def proof_input(
    unsecured: Mapping[str, JsonValue], options: Mapping[str, JsonValue]
) -> bytes:
    """What is signed: SHA-256 of the proof options, then of the document (64 bytes)."""
    return (
        hashlib.sha256(canonical_json(options)).digest()
        + hashlib.sha256(canonical_json(unsecured)).digest()
    )


def multikey(key: PublicKey) -> str:
    """The key as a Multikey's `publicKeyMultibase` (vc-di-eddsa section 2.1.1)."""
    if key.algorithm is not Algorithm.ED25519:
        raise ValueError("only Ed25519 keys are written as a Multikey here")
    return _multibase(_ED25519_MULTICODEC + key.material)


def base58btc_encode(data: bytes) -> str:
    """Base58 with the Bitcoin alphabet; each leading zero byte is a `1`."""
    zeros = len(data) - len(data.lstrip(b"\0"))
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "1" * zeros + digits


def base58btc_decode(text: str) -> bytes:
    """The bytes behind `base58btc_encode`.

    Raises:
        MalformedError: a character outside the alphabet.
    """
    number = 0
    for character in text:
        digit = _BASE58.find(character)
        if digit < 0:
            raise MalformedError("the text is not base58btc")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def _proof(document: Mapping[str, JsonValue]) -> DataIntegrityProof:
    if "proof" not in document:
        raise UnsignedError("the certificate has no proof")
    proof = DataIntegrityProof.from_json(canonical_json(_mapping(document["proof"])))
    if proof.cryptosuite != CRYPTOSUITE:
        raise UnsupportedError(f"only the cryptosuite {CRYPTOSUITE} is known here")
    return proof


def _read_credential(document: Mapping[str, JsonValue]) -> AchievementCredential:
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    if unsecured.get("@context") != list(CONTEXTS):
        raise UnsupportedError("the certificate has other contexts than the known ones")
    credential = AchievementCredential.from_json(canonical_json(unsecured))
    if credential.type != TYPES:
        raise UnsupportedError("the certificate is of another type")
    return credential


def _check_times(
    credential: AchievementCredential, proof: DataIntegrityProof, at: datetime
) -> None:
    if at < credential.validFrom:
        raise NotYetValidError("the certificate is not valid yet")
    ends = [end for end in (credential.validUntil, proof.expires) if end is not None]
    if any(at >= end for end in ends):
        raise ExpiredError("the certificate is no longer valid")


def _check_context_begins(document: JsonValue, proof: JsonValue) -> None:
    own, theirs = _as_list(document), _as_list(proof)
    if list(own[: len(theirs)]) != list(theirs):
        raise SignatureInvalidError("the proof was made under other contexts")


def _as_list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else [value]


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise MalformedError("the certificate has not exactly one proof")
    return value


def _multibase(data: bytes) -> str:
    return "z" + base58btc_encode(data)


def _from_multibase(text: str) -> bytes:
    if not text.startswith("z") or len(text) > _MAX_PROOF_CHARACTERS:
        raise MalformedError("the proof value is not a base58btc signature")
    return base58btc_decode(text[1:])


def _members(model: WireModel) -> Mapping[str, JsonValue]:
    return parse_json_object(model.to_json())
