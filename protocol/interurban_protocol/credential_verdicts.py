"""What a credential is worth to somebody who relies on it: a state with its reason.

One function for every form (a JSON document with proofs, VC-JWT, SD-JWT VC), everything it
needs passed in, nothing fetched. A bad credential is a verdict, never an error. The checks go
on in this order, and the first that fails is the state:

1. *malformed* or *unsupported*: it cannot be read, or not here;
2. *invalid signature*, *wrong key*: the text was changed, or another key signed it;
3. *untrusted issuer*: nobody vouched for the key; `proof_verified` tells whether the text is
   at least unchanged under the key that it carries itself;
4. *holder unproven*: a challenge was made and not met;
5. *not yet valid*, *expired*;
6. the status: *revoked* and *suspended* hold however old the list is; otherwise *unknown
   status* (no list at hand), *stale* (the list has ended), *cached* (older than its ttl, with
   the age), *fresh*, or *no status* when the issuer keeps none.

Which of these states will do is the relying party's own policy, and differs by purpose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from interurban_protocol import bitstring_status_lists as bitstrings
from interurban_protocol.contexts import STANDARD, ContextSet
from interurban_protocol.credential_model import (
    check_credential,
    issuer_id,
    statuses,
    types,
    validity,
)
from interurban_protocol.credential_trust import CredentialTrust, carried_key
from interurban_protocol.data_integrity import (
    DataIntegrityProof,
    ProofPurpose,
    check_proof,
    proofs,
)
from interurban_protocol.encoding import JsonValue, parse_json_object
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    OversizedError,
    UnknownKeyError,
    UnsignedError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import PublicKey, Purpose
from interurban_protocol.sd_jwt_credentials import (
    HolderChallenge,
    SdJwtCredential,
    TokenStatus,
    parse_sd_jwt,
    verify_key_binding,
)
from interurban_protocol.status_lists import CLOCK_SKEW, VerifiedStatusList
from interurban_protocol.vc_jwt import parse_vc_jwt, token_period

MAX_DOCUMENT_BYTES = 500_000


class CredentialForm(StrEnum):
    """How a credential is secured."""

    DATA_INTEGRITY = "data-integrity"
    VC_JWT = "vc+jwt"
    SD_JWT = "dc+sd-jwt"


class CredentialState(StrEnum):
    """What a credential is worth at a time."""

    FRESH = "fresh"
    CACHED = "cached"
    NO_STATUS = "no_status"
    STALE = "stale"
    UNKNOWN_STATUS = "unknown_status"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    HOLDER_UNPROVEN = "holder_unproven"
    UNTRUSTED_ISSUER = "untrusted_issuer"
    WRONG_KEY = "wrong_key"
    INVALID_SIGNATURE = "invalid_signature"
    UNSUPPORTED = "unsupported"
    MALFORMED = "malformed"


_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedClaims:
    """What a known issuer signed. Only `verify_credential` makes one.

    Whether it may be relied on now is the verdict's state.
    """

    form: CredentialForm
    issuer: str
    types: frozenset[str]
    document: Mapping[str, JsonValue]  # SD-JWT: the claims, with those disclosed
    valid_from: datetime | None
    valid_until: datetime | None
    holder_proven: bool
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_credential makes VerifiedClaims")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialVerdict:
    """A state with its reason; `claims` are there once a known issuer's signature was good."""

    state: CredentialState
    reason: str
    proof_verified: bool = False
    claims: VerifiedClaims | None = None
    age: timedelta | None = None  # of the oldest status list that was used
    last_known: datetime | None = None  # stale: until when it was known to be valid


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBitstringList:
    """A status list that a known issuer signed. Only `verify_bitstring_list` makes one."""

    issuer: str
    entries: bitstrings.StatusList
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_bitstring_list makes a VerifiedBitstringList")


@dataclass(frozen=True, slots=True)
class HeldStatuses:
    """The status lists at hand, by address; a list may be old."""

    bitstrings: Mapping[str, VerifiedBitstringList] = field(default_factory=dict)
    tokens: Mapping[str, VerifiedStatusList] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelyingPolicy:
    """Which states will do for a purpose, and how old a status may be."""

    accepts: frozenset[CredentialState]
    max_age: timedelta | None = None
    types: frozenset[str] = frozenset()  # at least these

    def is_accepted(self, verdict: CredentialVerdict) -> bool:
        """Whether a credential with this verdict will do."""
        if verdict.claims is None or verdict.state not in self.accepts:
            return False
        if self.max_age is not None and (verdict.age or timedelta(0)) > self.max_age:
            return False
        return self.types <= verdict.claims.types


