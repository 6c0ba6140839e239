"""The decision whether something may leave: from its arguments alone.

`decide_…` gives a `Permit` or raises with the reason. Nobody else makes a permit, and what
sends asks for one (through the usage-log entry that is written from it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from interurban_node.agreements.service import AgreementInForce
from interurban_node.audit.service import Grade, UseKind
from interurban_node.core.errors import (
    NotPublishedError,
    OutsideAgreementError,
    OutsidePlanError,
    SuspendedError,
)
from interurban_protocol.encoding import format_time
from interurban_protocol.release_plans import PUBLIC

_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What the decision needs to know of a release."""

    release_id: str
    plan_id: str
    purpose: str
    recipients: tuple[str, ...]
    publication_at: datetime
    held_from: str | None = None  # the partner that published it; None: this node did


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Something may leave, once, for one recipient. Only `decide_…` makes one."""

    kind: UseKind
    recipient: str
    purpose: str
    grade: Grade
    agreement_id: str | None
    release_id: str | None = None
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only a decision makes a Permit")


def decide_release(
    release: ReleaseFacts,
    *,
    asker: str,
    agreements: Sequence[AgreementInForce],
    now: datetime,
    grade: Grade = Grade.COUNTERSIGNED,
    bound_to: str | None = None,
) -> Permit:
    """May `asker`, a partner whose request or token was verified, have the release?

    Rules, in order: 1. an agreement in force between the two refers to the release's plan;
    2. the release is this node's own and names the asker as recipient (an issued release is
    never opened to another, nor passed on); 3. disclosure to the asker is not suspended;
    4. the publication time has come. What is `bound_to` one agreement, as a token is, reads
    through that one alone; a suspension under any agreement stops it all the same.

    Raises:
        OutsideAgreementError, OutsidePlanError, SuspendedError, NotPublishedError.
    """
    shared = [a for a in agreements if asker in a.agreement.payload.nodes]
    covering = [
        a
        for a in shared
        if release.plan_id in {agreed.plan for agreed in a.agreement.payload.plans}
    ]
    through = [a for a in covering if bound_to in (None, a.agreement_id)]
    if not through:  # 1
        raise OutsideAgreementError(
            "no agreement in force between the two nodes refers to this release's plan"
        )
    if asker not in release.recipients or release.held_from is not None:  # 2
        raise OutsidePlanError(
            "the release does not name the asking node as a recipient"
        )
    _check_not_suspended(asker, covering)  # 3
    _check_published(release, now)  # 4
    return Permit(
        kind=UseKind.RELEASE_SENT,
        recipient=asker,
        purpose=release.purpose,
        grade=grade,
        agreement_id=through[0].agreement_id,
        release_id=release.release_id,
        _seal=_SEAL,
    )


def decide_own_release(
    release: ReleaseFacts, *, own_origin: str, now: datetime
) -> Permit:
    """May this city's own programs, shown by a bearer token, have its own release?

    Raises:
        NotPublishedError: before the publication time.
    """
    _check_published(release, now)
    return Permit(
        kind=UseKind.RELEASE_SENT,
        recipient=own_origin,
        purpose=release.purpose,
        grade=Grade.BEARER,
        agreement_id=None,
        release_id=release.release_id,
        _seal=_SEAL,
    )


def decide_held_release(
    release: ReleaseFacts, *, own_origin: str, now: datetime
) -> Permit:
    """May this city's own programs read a release that is kept here, own or pulled?

    Raises:
        OutsidePlanError: a partner's release that names neither this node nor the public.
        NotPublishedError: before the publication time.
    """
    if release.held_from is not None and not (
        {own_origin, PUBLIC} & set(release.recipients)
    ):
        raise OutsidePlanError("the release does not name this node as a recipient")
    return decide_own_release(release, own_origin=own_origin, now=now)


def decide_public_release(release: ReleaseFacts, *, now: datetime) -> Permit:
    """May anybody have the release? Its publication is the sending.

    Raises:
        OutsidePlanError: it is another city's, or does not name the public as a recipient.
        NotPublishedError: before the publication time.
    """
    if PUBLIC not in release.recipients or release.held_from is not None:
        raise OutsidePlanError("the release does not name the public as a recipient")
    _check_published(release, now)
    return Permit(
        kind=UseKind.RELEASE_SENT,
        recipient=PUBLIC,
        purpose=release.purpose,
        grade=Grade.OWN,
        agreement_id=None,
        release_id=release.release_id,
        _seal=_SEAL,
    )


def decide_reference(
    *, recipient: str, agreements: Sequence[AgreementInForce]
) -> tuple[Permit, AgreementInForce]:
    """May a reference to a consenting learner's certificate go to `recipient`?

    The learner's consent is a separate proof that the sending asks for as well.

    Raises:
        OutsideAgreementError: no agreement in force with the recipient.
        SuspendedError: disclosure to it is suspended.
    """
    covering = [a for a in agreements if recipient in a.agreement.payload.nodes]
    if not covering:
        raise OutsideAgreementError("no agreement with the recipient is in force")
    _check_not_suspended(recipient, covering)
    permit = Permit(
        kind=UseKind.REFERENCE_SENT,
        recipient=recipient,
        purpose=covering[0].agreement.payload.references.purpose,
        grade=Grade.COUNTERSIGNED,
        agreement_id=covering[0].agreement_id,
        _seal=_SEAL,
    )
    return permit, covering[0]


def _check_not_suspended(asker: str, agreements: Sequence[AgreementInForce]) -> None:
    if any(asker in agreement.suspended_towards for agreement in agreements):
        raise SuspendedError(
            "this node has suspended new disclosure to the asking node",
            reasons=("protective traffic (status, notices, acknowledgements) goes on",),
        )


def _check_published(release: ReleaseFacts, now: datetime) -> None:
    if now < release.publication_at:
        when = format_time(release.publication_at)
        raise NotPublishedError(f"the release is published at {when}")
