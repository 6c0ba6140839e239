"""`interurban attack …`: what an outside attacker makes of release files.

For auditors: it needs the files alone, no node, no keys. With a truth file it says how often
the attacker would be right.
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
    own_file,
    reported,
    show,
)

if TYPE_CHECKING:
    from interurban_node.attackers.bundles import HeldRelease
    from interurban_protocol.encoding import JsonValue

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Attack releases, as an outsider."
)

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A file of `release show --out`.")
]
OthersOption = Annotated[
    list[Path] | None,
    typer.Option("--with", help="Another release that the attacker holds too."),
]
SecondsOption = Annotated[float, typer.Option(min=1, help="How long to try.")]


@app.command()
def bounds(
    file: FileArgument,
    others: OthersOption = None,
    seconds: SecondsOption = 60.0,
    narrowest: Annotated[int, typer.Option(min=1, help="How many to print.")] = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print the narrowest ranges of hidden cells, by linear programming.

    Hidden cells are taken one after the other until the time is over.
    """
    from time import perf_counter

    from interurban_node.attackers import conclusions

    del home  # every command takes it; this one needs no node
    with reported(as_json=as_json):
        ours, held = _read(file), [_read(path) for path in others or []]
        until = perf_counter() + seconds
        found = conclusions.hidden_ranges(ours, held, lambda: until - perf_counter())
        chosen = sorted(found.ranges, key=lambda each: each.width)[:narrowest]
        rows = [
            [each.cell, str(each.low), "any" if each.high is None else str(each.high)]
            for each in chosen
        ]
        proven = sum(each.low > 0 for each in found.ranges)
        lines = [
            f"{len(found.ranges)} of {found.hidden} hidden cells tried",
            f"{proven} in which somebody must be",
            f"{sum(each.width < conclusions.WIDTH for each in found.ranges)} with a range"
            f" of fewer than {conclusions.WIDTH}",
        ]
        data: JsonValue = {
            "hidden": found.hidden,
            "tried": len(found.ranges),
            "proven": proven,
            "ranges": [
                {"cell": each.cell, "low": each.low, "high": each.high}
                for each in chosen
            ],
        }
        table = Table(["Hidden cell", "At least", "At most"], rows)
        show(Shown(data, lines, table, "Nothing is hidden."), as_json=as_json)


@app.command()
def read(
    file: FileArgument,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print hidden figures that remain as differences, and equal values.

    A remainder is off by at most the noise of all figures in it. Equal values of a part and
    its whole say that the rest is probably empty.
    """
    from interurban_node.attackers import conclusions

    del home
    with reported(as_json=as_json):
        ours = _read(file)
        derived = conclusions.remainders(ours)
        equal = conclusions.equal_values(ours)
        rows = [[each.cell, each.what] for each in (*derived, *equal)]
        data: JsonValue = {
            "derived": [{"cell": each.cell, "what": each.what} for each in derived],
            "equal": [{"cell": each.cell, "what": each.what} for each in equal],
        }
        table = Table(["Cell", "What follows"], rows)
        show(Shown(data, (), table, "Nothing follows."), as_json=as_json)


@app.command()
def compare(
    before: FileArgument,
    after: FileArgument,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print the cells that two releases about the same people show differently.

    There should be none. Where there are, the base cells that explain them best are those of
    whoever came or left in between.
    """
    from interurban_node.attackers import conclusions

    del home
    with reported(as_json=as_json):
        found = conclusions.compared(_read(before), _read(after))
        rows = [
            [each.cell, str(each.first), str(each.second)] for each in found.differences
        ]
        lines = [f"explained best by: {cell}" for cell in found.explanations]
        data: JsonValue = {
            "differences": [
                {"cell": each.cell, "first": each.first, "second": each.second}
                for each in found.differences
            ],
            "explanations": list(found.explanations),
        }
        table = Table(["Cell", "First", "Second"], rows)
        if_empty = "They agree wherever both show a value."
        show(Shown(data, lines, table, if_empty), as_json=as_json)


@app.command()
def score(
    file: FileArgument,
    truth: Annotated[
        Path, typer.Option(help="CSV: leaf codes of every dimension, and LEARNERS.")
    ],
    others: OthersOption = None,
    seed: Annotated[int, typer.Option(help="Which learners are tried.")] = 1,
    trials: Annotated[int, typer.Option(min=1, help="How many of them.")] = 40,
    seconds: SecondsOption = 60.0,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print how often attackers are right, and how often they would be by chance.

    The truth is a city's own; it must not leave the office, nor may this table.
    """
    from time import perf_counter

    from interurban_node.attackers import conclusions

    del home
    with reported(as_json=as_json):
        ours, held = _read(file), [_read(path) for path in others or []]
        with own_file(truth):
            counts = conclusions.truth_of(ours, _bytes(truth))
        until = perf_counter() + seconds
        found = conclusions.scores(
            ours, held, counts, seed, trials, lambda: until - perf_counter()
        )
        rows = [
            [
                each.attack,
                each.data,
                f"{each.success:.1%}",
                f"{each.chance:.1%}",
                str(each.trials),
                each.verdict,
            ]
            for each in found
        ]
        data: JsonValue = {
            "scores": [
                {
                    "attack": each.attack,
                    "data": each.data,
                    "success": round(each.success, 4),
                    "chance": round(each.chance, 4),
                    "trials": each.trials,
                    "verdict": each.verdict,
                }
                for each in found
            ]
        }
        columns = ["Attack", "Data", "Success", "Chance", "Trials", "Verdict"]
        show(Shown(data, (), Table(columns, rows)), as_json=as_json)


def _read(path: Path) -> "HeldRelease":
    from interurban_node.attackers.bundles import read_bundle

    with own_file(path):
        return read_bundle(_bytes(path))


def _bytes(path: Path) -> bytes:
    from interurban_node.core.errors import ConfigurationError

    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read", next_step="Name a file that exists."
        ) from error