CURRENT_ONLY = RelyingPolicy(
    frozenset(
        {CredentialState.FRESH, CredentialState.CACHED, CredentialState.NO_STATUS}
    )
)
"""For decisions that count: a list that still holds says that nothing was revoked."""

ALSO_STALE = RelyingPolicy(
    CURRENT_ONLY.accepts | {CredentialState.STALE, CredentialState.UNKNOWN_STATUS}
)
"""For an employer without a connection, or an issuer that has gone dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signature:
    """One signature to verify: by which key, made when, and how."""

    method: str
    made_at: datetime | None
    verify: Callable[[PublicKey], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A credential of any form, read and not verified."""

    form: CredentialForm
    issuer: str
    types: frozenset[str]
    document: Mapping[str, JsonValue]
    signatures: tuple[_Signature, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    entries: tuple[Mapping[str, JsonValue], ...] = ()
    token_status: TokenStatus | None = None
    sd_jwt: SdJwtCredential | None = None


def verify_credential(
    document: bytes,
    *,
    trust: CredentialTrust,
    at: datetime,
    held: HeldStatuses | None = None,
    challenge: HolderChallenge | None = None,
    contexts: ContextSet = STANDARD,
) -> CredentialVerdict:
    """What the credential is worth at the time `at`; see the module for the order.

    `challenge` is what the holder of an SD-JWT was asked to sign, if anything.
    """
    try:
        opened = _open(document, contexts)
    except UnsignedError as error:
        return _refused(CredentialState.INVALID_SIGNATURE, error)
    except UnsupportedError as error:
        return _refused(CredentialState.UNSUPPORTED, error)
    except InterurbanError as error:
        return _refused(CredentialState.MALFORMED, error)
    refusal = _check_signatures(opened, trust, at)
    if refusal is not None:
        return refusal
    proven = False
    if opened.sd_jwt is not None and (challenge or opened.sd_jwt.key_binding):
        try:
            verify_key_binding(opened.sd_jwt, challenge, at)
            proven = challenge is not None
        except InterurbanError as error:
            return _found(
                CredentialState.HOLDER_UNPROVEN, error.message, _claims(opened)
            )
    claims = _claims(opened, holder_proven=proven)
    return _judge_times(opened, claims, at) or _judge_status(
        opened, claims, held or HeldStatuses(), at
    )


def verify_bitstring_list(
    document: bytes,
    *,
    address: str,
    trust: CredentialTrust,
    at: datetime,
    contexts: ContextSet = STANDARD,
) -> VerifiedBitstringList:
    """The status list in a credential of either form, if a known issuer signed it.

    A list past its `validUntil` is returned all the same: what was revoked stays revoked.

    Raises:
        MalformedError, UnsupportedError, OversizedError: no such list.
        UnknownKeyError, WrongKeyError, SignatureInvalidError: not by a known issuer.
    """
    opened = _open(document, contexts)
    if opened.form is CredentialForm.SD_JWT:
        raise UnsupportedError("a Bitstring Status List is no SD-JWT")
    for signature in opened.signatures:
        made_at = _time_of_signature(opened, signature, at)
        key = trust.status_key(opened.issuer, signature.method, made_at)
        signature.verify(key)
    issued_at = opened.valid_from or opened.signatures[0].made_at
    if issued_at is None or issued_at > at + CLOCK_SKEW:
        raise MalformedError("the status list does not say when it was made, or lies")
    entries = bitstrings.parse_status_list(
        opened.document,
        address=address,
        issued_at=issued_at,
        expires_at=opened.valid_until,
    )
    return VerifiedBitstringList(issuer=opened.issuer, entries=entries, _seal=_SEAL)


def _open(data: bytes, contexts: ContextSet) -> _Opened:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise OversizedError("the document is larger than any credential")
    if data.lstrip()[:1] == b"{":
        return _open_document(data, contexts)
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MalformedError("the bytes are no credential of any form") from error
    return _open_sd_jwt(text) if "~" in text else _open_vc_jwt(text, contexts)


def _open_document(data: bytes, contexts: ContextSet) -> _Opened:
    document = parse_json_object(data)
    check_credential(document, contexts)
    begins, ends = validity(document)
    found = proofs(document)
    if any(proof.proofPurpose is not ProofPurpose.ASSERTION for proof in found):
        raise UnsupportedError("the proof was made for another purpose")
    proof_ends = [proof.expires_at for proof in found if proof.expires_at is not None]
    return _Opened(
        form=CredentialForm.DATA_INTEGRITY,
        issuer=issuer_id(document),
        types=types(document),
        document=document,
        signatures=tuple(
            _proof_signature(document, number, proof, contexts)
            for number, proof in enumerate(found)
        ),
        valid_from=begins,
        valid_until=min([*proof_ends, *([ends] if ends else [])], default=None),
        entries=statuses(document),
    )


def _proof_signature(
    document: Mapping[str, JsonValue],
    number: int,
    proof: DataIntegrityProof,
    contexts: ContextSet,
) -> _Signature:
    return _Signature(
        method=proof.verificationMethod,
        made_at=proof.created_at,
        verify=lambda key: check_proof(
            document, proof, key, number=number, contexts=contexts
        ),
    )


def _open_vc_jwt(text: str, contexts: ContextSet) -> _Opened:
    token = parse_vc_jwt(text, contexts)
    begins, ends = token_period(token.payload)
    return _Opened(
        form=CredentialForm.VC_JWT,
        issuer=issuer_id(token.payload),
        types=types(token.payload),
        document=token.payload,
        signatures=(
            _Signature(method=token.key_id or "", made_at=begins, verify=token.verify),
        ),
        valid_from=begins,
        valid_until=ends,
        entries=statuses(token.payload),
    )


def _open_sd_jwt(text: str) -> _Opened:
    parsed = parse_sd_jwt(text)
    return _Opened(
        form=CredentialForm.SD_JWT,
        issuer=parsed.issuer,
        types=frozenset({parsed.type}),
        document=parsed.claims,
        signatures=(
            _Signature(
                method=parsed.token.key_id or "",
                made_at=parsed.valid_from,
                verify=parsed.token.verify,
            ),
        ),
        valid_from=parsed.valid_from,
        valid_until=parsed.valid_until,
        token_status=parsed.status,
        sd_jwt=parsed,
    )


def _time_of_signature(
    opened: _Opened, signature: _Signature, at: datetime
) -> datetime:
    return signature.made_at or opened.valid_from or at


def _check_signatures(
    opened: _Opened, trust: CredentialTrust, at: datetime
) -> CredentialVerdict | None:
    """The verdict if a signature fails or its key is not the issuer's; else nothing."""
    known = trust.knows(opened.issuer)
    try:
        for signature in opened.signatures:
            made_at = _time_of_signature(opened, signature, at)
            key = (
                trust.key(opened.issuer, signature.method, Purpose.CREDENTIALS, made_at)
                if known
                else carried_key(signature.method)
            )
            signature.verify(key)
    except UnknownKeyError as error:
        return _refused(CredentialState.UNTRUSTED_ISSUER, error)
    except WrongKeyError as error:
        return _refused(CredentialState.WRONG_KEY, error)
    except UnsupportedError as error:
        return _refused(CredentialState.UNSUPPORTED, error)
    except OversizedError as error:
        return _refused(CredentialState.MALFORMED, error)
    except InterurbanError as error:
        return _refused(CredentialState.INVALID_SIGNATURE, error)
    if not known:
        return CredentialVerdict(
            state=CredentialState.UNTRUSTED_ISSUER,
            reason="the text is unchanged, but nobody vouched for its issuer",
            proof_verified=True,
        )
    return None


def _judge_times(
    opened: _Opened, claims: VerifiedClaims, at: datetime
) -> CredentialVerdict | None:
    made = [each.made_at for each in opened.signatures if each.made_at is not None]
    if any(each > at + CLOCK_SKEW for each in made):
        return _found(
            CredentialState.NOT_YET_VALID, "it was signed in the future", claims
        )
    # an SD-JWT without nbf is valid from its iat, by another city's clock
    skew = CLOCK_SKEW if opened.form is CredentialForm.SD_JWT else timedelta(0)
    if opened.valid_from is not None and at + skew < opened.valid_from:
        return _found(CredentialState.NOT_YET_VALID, "it is not valid yet", claims)
    if opened.valid_until is not None and at >= opened.valid_until:
        return _found(CredentialState.EXPIRED, "it is no longer valid", claims)
    return None


_WORST_FIRST = (
    CredentialState.REVOKED,
    CredentialState.SUSPENDED,
    CredentialState.UNKNOWN_STATUS,
    CredentialState.STALE,
    CredentialState.CACHED,
    CredentialState.FRESH,
)


def _judge_status(
    opened: _Opened, claims: VerifiedClaims, held: HeldStatuses, at: datetime
) -> CredentialVerdict:
    found = [_judge_entry(entry, claims, held, at) for entry in opened.entries]
    if opened.token_status is not None:
        found.append(_judge_token_status(opened.token_status, claims, held, at))
    if not found:
        return _found(
            CredentialState.NO_STATUS, "it is valid; its issuer keeps no status", claims
        )
    return min(found, key=lambda verdict: _WORST_FIRST.index(verdict.state))


def _judge_entry(
    value: Mapping[str, JsonValue],
    claims: VerifiedClaims,
    held: HeldStatuses,
    at: datetime,
) -> CredentialVerdict:
    try:
        entry = bitstrings.parse_status_entry(value)
    except InterurbanError as error:
        return _found(CredentialState.UNKNOWN_STATUS, error.message, claims)
    known = held.bitstrings.get(entry.list_address)
    if known is None:
        return _no_list(claims)
    if known.issuer != claims.issuer or known.entries.purpose is not entry.purpose:
        return _found(
            CredentialState.UNKNOWN_STATUS,
            "the status list is another issuer's, or for another purpose",
            claims,
        )
    if entry.index >= len(known.entries.bits):
        return _found(
            CredentialState.UNKNOWN_STATUS, "the status list has no such entry", claims
        )
    if known.entries.bits.is_set(entry.index):
        return _ended(entry.purpose, claims, known.entries.age(at))
    ends = known.entries.expires_at or known.entries.issued_at + bitstrings.LIFETIME
    return _still_valid(
        claims,
        known.entries.age(at),
        known.entries.issued_at,
        is_expired=at >= ends,
        is_fresh=known.entries.is_fresh(at),
    )


def _judge_token_status(
    pointer: TokenStatus, claims: VerifiedClaims, held: HeldStatuses, at: datetime
) -> CredentialVerdict:
    known = held.tokens.get(pointer.address)
    if known is None:
        return _no_list(claims)
    if not pointer.address.startswith(f"{claims.issuer}/"):
        return _found(
            CredentialState.UNKNOWN_STATUS, "the status list is another's", claims
        )
    if pointer.index >= len(known.entries):
        return _found(
            CredentialState.UNKNOWN_STATUS, "the status list has no such entry", claims
        )
    if known.is_ended(pointer.index):
        return _ended(bitstrings.StatusPurpose.REVOCATION, claims, known.age(at))
    return _still_valid(
        claims,
        known.age(at),
        known.issued_at,
        is_expired=known.is_expired(at),
        is_fresh=known.is_fresh(at),
    )


def _no_list(claims: VerifiedClaims) -> CredentialVerdict:
    return _found(CredentialState.UNKNOWN_STATUS, "no status list is at hand", claims)


def _ended(
    purpose: bitstrings.StatusPurpose, claims: VerifiedClaims, age: timedelta
) -> CredentialVerdict:
    if purpose is bitstrings.StatusPurpose.SUSPENSION:
        state, reason = CredentialState.SUSPENDED, "its issuer has suspended it"
    else:
        state, reason = CredentialState.REVOKED, "its issuer has revoked it"
    return _found(state, reason, claims, age)


def _still_valid(
    claims: VerifiedClaims,
    age: timedelta,
    known_at: datetime,
    *,
    is_expired: bool,
    is_fresh: bool,
) -> CredentialVerdict:
    if is_expired:
        return CredentialVerdict(
            state=CredentialState.STALE,
            reason="the status list is too old to rely on",
            proof_verified=True,
            claims=claims,
            age=age,
            last_known=known_at,
        )
    if is_fresh:
        return _found(CredentialState.FRESH, "it is valid", claims, age)
    return _found(
        CredentialState.CACHED,
        "it was valid when its issuer was last asked",
        claims,
        age,
    )


def _claims(opened: _Opened, *, holder_proven: bool = False) -> VerifiedClaims:
    return VerifiedClaims(
        form=opened.form,
        issuer=opened.issuer,
        types=opened.types,
        document=opened.document,
        valid_from=opened.valid_from,
        valid_until=opened.valid_until,
        holder_proven=holder_proven,
        _seal=_SEAL,
    )


def _found(
    state: CredentialState,
    reason: str,
    claims: VerifiedClaims,
    age: timedelta | None = None,
) -> CredentialVerdict:
    return CredentialVerdict(
        state=state, reason=reason, proof_verified=True, claims=claims, age=age
    )


def _refused(state: CredentialState, error: InterurbanError) -> CredentialVerdict:
    return CredentialVerdict(state=state, reason=error.message)
