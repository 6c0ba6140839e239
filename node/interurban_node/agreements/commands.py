"""`interurban plan …` and `interurban agreement …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.core.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    Shown,
    opened,
    show,
)

if TYPE_CHECKING:
    from interurban_node.agreements.service import AgreementStatus
    from interurban_protocol.encoding import JsonValue
    from interurban_protocol.release_plans import ReleasePlan

plan_app = typer.Typer(
    no_args_is_help=True,
    help="What will be published, for whom, protected how, and when.",
)
agreement_app = typer.Typer(
    no_args_is_help=True, help="Propose, read, sign and suspend agreements."
)


@plan_app.command(name="propose")
def propose_plan(
    draft: Annotated[
        Path, typer.Argument(help="A plan as TOML; docs/operators.md shows one.")
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign and keep a plan, ready to be named by an agreement."""
    from interurban_node.agreements import drafts, service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        payload, bundles = drafts.read_plan(node, draft, now)
        with node.database.transaction() as session:
            plan_id = service.propose_plan(session, node, payload, bundles, now)
        lines = [
            plan_id,
            f"Next: interurban agreement propose --plan {plan_id} --partner ADDRESS",
        ]
        show(Shown({"plan_id": plan_id}, lines), as_json=as_json)


@plan_app.command(name="show")
def show_plan(
    plan_id: Annotated[
        str | None, typer.Argument(help="One plan; all without it.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show plans: dataflows, recipients, protection, calendar."""
    from interurban_node.agreements import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            ids = [plan_id] if plan_id else service.plan_ids(session)
            plans = [(each, service.plan(session, each)) for each in ids]
        data: JsonValue = [
            {"plan_id": each, **_plan_facts(plan)} for each, plan in plans
        ]
        lines = [line for each, plan in plans for line in _plan_lines(each, plan)]
        show(
            Shown({"plans": data}, lines or ["There is no plan yet."]), as_json=as_json
        )


@agreement_app.command()
def propose(
    plan: Annotated[list[str], typer.Option(help="A plan's id; may be repeated.")],
    partner: Annotated[
        list[str], typer.Option(help="A partner's address; may be repeated.")
    ],
    title: Annotated[
        str, typer.Option(help="What it is about.")
    ] = "Shared training programme",
    minimum_parties: Annotated[
        int, typer.Option(min=2, help="With fewer left, it ends for all.")
    ] = 2,
    days: Annotated[int, typer.Option(min=1, help="How long it is valid.")] = 365,
    answer_days: Annotated[
        int, typer.Option(min=1, help="Within which all must sign.")
    ] = 30,
    reference_days: Annotated[
        int, typer.Option(min=1, max=90, help="Validity of a credential reference.")
    ] = 90,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Propose an agreement over plans to partners; signed by us with this."""
    from datetime import timedelta

    from interurban_node.agreements import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        draft = service.AgreementDraft(
            title={"en": title},
            plan_ids=plan,
            partners=partner,
            minimum_parties=minimum_parties,
            answer_by=now + timedelta(days=answer_days),
            valid_from=now,
            valid_until=now + timedelta(days=days),
            reference_purpose=service.REFERENCE_PURPOSE,
            reference_days=reference_days,
            answer_days=service.NOTICE_ANSWER_DAYS,
            at_end=service.AT_END,
        )
        with node.database.transaction() as session:
            agreement_id = service.propose(session, node, draft, now)
            status = service.status(session, node, agreement_id, now)
        show(Shown(_facts(status), _lines(status)), as_json=as_json)


@agreement_app.command(name="show")
def show_agreement(
    agreement_id: Annotated[
        str | None, typer.Argument(help="One; all without it.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show agreements: state, whose move is next, by when, and why."""
    from interurban_node.agreements import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            if agreement_id:
                found = [service.status(session, node, agreement_id, now)]
            else:
                found = service.statuses(session, node, now)
        data: JsonValue = [_facts(status) for status in found]
        lines = [line for status in found for line in _lines(status)]
        show(
            Shown({"agreements": data}, lines or ["No agreement yet."]), as_json=as_json
        )


@agreement_app.command()
def sign(
    agreement_id: Annotated[
        str, typer.Argument(help="The agreement's id, as `show` prints it.")
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign an agreement that was proposed to this city."""
    from interurban_node.agreements import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            status = service.sign(session, node, agreement_id, node.clock())
        show(Shown(_facts(status), _lines(status)), as_json=as_json)


@agreement_app.command()
def suspend(
    agreement_id: Annotated[str, typer.Argument(help="The agreement's id.")],
    towards: Annotated[
        list[str], typer.Option(help="A partner's address; may be repeated.")
    ],
    reason: Annotated[
        str, typer.Option(help="For the partner to read; no personal data.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Disclose to it again.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Stop new disclosure to partners at once; protective traffic goes on."""
    from interurban_node.agreements import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            service.suspend(
                session,
                node,
                agreement_id,
                towards=towards,
                reason=reason,
                suspended=not resume,
                now=now,
            )
            status = service.status(session, node, agreement_id, now)
        show(Shown(_facts(status), _lines(status)), as_json=as_json)


def _facts(status: "AgreementStatus") -> "dict[str, JsonValue]":
    from interurban_protocol.encoding import format_time

    deadline = status.view.deadline
    return {
        "agreement_id": status.agreement_id,
        "title": dict(status.payload.title),
        "state": str(status.view.state),
        "next_move_by": status.view.owner,
        "deadline": format_time(deadline) if deadline else None,
        "why": status.view.why,
        "parties": sorted(status.payload.nodes),
        "signed": sorted(status.signed),
        "plans": [agreed.plan for agreed in status.payload.plans],
        "suspensions": [
            {"by": by, "towards": towards, "reason": reason}
            for by, towards, reason in status.suspensions
        ],
    }


def _lines(status: "AgreementStatus") -> list[str]:
    facts = _facts(status)
    return [
        f"{status.payload.title.get('en', 'Agreement')}: {status.view.state}",
        f"  id         {status.agreement_id}",
        f"  next move  {status.view.owner}: {status.view.why}",
        f"  deadline   {facts['deadline'] or 'none'}",
        f"  signed     {len(status.signed)} of {len(status.payload.parties)}",
        *(
            f"  suspended  {by} towards {to}: {why}"
            for by, to, why in status.suspensions
        ),
    ]


def _plan_facts(plan: "ReleasePlan") -> "dict[str, JsonValue]":
    facts: dict[str, JsonValue] = plan.model_dump(mode="json", exclude_none=True)
    return facts


def _plan_lines(plan_id: str, plan: "ReleasePlan") -> list[str]:
    return [
        f"{plan.title.get('en', plan.subject)}",
        f"  id          {plan_id}",
        f"  subject     {plan.subject}",
        f"  dataflows   {', '.join(flow.urn.rpartition('=')[2] for flow in plan.dataflows)}",
        f"  publishers  {', '.join(plan.publishers)}",
        f"  recipients  {', '.join(plan.recipients)}",
        f"  protection  {plan.profile.name}: hides below {plan.profile.threshold}, "
        f"at most {plan.profile.max_dimensions} dimensions crossed",
        *(
            f"  period      {p.period}: cut-off {p.cut_off:%Y-%m-%d}, "
            f"published {p.publication:%Y-%m-%d}"
            for p in plan.periods
        ),
    ]
