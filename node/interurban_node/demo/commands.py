"""`interurban demo`: three cities on this machine, with one command."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.core.console import JsonOption, Shown, reported, say, show

if TYPE_CHECKING:
    from interurban_node.demo.telling import Story

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

    _stop_on_signals()
    try:
        with reported(as_json=as_json), staged(folder, data, quiet=as_json) as told:
            try:
                story.run(told)
            except InterurbanError as error:
                error.message = f"at step {told.step!r}: {error.message}"
                raise
            path = state.write_state(folder, story.state_of(told))
            lines = _summary(told, path, once=once)
            show(Shown({"state": str(path)}, lines), as_json=as_json)
            if not once:
                _wait(folder)
    except KeyboardInterrupt:
        say("Stopped before the end; the nodes have been stopped too.")
        raise typer.Exit(1) from None


def _stop_on_signals() -> None:
    """Let every polite way of ending this process stop the nodes as well.

    A shell may have had SIGINT ignored for background jobs; the nodes live in sessions of
    their own, so nobody else would stop them.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _wait(folder: Path) -> None:
    from interurban_node.demo import state

    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("Stopping the three nodes.")
    finally:
        state.remove_state(folder)


def _summary(told: "Story", path: Path, *, once: bool) -> list[str]:
    if once:
        return [
            "",
            "The whole story was told; the nodes have stopped and their homes are kept.",
            f"What it made: {path}",
            f"Serve a city again: {_program()} serve --home {told.first.home}",
        ]
    lines = ["", "The three cities are running. Look at them (Ctrl-C stops them):"]
    program = _program()
    for city in told.cities:
        key = city.plan.key
        code = told.example(city).sign_in_code
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
        f"  {program} doctor --home {first.home}",
        f"  {program} committee table --by AGE --home {first.home}",
        f"  {program} evidence list --home {first.home}",
        f"  {program} agreement suspend {told.agreement_id} --towards "
        f'{told.second.node.origin} --reason "a drill" --home {first.home}',
    ]
    return lines


def _program() -> str:
    """This program as the person called it, so that the lines can be copied."""
    called = Path(sys.argv[0])
    if called.name != "interurban":
        return "interurban"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)
