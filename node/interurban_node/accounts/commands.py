"""`interurban account …`: tokens for staff and programs, sign-in codes for learners."""

from datetime import timedelta
from enum import StrEnum
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
    from interurban_node.accounts.service import TokenFacts
    from interurban_protocol.encoding import JsonValue

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Staff tokens and learners' sign-in codes.",
)

_MANY = 1_000_000
_CODE_DAYS = 90


class RoleOption(StrEnum):
    """The roles, as the command line offers them."""

    IT_OPERATOR = "it_operator"
    ADAPTER_OWNER = "adapter_owner"
    CONSENT_STEWARD = "consent_steward"
    COMMITTEE_MEMBER = "committee_member"
    PUBLISHER = "publisher"
    AUDITOR = "auditor"
    SERVICE = "service"


@app.command()
def token(
    role: Annotated[RoleOption, typer.Option(help="What its holder may do.")],
    label: Annotated[str, typer.Option(help="Whose it is, to find it again.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="Valid for so long.")] = 90,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a bearer token and print it, this once; the node keeps only a hash."""
    from interurban_node.accounts import service
    from interurban_node.accounts.rules import Role
    from interurban_protocol.encoding import format_time

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        valid_for = timedelta(days=days)
        with node.database.transaction() as session:
            made = service.mint_token(session, node, Role(role), label, now, valid_for)
        expires_at = format_time(now + valid_for)
        data: JsonValue = {
            "token": made,
            "role": role.value,
            "label": label,
            "expires_at": expires_at,
        }
        show(Shown(data, [made]), as_json=as_json)
        if not as_json:
            say(f"Valid until {expires_at}. It is not shown again.")


@app.command()
def tokens(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the tokens that were made, without the tokens themselves."""
    from interurban_node.accounts import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = [_facts(facts) for facts in service.tokens(session)]
        columns = ["token_id", "role", "label", "made_at", "expires_at", "revoked_at"]
        rows = [[facts[name] or "" for name in columns] for facts in found]
        headings = ["Id", "Role", "Label", "Made", "Valid until", "Revoked"]
        table = Table(headings, rows)
        show(Shown([*found], (), table, "No token was made yet."), as_json=as_json)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="The id from `account tokens`.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """End a token at once, and every session that it began."""
    from interurban_node.accounts import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            facts = service.revoke_token(session, node, token_id, node.clock())
        lines = [f"The token of {facts.label} ({facts.role}) is revoked."]
        show(Shown(_facts(facts), lines), as_json=as_json)


@app.command()
def code(
    learner_ref: Annotated[str, typer.Argument(help="The learner's reference.")],
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Valid for so long.")
    ] = _CODE_DAYS,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a one-time sign-in code for a learner; an older unused one stops working."""
    from interurban_node.accounts import service
    from interurban_node.core.errors import NotFoundError
    from interurban_protocol.encoding import format_time

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            if not service.has_identity(session, learner_ref):
                raise NotFoundError(
                    "no learner has this reference",
                    next_step="Sync the registry first, then copy the reference whole.",
                )
            made = service.mint_sign_in_code(
                session, node, learner_ref, now, timedelta(days=days)
            )
        expires_at = format_time(now + timedelta(days=days))
        data: JsonValue = {
            "learner_ref": learner_ref,
            "code": made,
            "expires_at": expires_at,
        }
        show(Shown(data, [made]), as_json=as_json)
        if not as_json:
            say(f"Works once, until {expires_at}. Hand it over on paper.")


@app.command()
def codes(
    out: Annotated[Path, typer.Option(help="The new CSV file: learner_ref, code.")],
    limit: Annotated[
        int, typer.Option(min=1, help="At most so many learners.")
    ] = _MANY,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Valid for so long.")
    ] = _CODE_DAYS,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a sign-in code for every learner who has none, into a file for the post."""
    from interurban_node.accounts import service
    from interurban_node.core.home import write_private

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            learners = service.learners_without_code(session, now, limit)
            made = service.mint_sign_in_codes(
                session, node, learners, now, timedelta(days=days)
            )
            rows = [f"{ref},{secret}" for ref, secret in made.items()]
            # inside the transaction: no code is good that nobody was given
            write_private(out, "\n".join(["learner_ref,code", *rows, ""]).encode())
        lines = [f"{len(made)} codes are in {out}. Delete the file after the post."]
        show(Shown({"codes": len(made), "file": str(out)}, lines), as_json=as_json)


def _facts(facts: "TokenFacts") -> dict[str, str | None]:
    from interurban_protocol.encoding import format_time

    return {
        "token_id": facts.token_id,
        "role": str(facts.role),
        "label": facts.label,
        "made_at": format_time(facts.made_at),
        "expires_at": format_time(facts.expires_at),
        "revoked_at": format_time(facts.revoked_at) if facts.revoked_at else None,
    }
