"""Agreements and plans as people and programs read them: everything that is signed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.agreements import service
from interurban_node.agreements.service import AgreementStatus
from interurban_node.core.context import Node
from interurban_node.structures import service as structures
from interurban_protocol.agreements import AgreementState
from interurban_protocol.encoding import JsonValue, format_time
from interurban_protocol.release_plans import ProtectionProfile, ReleasePlan
from interurban_protocol.structures import Structure


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan that we hold, with its tables and the agreements that name it."""

    plan_id: str
    plan: ReleasePlan
    structures: tuple[Structure, ...]
    named_by: tuple[AgreementStatus, ...]


def plan_views(
    session: Session, node: Node, plan_ids: Iterable[str], now: datetime
) -> list[PlanView]:
    """The plans with these ids.

    Raises:
        NotFoundError: there is no such plan.
    """
    statuses = service.statuses(session, node, now)
    return [_plan_view(session, plan_id, statuses) for plan_id in plan_ids]


def agreement_facts(status: AgreementStatus) -> dict[str, JsonValue]:
    """An agreement for programs; `deadline` is kept as the older name of `until`."""
    payload, view = status.payload, status.view
    until = format_time(view.deadline) if view.deadline else None
    floor: JsonValue = payload.disclosure_floor.model_dump(
        mode="json", exclude_none=True
    )
    return {
        "agreement_id": status.agreement_id,
        "title": dict(payload.title),
        "state": str(view.state),
        "next_move_by": view.owner,
        "deadline": until,
        "until": until,
        "why": view.why,
        "parties": sorted(payload.nodes),
        "names": {party.node: dict(party.name) for party in payload.parties},
        "proposed_by": payload.proposed_by,
        "minimum_parties": payload.minimum_parties,
        "signed": sorted(status.signed),
        "plans": [agreed.plan for agreed in payload.plans],
        "purposes": list(payload.purposes),
        "valid_from": format_time(payload.valid_from),
        "valid_until": format_time(payload.valid_until),
        "answer_by": format_time(payload.answer_by),
        "references": {
            "purpose": payload.references.purpose,
            "maximum_days": payload.references.maximum_days,
            "answer_days": payload.references.answer_days,
        },
        "disclosure_floor": floor,
        "at_end": dict(payload.at_end),
        "suspensions": [
            {"by": by, "towards": towards, "reason": reason}
            for by, towards, reason in status.suspensions
        ],
    }


def agreement_lines(status: AgreementStatus) -> list[str]:
    """An agreement for people: where it stands, and what a signature agrees to."""
    payload, view = status.payload, status.view
    word = "until" if view.state is AgreementState.IN_FORCE else "deadline"
    until = format_time(view.deadline) if view.deadline else "none"
    references, floor = payload.references, payload.disclosure_floor
    return [
        f"{payload.title.get('en', 'Agreement')}: {state_words(view.state)}",
        f"  id          {status.agreement_id}",
        f"  next move   {view.owner}: {view.why}",
        f"  {word:<10}  {until}",
        f"  signed      {len(status.signed)} of {len(payload.parties)}",
        *(
            f"  party       {_name(party.name)} ({party.node})"
            + ("" if party.node in status.signed else ", has not signed")
            for party in payload.parties
        ),
        f"  minimum     {payload.minimum_parties} parties; with fewer it ends for all",
        *(f"  plan        {agreed.plan}" for agreed in payload.plans),
        f"  purposes    {', '.join(payload.purposes)}",
        f"  valid       {_span(payload.valid_from, payload.valid_until)}",
        f"  references  for {references.purpose}, valid {references.maximum_days} days; "
        f"notices are answered within {references.answer_days} days",
        f"  floor       no plan protects less than {floor.name}: "
        f"hides below {floor.threshold}",
        f"  at its end  {_name(payload.at_end)}",
        *(
            f"  suspended   {by} towards {to}: {why}"
            for by, to, why in status.suspensions
        ),
    ]


def plan_facts(view: PlanView) -> dict[str, JsonValue]:
    """A plan for programs: its payload, its tables, and the agreements that name it."""
    facts: dict[str, JsonValue] = view.plan.model_dump(mode="json", exclude_none=True)
    return {
        "plan_id": view.plan_id,
        **facts,
        "structures": [_structure_facts(found) for found in view.structures],
        "agreements": [
            {"agreement_id": status.agreement_id, "state": str(status.view.state)}
            for status in view.named_by
        ],
    }


def plan_lines(view: PlanView) -> list[str]:
    """A plan for people: which tables, for whom and why, protected how, and when."""
    plan = view.plan
    return [
        f"{plan.title.get('en', plan.subject)}",
        f"  id          {view.plan_id}",
        f"  subject     {plan.subject}",
        *_structure_lines(view.structures),
        f"  publishers  {', '.join(plan.publishers)}",
        f"  recipients  {', '.join(plan.recipients)}",
        f"  purposes    {', '.join(plan.purposes)}",
        f"  valid       {_span(plan.valid_from, plan.valid_until)}",
        *_profile_lines(plan.profile),
        *(
            f"  period      {p.period}: cut-off {p.cut_off:%Y-%m-%d}, "
            f"published {p.publication:%Y-%m-%d}"
            for p in plan.periods
        ),
        *(
            f"  agreement   {status.agreement_id}, {state_words(status.view.state)}"
            for status in view.named_by
        ),
        *([] if view.named_by else ["  agreement   none names it yet"]),
    ]


def state_words(state: AgreementState) -> str:
    """The state as people say it: "in force"."""
    return state.replace("_", " ")


def _plan_view(
    session: Session, plan_id: str, statuses: Sequence[AgreementStatus]
) -> PlanView:
    plan = service.plan(session, plan_id)
    found = [structures.structure(session, flow.structure) for flow in plan.dataflows]
    named_by = [
        status
        for status in statuses
        if plan_id in {agreed.plan for agreed in status.payload.plans}
    ]
    return PlanView(plan_id, plan, tuple(found), tuple(named_by))


def _structure_facts(structure: Structure) -> JsonValue:
    return {
        "urn": structure.urn,
        "digest": structure.digest,
        "names": dict(structure.names),
        "dimensions": [
            {"id": each.id, "codes": len(structure.base_codes(each.id))}
            for each in structure.dimensions
        ],
    }


def _structure_lines(found: Sequence[Structure]) -> list[str]:
    lines = []
    for structure in found:
        splits = ", ".join(
            f"{each.id} ({len(structure.base_codes(each.id))} codes)"
            for each in structure.split_dimensions
        )
        lines += [
            f"  dataflow    {structure.reference}: {_name(structure.names)}",
            f"              by {splits or 'nothing'}",
        ]
    return lines


def _profile_lines(profile: ProtectionProfile) -> list[str]:
    noise = profile.perturbation
    return [
        f"  protection  {profile.name}: hides below {profile.threshold}, "
        f"at most {profile.max_dimensions} dimensions crossed, "
        f"rounding {profile.rounding or 'none'}",
        f"              noise at most {noise.maximum}, variance {noise.variance}, "
        f"stay {noise.stay}, blocked {noise.blocked}",
        f"              rates from {profile.min_rate_denominator} people, "
        f"medians from {profile.min_median}; "
        f"collapses differences below {profile.collapse_difference}; "
        f"coverage in steps of {profile.coverage_rounding} points",
    ]


def _span(start: datetime, end: datetime) -> str:
    return f"from {format_time(start)} until {format_time(end)}"


def _name(names: Mapping[str, str]) -> str:
    return names.get("en") or next(iter(names.values()), "")
