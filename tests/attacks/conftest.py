"""The node's fixtures, and the table of all scores at the end of the run."""

from collections.abc import Callable, Iterator

import pytest

from interurban_node.attackers.scores import Score
from tests.support.fixtures import (
    cities,
    database_url,
    federation,
    make_node,
    moment,
    node,
    session,
)

Note = Callable[[str, Score], Score]


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Iterator[Note]:
    """Note a score for the table, with what was attacked, and give it back."""

    def noted(publication: str, score: Score) -> Score:
        row = (
            score.attack,
            score.data,
            publication,
            f"{score.success:.1%}",
            f"{score.chance:.1%}",
            str(score.trials),
            score.verdict,
        )
        record_property("score", row)
        return score

    return noted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        value
        for outcome in ("passed", "xfailed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == "score"
    ]
    if not rows:
        return
    headings = ("attack", "data", "publication", "success", "chance", "of", "verdict")
    widths = [
        max(len(str(each)) for each in column)
        for column in zip(headings, *rows, strict=True)
    ]
    terminalreporter.section("attackers")
    for row in (headings, *rows):
        cells = (
            str(each).ljust(width) for each, width in zip(row, widths, strict=True)
        )
        terminalreporter.write_line("  ".join(cells).rstrip())


__all__ = [
    "cities",
    "database_url",
    "federation",
    "make_node",
    "moment",
    "node",
    "session",
]
