"""Credential references: what a partner gets instead of a certificate.

A reference is an SD-JWT VC (RFC 9901, draft-ietf-oauth-sd-jwt-vc-26): signed, bound to one
consent and one partner, at most 90 days long, and different for every partner. Its
signature says that this city knows the certificate; everything that describes or could link
it is a salted disclosure.

* Two partners who compare what they hold find no equal value but constants: `sub` is
  pairwise, ids, salts, secrets and list indices are fresh, times are whole days, and the
  number of digests is fixed. `LINKABLE_FACTS` (digest and id of the certificate) are the
  same for all by nature: they are left out of what a partner is sent (`PARTNER_FACTS`) and
  stay with the learner, who presents them. What remains, and is said on the page: a rare
  achievement with its date may be recognised by content, and the issuer can always link.
* There is no `aud`: an employer behind the partner could not verify such a token. The
  partner is named in `consent.recipient`.
* A verdict is a state, not a yes or no, and `verify_reference` never raises for a token.
* A learner proves that a reference is theirs by a claim secret, and ends it without login
  by a stop key; the reference holds a commitment to each.
"""

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol import jws
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    base64url_encode,
    canonical_json,
    parse_json_object,
)
from interurban_protocol.errors import (
    ExpiredError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    ProtocolError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongKeyError,
    WrongTargetError,
)
from interurban_protocol.keys import (
    Algorithm,
    KeySet,
    PrivateKey,
    PublicKey,
    Purpose,
)
from interurban_protocol.selective_disclosure import (
    Disclosure,
    digest_text,
    digests,
    disclosed_payload,
    join_token,
    make_disclosure,
    split_token,
)
from interurban_protocol.signed_documents import Digest, Moment, Origin, WireModel
from interurban_protocol.status_lists import (
    CLOCK_SKEW,
    ENTRIES,
    Seconds,
    VerifiedStatusList,
)

REFERENCE_TYPE = "dc+sd-jwt"
REFERENCE_VCT: Final = "urn:interurban:vct:credential-reference:1"
MAX_LIFETIME = timedelta(days=90)
MAX_REFERENCE_CHARACTERS = 32_768  # one with names in six languages has about 4,000
DIGEST_COUNT = 8  # facts and decoys together, so that the number of facts does not show
MIN_SECRET_BYTES = 16  # 128 bits: out of reach for a search
LINKABLE_FACTS = frozenset({"credential_digest", "credential_id"})
PARTNER_FACTS = frozenset({"achievement", "issue_date", "level"})
_DAY_SECONDS = 86_400

Commitment = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""base64url of a SHA-256 digest."""


class ReferenceState(StrEnum):
    """What a reference is worth at a time."""

    FRESH = "fresh"  # valid by a list younger than its ttl
    CACHED = "cached"  # valid by a list that is older; the verdict has its age
    STALE = "stale"  # signed and in time, but no list proves that it is still shared
    ENDED = "ended"  # no longer shared; why is not said
    EXPIRED = "expired"
    UNTRUSTED_ISSUER = "untrusted_issuer"
    INVALID = "invalid"  # a signature, time or recipient is wrong
    MALFORMED = "malformed"


class ReferenceConsent(WireModel):
    """The permission that a reference rests on."""

    id: str  # random, used in this reference only
    purpose: str
    recipient: Origin
    expires: Moment  # a whole day


class StatusPointer(WireModel):
    """One entry of a status list."""

    idx: Annotated[int, Field(ge=0, lt=ENTRIES)]
    uri: Annotated[str, Field(max_length=400)]


class ReferenceStatus(WireModel):
    """The `status` claim (Token Status List section 6.1)."""

    status_list: StatusPointer


class ReferenceClaims(WireModel):
    """What every reader of a reference sees. `iat` and `exp` are whole days."""

    iss: Origin
    vct: Literal["urn:interurban:vct:credential-reference:1"] = REFERENCE_VCT
    iat: Seconds
    exp: Seconds
    jti: Annotated[str, Field(min_length=16, max_length=128)]
    sub: Annotated[str, Field(min_length=16, max_length=128)]
    consent: ReferenceConsent
    status: ReferenceStatus
    claim_commitment: Commitment
    stop_commitment: Commitment

    @property
    def issued_at(self) -> datetime:
        """The day of issue, at its first second."""
        return datetime.fromtimestamp(self.iat, UTC)

    @property
    def expires_at(self) -> datetime:
        """The first second at which the reference is over."""
        return datetime.fromtimestamp(self.exp, UTC)


class CredentialDigest(WireModel):
    """The digest of the certificate's canonical bytes."""

    alg: Literal["sha-256"] = "sha-256"
    canon: Literal["jcs"] = "jcs"
    value: Digest


