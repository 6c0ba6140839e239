"""Identities, sign-in codes, sessions and bearer tokens.

* A learner is known everywhere else as `learner_ref` only: a keyed hash of the registry's
  number. Who that is stands in one encrypted table.
* Whatever signs somebody in is shown once and kept as a keyed hash.
* An unknown, a used and an expired secret get the same answer. Failures are counted for each
  source and in all, even when the transaction around them is rolled back.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from interurban_node.accounts.models import (
    AttemptRow,
    IdentityRow,
    SignInCodeRow,
    TokenRow,
    WebSessionRow,
)
from interurban_node.accounts.rules import (
    SEEN_EVERY,
    Role,
    attempt_window,
    is_guessing,
    is_over,
    normal_person_id,
    source_group,
)
from interurban_node.audit.service import record_irrevocable
from interurban_node.core.context import Node
from interurban_node.core.database import on_rollback, savepoint
from interurban_node.core.errors import (
    ConfigurationError,
    NotFoundError,
    NotSignedInError,
    TooManyAttemptsError,
)
from interurban_node.core.home import NodeKeys
from interurban_node.core.identifiers import normal_code
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_protocol.encoding import base64url_encode

_NONCE_BYTES = 12
_SEALED_FORM = b"\x01"  # AES-256-GCM: this byte, the nonce, the ciphertext with its tag
_ROWS_AT_ONCE = 500
_EVERYBODY = "*"  # the source of the count over all sources
_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a learner is, in the registry's words. Its repr shows nothing."""

    person_id: str
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return "Identity(…)"


@dataclass(frozen=True, slots=True)
class SignedInLearner:
    """A learner whose session was checked. Only `learner_of` makes one."""

    learner_ref: str
    session_id: str
    _seal: object

    def __post_init__(self) -> None:
        _check_seal(self._seal, "learner_of makes a SignedInLearner")


@dataclass(frozen=True, slots=True)
class SignedInStaff:
    """Somebody on the staff whose session was checked. Only `staff_of` makes one."""

    role: Role
    label: str
    session_id: str
    _seal: object

    def __post_init__(self) -> None:
        _check_seal(self._seal, "staff_of makes a SignedInStaff")


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A bearer token that is valid now. Only `verify_token` makes one."""

    role: Role
    label: str
    token_id: str
    _seal: object

    def __post_init__(self) -> None:
        _check_seal(self._seal, "verify_token makes a VerifiedToken")


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What is known of a token; never the token."""

    token_id: str
    role: Role
    label: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    kind: str  # code, token
    source_hash: str
    window_start: datetime


# --- learner references, sealing, identities


def learner_ref_of(keys: NodeKeys, person_id: str) -> str:
    """The reference of the learner with this number: "L" and 26 characters, 130 bits.

    A keyed hash: nobody without the node's secret can tell whose it is by trying numbers.
    """
    number = normal_person_id(person_id).encode("utf-8", "surrogatepass")
    message = b"learner\0" + number
    digest = hmac.digest(keys.pseudonym, message, hashlib.sha256)
    return "L" + base64.b32encode(digest)[:26].decode("ascii").lower()


def seal(node: Node, purpose: str, plaintext: bytes) -> bytes:
    """`plaintext`, encrypted under the vault secret so that it opens for `purpose` only."""
    nonce = node.identifiers.random_bytes(_NONCE_BYTES)
    aad = _SEALED_FORM + purpose.encode()
    ciphertext = AESGCM(node.keys.vault).encrypt(nonce, plaintext, aad)
    return _SEALED_FORM + nonce + ciphertext


def unseal(node: Node, purpose: str, sealed: bytes) -> bytes:
    """The bytes that were sealed for `purpose`.

    Raises:
        ConfigurationError: sealed for another purpose, with another secret, or damaged.
    """
    nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    aad = sealed[:1] + purpose.encode()
    try:
        return AESGCM(node.keys.vault).decrypt(nonce, ciphertext, aad)
    except (InvalidTag, ValueError) as error:
        raise ConfigurationError(
            "sealed bytes do not open with this node's vault secret",
            next_step="Restore secrets/vault.key from the keys' backup.",
        ) from error


def store_identity(
    session: Session, node: Node, learner_ref: str, identity: Identity, now: datetime
) -> None:
    """Keep who a learner is, in place of what was known before."""
    store_identities(session, node, {learner_ref: identity}, now)


