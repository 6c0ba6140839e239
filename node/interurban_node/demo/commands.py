"""`interurban demo`: three cities on this machine, with one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.core.console import JsonOption, Shown, reported, say, show

if TYPE_CHECKING:
    from interurban_node.demo.story import Story

DEFAULT_FOLDER = Path("demo")


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A real export in the shape of OULAD, instead of invented data."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Run the story, stop the nodes, and exit.")
    ] = False,
    folder: Annotated[
        Path,
        typer.Option("--dir", "--home", help="Where the three nodes' homes are made."),
    ] = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Run three cities' nodes and the whole story between them; Ctrl-C stops them."""
    from interurban_node.demo import state, story
    from interurban_node.demo.stage import staged
    from interurban_protocol.errors import InterurbanError

    with reported(as_json=as_json), staged(folder, data, quiet=as_json) as told:
        try:
            story.run(told)
        except InterurbanError as error:
            if not as_json:
                say(f"The story failed at: {told.step}")
            error.message = f"at step {told.step!r}: {error.message}"
            raise
        found = story.state_of(told)
        path = state.write_state(folder, found)
        lines = _summary(told, path, once=once)
        show(Shown({"state": str(path)}, lines), as_json=as_json)
        if not once:
            _wait(folder)


def _wait(folder: Path) -> None:
    from signal import SIGINT, SIGTERM, sigwait

    from interurban_node.demo import state

    try:
        sigwait([SIGINT, SIGTERM])
    finally:
        state.remove_state(folder)
        say("Stopping the three nodes.")


def _summary(told: "Story", path: Path, *, once: bool) -> list[str]:
    if once:
        return [
            "",
            "The whole story was told; the nodes have stopped and their homes are kept.",
            f"What it made: {path}",
            f"Serve a city again: interurban serve --home {told.first.home}",
        ]
    lines = ["", "The three cities are running. Look at them (Ctrl-C stops them):"]
    for city in told.cities:
        key = city.plan.key
        code = told.learners[key][0].sign_in_code
        lines += [
            f"  {city.name}",
            f"    learner    {city.node.origin}/my          sign-in code {code}",
            f"    committee  {city.node.origin}/committee   token {told.tokens[key].committee_member}",
        ]
    first = told.first
    lines += [
        "",
        f"Add ?lang=ar to any page. All codes, tokens, releases and references: {path}",
        "Try next:",
        f"  interurban doctor --home {first.home}",
        f"  interurban committee table --by AGE --home {first.home}",
        f"  interurban evidence list --home {first.home}",
        f"  interurban agreement suspend {told.agreement_id} --towards "
        f'{told.second.node.origin} --reason "a drill" --home {first.home}',
    ]
    return lines
