"""Agreements and plans as people and programs read them: everything that is signed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.agreements import service
from interurban_node.agreements.rules import Objection, over_when_issued
from interurban_node.agreements.service import AgreementStatus
from interurban_node.core.context import Node
from interurban_node.structures import service as structures
from interurban_protocol.agreements import AgreementState
from interurban_protocol.encoding import JsonValue, format_time
from interurban_protocol.release_plans import PUBLIC, ProtectionProfile, ReleasePlan
from interurban_protocol.structure_versions import Difference, Level, compare
from interurban_protocol.structures import Cohort, Structure


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What a table changes against the newest older version that is adopted here."""

    since: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan that we hold, with its tables and the agreements that name it."""

    plan_id: str
    plan: ReleasePlan
    structures: tuple[Structure, ...]
    named_by: tuple[AgreementStatus, ...]
    changes: Mapping[str, TableChanges] = field(default_factory=dict)  # by URN
    objections: tuple[Objection, ...] = ()  # why this node would not sign it


def plan_views(
    session: Session, node: Node, plan_ids: Iterable[str], now: datetime
) -> list[PlanView]:
    """The plans with these ids.

    Raises:
        NotFoundError: there is no such plan.
    """
    statuses = service.statuses(session, node, now)
    return [_plan_view(session, node.origin, each, statuses) for each in plan_ids]


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
        "objections": objection_facts(status.objections),
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
        *objection_lines(status.objections),
    ]


def plan_facts(view: PlanView) -> dict[str, JsonValue]:
    """A plan for programs: its payload, its tables, and the agreements that name it."""
    facts: dict[str, JsonValue] = view.plan.model_dump(mode="json", exclude_none=True)
    return {
        "plan_id": view.plan_id,
        **facts,
        "structures": [
            _structure_facts(found, view.changes.get(found.urn))
            for found in view.structures
        ],
        "over_when_issued": list(over_when_issued(view.plan)),
        "objections": objection_facts(view.objections),
        "agreements": [
            {"agreement_id": status.agreement_id, "state": str(status.view.state)}
            for status in view.named_by
        ],
    }


def plan_lines(view: PlanView) -> list[str]:
    """A plan for people: which tables, for whom and why, protected how, and when."""
    plan, over = view.plan, over_when_issued(view.plan)
    return [
        f"{plan.title.get('en', plan.subject)}",
        f"  id          {view.plan_id}",
        f"  subject     {plan.subject}",
        *_revision_lines(plan),
        *_structure_lines(view),
        f"  publishers  {', '.join(plan.publishers)}",
        f"  recipients  {', '.join(map(_recipient, plan.recipients))}",
        f"  purposes    {', '.join(plan.purposes)}",
        f"  valid       {_span(plan.valid_from, plan.valid_until)}",
        *_profile_lines(plan.profile),
        *(
            f"  period      {p.period}: cut-off {p.cut_off:%Y-%m-%d}, "
            f"published {p.publication:%Y-%m-%d}"
            + ("; over when the plan was issued" if p.period in over else "")
            for p in plan.periods
        ),
        *(
            f"  agreement   {status.agreement_id}, {state_words(status.view.state)}"
            for status in view.named_by
        ),
        *([] if view.named_by else ["  agreement   none names it yet"]),
        *objection_lines(view.objections),
    ]


def warning_lines(view: PlanView) -> list[str]:
    """What whoever proposes a plan should know of it: old quarters, changed tables."""
    over = ", ".join(over_when_issued(view.plan))
    lines = [f"Note: {over} was over before the plan was issued."] if over else []
    for urn, changes in view.changes.items():
        lines.append(f"Note: {urn.rpartition('=')[2]} is not {changes.since}:")
        lines += _change_lines(changes)
    return lines


def objection_facts(objections: Sequence[Objection]) -> list[JsonValue]:
    """Why a node would not sign, for programs."""
    return [
        {"rule": each.rule, "reason": each.reason, "next_step": each.next_step}
        for each in objections
    ]


def objection_lines(objections: Sequence[Objection]) -> list[str]:
    """Why a node would not sign, for people; nothing if it would."""
    if not objections:
        return []
    lines = ["  refused     this node does not sign it:"]
    for each in objections:
        lines += [
            f"              - {each.reason} ({each.rule})",
            f"                {each.next_step}",
        ]
    return lines


def state_words(state: AgreementState) -> str:
    """The state as people say it: "in force"."""
    return state.replace("_", " ")


def _revision_lines(plan: ReleasePlan) -> list[str]:
    if plan.revision is None:
        return []
    return [
        f"  revision    {plan.revision.period} once more: {plan.revision.reason}",
        f"              it was issued under {plan.revision.replaces}",
    ]


def _plan_view(
    session: Session,
    node_origin: str,
    plan_id: str,
    statuses: Sequence[AgreementStatus],
) -> PlanView:
    plan = service.plan(session, plan_id)
    found = [structures.structure(session, flow.structure) for flow in plan.dataflows]
    named_by = tuple(
        status
        for status in statuses
        if plan_id in {agreed.plan for agreed in status.payload.plans}
    )
    is_signed = any(node_origin in status.signed for status in named_by)
    return PlanView(
        plan_id,
        plan,
        tuple(found),
        named_by,
        _changes(session, found),
        () if is_signed else service.objections(session, [(plan, found)]),
    )


def _changes(session: Session, tables: Iterable[Structure]) -> dict[str, TableChanges]:
    found = {}
    for table in tables:
        before = structures.version_before(session, table)
        if before is not None:
            found[table.urn] = TableChanges(before.version, compare(before, table))
    return found


def _structure_facts(structure: Structure, changes: TableChanges | None) -> JsonValue:
    facts: dict[str, JsonValue] = {
        "urn": structure.urn,
        "digest": structure.digest,
        "names": dict(structure.names),
        "event": structure.event,
        "basis": structure.basis,
        "cohort": _cohort_facts(structure.cohort),
        "dimensions": [
            {"id": each.id, "codes": len(structure.base_codes(each.id))}
            for each in structure.dimensions
        ],
    }
    if changes is not None:
        facts["changed_since"] = changes.since
        facts["change"] = str(changes.difference.level)
        facts["changes"] = [str(change) for change in changes.difference.changes]
    return facts


def _structure_lines(view: PlanView) -> list[str]:
    lines = []
    for structure in view.structures:
        splits = ", ".join(
            f"{each.id} ({len(structure.base_codes(each.id))} codes)"
            for each in structure.split_dimensions
        )
        lines += [
            f"  dataflow    {structure.reference}: {_name(structure.names)}",
            f"              counts {_counted(structure)}",
            f"              by {splits or 'nothing'}",
            *_change_lines(view.changes.get(structure.urn)),
        ]
    return lines


def _cohort_facts(cohort: Cohort | None) -> JsonValue:
    return {"dataflow": cohort.dataflow, "lag": cohort.lag} if cohort else None


def _counted(structure: Structure) -> str:
    basis = structure.basis.replace("_", " ")
    counted = f"{structure.event}, on the basis {basis}"
    if structure.cohort is None:
        return counted
    return (
        f"{counted}, among the people of {structure.cohort.dataflow} "
        f"{structure.cohort.lag} quarters later"
    )


def _change_lines(changes: TableChanges | None) -> list[str]:
    """The difference to the version that this node has, each change in a line."""
    if changes is None:
        return []
    found = changes.difference
    breaks = "; series break here" if found.level is Level.MAJOR else ""
    return [
        f"              {found.level} change since {changes.since}{breaks}",
        *(f"              - {change}" for change in found.changes),
    ]


def _profile_lines(profile: ProtectionProfile) -> list[str]:
    noise = profile.perturbation
    return [
        f"  protection  {profile.name}: hides below {profile.threshold}, "
        f"at most {profile.max_dimensions} dimensions crossed, "
        f"rounding {profile.rounding or 'none'}",
        f"              where an equity group is crossed: hides below "
        f"{profile.threshold_for(crosses_equity=True)}, "
        f"at most {profile.dimensions_for(crosses_equity=True)} dimensions crossed",
        f"              noise at most {noise.maximum}, variance {noise.variance}, "
        f"stay {noise.stay}, blocked {noise.blocked}",
        f"              rates from {profile.min_rate_denominator} people, "
        f"medians from {profile.min_median}; "
        f"collapses differences below {profile.collapse_difference}; "
        f"coverage in steps of {profile.coverage_rounding} points",
        f"              the attacker of the gate has {profile.gate_seconds} seconds"
        + (" and must finish" if profile.gate_must_finish else "; it need not finish"),
    ]


def _span(start: datetime, end: datetime) -> str:
    return f"from {format_time(start)} until {format_time(end)}"


def _name(names: Mapping[str, str]) -> str:
    return names.get("en") or next(iter(names.values()), "")


def _recipient(recipient: str) -> str:
    return "everybody (published)" if recipient == PUBLIC else recipient
