"""`interurban partner …`: join two nodes after both operators have read the words."""

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
    from interurban_node.partners.service import Partner
    from interurban_protocol.encoding import JsonValue

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Join other cities' nodes, and see them.",
)


@app.command()
def invite(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Print a link that one other node can join with, and this node's own words."""
    from interurban_node.core.console import say
    from interurban_node.partners import service
    from interurban_protocol.encoding import format_time

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            made = service.invite(session, node, now)
        data = {
            "link": made.link,
            "words": made.words,
            "expires_at": format_time(made.expires_at),
        }
        lines = [made.link]
        show(Shown(data, lines), as_json=as_json)
        if not as_json:
            say(
                f"Send the link to the other city; it is valid once, until {data['expires_at']}."
            )
            say(f"Your own words, to read to their operator on the phone: {made.words}")


@app.command()
def join(
    link: Annotated[str, typer.Argument(help="The link from their `partner invite`.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Meet the node behind an invitation link; nothing is trusted yet."""
    from interurban_node.partners import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        found = service.join(node, link, now)
        own = service.own_descriptor(node)
        lines = [
            f"Met {found.name} ({found.origin}). State: {found.view.state}.",
            f"Your own words, to read to their operator: {own.words}",
            f"Next: {found.view.next_move}",
        ]
        show(Shown({**_facts(found), "own_words": own.words}, lines), as_json=as_json)


@app.command()
def confirm(
    words: Annotated[
        str,
        typer.Option(
            help="The words that the other operator read from their own node."
        ),
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Pin the partner whose own words these are."""
    from interurban_node.partners import jobs, service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = service.confirm(session, node, words, node.clock())
        jobs.send_confirmations(node)
        with node.database.transaction() as session:
            found = service.partner(session, found.origin)
        lines = [
            f"{found.name} ({found.origin}) is confirmed here. State: {found.view.state}.",
            f"Next: {found.view.next_move}",
        ]
        show(Shown(_facts(found), lines), as_json=as_json)


@app.command(name="list")
def list_partners(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show every node that was met, its state, and whose move is next."""
    from interurban_node.partners import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = service.partners(session)
        own = service.own_descriptor(node)
        table = Table(
            ["City", "Address", "State", "Next move by", "What"],
            [
                [p.name, p.origin, str(p.view.state), p.view.owner, p.view.next_move]
                for p in found
            ],
        )
        facts: list[JsonValue] = [_facts(p) for p in found]
        data: JsonValue = {"own_words": own.words, "partners": facts}
        lines = [f"Your own words: {own.words}"]
        show(Shown(data, lines, table, "No other node was met yet."), as_json=as_json)


def _facts(partner: "Partner") -> dict[str, str]:
    return {
        "node": partner.origin,
        "name": partner.name,
        "state": str(partner.view.state),
        "next_move_by": partner.view.owner,
        "next_move": partner.view.next_move,
    }
