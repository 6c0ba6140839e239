"""Certificates are issued, references sent, ended, received and judged here.

A reference leaves only with a consent in force, a permit and a row in the usage log. What
ends one is written to the one-way journal before the answer, flips its bit in the partner's
private list at once, and is told to the partner with the next batch of notices.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.audit import service as audit
from interurban_node.audit.service import UsageEntry
from interurban_node.consent.service import ConsentInForce, reference_consent
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    AlreadyDoneError,
    NotFoundError,
    RefusedError,
    StateError,
)
from interurban_node.credentials import (
    certificates,
    ending,
    lists,
    messages,
    queries,
    rules,
)
from interurban_node.credentials.certificates import issue, issue_missing
from interurban_node.credentials.ending import (
    end_reference,
    end_references,
    end_revoked,
    expire_references,
    reapply,
    send_notice,
)
from interurban_node.credentials.lists import renew_status_lists, status_list_token
from interurban_node.credentials.models import (
    CredentialRow,
    ReferenceSentRow,
    StopSlipRow,
    insert_once,
)
from interurban_node.credentials.queries import (
    IssuedCredential,
    ReferenceView,
    credentials_of,
    references_of,
    status_uris_wanted,
)
from interurban_node.credentials.receiving import (
    receive_ended,
    receive_reference,
    store_status_list,
    verdict,
)
from interurban_node.credentials.rules import SentState
from interurban_node.partners import service as partners
from interurban_node.policy import service as policy
from interurban_node.policy.service import ReferencePermit
from interurban_node.registry.service import CertificateFacts
from interurban_protocol import notices, references, status_lists
from interurban_protocol.encoding import base64url_encode
from interurban_protocol.errors import DigestMismatchError
from interurban_protocol.notices import MessageReceipt, ReferenceDelivery
from interurban_protocol.references import ReferenceClaims
from interurban_protocol.signed_documents import (
    open_document,
    start_document,
    verify_document,
)

SECRET_BYTES = 16

__all__ = [
    "IssuedCredential",
    "ReferenceView",
    "Slip",
    "check_may_still_be_sent",
    "credentials_of",
    "delivered",
    "end_reference",
    "end_references",
    "end_revoked",
    "expire_references",
    "issue",
    "issue_missing",
    "reapply",
    "receive_ended",
    "receive_reference",
    "references_of",
    "renew_status_lists",
    "send_notice",
    "send_reference",
    "slip",
    "status_list_token",
    "status_uris_wanted",
    "store_status_list",
    "verdict",
]


@dataclass(frozen=True, slots=True, repr=False)
class Slip:
    """What only the learner holds: one secret claims the reference, the seed stops it."""

    claim_secret: str
    stop_seed: str

    def __repr__(self) -> str:
        return "Slip(…)"


def send_reference(
    session: Session,
    node: Node,
    consent: ConsentInForce,
    credential_id: str,
    partner: str,
    now: datetime,
) -> ReferenceView:
    """Send a partner the reference that `consent` allows; once while it stands.

    Raises:
        NotFoundError: no such certificate or partner.
        RefusedError: the consent is for something else, the certificate was revoked, or no
            agreement allows it.
        RecoveringError: the one-way journal is not re-applied yet.
    """
    audit.check_not_recovering(session, node)
    credential = queries.credential_row(session, credential_id)
    _check_consent(consent, credential, partner, now)
    partners.pinned(session, partner)
    permit = policy.permit_reference(session, node, partner, now)
    _check_purpose(consent, permit)
    standing = queries.standing_reference(session, credential, partner)
    if standing is not None and standing.expires_at > now:
        return queries.reference_view(standing)
    if standing is not None:
        standing.state = SentState.EXPIRED
        session.flush()
    row = _reference(session, node, consent, credential, permit, now)
    entry = policy.log_use(
        session,
        permit.permit,
        now,
        learner_ref=row.learner_ref,
        reference_id=row.reference_id,
    )
    _deliver(session, node, row, entry)
    return queries.reference_view(row)


def check_may_still_be_sent(
    session: Session, node: Node, reference_id: str, now: datetime
) -> None:
    """Refuse to let a queued reference go that has been stopped since it was queued.

    The queue outlives a partner's outage, and what was allowed when it was written may not
    be allowed when it is sent.

    Raises:
        AlreadyDoneError: the reference has ended or run out; it is never sent.
        RefusedError: no consent, agreement in force or lifted suspension now; it waits.
    """
    row = session.get(ReferenceSentRow, reference_id)
    if row is None or row.state != SentState.SENT or row.expires_at <= now:
        raise AlreadyDoneError("the reference has ended before it was delivered")
    policy.permit_reference(session, node, row.partner, now)
    credential = queries.credential_row(session, row.credential_id)
    try:
        reference_consent(
            session, row.learner_ref, credential.credential_id, row.partner, now
        )
    except RefusedError:
        reference_consent(
            session, row.learner_ref, credential.certificate_id, row.partner, now
        )


def slip(session: Session, node: Node, learner_ref: str, reference_id: str) -> Slip:
    """What the learner keeps about one of their references.

    Raises:
        NotFoundError: no reference of this learner.
    """
    row = session.get(ReferenceSentRow, reference_id)
    seed = session.get(StopSlipRow, learner_ref)
    if row is None or seed is None or row.learner_ref != learner_ref:
        raise NotFoundError("there is no such reference")
    secret = accounts.unseal(node, _claim_purpose(reference_id), row.claim_secret)
    return Slip(
        base64url_encode(secret), base64url_encode(_open_seed(node, learner_ref, seed))
    )


def delivered(
    session: Session,
    node: Node,
    partner_origin: str,
    message_id: str,
    kind: str,
    answer: bytes,
    now: datetime,
) -> None:
    """Note a partner's signed answer to a message of ours.

    An answer to a message that this database does not know, as after a restore, is dropped.

    Raises:
        ProtocolError: the answer is not the partner's, or not to this message.
        StateError: a kind that this feature does not send.
    """
    if kind == notices.DELIVERY_KIND:
        _note_receipt(session, partner_origin, message_id, answer, now)
    elif kind == notices.ENDED_KIND:
        ending.note_acknowledgement(
            session, node, partner_origin, message_id, answer, now
        )
    else:
        raise StateError(f"credentials sends no messages of the kind {kind[:40]}")


def _check_consent(
    consent: ConsentInForce, credential: CredentialRow, partner: str, now: datetime
) -> None:
    same = (
        consent.learner_ref == credential.learner_ref
        and consent.recipient == partner
        and consent.credential_id
        in {credential.credential_id, credential.certificate_id}
    )
    if not same or consent.expires_at <= now:
        raise RefusedError(
            "there is no consent in force for this certificate and recipient",
            next_step="The learner decides on the page of their certificates.",
        )


def _check_purpose(consent: ConsentInForce, permit: ReferencePermit) -> None:
    """The learner said yes to one purpose, and the agreement allows one."""
    if consent.purpose != permit.permit.purpose:
        raise RefusedError(
            f"the learner agreed to the purpose {consent.purpose}, and the agreement is "
            f"for {permit.permit.purpose}",
            next_step="Ask for the agreement's purpose with `consent ask`.",
        )


def _reference(
    session: Session,
    node: Node,
    consent: ConsentInForce,
    credential: CredentialRow,
    permit: ReferencePermit,
    now: datetime,
) -> ReferenceSentRow:
    """The signed reference as its row, with a fresh value wherever partners could link."""
    facts = certificates.valid_certificate(session, credential.certificate_id)
    life = rules.lifetime(
        now, maximum_days=permit.maximum_days, ends=(consent.expires_at,)
    )
    reference_id = node.identifiers.nonce()
    secret = node.identifiers.random_bytes(SECRET_BYTES)
    partner = permit.permit.recipient
    list_id, index = lists.take_entry(session, node, partner, now)
    row = ReferenceSentRow(
        reference_id=reference_id,
        credential_id=credential.credential_id,
        learner_ref=credential.learner_ref,
        partner=partner,
        subject=references.pairwise_subject(
            node.keys.pairwise, partner, credential.learner_ref
        ),
        status_list_id=list_id,
        status_index=index,
        claim_secret=accounts.seal(node, _claim_purpose(reference_id), secret),
        purpose=permit.permit.purpose,
        agreement=permit.agreement_id,
        consent_event=consent.event_id,
        issued_at=now,
        expires_at=life.expires_at,
        state=SentState.SENT,
        message_id=reference_id,
    )
    seed = _stop_seed(session, node, credential.learner_ref, now)
    claims = _claims(node, row, life, secret, seed)
    row.token = references.issue_reference(
        claims,
        rules.reference_facts(node.origin, _certified(credential, facts)),
        key=node.keys.references,
        salts=[
            node.identifiers.random_bytes(SECRET_BYTES)
            for _ in range(references.DIGEST_COUNT)
        ],
    ).encode()
    return row


def _claims(
    node: Node,
    row: ReferenceSentRow,
    life: rules.Lifetime,
    claim_secret: bytes,
    stop_seed: bytes,
) -> ReferenceClaims:
    stop_key = references.stop_key(stop_seed, row.reference_id)
    return ReferenceClaims(
        iss=node.origin,
        iat=life.issued,
        exp=life.expires,
        jti=row.reference_id,
        sub=row.subject,
        consent=references.ReferenceConsent(
            id=node.identifiers.nonce(),
            purpose=row.purpose,
            recipient=row.partner,
            expires=life.expires_at,  # not the consent's own end: it would link partners
        ),
        status=references.ReferenceStatus(
            status_list=references.StatusPointer(
                idx=row.status_index,
                uri=status_lists.status_list_uri(node.origin, row.status_list_id),
            )
        ),
        claim_commitment=references.claim_commitment(claim_secret),
        stop_commitment=references.stop_commitment(stop_key),
    )


def _certified(credential: CredentialRow, facts: CertificateFacts) -> rules.Certified:
    return rules.Certified(
        credential_id=credential.credential_id,
        digest=credential.digest,
        code=facts.programme_code,
        titles=facts.programme_title,
        awarded_on=facts.awarded_on,
        level=facts.level,
    )


def _deliver(
    session: Session, node: Node, row: ReferenceSentRow, entry: UsageEntry
) -> None:
    """Write the message and have it sent; `entry` is its row in the usage log."""
    if (entry.use.reference_id, entry.use.recipient) != (row.reference_id, row.partner):
        raise StateError("the usage-log row is about another reference")
    payload = ReferenceDelivery(
        signers=(node.signer,),
        issuer=node.origin,
        recipient=row.partner,
        sent_at=notices.sending_day(entry.at),
        agreement=row.agreement,
        token=references.present(row.token.decode(), references.PARTNER_FACTS),
        expires=row.expires_at,
    )
    document = start_document(payload, node.keys.documents)
    row.document_digest = open_document(document).document_id
    session.add(row)
    session.flush()
    messages.enqueue(
        session, row.partner, row.message_id, notices.DELIVERY_KIND, document, entry.at
    )


def _stop_seed(session: Session, node: Node, learner_ref: str, now: datetime) -> bytes:
    """The seed on the learner's slip, made with the first reference."""
    row = session.get(StopSlipRow, learner_ref)
    if row is None:
        fresh = node.identifiers.random_bytes(SECRET_BYTES)
        sealed = accounts.seal(node, _seed_purpose(learner_ref), fresh)
        insert_once(
            session, StopSlipRow(learner_ref=learner_ref, seed=sealed, made_at=now)
        )
        row = session.get_one(StopSlipRow, learner_ref)
    return _open_seed(node, learner_ref, row)


def _open_seed(node: Node, learner_ref: str, row: StopSlipRow) -> bytes:
    return accounts.unseal(node, _seed_purpose(learner_ref), row.seed)


def _claim_purpose(reference_id: str) -> str:
    return f"references_sent.claim_secret {reference_id}"


def _seed_purpose(learner_ref: str) -> str:
    return f"stop_slips.seed {learner_ref}"


def _note_receipt(
    session: Session, partner: str, message_id: str, answer: bytes, now: datetime
) -> None:
    row = session.get(ReferenceSentRow, message_id)
    if row is None or row.partner != partner or row.receipt is not None:
        return
    receipt = verify_document(
        answer,
        MessageReceipt,
        kind=notices.RECEIPT_KIND,
        keys={partner: partners.pinned(session, partner).descriptor.key_set},
        at=now,
    ).payload
    if (receipt.message_id, receipt.digest) != (message_id, row.document_digest):
        raise DigestMismatchError("the receipt is for another message")
    row.receipt = answer
    row.delivered_at = now if receipt.outcome == "accepted" else None