class AchievementName(WireModel):
    """What was achieved: its identifier and its name per language."""

    id: str
    name: Annotated[Mapping[str, str], Field(min_length=1)]


class ReferenceFacts(WireModel):
    """What can be disclosed about the certificate; a fact that is held back is None."""

    credential_digest: CredentialDigest | None = None
    credential_id: str | None = None
    achievement: AchievementName | None = None
    issue_date: date | None = None
    level: str | None = None


FACT_NAMES = tuple(ReferenceFacts.model_fields)


@dataclass(frozen=True, slots=True)
class ParsedReference:
    """A reference that was read and **not verified**."""

    token: jws.Jws
    disclosures: tuple[Disclosure, ...]
    claims: ReferenceClaims
    facts: ReferenceFacts


_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedReference:
    """Facts under a good signature of a known issuer. Only `verify_reference` makes one.

    Whether they may be relied on now is the verdict's state.
    """

    claims: ReferenceClaims
    facts: ReferenceFacts
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_reference makes a VerifiedReference")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceVerdict:
    """A state with its reason; `reference` is there once the signature was good."""

    state: ReferenceState
    reason: str
    reference: VerifiedReference | None = None
    age: timedelta | None = None  # of the status list that was used

    def is_valid(self) -> bool:
        """Whether a list proves that the reference is still shared (fresh or cached)."""
        return self.state in {ReferenceState.FRESH, ReferenceState.CACHED}


def pairwise_subject(node_secret: bytes, partner: str, learner_ref: str) -> str:
    """The learner's name towards one partner: 128 bits that no other partner sees.

    HMAC(HMAC(node_secret, partner), learner_ref), as OpenID Connect's pairwise identifiers.
    """
    _check_secret(node_secret)
    partner_key = hmac.digest(node_secret, partner.encode(), "sha256")
    return base64url_encode(
        hmac.digest(partner_key, learner_ref.encode(), "sha256")[:16]
    )


def claim_commitment(secret: bytes) -> str:
    """What a reference holds of the secret by which its learner claims it.

    Every reference needs its own random secret: equal commitments would link partners.
    """
    _check_secret(secret)
    return _commit(b"interurban claim\0", secret)


def matches_claim(commitment: str, secret: bytes) -> bool:
    """Whether `secret` is the one that was committed to."""
    return hmac.compare_digest(
        commitment.encode(), _commit(b"interurban claim\0", secret).encode()
    )


def stop_key(seed: bytes, jti: str) -> bytes:
    """The key that ends the reference `jti`, from the seed on the learner's slip.

    Revealing it says nothing about the seed, nor about any other reference's key.
    """
    _check_secret(seed)
    return hmac.digest(seed, b"interurban stop key\0" + jti.encode(), "sha256")


def stop_commitment(key: bytes) -> str:
    """What a reference holds of its stop key."""
    return _commit(b"interurban stop\0", key)


def matches_stop(commitment: str, revealed_key: bytes) -> bool:
    """Whether `revealed_key` ends the reference with this commitment."""
    return hmac.compare_digest(
        commitment.encode(), stop_commitment(revealed_key).encode()
    )


def whole_day(moment: datetime) -> int:
    """Seconds since 1970 of the first second of that day, for `iat` and `exp`."""
    seconds = int(moment.timestamp())
    return seconds - seconds % _DAY_SECONDS


