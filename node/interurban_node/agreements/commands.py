"""`interurban plan …`, `interurban agreement …`, and `interurban structure lint`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.core.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    Shown,
    opened,
    own_file,
    say,
    show,
)
from interurban_node.structures.commands import structure_app

if TYPE_CHECKING:
    from interurban_node.agreements.service import AgreementStatus
    from interurban_protocol.encoding import JsonValue

plan_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What will be published, for whom, protected how, and when.",
)
agreement_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Propose, read, sign and suspend agreements.",
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
    from interurban_node.agreements import drafts, renderings, service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with own_file(draft):
            payload, bundles = drafts.read_plan(node, draft, now)
            with node.database.transaction() as session:
                plan_id = service.propose_plan(session, node, payload, bundles, now)
                (view,) = renderings.plan_views(session, node, [plan_id], now)
        for line in renderings.warning_lines(view):
            say(line)
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
    """Show plans: tables, recipients, purposes, protection, calendar, agreements."""
    from interurban_node.agreements import renderings, service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            ids = [plan_id] if plan_id else service.plan_ids(session)
            views = renderings.plan_views(session, node, ids, now)
        data: JsonValue = [renderings.plan_facts(view) for view in views]
        lines = [line for view in views for line in renderings.plan_lines(view)]
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
        show(_shown(status), as_json=as_json)


@agreement_app.command(name="show")
def show_agreement(
    agreement_id: Annotated[
        str | None, typer.Argument(help="One; all without it.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show agreements: whose move is next, and everything that is signed."""
    from interurban_node.agreements import renderings, service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            if agreement_id:
                found = [service.status(session, node, agreement_id, now)]
            else:
                found = service.statuses(session, node, now)
        data: JsonValue = [renderings.agreement_facts(status) for status in found]
        lines = [line for each in found for line in renderings.agreement_lines(each)]
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
        show(_shown(status), as_json=as_json)


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
        show(_shown(status), as_json=as_json)


@structure_app.command()
def lint(
    plan: Annotated[Path, typer.Option(help="The plan's draft, as TOML.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say whether a hidden figure would follow from a plan; exit 1 if it would."""
    from interurban_node.agreements import drafts, renderings, service
    from interurban_protocol.release_plans import check_plan
    from interurban_protocol.structures import parse_structure

    with opened(home, as_json=as_json) as node:
        with own_file(plan):
            payload, bundles = drafts.read_plan(node, plan, node.clock())
            check_plan(payload)
            tables = [parse_structure(bundle) for bundle in bundles]
        with node.database.transaction() as session:
            found = service.objections(session, [(payload, tables)])
        lines = renderings.objection_lines(found) or [
            f"No rule is against the plan with its {len(tables)} table(s)."
        ]
        facts = renderings.objection_facts(found)
        show(Shown({"objections": facts}, lines), as_json=as_json)
        if found:
            raise typer.Exit(1)


def _shown(status: "AgreementStatus") -> Shown:
    from interurban_node.agreements import renderings

    return Shown(renderings.agreement_facts(status), renderings.agreement_lines(status))


__all__ = ["agreement_app", "plan_app", "structure_app"]