def store_identities(
    session: Session, node: Node, identities: Mapping[str, Identity], now: datetime
) -> None:
    """Keep who many learners are, by learner reference."""
    rows = [
        {
            "learner_ref": ref,
            "sealed": seal(node, _identity_purpose(ref), _identity_bytes(identity)),
            "updated_at": now,
        }
        for ref, identity in identities.items()
    ]
    _replace(session, IdentityRow, rows)


def read_identity(session: Session, node: Node, learner_ref: str) -> Identity | None:
    """Who a learner is, if the registry has said so.

    Raises:
        ConfigurationError: sealed with another vault secret than the node's.
    """
    row = session.get(IdentityRow, learner_ref)
    if row is None:
        return None
    members = json.loads(unseal(node, _identity_purpose(learner_ref), row.sealed))
    return Identity(**members)


def has_identity(session: Session, learner_ref: str) -> bool:
    """Whether the learner is known to this node."""
    found = sa.select(sa.literal(1)).where(IdentityRow.learner_ref == learner_ref)
    return session.scalar(found) is not None


# --- sign-in codes


def mint_sign_in_code(
    session: Session, node: Node, learner_ref: str, now: datetime, valid_for: timedelta
) -> str:
    """A new one-time code for a learner; an older unused one stops working."""
    codes = mint_sign_in_codes(session, node, [learner_ref], now, valid_for)
    return codes[learner_ref]


def mint_sign_in_codes(
    session: Session,
    node: Node,
    learner_refs: Iterable[str],
    now: datetime,
    valid_for: timedelta,
) -> dict[str, str]:
    """New one-time codes by learner reference."""
    codes = {ref: node.identifiers.code() for ref in learner_refs}
    rows = [
        {
            "learner_ref": ref,
            "code_hash": _hash(node, "code", code),
            "made_at": now,
            "expires_at": now + valid_for,
        }
        for ref, code in codes.items()
    ]
    _replace(session, SignInCodeRow, rows)
    return codes


def learners_without_code(session: Session, now: datetime, limit: int) -> list[str]:
    """Learners who are known and have no code that would still sign them in."""
    has_code = sa.exists().where(
        SignInCodeRow.learner_ref == IdentityRow.learner_ref,
        SignInCodeRow.expires_at > now,
    )
    found = (
        sa.select(IdentityRow.learner_ref)
        .where(~has_code)
        .order_by(IdentityRow.learner_ref)
        .limit(limit)
    )
    return list(session.scalars(found))


# --- signing in and out


def sign_in_learner(
    session: Session, node: Node, code: str, source: str, now: datetime
) -> str:
    """The session token of the learner whose code this is; the code is used up by it.

    `source` is the network address that asks.

    Raises:
        TooManyAttemptsError: too many failures from this source, or in all.
        NotSignedInError: unknown, used or expired; the answer is the same.
    """
    attempt = _checked_attempt(session, node, "code", source, now)
    redeemed = (
        sa.delete(SignInCodeRow)
        .where(
            SignInCodeRow.code_hash == _hash(node, "code", normal_code(code)),
            SignInCodeRow.expires_at > now,
        )
        .returning(SignInCodeRow.learner_ref)
    )
    learner_ref = session.scalar(
        redeemed
    )  # one statement: two requests cannot both win
    if learner_ref is None:
        _count_failure(session, node, attempt)
        raise NotSignedInError(
            "the code is not valid",
            next_step="Check the letter with your code, or ask the training office for a new one.",
        )
    used = {"code": _hash(node, "code", normal_code(code))}
    record_irrevocable(session, node, Irrevocable.CODE_USED, used, now)
    return _start_session(session, node, now, learner_ref=learner_ref)


def sign_in_staff(
    session: Session, node: Node, token: str, source: str, now: datetime
) -> str:
    """The session token for somebody with a bearer token; it ends when the token does.

    Raises:
        TooManyAttemptsError: too many failures from this source, or in all.
        NotSignedInError: unknown, revoked or expired; the answer is the same.
    """
    attempt = _checked_attempt(session, node, "token", source, now)
    try:
        verified = verify_token(session, node, token, now)
    except NotSignedInError:
        _count_failure(session, node, attempt)
        raise
    return _start_session(session, node, now, token_id=verified.token_id)


@contextmanager
def counted_attempt(
    session: Session, node: Node, source: str, now: datetime
) -> Iterator[None]:
    """Count a NotSignedInError inside as a failed attempt with a token from `source`.

    For addresses that take bearer tokens without a sign-in.

    Raises:
        TooManyAttemptsError: too many failures from this source, or in all.
    """
    attempt = _checked_attempt(session, node, "token", source, now)
    try:
        yield
    except NotSignedInError:
        _count_failure(session, node, attempt)
        raise


