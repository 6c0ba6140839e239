"""How commands read their options, open the node, and show what they did.

Data goes to standard output, talk and progress to standard error; `--json` gives data alone.
Exit 0: done; 1: refused or not valid; 2: usage.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from interurban_node.core.context import Node
    from interurban_protocol.encoding import JsonValue
    from interurban_protocol.errors import InterurbanError

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="INTERURBAN_HOME", help="The node's home folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON only.")]
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline
DEFAULT_HOME = Path("interurban-home")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings, for the terminal."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command has to say, for people and for programs."""

    data: "JsonValue"
    lines: Sequence[str] = ()
    table: Table | None = None
    if_empty: str = ""  # the sentence in place of a table without rows


def show(shown: Shown, *, as_json: bool) -> None:
    """Print it."""
    if as_json:
        sys.stdout.write(json.dumps(shown.data, ensure_ascii=False, indent=2) + "\n")
        return
    if shown.table is not None and (shown.table.rows or not shown.if_empty):
        print_table(shown.table)
    elif shown.table is not None:
        sys.stdout.write(shown.if_empty + "\n")
    for line in shown.lines:
        sys.stdout.write(visible(line) + "\n")


def say(text: str) -> None:
    """Talk to the person at the terminal, on standard error."""
    sys.stderr.write(visible(text) + "\n")


def visible(text: str) -> str:
    """The text without what could steer a terminal: a partner's names may hold anything."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


@contextmanager
def opened(home: Path, *, as_json: bool) -> Iterator["Node"]:
    """The node of `home`; its errors become a message, a next step and exit 1."""
    from interurban_node.core.context import open_node

    with reported(as_json=as_json):
        node = open_node(home)
        try:
            yield node
        finally:
            node.close()


@contextmanager
def reported(*, as_json: bool) -> Iterator[None]:
    """Turn our errors into a message, a next step and exit 1."""
    from interurban_protocol.errors import InterurbanError

    try:
        yield
    except InterurbanError as error:
        fail(error, as_json=as_json)


@contextmanager
def own_file(path: Path) -> Iterator[None]:
    """Of a malformed file of the operator's own, say so: nobody has sent it."""
    from interurban_protocol.errors import MalformedError

    try:
        yield
    except MalformedError as error:
        if error.next_step == MalformedError.default_next_step:
            error.next_step = f"Correct {path}, or name another file."
        raise


def fail(error: "InterurbanError", *, as_json: bool) -> NoReturn:
    """Say what is wrong and what to do, then exit 1."""
    from interurban_node.core.problems import problem_for

    problem = problem_for(error)
    if as_json:
        sys.stdout.write(problem.to_json().decode() + "\n")
    else:
        say(f"Refused: {problem.detail}.")
        for reason in problem.reasons:
            say(f"  - {reason}")
        say(f"Next: {problem.next_step}")
    raise typer.Exit(1)


def print_table(table: Table) -> None:
    """Draw a table on standard output."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    rich = RichTable(title=table.title or None, title_justify="left")
    for column in table.columns:
        rich.add_column(column, overflow="fold")
    for row in table.rows:
        rich.add_row(*(Text(visible(cell)) for cell in row))  # text, never markup
    Console(file=sys.stdout, soft_wrap=False).print(rich)