def issue_reference(
    claims: ReferenceClaims,
    facts: ReferenceFacts,
    *,
    key: PrivateKey,
    salts: Sequence[bytes],
) -> str:
    """The SD-JWT with every disclosure; `present` leaves out what is not for the reader.

    `salts` are exactly `DIGEST_COUNT` fresh random values of 16 bytes or more: the first
    ones salt the facts, the others become decoys.

    Raises:
        MalformedError: times that are not whole days, more than 90 days, or a status list
            of somebody else.
    """
    _check_signing_key(key)
    _check_salts(salts)
    check_claims(claims)
    members = facts.model_dump(mode="json", exclude_none=True)
    disclosures = [
        make_disclosure(salt, name, members[name])
        for salt, name in zip(
            salts, [name for name in FACT_NAMES if name in members], strict=False
        )
    ]
    decoys = [digest_text(base64url_encode(salt)) for salt in salts[len(disclosures) :]]
    payload: dict[str, JsonValue] = {
        **claims.model_dump(mode="json", exclude_none=True),
        # sorted, so that the order does not tell facts from decoys
        "_sd": sorted([disclosure.digest for disclosure in disclosures] + decoys),
        "_sd_alg": "sha-256",
    }
    token = jws.sign(canonical_json(payload), typ=REFERENCE_TYPE, key=key)
    return join_token(token, disclosures)


def parse_reference(token: str) -> ParsedReference:
    """The parts of a reference; nothing in it is to be believed yet.

    Raises:
        MalformedError: anything but an SD-JWT of this profile, with disclosures that each
            have their digest, and claims within their bounds.
        OversizedError: longer than `MAX_REFERENCE_CHARACTERS`.
    """
    if len(token) > MAX_REFERENCE_CHARACTERS:
        raise OversizedError(
            f"a reference has at most {MAX_REFERENCE_CHARACTERS} characters"
        )
    issuer_token, disclosures = split_token(token)
    parsed = jws.parse(issuer_token)
    payload = parse_json_object(base64url_decode(parsed.payload))
    if len(digests(payload)) != DIGEST_COUNT:
        raise MalformedError(f"a reference has exactly {DIGEST_COUNT} digests")
    disclosed = disclosed_payload(payload, disclosures)
    if "aud" in disclosed:
        raise MalformedError("a reference has no audience")
    facts = {name: disclosed.pop(name) for name in FACT_NAMES if name in disclosed}
    if len(facts) != len(disclosures) or facts.keys() & payload.keys():
        raise MalformedError("a reference discloses only the facts of its profile")
    claims = ReferenceClaims.from_json(canonical_json(disclosed))
    check_claims(claims)
    return ParsedReference(
        parsed, disclosures, claims, ReferenceFacts.from_json(canonical_json(facts))
    )


def check_claims(claims: ReferenceClaims) -> None:
    """Refuse claims that would link partners or outlive their limit.

    Raises:
        MalformedError: naming the first one.
    """
    if claims.iat % _DAY_SECONDS or claims.exp % _DAY_SECONDS:
        raise MalformedError("iat and exp of a reference are whole days")
    if int(claims.consent.expires.timestamp()) % _DAY_SECONDS:
        raise MalformedError("the consent behind a reference ends with a whole day")
    if not 0 < claims.exp - claims.iat <= MAX_LIFETIME.total_seconds():
        raise MalformedError("a reference lives for at most 90 days")
    if claims.expires_at > claims.consent.expires:
        raise MalformedError("a reference does not outlive its consent")
    if not claims.status.status_list.uri.startswith(
        f"{claims.iss}/api/v1/status-lists/"
    ):
        raise MalformedError("the status list of a reference is its issuer's own")


def present(token: str, disclose: Collection[str]) -> str:
    """The reference with only these facts; the signature goes on verifying.

    Raises:
        MalformedError: the token is no reference.
    """
    issuer_token = token.split("~", 1)[0]
    disclosures = parse_reference(token).disclosures
    return join_token(
        issuer_token, [kept for kept in disclosures if kept.name in disclose]
    )


def verify_reference(
    token: str,
    *,
    issuer_keys: KeySet,
    expected_issuer: str,
    recipient: str | None,
    status: VerifiedStatusList | None,
    at: datetime,
) -> ReferenceVerdict:
    """What the reference is worth at the time `at`. A bad token is a verdict, never an error.

    Steps: 1. parse and check the claims; 2. compare the issuer and find its key for the day
    of issue; 3. verify the signature; 4. compare the recipient, if one is asked for; 5. check
    the times; 6. look up the status. An ended entry counts even in an expired list, because
    what ended stays ended; without a current list for this reference it is stale.

    `issuer_keys` are the keys of `expected_issuer`; `status` was verified with them too.
    """
    try:
        parsed = parse_reference(token)  # 1
    except MalformedError as error:
        return _refused(ReferenceState.MALFORMED, error)
    try:
        reference = _verify_issuer(parsed, issuer_keys, expected_issuer)  # 2, 3
    except UnknownKeyError as error:
        return _refused(ReferenceState.UNTRUSTED_ISSUER, error)
    except ProtocolError as error:
        return _refused(ReferenceState.INVALID, error)
    try:
        _check_recipient(reference.claims, recipient)  # 4
        _check_times(reference.claims, at)  # 5
    except ExpiredError as error:
        return _refused(ReferenceState.EXPIRED, error, reference)
    except ProtocolError as error:
        return _refused(ReferenceState.INVALID, error, reference)
    return _judge_status(reference, status, at)  # 6


