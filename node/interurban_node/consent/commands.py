"""`interurban consent …`: ask, take in answers from paper, and see how things stand.

There is no command that stops a consent: learners stop on their own page.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.core.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    Shown,
    Table,
    opened,
    say,
    show,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from interurban_node.consent.claims import ClaimSource, ImportSummary
    from interurban_node.consent.rules import EventView, QuestionView
    from interurban_node.core.context import Node
    from interurban_protocol.consent_records import Scope
    from interurban_protocol.encoding import JsonValue
    from interurban_protocol.release_plans import ReleasePlan

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Ask learners, and see what they answered.",
)


@app.command()
def ask(
    scope: Annotated[
        str, typer.Option(help="aggregates: be counted; reference: one certificate.")
    ],
    plan: Annotated[
        Path | None, typer.Option(help="A signed release plan, for who and why.")
    ] = None,
    recipient: Annotated[
        list[str] | None, typer.Option(help="A partner's address; may be repeated.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="The code of the purpose; the plan's by default.")
    ] = None,
    valid_days: Annotated[
        int, typer.Option(min=1, max=36_500, help="How long a yes counts.")
    ] = 365,
    country: Annotated[
        str, typer.Option(help="Where the data are kept, as two letters (ISO 3166-1).")
    ] = "ZZ",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Publish the standard question; the same one again changes nothing."""
    from interurban_node.consent import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            planned = _plan(session, node, plan, now) if plan else None
            question_id = service.publish_standard_question(
                session,
                node,
                _scope(scope),
                recipient or (planned.recipients if planned else ()),
                now,
                purpose=purpose or _purpose(scope, planned),
                data_elements=_elements(scope, planned),
                valid_for_days=valid_days,
                country=country,
            )
            view = service.question(session, question_id)
        lines = [
            f"Asking: {view.texts['en'].title}",
            f"For: {', '.join(view.recipients)}; purpose {view.purpose}.",
            f"Question: {question_id}",
        ]
        show(Shown(_question_data(view), lines), as_json=as_json)


