"""`interurban credential …` and `interurban reference …`."""

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
    show,
)

if TYPE_CHECKING:
    from datetime import datetime

    from interurban_node.credentials.queries import (
        IssuedCredential,
        ReceivedView,
        ReferenceView,
    )
    from interurban_protocol.encoding import JsonValue
    from interurban_protocol.references import ReferenceVerdict

credential_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Issue certificates from registry records.",
)
reference_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Send, end, export and verify credential references.",
)
STALE_EXIT = 3
LearnerOption = Annotated[str, typer.Option("--learner", help="The learner_ref.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="A new file to write it to.")
]
LimitOption = Annotated[int, typer.Option(help="At most so many.", min=1)]


@credential_app.command(name="issue")
def issue_credentials(
    certificate_id: Annotated[
        str | None, typer.Argument(help="The registry record of the certificate.")
    ] = None,
    learner: Annotated[
        str | None, typer.Option("--learner", help="All of this learner_ref.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that the registry calls valid.")
    ] = False,
    limit: LimitOption = 10_000,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Issue Open Badges certificates; what was issued before stays as it is."""
    from interurban_node.credentials import queries, service

    if sum((certificate_id is not None, learner is not None, everything)) != 1:
        raise typer.BadParameter("name one certificate, or --learner, or --all")
    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            if certificate_id is not None:
                made = [service.issue(session, node, certificate_id, now)]
            else:
                made = service.issue_missing(session, node, learner, limit, now)
            total = queries.credentials_held(session)
        lines = [found.credential_id for found in made]
        if everything:
            lines.append(_issued_line(len(made), total - len(made)))
        facts: list[JsonValue] = [_credential_facts(found) for found in made]
        show(Shown({"credentials": facts}, lines), as_json=as_json)


@credential_app.command(name="show")
def show_credential(
    credential_id: Annotated[str, typer.Argument(metavar="ID", help="Its urn:uuid.")],
    out: OutOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show a certificate, or write it to a file as the learner would hold it."""
    from interurban_node.credentials import queries

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = queries.issued(queries.credential_row(session, credential_id))
        if out is not None:
            _write_new(out, found.document)
        lines = [str(out)] if out is not None else [found.document.decode()]
        show(Shown(_credential_facts(found), lines), as_json=as_json)


@reference_app.command(name="send")
def send_reference(
    learner: LearnerOption,
    credential: Annotated[
        str, typer.Option("--credential", help="The certificate's urn:uuid.")
    ],
    to: Annotated[str, typer.Option("--to", help="The partner's address.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send a reference that the learner has agreed to; it leaves with the next tick."""
    from interurban_node.consent import service as consent
    from interurban_node.credentials import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            proof = consent.reference_consent(session, learner, credential, to, now)
            found = service.send_reference(session, node, proof, credential, to, now)
        show(Shown(_sent_facts(found), [found.reference_id]), as_json=as_json)


@reference_app.command(name="end")
def end_reference(
    reference: Annotated[
        str, typer.Option("--reference", help="Its id, as `reference list` shows it.")
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """End a reference for good; the partner is told with the next tick."""
    from interurban_node.credentials import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            found = service.end_reference(session, node, reference, now)
        lines = [f"{found.reference_id} is no longer shared with {found.partner}."]
        show(Shown(_sent_facts(found), lines), as_json=as_json)


@reference_app.command(name="list")
def list_references(
    limit: LimitOption = 100,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the references that were sent and received, newest first."""
    from interurban_node.credentials import queries

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            sent = queries.references_sent(session, limit)
            received = queries.references_received(session, limit)
        data: JsonValue = {
            "sent": [_sent_facts(found) for found in sent],
            "received": [_received_facts(found) for found in received],
        }
        table = Table(
            ["Reference", "Direction", "Partner", "State", "Expires", "Answer"],
            [*map(_sent_cells, sent), *map(_received_cells, received)],
        )
        empty = "No reference was sent or received yet."
        show(Shown(data, (), table, empty), as_json=as_json)


@reference_app.command(name="export")
def export_reference(
    reference_id: Annotated[str, typer.Argument(help="The id of a received one.")],
    out: Annotated[Path, typer.Option("--out", help="A new file to write it to.")],
    issuer: Annotated[
        str | None, typer.Option(help="The sender's address, if two used the same id.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write a reference that a partner sent us to a file, as an SD-JWT."""
    from interurban_node.credentials import queries

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            token = queries.received_token(session, reference_id, issuer)
        _write_new(out, token)
        show(Shown({"file": str(out)}, [str(out)]), as_json=as_json)


@reference_app.command(name="verify")
def verify_reference(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="An SD-JWT.")
    ],
    at: Annotated[
        str | None, typer.Option(help="As of this time, 2026-01-31T09:30:00Z (now).")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say what a reference is worth, from what this node holds; nobody is asked.

    Exit 0: valid, by a fresh or cached list. 1: not. 3: stale, no current list is held.
    """
    from interurban_node.credentials import service
    from interurban_protocol.encoding import parse_time

    with opened(home, as_json=as_json) as node:
        now = parse_time(at) if at is not None else node.clock()
        token = file.read_bytes().decode("ascii", "replace").strip()
        with node.database.transaction() as session:
            found = service.verdict(session, node, token, now)
        show(Shown(_verdict_facts(found), _verdict_lines(found)), as_json=as_json)
    if not found.is_valid():
        raise typer.Exit(_exit_code(found))


def _issued_line(new: int, before: int) -> str:
    if new == 0:
        return f"Nothing new to issue, {before:,} were there before."
    return f"{new:,} issued, {before:,} were there before."


def _exit_code(verdict: "ReferenceVerdict") -> int:
    from interurban_protocol.references import ReferenceState

    return STALE_EXIT if verdict.state is ReferenceState.STALE else 1


def _verdict_lines(verdict: "ReferenceVerdict") -> list[str]:
    lines = [f"{verdict.state}: {verdict.reason}"]
    if verdict.age is not None:
        minutes = int(verdict.age.total_seconds()) // 60
        lines.append(f"status list: {minutes} minutes old")
    if verdict.reference is not None:
        facts = verdict.reference.facts.model_dump(mode="json", exclude_none=True)
        lines += [f"{name}: {value}" for name, value in facts.items()]
    return lines


def _verdict_facts(verdict: "ReferenceVerdict") -> "JsonValue":
    known = verdict.reference
    return {
        "state": str(verdict.state),
        "reason": verdict.reason,
        "age_seconds": int(verdict.age.total_seconds()) if verdict.age else None,
        "issuer": known.claims.iss if known else None,
        "facts": known.facts.model_dump(mode="json", exclude_none=True)
        if known
        else None,
    }


def _credential_facts(found: "IssuedCredential") -> "JsonValue":
    from interurban_protocol.encoding import format_time

    return {
        "credential_id": found.credential_id,
        "certificate_id": found.certificate_id,
        "learner_ref": found.learner_ref,
        "digest": found.digest,
        "issued_at": format_time(found.issued_at),
    }


def _sent_facts(found: "ReferenceView") -> "JsonValue":
    return {
        "reference_id": found.reference_id,
        "credential_id": found.credential_id,
        "partner": found.partner,
        "state": str(found.state),
        "sent_at": _time(found.sent_at),
        "expires_at": _time(found.expires_at),
        "delivered_at": _time(found.delivered_at),
        "ended_at": _time(found.ended_at),
        "acknowledged_at": _time(found.acknowledged_at),
        "answer": found.answer,
        "answer_reason": found.answer_reason,
    }


def _received_facts(found: "ReceivedView") -> "JsonValue":
    return {
        "reference_id": found.reference_id,
        "issuer": found.issuer,
        "state": str(found.state),
        "claimed": found.claimed,
        "received_at": _time(found.received_at),
        "expires_at": _time(found.expires_at),
        "ended_at": _time(found.ended_at),
    }


def _sent_cells(found: "ReferenceView") -> list[str]:
    expires = found.expires_at.date().isoformat()
    answer = found.answer or ""
    name, partner = found.reference_id, found.partner
    return [name, "sent", partner, str(found.state), expires, answer]


def _received_cells(found: "ReceivedView") -> list[str]:
    expires = found.expires_at.date().isoformat()
    claimed = "claimed" if found.claimed else "unclaimed"
    name, partner = found.reference_id, found.issuer
    return [name, "received", partner, str(found.state), expires, claimed]


def _time(moment: "datetime | None") -> str | None:
    from interurban_protocol.encoding import format_time

    return None if moment is None else format_time(moment)


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, and that was not there before."""
    from interurban_node.core.errors import ConfigurationError

    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written, or exists already",
            next_step="Name a new file in a folder that you may write to.",
        ) from error