def _verify_issuer(
    parsed: ParsedReference, keys: KeySet, expected_issuer: str
) -> VerifiedReference:
    if parsed.claims.iss != expected_issuer:
        raise UnknownKeyError("the reference was issued by another node than expected")
    key = _issuer_key(keys, parsed)
    if key.algorithm is not Algorithm.ES256:
        raise SignatureInvalidError("a reference is signed with ES256")
    jws.verify(parsed.token, typ=REFERENCE_TYPE, key=key)
    return VerifiedReference(parsed.claims, parsed.facts, _SEAL)


def _issuer_key(keys: KeySet, parsed: ParsedReference) -> PublicKey:
    # The exact time of issue is not told, so a key counts that was valid on that day.
    day_begins = parsed.claims.issued_at
    day_ends = day_begins + timedelta(days=1, seconds=-1)
    key_id = parsed.token.key_id
    try:
        return keys.find(key_id, Purpose.CREDENTIALS, day_begins)
    except WrongKeyError:
        return keys.find(key_id, Purpose.CREDENTIALS, day_ends)


def _check_recipient(claims: ReferenceClaims, recipient: str | None) -> None:
    if recipient is not None and claims.consent.recipient != recipient:
        raise WrongTargetError(
            "the consent behind the reference names another recipient"
        )


def _check_times(claims: ReferenceClaims, at: datetime) -> None:
    if claims.issued_at > at + CLOCK_SKEW:
        raise NotYetValidError("the reference is issued for a later day")
    if at >= claims.expires_at:  # which is never after the consent's end
        raise ExpiredError("the reference has expired")


def _judge_status(
    reference: VerifiedReference, status: VerifiedStatusList | None, at: datetime
) -> ReferenceVerdict:
    pointer = reference.claims.status.status_list
    if status is None or status.uri != pointer.uri:
        return _verdict(ReferenceState.STALE, "no status list is at hand", reference)
    age = status.age(at)
    if status.is_ended(pointer.idx):
        state, reason = ReferenceState.ENDED, "the reference is no longer shared"
    elif status.is_expired(at):
        state, reason = ReferenceState.STALE, "the status list is too old to rely on"
    elif status.is_fresh(at):
        state, reason = ReferenceState.FRESH, "the reference is shared"
    else:
        state, reason = (
            ReferenceState.CACHED,
            "the reference was shared when last asked",
        )
    return _verdict(state, reason, reference, age)


def _verdict(
    state: ReferenceState,
    reason: str,
    reference: VerifiedReference,
    age: timedelta | None = None,
) -> ReferenceVerdict:
    return ReferenceVerdict(state=state, reason=reason, reference=reference, age=age)


def _refused(
    state: ReferenceState,
    error: InterurbanError,
    reference: VerifiedReference | None = None,
) -> ReferenceVerdict:
    return ReferenceVerdict(state=state, reason=error.message, reference=reference)


def _commit(label: bytes, secret: bytes) -> str:
    return base64url_encode(hashlib.sha256(label + secret).digest())


def _check_secret(secret: bytes) -> None:
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError("a secret has at least 16 bytes")


def _check_signing_key(key: PrivateKey) -> None:
    if key.algorithm is not Algorithm.ES256:
        raise ValueError("references are signed with a P-256 key")


def _check_salts(salts: Sequence[bytes]) -> None:
    if len(salts) != DIGEST_COUNT or len(set(salts)) != DIGEST_COUNT:
        raise ValueError(f"{DIGEST_COUNT} different salts are needed")
    if any(len(salt) < MIN_SECRET_BYTES for salt in salts):
        raise ValueError("a salt has at least 16 bytes")
