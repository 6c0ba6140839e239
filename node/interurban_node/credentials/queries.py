"""Reads worth naming: a learner's certificates and references, and what waits for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core.errors import NotFoundError, StateError
from interurban_node.credentials.models import (
    CredentialRow,
    ReferenceReceivedRow,
    ReferenceSentRow,
    StatusCacheRow,
    StatusIndexRow,
    StatusListRow,
)
from interurban_node.credentials.rules import (
    FETCH_AGAIN_AFTER,
    ReceivedState,
    SentState,
)
from interurban_node.registry.models import CertificateRow


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredential:
    """A certificate that the learner holds."""

    credential_id: str
    certificate_id: str
    learner_ref: str
    document: bytes
    digest: str
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceView:
    """A reference that was sent, as the learner sees it."""

    reference_id: str
    credential_id: str
    partner: str
    sent_at: datetime
    expires_at: datetime
    state: SentState
    delivered_at: datetime | None
    ended_at: datetime | None
    acknowledged_at: datetime | None  # the partner's signed answer to the end arrived
    answer: str | None  # stopped, erased, kept
    answer_reason: str | None  # why something was kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedView:
    """A reference that a partner sent us, without anything about its learner."""

    reference_id: str
    issuer: str
    received_at: datetime
    expires_at: datetime
    state: ReceivedState
    ended_at: datetime | None
    claimed: bool


def credentials_of(session: Session, learner_ref: str) -> list[IssuedCredential]:
    """The certificates issued to one learner, oldest first."""
    rows = session.scalars(
        sa.select(CredentialRow)
        .where(CredentialRow.learner_ref == learner_ref)
        .order_by(CredentialRow.issued_at, CredentialRow.credential_id)
    )
    return [issued(row) for row in rows]


def references_of(session: Session, learner_ref: str) -> list[ReferenceView]:
    """The references sent about one learner, newest first."""
    rows = session.scalars(
        _newest_first().where(ReferenceSentRow.learner_ref == learner_ref)
    )
    return [reference_view(row) for row in rows]


def references_sent(session: Session, limit: int) -> list[ReferenceView]:
    """The newest references to all partners."""
    return [reference_view(row) for row in session.scalars(_newest_first(limit))]


def references_received(session: Session, limit: int) -> list[ReceivedView]:
    """The newest references from all partners."""
    rows = session.scalars(
        sa.select(ReferenceReceivedRow)
        .order_by(
            ReferenceReceivedRow.received_at.desc(), ReferenceReceivedRow.reference_id
        )
        .limit(limit)
    )
    return [_received_view(row) for row in rows]


def credentials_held(session: Session) -> int:
    """How many certificates were ever issued here."""
    return session.scalar(sa.select(sa.func.count()).select_from(CredentialRow)) or 0


def credential_row(session: Session, identifier: str) -> CredentialRow:
    """The certificate of this credential id or registry record, locked until the end.

    The lock lets only one sending of it run at a time.

    Raises:
        NotFoundError: none was issued.
    """
    row = session.scalar(
        sa.select(CredentialRow)
        .where(
            sa.or_(
                CredentialRow.credential_id == identifier,
                CredentialRow.certificate_id == identifier,
            )
        )
        .with_for_update()
    )
    if row is None:
        raise NotFoundError(
            "there is no certificate of this name",
            next_step="Issue it with `interurban credential issue`.",
        )
    return row


def credential_of_record(session: Session, certificate_id: str) -> CredentialRow | None:
    """The certificate that was issued from a registry record, if there is one."""
    return session.scalar(
        sa.select(CredentialRow).where(CredentialRow.certificate_id == certificate_id)
    )


def standing_reference(
    session: Session, credential: CredentialRow, partner: str
) -> ReferenceSentRow | None:
    """The one reference to this partner that has not ended."""
    return session.scalar(
        sa.select(ReferenceSentRow).where(
            ReferenceSentRow.learner_ref == credential.learner_ref,
            ReferenceSentRow.credential_id == credential.credential_id,
            ReferenceSentRow.partner == partner,
            ReferenceSentRow.state == SentState.SENT,
        )
    )


def standing_references(
    session: Session,
    learner_ref: str,
    credential_id: str | None,
    recipient: str | None,
) -> Sequence[ReferenceSentRow]:
    """A learner's references that have not ended; None stands for all."""
    wanted = sa.select(ReferenceSentRow).where(
        ReferenceSentRow.learner_ref == learner_ref,
        ReferenceSentRow.state == SentState.SENT,
    )
    if credential_id is not None:
        of_record = sa.select(CredentialRow.credential_id).where(
            CredentialRow.certificate_id == credential_id
        )
        wanted = wanted.where(
            sa.or_(
                ReferenceSentRow.credential_id == credential_id,
                ReferenceSentRow.credential_id.in_(of_record),
            )
        )
    if recipient is not None:
        wanted = wanted.where(ReferenceSentRow.partner == recipient)
    return session.scalars(
        wanted.order_by(ReferenceSentRow.reference_id).with_for_update()
    ).all()


def revoked_references(session: Session) -> Sequence[ReferenceSentRow]:
    """Standing references whose certificate the registry calls revoked.

    A record that is missing from the source is not a revocation: it may come back with the
    next export, and an ending cannot be undone.
    """
    return session.scalars(
        sa.select(ReferenceSentRow)
        .join(
            CredentialRow, CredentialRow.credential_id == ReferenceSentRow.credential_id
        )
        .join(CertificateRow, CertificateRow.record_id == CredentialRow.certificate_id)
        .where(
            ReferenceSentRow.state == SentState.SENT, CertificateRow.status == "revoked"
        )
        .order_by(ReferenceSentRow.reference_id)
        .with_for_update(of=ReferenceSentRow)
    ).all()


