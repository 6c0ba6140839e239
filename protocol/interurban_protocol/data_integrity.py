"""Data Integrity proofs in two suites: `eddsa-rdfc-2022` and `eddsa-jcs-2022` (W3C).

Both sign SHA-256 of the proof's options and SHA-256 of the document, joined. They differ in
what is hashed: canonical RDF, which other systems of learner credentials expect, or the
canonical JSON of RFC 8785, which takes everything literally and a fraction of the time.

* The options are hashed as they are: nothing is added to or taken from a proof but its value.
  In the suite of RDF they are read under the document's contexts; in the suite of JSON a proof
  may carry the contexts it was made under, or none, and is verified as it is.
* A document may have several proofs side by side. Each is over the document without any of
  them, and a verifier here demands that every one of them verifies. Proofs that build on each
  other (`previousProof`) are refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from interurban_protocol.contexts import STANDARD, ContextSet
from interurban_protocol.credential_model import parse_date_time
from interurban_protocol.encoding import JsonValue, canonical_json, format_time
from interurban_protocol.errors import (
    MalformedError,
    OversizedError,
    SignatureInvalidError,
    UnsignedError,
    UnsupportedError,
)
from interurban_protocol.keys import Algorithm, PrivateKey, PublicKey
from interurban_protocol.linked_data import canonical_statements
from interurban_protocol.multikeys import multibase_decode, multibase_encode
from interurban_protocol.signed_documents import WireModel

MAX_PROOFS = 4  # real documents have one; bounds the work


class Cryptosuite(StrEnum):
    """What is hashed, by the names of the standard."""

    RDFC = "eddsa-rdfc-2022"
    JCS = "eddsa-jcs-2022"


class ProofPurpose(StrEnum):
    """What a proof is for."""

    ASSERTION = "assertionMethod"  # credentials
    AUTHENTICATION = "authentication"  # presentations


def _time_text(value: str) -> str:
    try:
        parse_date_time(value, "the time")
    except MalformedError as error:
        raise ValueError(error.message) from error
    return value


_TimeText = Annotated[str, Field(max_length=40), AfterValidator(_time_text)]


class DataIntegrityProof(WireModel):
    """The members of a proof that are read; every member takes part in the hash."""

    type: Literal["DataIntegrityProof"]
    cryptosuite: str
    verificationMethod: Annotated[str, Field(max_length=2000)]  # noqa: N815 - the standard's name
    proofPurpose: ProofPurpose  # noqa: N815 - likewise
    proofValue: str  # noqa: N815 - likewise
    created: _TimeText | None = None
    expires: _TimeText | None = None
    challenge: str | None = None
    domain: str | tuple[str, ...] | None = None

    @property
    def created_at(self) -> datetime | None:
        """When it was made, if it says so."""
        return parse_date_time(self.created, "created") if self.created else None

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, if it says so."""
        return parse_date_time(self.expires, "expires") if self.expires else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOptions:
    """What a new proof says of itself."""

    suite: Cryptosuite
    verification_method: str
    created: datetime
    purpose: ProofPurpose = ProofPurpose.ASSERTION
    expires: datetime | None = None
    challenge: str | None = None
    domain: str | None = None

    def members(self) -> dict[str, JsonValue]:
        """The members of the proof without its value."""
        optional: Mapping[str, JsonValue] = {
            "expires": format_time(self.expires) if self.expires else None,
            "challenge": self.challenge,
            "domain": self.domain,
        }
        return {
            "type": "DataIntegrityProof",
            "cryptosuite": str(self.suite),
            "created": format_time(self.created),
            "verificationMethod": self.verification_method,
            "proofPurpose": str(self.purpose),
            **{name: value for name, value in optional.items() if value is not None},
        }


def add_proof(
    document: Mapping[str, JsonValue],
    key: PrivateKey,
    options: ProofOptions,
    *,
    contexts: ContextSet = STANDARD,
) -> dict[str, JsonValue]:
    """The document with a proof; one that has proofs gets this one beside them.

    Raises:
        MalformedError, UnsupportedError: a document that the suite cannot sign.
    """
    if key.algorithm is not Algorithm.ED25519:
        raise ValueError("Data Integrity proofs are made with an Ed25519 key here")
    unsecured = without_proof(document)
    members = options.members()
    if options.suite is Cryptosuite.JCS and "@context" in document:
        members["@context"] = document["@context"]
    signature = key.sign(proof_input(unsecured, members, options.suite, contexts))
    proof = {**members, "proofValue": multibase_encode(signature)}
    earlier = _proof_values(document) if "proof" in document else ()
    return {**unsecured, "proof": [*earlier, proof] if earlier else proof}