def sign_out(session: Session, node: Node, cookie: str | None, now: datetime) -> None:
    """End the session behind `cookie`, if there is one."""
    del now
    session.execute(
        sa.delete(WebSessionRow).where(
            WebSessionRow.token_hash == _hash(node, "session", cookie or "")
        )
    )


def learner_of(
    session: Session, node: Node, request_cookie: str | None, now: datetime
) -> SignedInLearner:
    """The learner whose browser sent this session cookie.

    Raises:
        NotSignedInError: no cookie, no such session, idle too long, or not a learner's.
    """
    row = _live_session(session, node, request_cookie, now)
    if row.learner_ref is None:
        raise _not_signed_in()
    return SignedInLearner(row.learner_ref, row.session_id, _SEAL)


def staff_of(
    session: Session, node: Node, cookie: str | None, now: datetime
) -> SignedInStaff:
    """Who on the staff sent this session cookie.

    Raises:
        NotSignedInError: no cookie, no such session, idle too long, not the staff's, or
            its token has been revoked or has expired since.
    """
    row = _live_session(session, node, cookie, now)
    token = session.get(TokenRow, row.token_id) if row.token_id else None
    if token is None or not _is_valid(token, now):
        raise _not_signed_in()
    return SignedInStaff(Role(token.role), token.label, row.session_id, _SEAL)


# --- bearer tokens


def mint_token(
    session: Session,
    node: Node,
    role: Role,
    label: str,
    now: datetime,
    valid_for: timedelta,
) -> str:
    """A new bearer token; `label` says whose it is, so that it can be found and revoked."""
    token = node.identifiers.token()
    session.add(
        TokenRow(
            token_id=node.identifiers.uuid(),
            token_hash=_hash(node, "token", token),
            role=role,
            label=label[:200],
            made_at=now,
            expires_at=now + valid_for,
        )
    )
    session.flush()
    return token


def verify_token(
    session: Session, node: Node, token: str, now: datetime
) -> VerifiedToken:
    """The facts of a bearer token that is valid now.

    Raises:
        NotSignedInError: unknown, revoked or expired; the answer is the same.
    """
    row = session.scalar(
        sa.select(TokenRow).where(
            TokenRow.token_hash == _hash(node, "token", token.strip())
        )
    )
    if row is None or not _is_valid(row, now):
        raise NotSignedInError(
            "the token is not valid",
            next_step="Ask the operator of this city's node for a new token.",
        )
    return VerifiedToken(Role(row.role), row.label, row.token_id, _SEAL)


def revoke_token(
    session: Session, node: Node, token_id: str, now: datetime
) -> TokenFacts:
    """End a token for good, and with it every session that it began.

    Raises:
        NotFoundError: no token has this id.
    """
    row = session.get(TokenRow, token_id)
    if row is None:
        raise NotFoundError("no token has this id")
    if row.revoked_at is None:
        row.revoked_at = now
        gone = {"token": token_id}
        record_irrevocable(session, node, Irrevocable.TOKEN_REVOKED, gone, now)
    return _facts(row)


# --- after a restore


def reapply(session: Session, node: Node, entry: JournalEntry, now: datetime) -> None:
    """Revoke a token, or use up a code, that a restored database takes for good.

    Sessions that the backup brought back end as well: who signed out must stay out.

    Raises:
        ConfigurationError: the entry is not one that this feature wrote.
    """
    del node
    session.execute(sa.delete(WebSessionRow))
    match entry.kind, entry.facts:
        case Irrevocable.TOKEN_REVOKED, {"token": token_id}:
            session.execute(
                sa.update(TokenRow)
                .where(TokenRow.token_id == token_id, TokenRow.revoked_at.is_(None))
                .values(revoked_at=now)
            )
        case Irrevocable.CODE_USED, {"code": code_hash}:
            session.execute(
                sa.delete(SignInCodeRow).where(SignInCodeRow.code_hash == code_hash)
            )
        case _:
            raise ConfigurationError(
                f"entry {entry.number} of the journal is none of ours about sign-in"
            )


def tokens(session: Session) -> list[TokenFacts]:
    """Every token that was made, newest first."""
    rows = session.scalars(
        sa.select(TokenRow).order_by(TokenRow.made_at.desc(), TokenRow.token_id)
    )
    return [_facts(row) for row in rows]


# --- inside


def _check_seal(seal_given: object, fact: str) -> None:
    if seal_given is not _SEAL:
        raise TypeError(f"only {fact}")