def run_out_references(session: Session, now: datetime) -> Sequence[ReferenceSentRow]:
    """References whose time is over and that are not marked so yet."""
    return session.scalars(
        sa.select(ReferenceSentRow)
        .where(
            ReferenceSentRow.state == SentState.SENT, ReferenceSentRow.expires_at <= now
        )
        .order_by(ReferenceSentRow.reference_id)
        .with_for_update()
    ).all()


def records_without_credential(
    session: Session, learner_ref: str | None, limit: int
) -> Sequence[str]:
    """Valid certificates in the registry that no credential was issued for yet."""
    wanted = (
        sa.select(CertificateRow.record_id)
        .outerjoin(
            CredentialRow, CredentialRow.certificate_id == CertificateRow.record_id
        )
        .where(
            CertificateRow.deleted_at.is_(None),
            CertificateRow.status == "valid",
            CredentialRow.credential_id.is_(None),
        )
        .order_by(CertificateRow.record_id)
        .limit(limit)
    )
    if learner_ref is not None:
        wanted = wanted.where(CertificateRow.learner_ref == learner_ref)
    return session.scalars(wanted).all()


def received_token(session: Session, reference_id: str, issuer: str | None) -> bytes:
    """The SD-JWT that a partner sent us.

    Raises:
        NotFoundError: none is held under this id, or it has ended and was erased.
        StateError: partners have used the id twice, and no issuer was named.
    """
    wanted = sa.select(ReferenceReceivedRow.token).where(
        ReferenceReceivedRow.reference_id == reference_id,
        ReferenceReceivedRow.token.is_not(None),
    )
    if issuer is not None:
        wanted = wanted.where(ReferenceReceivedRow.issuer == issuer)
    tokens = [token for token in session.scalars(wanted) if token is not None]
    if not tokens:
        raise NotFoundError("this node holds no such reference")
    if len(tokens) > 1:
        raise StateError(
            "two partners have used this id", next_step="Name one with --issuer."
        )
    return tokens[0]


def open_list(session: Session, partner: str) -> StatusListRow | None:
    """The list that takes new references to a partner, locked until the end."""
    return session.scalar(
        sa.select(StatusListRow)
        .where(StatusListRow.partner == partner, StatusListRow.closed_at.is_(None))
        .order_by(StatusListRow.list_id)
        .limit(1)
        .with_for_update()
    )


def taken_entries(session: Session, list_id: str) -> int:
    """How many entries of a list stand for references."""
    counted = session.scalar(
        sa.select(sa.func.count())
        .select_from(StatusIndexRow)
        .where(StatusIndexRow.list_id == list_id)
    )
    return counted or 0


def held_references(session: Session, uri: str) -> Sequence[ReferenceReceivedRow]:
    """The references held here whose status stands in one list."""
    return session.scalars(
        sa.select(ReferenceReceivedRow)
        .where(
            ReferenceReceivedRow.status_uri == uri,
            ReferenceReceivedRow.state == ReceivedState.HELD,
        )
        .order_by(ReferenceReceivedRow.reference_id)
    ).all()


def status_uris_wanted(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Issuer and address of the lists that should be fetched now, again or at all."""
    rows = session.execute(
        sa.select(ReferenceReceivedRow.issuer, ReferenceReceivedRow.status_uri)
        .outerjoin(
            StatusCacheRow, StatusCacheRow.uri == ReferenceReceivedRow.status_uri
        )
        .where(
            ReferenceReceivedRow.state == ReceivedState.HELD,
            ReferenceReceivedRow.expires_at > now,
            sa.or_(
                StatusCacheRow.uri.is_(None),
                StatusCacheRow.fetched_at <= now - FETCH_AGAIN_AFTER,
            ),
        )
        .distinct()
        .order_by(ReferenceReceivedRow.issuer, ReferenceReceivedRow.status_uri)
    )
    return [(issuer, uri) for issuer, uri in rows]


def issued(row: CredentialRow) -> IssuedCredential:
    """The certificate, detached from its row."""
    return IssuedCredential(
        credential_id=row.credential_id,
        certificate_id=row.certificate_id,
        learner_ref=row.learner_ref,
        document=row.document,
        digest=row.digest,
        issued_at=row.issued_at,
    )


def reference_view(row: ReferenceSentRow) -> ReferenceView:
    """The reference, detached from its row."""
    return ReferenceView(
        reference_id=row.reference_id,
        credential_id=row.credential_id,
        partner=row.partner,
        sent_at=row.issued_at,
        expires_at=row.expires_at,
        state=SentState(row.state),
        delivered_at=row.delivered_at,
        ended_at=row.ended_at,
        acknowledged_at=row.acknowledged_at,
        answer=row.answer,
        answer_reason=row.answer_reason,
    )


def _received_view(row: ReferenceReceivedRow) -> ReceivedView:
    return ReceivedView(
        reference_id=row.reference_id,
        issuer=row.issuer,
        received_at=row.received_at,
        expires_at=row.expires_at,
        state=ReceivedState(row.state),
        ended_at=row.ended_at,
        claimed=row.claimed,
    )


def _newest_first(limit: int | None = None) -> sa.Select[ReferenceSentRow]:
    return (
        sa.select(ReferenceSentRow)
        .order_by(ReferenceSentRow.issued_at.desc(), ReferenceSentRow.reference_id)
        .limit(limit)
    )
