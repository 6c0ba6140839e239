"""The command line: one table of commands, each module loaded only when it is used.

`interurban --help` has to be quick, and FastAPI, SQLAlchemy and Alembic are not: so the
table holds names, places and one line of help, and nothing else is imported.
"""

import difflib
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.main import get_command

USAGE = """Usage: interurban COMMAND [OPTIONS]

Interurban: cities share protected numbers and portable certificates, nothing else.

Every command takes --home and --json. Exit 0: done; 1: refused or not valid; 2: usage.
`interurban COMMAND --help` tells more.

Commands:
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command lives: a Typer application, or a plain function."""

    module: str
    name: str
    help: str


COMMANDS: Mapping[str, Place] = {
    "init": Place("operation.commands", "init", "Make a node's home."),
    "serve": Place("operation.commands", "serve", "Serve the node."),
    "doctor": Place(
        "operation.commands", "doctor", "Check the node; say what mends it."
    ),
    "demo": Place("demo.commands", "demo", "Three cities on this machine."),
    "partner": Place("partners.commands", "app", "Join other cities' nodes."),
    "plan": Place("agreements.commands", "plan_app", "Release plans."),
    "agreement": Place(
        "agreements.commands", "agreement_app", "Agreements with partners."
    ),
    "structure": Place(
        "agreements.commands", "structure_app", "Which tables there are."
    ),
    "registry": Place("registry.commands", "app", "Read the city's registry systems."),
    "consent": Place("consent.commands", "app", "Questions, answers, paper consent."),
    "release": Place(
        "exchange.commands", "release_app", "Build, list and pull releases."
    ),
    "attack": Place(
        "attackers.commands", "app", "Attack releases, as a hostile reader would."
    ),
    "sdmx": Place("sdmx.commands", "app", "Tokens for statistical software."),
    "committee": Place("committee.commands", "app", "The cities side by side."),
    "credential": Place(
        "credentials.commands", "credential_app", "Learners' certificates."
    ),
    "reference": Place(
        "credentials.commands", "reference_app", "Credential references."
    ),
    "evidence": Place("exchange.commands", "evidence_app", "What was exchanged."),
    "account": Place(
        "accounts.commands", "app", "Staff tokens and learners' sign-in codes."
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given[0] if given else ""
    if name in ("", "-h", "--help"):
        sys.stdout.write(usage())
        sys.exit(0 if name else 2)
    if name == "--version":
        sys.stdout.write(f"interurban {importlib.metadata.version('interurban')}\n")
        sys.exit(0)
    if name not in COMMANDS:
        sys.stderr.write(f"There is no command {name!r}.{_hint(name)}\n\n{usage()}")
        sys.exit(2)
    command(name)(given[1:], prog_name=f"interurban {name}")


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean `{close[0]}`?" if close else ""


def usage() -> str:
    """The help of the root command, made from the table alone."""
    width = max(len(name) for name in COMMANDS)
    rows = [f"  {name:<{width}}  {place.help}" for name, place in COMMANDS.items()]
    return USAGE + "\n".join(rows) + "\n"


def command(name: str) -> Callable[..., Any]:
    """The command of the table, with its module imported now."""
    place = COMMANDS[name]
    module = importlib.import_module(f"interurban_node.{place.module}")
    found = getattr(module, place.name)
    if isinstance(found, typer.Typer):
        return get_command(found)
    single = typer.Typer(add_completion=False)
    single.command(name=name)(found)
    return get_command(single)


if __name__ == "__main__":
    main()
