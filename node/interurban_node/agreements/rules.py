"""Pure decisions about agreements and plans: state, owner of the next move, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from interurban_protocol.agreements import Agreement, AgreementState
from interurban_protocol.encoding import format_time
from interurban_protocol.release_plans import ReleasePlan


@dataclass(frozen=True, slots=True)
class AgreementView:
    """Where an agreement stands, who moves next, by when, and why."""

    state: AgreementState
    owner: str
    deadline: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a node does not sign, with the rule that it follows from."""

    rule: str
    reason: str
    next_step: str


def agreement_view(
    agreement: Agreement,
    *,
    signed: frozenset[str],
    complete: bool,
    own_origin: str,
    names: Mapping[str, str],
    now: datetime,
) -> AgreementView:
    """The state of an agreement at `now`, from whose signatures are held."""
    if complete:
        return _complete_view(agreement, now)
    missing = sorted(agreement.nodes - signed)
    if now >= agreement.answer_by:
        waited = ", ".join(names.get(node, node) for node in missing)
        return AgreementView(
            AgreementState.LAPSED, "nobody", None, f"not signed in time by {waited}"
        )
    if own_origin in missing:
        owner, why = "us", "read it with `agreement show`, then `agreement sign`"
    elif missing:
        owner = ", ".join(names.get(node, node) for node in missing)
        why = "their signature is missing"
    else:
        owner = names.get(agreement.proposed_by, agreement.proposed_by)
        why = "all have signed; the proposer relays the complete set"
    return AgreementView(AgreementState.PROPOSED, owner, agreement.answer_by, why)


def _complete_view(agreement: Agreement, now: datetime) -> AgreementView:
    if now < agreement.valid_from:
        why = f"comes into force at {format_time(agreement.valid_from)}"
        return AgreementView(
            AgreementState.COMPLETE, "nobody", agreement.valid_from, why
        )
    if now >= agreement.valid_until:
        return AgreementView(AgreementState.ENDED, "nobody", None, "its time is over")
    return AgreementView(
        AgreementState.IN_FORCE, "nobody", agreement.valid_until, "all parties signed"
    )


def over_when_issued(plan: ReleasePlan) -> tuple[str, ...]:
    """The quarters of a plan that were over when it was issued."""
    day = plan.issued_at.date()
    return tuple(planned.period for planned in plan.periods if planned.ends < day)
