"""Plans and agreements: propose, receive, sign, relay, suspend; what is in force here.

Nothing is believed because somebody says so. Each node verifies plan, structures and every
signature itself, signs no plan from which a hidden figure would follow, adopts structures
only by signing, and calls an agreement *in force* only when it holds the complete set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.messages import enqueue_message
from interurban_node.agreements.models import AgreementRow
from interurban_node.agreements.plans import (
    adopt_structures,
    check_plans_fit,
    check_signable,
    objections,
    plan,
    plan_ids,
    propose_plan,
    take_plans,
    with_tables,
)
from interurban_node.agreements.queries import agreement_row, plan_row, suspensions_of
from interurban_node.agreements.rules import AgreementView, Objection, agreement_view
from interurban_node.agreements.standing import (
    AgreementInForce,
    PlanInForce,
    in_force,
    plan_in_force,
    plans_in_force,
)
from interurban_node.agreements.suspensions import receive_suspension, suspend
from interurban_node.consent.questions import publish_standard_question
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_node.partners import service as partners
from interurban_node.partners.service import PinnedPartner
from interurban_node.structures import service as structures
from interurban_protocol import jws
from interurban_protocol.agreements import (
    KIND,
    AgreedPlan,
    Agreement,
    Party,
    ReferenceTerms,
    check_agreement,
)
from interurban_protocol.consent_records import Scope
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    MalformedError,
    SignersError,
    UnknownKeyError,
    WrongTargetError,
)
from interurban_protocol.keys import Algorithm, KeySet, Purpose
from interurban_protocol.messages import Message, write_message
from interurban_protocol.release_plans import (
    ReleasePlan,
)
from interurban_protocol.signed_documents import (
    OpenDocument,
    Signer,
    add_signature,
    check_signers,
    check_understood,
    document_type,
    merge_signatures,
    open_document,
    read_payload,
    start_document,
    verify_document,
)

REFERENCE_PURPOSE = "dpv:PersonnelHiring"  # jobs and apprenticeships in the next town
NOTICE_ANSWER_DAYS = 7
CONSENT_DAYS = 730  # a cohort is counted up to a year and a half after it enrolled
AT_END: Mapping[str, str] = {
    "en": "Releases stay with their recipients. References end, and their recipients erase "
    "what they disclose. Status, notices and acknowledgements flow until then.",
    "ar": "تبقى الإحصاءات المنشورة لدى مستلميها. وتنتهي الإحالات ويمحو مستلموها ما كُشف لهم. "
    "وتستمر الإشعارات وقوائم الحالة وإقرارات الاستلام حتى ذلك الحين.",
}


@dataclass(frozen=True, slots=True)
class AgreementStatus:
    """Everything that `agreement show` says of one agreement."""

    agreement_id: str
    payload: Agreement
    signed: frozenset[str]
    view: AgreementView
    suspensions: tuple[tuple[str, str, str], ...]  # by, towards, reason
    objections: tuple[
        Objection, ...
    ] = ()  # why this node would not sign; none once it has


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementDraft:
    """What the operator decides when proposing."""

    title: Mapping[str, str]
    plan_ids: Sequence[str]
    partners: Sequence[str]
    minimum_parties: int
    answer_by: datetime
    valid_from: datetime
    valid_until: datetime
    reference_purpose: str
    reference_days: int
    answer_days: int
    at_end: Mapping[str, str]


def propose(session: Session, node: Node, draft: AgreementDraft, now: datetime) -> str:
    """Propose an agreement, signed by us, to its other parties; its id.

    Raises:
        NotFoundError, RefusedError: a plan or partner that we do not have.
        MalformedError: a draft that contradicts itself.
        ChainError: a structure does not follow on the versions adopted here.
        DisclosureError: a hidden figure would follow from its plans.
    """
    plans = [(plan_id, plan(session, plan_id)) for plan_id in draft.plan_ids]
    payload = _payload(session, node, draft, plans, now)
    check_agreement(payload)
    _check_and_adopt(session, payload, [found for _, found in plans], now)
    document = start_document(payload, node.keys.documents)
    opened = open_document(document)
    session.add(
        AgreementRow(
            agreement_id=opened.document_id,
            document=document,
            received_at=now,
            signed_by_us_at=now,
        )
    )
    session.flush()
    _send(session, node, document, payload, payload.nodes - {node.origin}, now)
    return opened.document_id


def receive(
    session: Session,
    node: Node,
    partner: PinnedPartner,
    message: Message,
    now: datetime,
) -> bytes:
    """Take in an agreement, or more signatures on one; answers with what we hold.

    Steps: 1. understood and consistent; 2. we and the sender are parties, and every party
    is pinned here under the identity that it names; 3. each signature verifies; 4. plans
    and structures are attached, match their digests and are sound; 5. merge, and when the
    set is complete verify it as a whole.

    Raises:
        InterurbanError: whatever is wrong; nothing is kept then.
    """
    opened = open_document(message.document)
    payload = read_payload(opened, Agreement)
    check_understood(payload)  # 1
    check_agreement(payload)
    _check_parties(session, node, payload, partner)  # 2
    keys = partners.key_sets(session, node)
    _check_partial(payload, opened, keys, now)  # 3
    take_plans(session, node, payload, message.attachments, now)  # 4
    row = _merge(session, message.document, payload, keys, now)  # 5
    _complete(session, node, row, payload, now)
    return _answer(row)


def sign(
    session: Session, node: Node, agreement_id: str, now: datetime
) -> AgreementStatus:
    """Sign an agreement that was proposed to us, and send the signature to its proposer.

    Raises:
        NotFoundError: no such agreement.
        StateError: its time to answer is over.
        ChainError: a structure does not follow on the versions adopted here.
        DisclosureError: a hidden figure would follow from its plans; with all reasons.
    """
    row = agreement_row(session, agreement_id)
    payload = read_payload(open_document(row.document), Agreement)
    if row.signed_by_us_at is None:
        if now >= payload.answer_by:
            raise StateError(
                "the time to sign is over", next_step="Ask for a new proposal."
            )
        check_understood(payload)
        plans = [plan(session, agreed.plan) for agreed in payload.plans]
        _check_and_adopt(session, payload, plans, now)
        row.document = add_signature(row.document, KIND, node.keys.documents)
        row.signed_by_us_at = now
        _complete(session, node, row, payload, now)
        _send(session, node, row.document, payload, {payload.proposed_by}, now)
    return status(session, node, agreement_id, now)


def status(
    session: Session, node: Node, agreement_id: str, now: datetime
) -> AgreementStatus:
    """Where one agreement stands.

    Raises:
        NotFoundError: no such agreement.
    """
    return _status(session, node, agreement_row(session, agreement_id), now)


def statuses(session: Session, node: Node, now: datetime) -> list[AgreementStatus]:
    """Where every agreement stands, newest first."""
    rows = session.scalars(
        sa.select(AgreementRow).order_by(AgreementRow.received_at.desc())
    )
    return [_status(session, node, row, now) for row in rows]


def _payload(
    session: Session,
    node: Node,
    draft: AgreementDraft,
    plans: Sequence[tuple[str, ReleasePlan]],
    now: datetime,
) -> Agreement:
    own = partners.own_descriptor(node)
    others = [partners.pinned(session, origin) for origin in draft.partners]
    descriptors = [own, *(other.descriptor for other in others)]
    first = plans[0][1] if plans else None
    if first is None:
        raise MalformedError("an agreement refers to at least one plan")
    return Agreement(
        signers=tuple(
            Signer(
                node=found.payload.node,
                key_id=_documents_key_id(found.key_set, now),
            )
            for found in descriptors
        ),
        title=dict(draft.title),
        parties=tuple(
            Party(
                node=found.payload.node,
                name=found.payload.name,
                identity_key_id=found.identity.key_id,
            )
            for found in descriptors
        ),
        minimum_parties=draft.minimum_parties,
        proposed_by=node.origin,
        proposed_at=now,
        answer_by=draft.answer_by,
        plans=tuple(
            AgreedPlan(
                plan=plan_id,
                subject=found.subject,
                structures=tuple(flow.structure for flow in found.dataflows),
            )
            for plan_id, found in plans
        ),
        purposes=tuple(sorted({p for _, found in plans for p in found.purposes})),
        disclosure_floor=first.profile,
        references=ReferenceTerms(
            purpose=draft.reference_purpose,
            maximum_days=draft.reference_days,
            answer_days=draft.answer_days,
        ),
        valid_from=draft.valid_from,
        valid_until=draft.valid_until,
        at_end=dict(draft.at_end),
    )


def _check_and_adopt(
    session: Session, payload: Agreement, plans: Sequence[ReleasePlan], now: datetime
) -> None:
    """What comes before each signature of ours."""
    check_plans_fit(payload, plans)
    check_signable(session, plans)
    adopt_structures(session, plans, now)


def _check_parties(
    session: Session, node: Node, payload: Agreement, sender: PinnedPartner
) -> None:
    if node.origin not in payload.nodes or sender.origin not in payload.nodes:
        raise WrongTargetError("the agreement is between other nodes")
    for party in payload.parties:
        if party.node == node.origin:
            identity = partners.own_descriptor(node).identity.key_id
        else:
            identity = partners.pinned(session, party.node).descriptor.identity.key_id
        if party.identity_key_id != identity:
            raise UnknownKeyError(
                f"the agreement names another identity for {party.node} than is pinned"
            )


def _check_partial(
    payload: Agreement, opened: OpenDocument, keys: Mapping[str, KeySet], now: datetime
) -> None:
    """Each signature so far is by a listed signer and verifies; some may be missing."""
    signers = {signer.key_id: signer.node for signer in payload.signers}
    present = [token.key_id for token in opened.signatures]
    if len(set(present)) != len(present):
        raise SignersError("the document has two signatures by the same key")
    for token in opened.signatures:
        if token.key_id not in signers:
            raise SignersError("a signature is by nobody who is listed")
        key = keys[signers[token.key_id]].find(token.key_id, Purpose.DOCUMENTS, now)
        jws.verify(token, typ=document_type(KIND), key=key)


def _merge(
    session: Session,
    document: bytes,
    payload: Agreement,
    keys: Mapping[str, KeySet],
    now: datetime,
) -> AgreementRow:
    """Keep the signatures together; a complete set is kept as it is.

    Raises:
        SignersError: a second, different signature by a key that has signed already.
    """
    agreement_id = open_document(document).document_id
    row = session.get(AgreementRow, agreement_id)
    if row is None:
        row = AgreementRow(
            agreement_id=agreement_id, document=document, received_at=now
        )
        session.add(row)
    elif row.complete_at is None:
        merged = merge_signatures([row.document, document])
        _check_partial(payload, open_document(merged), keys, now)
        row.document = merged
    session.flush()
    return row


def _complete(
    session: Session, node: Node, row: AgreementRow, payload: Agreement, now: datetime
) -> None:
    """Verify the set as a whole once nothing is missing; the proposer then relays it."""
    if row.complete_at is not None:
        return
    try:
        check_signers(payload, open_document(row.document))
    except SignersError:
        return
    verify_document(
        row.document,
        Agreement,
        kind=KIND,
        keys=partners.key_sets(session, node),
        at=now,
    )
    row.complete_at = now
    session.flush()  # a restored node may not know that it has signed
    adopt_structures(session, (plan(session, a.plan) for a in payload.plans), now)
    _ask_learners(session, node, payload, now)
    if payload.proposed_by == node.origin:
        _send(session, node, row.document, payload, payload.nodes - {node.origin}, now)


def _ask_learners(
    session: Session, node: Node, payload: Agreement, now: datetime
) -> None:
    """Publish the questions that the agreement stands on.

    One for each plan of ours, one for each partner that certificates may be shared with.
    """
    for agreed in payload.plans:
        found = plan(session, agreed.plan)
        if node.origin in found.publishers:
            publish_standard_question(
                session,
                node,
                Scope.AGGREGATES,
                found.recipients,
                now,
                purpose=found.purposes[0],
                data_elements=agreed.structures,
                valid_for_days=CONSENT_DAYS,
            )
    for origin in sorted(payload.nodes - {node.origin}):
        publish_standard_question(
            session,
            node,
            Scope.REFERENCE,
            (origin,),
            now,
            purpose=payload.references.purpose,
        )


def _send(
    session: Session,
    node: Node,
    document: bytes,
    payload: Agreement,
    to: Iterable[str],
    now: datetime,
) -> None:
    attachments = [plan_row(session, agreed.plan).document for agreed in payload.plans]
    digests = {digest for agreed in payload.plans for digest in agreed.structures}
    attachments += [structures.bundle(session, digest) for digest in sorted(digests)]
    body = write_message(KIND, document, tuple(attachments))
    for origin in sorted(set(to) - {node.origin}):
        enqueue_message(session, node, origin, body, now)


def _status(
    session: Session, node: Node, row: AgreementRow, now: datetime
) -> AgreementStatus:
    opened = open_document(row.document)
    payload = read_payload(opened, Agreement)
    present = {token.key_id for token in opened.signatures}
    signed = frozenset(s.node for s in payload.signers if s.key_id in present)
    view = agreement_view(
        payload,
        signed=signed,
        complete=row.complete_at is not None,
        own_origin=node.origin,
        names={
            party.node: party.name.get("en", party.node) for party in payload.parties
        },
        now=now,
    )
    suspensions = tuple(
        (s.by, s.towards, s.reason) for s in suspensions_of(session, row.agreement_id)
    )
    against: tuple[Objection, ...] = ()
    if row.signed_by_us_at is None:
        plans = [plan(session, agreed.plan) for agreed in payload.plans]
        against = objections(session, with_tables(session, plans))
    return AgreementStatus(
        row.agreement_id, payload, signed, view, suspensions, against
    )


def _documents_key_id(keys: KeySet, now: datetime) -> str:
    return keys.current(Purpose.DOCUMENTS, Algorithm.ED25519, now).key_id


def _answer(row: AgreementRow) -> bytes:
    return canonical_json(
        {"agreement": row.agreement_id, "complete": row.complete_at is not None}
    )


__all__ = [
    "AT_END",
    "NOTICE_ANSWER_DAYS",
    "REFERENCE_PURPOSE",
    "AgreementDraft",
    "AgreementInForce",
    "AgreementStatus",
    "Objection",
    "PlanInForce",
    "in_force",
    "objections",
    "plan",
    "plan_ids",
    "plan_in_force",
    "plans_in_force",
    "propose",
    "propose_plan",
    "receive",
    "receive_suspension",
    "sign",
    "status",
    "statuses",
    "suspend",
    "with_tables",
]
