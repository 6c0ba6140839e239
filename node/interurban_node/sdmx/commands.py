"""`interurban sdmx token …`: tokens for the statistical software of a recipient."""

from datetime import timedelta
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
    from interurban_node.policy.tokens import AccessTokenFacts
    from interurban_protocol.encoding import JsonValue

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The SDMX service: who may read it with statistical software.",
)
token = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Tokens for the software of a recipient in another city.",
)
app.add_typer(token, name="token")


@token.command()
def make(
    recipient: Annotated[
        str, typer.Option(help="The recipient's origin, https://northport.example.")
    ],
    agreement: Annotated[
        str, typer.Option(help="The id of the agreement that it rests on.")
    ],
    label: Annotated[str, typer.Option(help="Whose it is, to find it again.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="Valid for so long.")] = 90,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a token and print it, this once; the node keeps only a hash.

    It reads what the recipient may have under this agreement, and nothing else; it stops
    when the agreement ends or disclosure is suspended.
    """
    from interurban_node.policy import tokens
    from interurban_protocol.encoding import format_time

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            made = tokens.mint(
                session,
                node,
                recipient=recipient,
                agreement_id=agreement,
                label=label,
                now=now,
                valid_for=timedelta(days=days),
            )
        expires_at = format_time(now + timedelta(days=days))
        data: JsonValue = {
            "token": made,
            "recipient": recipient,
            "agreement": agreement,
            "label": label,
            "expires_at": expires_at,
        }
        show(Shown(data, [made]), as_json=as_json)
        if not as_json:
            say(f"Valid until {expires_at}. It is not shown again.")


@token.command(name="list")
def list_(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the tokens that were made, without the tokens themselves."""
    from interurban_node.policy import tokens

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = [_facts(facts) for facts in tokens.tokens(session)]
        columns = ["token_id", "recipient", "label", "expires_at", "revoked_at"]
        rows = [[facts[name] or "" for name in columns] for facts in found]
        table = Table(["Id", "Recipient", "Label", "Valid until", "Revoked"], rows)
        show(Shown([*found], (), table, "No token was made yet."), as_json=as_json)


@token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="The id from `sdmx token list`.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """End a token at once."""
    from interurban_node.policy import tokens

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            facts = tokens.revoke(session, node, token_id, node.clock())
        lines = [f"The token of {facts.label} ({facts.recipient}) is revoked."]
        show(Shown(_facts(facts), lines), as_json=as_json)


def _facts(facts: "AccessTokenFacts") -> dict[str, str | None]:
    from interurban_protocol.encoding import format_time

    return {
        "token_id": facts.token_id,
        "recipient": facts.recipient,
        "agreement": facts.agreement_id,
        "label": facts.label,
        "made_at": format_time(facts.made_at),
        "expires_at": format_time(facts.expires_at),
        "revoked_at": format_time(facts.revoked_at) if facts.revoked_at else None,
    }