@app.command("import")
def import_(
    mapping: Annotated[Path, typer.Option(help="The mapping of the registry system.")],
    folder: Annotated[
        list[Path] | None,
        typer.Option(help="Where the CSV files lie, if not beside the mapping."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="An SQLAlchemy address, for a source in SQL.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take in answers on paper from a registry export; the same sheets again change nothing."""
    from interurban_node.consent import service

    with opened(home, as_json=as_json) as node:
        source: ClaimSource = (
            service.sql_claims(mapping, database)
            if database
            else service.csv_claims(mapping, *(folder or ()))
        )
        summary = service.import_claims(
            node, source, node.clock(), lambda rows: say(f"{rows} rows read")
        )
        show(_imported(summary), as_json=as_json)


@app.command("show")
def show_(
    learner: Annotated[
        str | None, typer.Option(help="One learner's history, by learner reference.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every signature and the chain.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the questions with how many said what, or one learner's history."""
    with opened(home, as_json=as_json) as node, node.database.transaction() as session:
        if learner is None:
            shown = _questions(session, node, verify=verify)
        else:
            shown = _history(session, node, learner, verify=verify)
        show(shown, as_json=as_json)


def _scope(text: str) -> "Scope":
    from interurban_protocol.consent_records import Scope

    if text not in set(Scope):
        raise typer.BadParameter(
            f"choose one of {', '.join(Scope)}", param_hint="scope"
        )
    return Scope(text)


def _plan(
    session: "Session", node: "Node", path: Path, now: "datetime"
) -> "ReleasePlan":
    from interurban_node.core.errors import ConfigurationError
    from interurban_node.partners.service import key_sets
    from interurban_protocol.release_plans import verify_plan

    try:
        document = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read", next_step="Give --plan the file of a signed plan."
        ) from error
    return verify_plan(document, keys=key_sets(session, node), at=now).payload


def _purpose(scope: str, planned: "ReleasePlan | None") -> str:
    from interurban_node.consent.rules import REFERENCE_PURPOSE

    if planned is not None:
        return planned.purposes[0]
    if scope == "reference":
        return REFERENCE_PURPOSE
    raise typer.BadParameter("give --plan, or --purpose", param_hint="purpose")


def _elements(scope: str, planned: "ReleasePlan | None") -> tuple[str, ...]:
    from interurban_node.consent.rules import STANDARD_ELEMENTS

    if planned is None:
        return STANDARD_ELEMENTS[_scope(scope)]
    return tuple(dataflow.structure for dataflow in planned.dataflows)


def _imported(summary: "ImportSummary") -> Shown:
    rejected = sum(summary.rejected.values())
    data: JsonValue = {
        "rows": summary.rows,
        "given": summary.given,
        "refused": summary.refused,
        "withdrawn": summary.withdrawn,
        "known": summary.known,
        "rejected": dict(summary.rejected),
    }
    lines = [
        f"{summary.rows} rows: {summary.given} given, {summary.refused} refused, "
        f"{summary.withdrawn} withdrawn, {summary.known} known before, "
        f"{rejected} rejected.",
        *(f"  {count:>6}  {reason}" for reason, count in summary.rejected.items()),
    ]
    return Shown(data, lines)


def _questions(session: "Session", node: "Node", *, verify: bool) -> Shown:
    from interurban_node.consent import queries, service

    counts = queries.answers(session)
    nobody = queries.Answers("", 0, 0, 0, 0)
    data: list[JsonValue] = []
    rows = []
    for view in service.questions(session):
        found = counts.get(view.question_id, nobody)
        numbers = {
            "given": found.given,
            "refused": found.refused,
            "withdrawn": found.withdrawn,
            "ended": found.ended,
        }
        data.append({**_question_data(view), "answers": numbers})
        state = "asked" if view.superseded_at is None else "replaced"
        recipients = "\n".join(view.recipients)
        rows.append(
            [view.question_id[7:19], view.scope, view.purpose, recipients, state]
            + [str(number) for number in numbers.values()]
        )
    columns = ["Question", "Scope", "Purpose", "Recipients", "State"]
    columns += ["Given", "Refused", "Withdrawn", "Ended"]
    table = Table(columns, rows, "Consent questions")
    facts: dict[str, JsonValue] = {"questions": data}
    lines = []
    if verify:
        count = service.verify_histories(session, node, node.clock())
        facts["verified_histories"] = count
        lines.append(
            f"Learners' histories with chain and signatures verified: {count:,}."
        )
    return Shown(facts, lines, table, "No question was asked yet.")


def _question_data(view: "QuestionView") -> dict[str, "JsonValue"]:
    from interurban_protocol.encoding import format_time

    return {
        "question_id": view.question_id,
        "scope": str(view.scope),
        "purpose": view.purpose,
        "recipients": list(view.recipients),
        "published_at": format_time(view.published_at),
        "superseded_at": (
            None if view.superseded_at is None else format_time(view.superseded_at)
        ),
    }


def _history(session: "Session", node: "Node", learner: str, *, verify: bool) -> Shown:
    from interurban_node.consent import service
    from interurban_node.core.errors import NotFoundError

    if not service.history(session, learner):
        raise NotFoundError(
            "no learner with this reference has a history",
            next_step="Copy the reference whole; a learner without answers has none.",
        )
    head = None
    if verify:
        checked = service.verified_history(session, node, learner, node.clock())
        head = checked.head
    events = service.history(session, learner)
    rows = [_event_row(event) for event in events]
    columns = ["#", "At", "State", "Signed on", "By", "Way", "Question", "About"]
    data: JsonValue = {
        "verified": verify,
        "head": head,
        "events": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    lines = [f"{len(events)} events; chain and signatures verified."] if verify else []
    return Shown(data, lines, Table(columns, rows, f"History of {learner}"))


def _event_row(event: "EventView") -> list[str]:
    from interurban_protocol.encoding import format_time

    return [
        str(event.sequence),
        format_time(event.at),
        event.state,
        event.signed_on.isoformat() if event.signed_on else "",
        event.actor,
        event.channel,
        event.question_id[7:19],
        event.credential_id or "",
    ]