def _hash(node: Node, kind: str, secret: str) -> str:
    message = f"{kind}\0{secret}".encode("utf-8", "surrogatepass")
    return base64url_encode(hmac.digest(node.keys.cookie, message, hashlib.sha256))


def _identity_purpose(learner_ref: str) -> str:
    return f"{IdentityRow.__tablename__}\0{learner_ref}"


def _identity_bytes(identity: Identity) -> bytes:
    members = {
        name: fact for name, fact in asdict(identity).items() if fact is not None
    }
    return json.dumps(members, ensure_ascii=False).encode()


def _replace(
    session: Session,
    model: type[IdentityRow] | type[SignInCodeRow],
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Delete, then insert: the same on every engine, and the caller's transaction."""
    refs = [row["learner_ref"] for row in rows]
    for start in range(0, len(refs), _ROWS_AT_ONCE):
        some = refs[start : start + _ROWS_AT_ONCE]
        session.execute(sa.delete(model).where(model.learner_ref.in_(some)))
    if rows:
        session.execute(sa.insert(model), rows)


def _checked_attempt(
    session: Session, node: Node, kind: str, source: str, now: datetime
) -> _Attempt:
    window = attempt_window(now)
    attempt = _Attempt(kind, _hash(node, "source", source_group(source)), window)
    failures = {
        row.source_hash: row.count
        for row in session.scalars(
            sa.select(AttemptRow).where(
                AttemptRow.kind == kind,
                AttemptRow.window_start == window,
                AttemptRow.source_hash.in_([attempt.source_hash, _EVERYBODY]),
            )
        )
    }
    if is_guessing(failures.get(attempt.source_hash, 0), failures.get(_EVERYBODY, 0)):
        raise TooManyAttemptsError("too many attempts to sign in have failed")
    return attempt


def _count_failure(session: Session, node: Node, attempt: _Attempt) -> None:
    """Count now, and once more on its own if the caller's transaction is undone."""
    _add_failure(session, attempt)
    on_rollback(session, lambda: _count_alone(node, attempt))


def _count_alone(node: Node, attempt: _Attempt) -> None:
    with node.database.transaction() as session:
        _add_failure(session, attempt)


def _add_failure(session: Session, attempt: _Attempt) -> None:
    session.execute(
        sa.delete(AttemptRow).where(AttemptRow.window_start < attempt.window_start)
    )
    for source_hash in (attempt.source_hash, _EVERYBODY):
        key = (attempt.kind, source_hash, attempt.window_start)
        if not _increment(session, key):
            try:
                with savepoint(session):
                    session.execute(sa.insert(AttemptRow).values((*key, 1)))
            except IntegrityError:  # somebody else counted first
                _increment(session, key)


def _increment(session: Session, key: tuple[str, str, datetime]) -> bool:
    kind, source_hash, window_start = key
    counted = session.scalars(
        sa.update(AttemptRow)
        .where(
            AttemptRow.kind == kind,
            AttemptRow.source_hash == source_hash,
            AttemptRow.window_start == window_start,
        )
        .values(count=AttemptRow.count + 1)
        .returning(AttemptRow.count)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(counted)


def _start_session(
    session: Session,
    node: Node,
    now: datetime,
    *,
    learner_ref: str | None = None,
    token_id: str | None = None,
) -> str:
    idle = timedelta(minutes=node.settings.session_minutes)
    session.execute(sa.delete(WebSessionRow).where(WebSessionRow.seen_at <= now - idle))
    token = node.identifiers.token()
    session.add(
        WebSessionRow(
            token_hash=_hash(node, "session", token),
            session_id=node.identifiers.uuid(),
            learner_ref=learner_ref,
            token_id=token_id,
            started_at=now,
            seen_at=now,
        )
    )
    session.flush()
    return token


def _live_session(
    session: Session, node: Node, cookie: str | None, now: datetime
) -> WebSessionRow:
    row = session.get(WebSessionRow, _hash(node, "session", cookie or ""))
    idle = timedelta(minutes=node.settings.session_minutes)
    if row is None or is_over(row.started_at, row.seen_at, now, idle):
        raise _not_signed_in()
    if now - row.seen_at >= SEEN_EVERY:
        row.seen_at = now
    return row


def _is_valid(row: TokenRow, now: datetime) -> bool:
    return row.revoked_at is None and now < row.expires_at


def _facts(row: TokenRow) -> TokenFacts:
    return TokenFacts(
        token_id=row.token_id,
        role=Role(row.role),
        label=row.label,
        made_at=row.made_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _not_signed_in() -> NotSignedInError:
    return NotSignedInError("nobody is signed in here, or not any more")