def proofs(document: Mapping[str, JsonValue]) -> tuple[DataIntegrityProof, ...]:
    """The proofs of a document, not verified, in its order.

    Raises:
        UnsignedError: there is none.
        MalformedError, OversizedError: another shape, or too many.
        UnsupportedError: a suite that is not known, or proofs that build on each other.
    """
    found = []
    for value in _proof_values(document):
        if "previousProof" in value:
            raise UnsupportedError("proofs that build on each other are not known here")
        proof = DataIntegrityProof.from_json(canonical_json(value))
        if proof.cryptosuite not in set(Cryptosuite):
            raise UnsupportedError("the proof is of a cryptosuite that is not known")
        found.append(proof)
    return tuple(found)


def verify_proof(
    document: Mapping[str, JsonValue],
    key: PublicKey,
    *,
    number: int = 0,
    contexts: ContextSet = STANDARD,
) -> DataIntegrityProof:
    """The document's proof with this number, if it verifies under `key`.

    Steps (vc-di-eddsa sections 3.2.2 and 3.3.2): 1. take all proofs off; 2. decode the
    value; 3. put the options together: in the suite of RDF under the document's contexts; in
    the suite of JSON a proof's own contexts must begin the document's, and replace them;
    4. hash both; 5. verify.

    Raises:
        MalformedError, UnsignedError, UnsupportedError: no such proof.
        SignatureInvalidError: it does not verify.
    """
    proof = proofs(document)[number]
    check_proof(document, proof, key, number=number, contexts=contexts)
    return proof


def check_proof(
    document: Mapping[str, JsonValue],
    proof: DataIntegrityProof,
    key: PublicKey,
    *,
    number: int,
    contexts: ContextSet,
) -> None:
    """`verify_proof` for a caller who has read the document's `proofs` already.

    Raises:
        MalformedError, UnsupportedError, SignatureInvalidError: as `verify_proof`.
    """
    if key.algorithm is not Algorithm.ED25519:
        raise SignatureInvalidError("an eddsa proof is made with an Ed25519 key")
    suite = Cryptosuite(proof.cryptosuite)
    unsecured = without_proof(document)  # 1
    signature = multibase_decode(proof.proofValue)  # 2
    if len(signature) != 64:
        raise SignatureInvalidError("the proof value is not a signature")
    members = {  # 3
        name: value
        for name, value in _proof_values(document)[number].items()
        if name != "proofValue"
    }
    if "@context" in members:
        _check_context_begins(unsecured.get("@context"), members["@context"])
        if suite is Cryptosuite.JCS:
            unsecured["@context"] = members["@context"]
    signed = proof_input(unsecured, members, suite, contexts)  # 4
    key.verify(signature, signed)  # 5


def proof_input(
    unsecured: Mapping[str, JsonValue],
    options: Mapping[str, JsonValue],
    suite: Cryptosuite,
    contexts: ContextSet = STANDARD,
) -> bytes:
    """What is signed: SHA-256 of the proof options, then of the document (64 bytes)."""
    if suite is Cryptosuite.JCS:
        parts = (canonical_json(options), canonical_json(unsecured))
    else:
        in_context = {**options, "@context": unsecured.get("@context")}
        parts = (
            canonical_statements(in_context, contexts),
            canonical_statements(unsecured, contexts),
        )
    return b"".join(hashlib.sha256(part).digest() for part in parts)


def without_proof(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The document's members but for `proof`."""
    return {name: value for name, value in document.items() if name != "proof"}


def _proof_values(
    document: Mapping[str, JsonValue],
) -> Sequence[Mapping[str, JsonValue]]:
    if "proof" not in document:
        raise UnsignedError("the document has no proof")
    value = document["proof"]
    entries = value if isinstance(value, list | tuple) else [value]
    if len(entries) > MAX_PROOFS:
        raise OversizedError(f"the document has more than {MAX_PROOFS} proofs")
    found = [entry for entry in entries if isinstance(entry, Mapping)]
    if not found or len(found) != len(entries):
        raise MalformedError("a proof is not an object")
    return found


def _check_context_begins(document: JsonValue, proof: JsonValue) -> None:
    own, theirs = _as_list(document), _as_list(proof)
    if list(own[: len(theirs)]) != list(theirs):
        raise SignatureInvalidError("the proof was made under other contexts")


def _as_list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list | tuple) else [value]
