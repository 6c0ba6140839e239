"""The one-way journal: a chain that several processes append to and nobody can shorten."""

import multiprocessing
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interurban_node.core.errors import ConfigurationError
from interurban_node.core.journal import Irrevocable, Journal

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def append(journal: Journal, count: int = 1) -> None:
    for number in range(count):
        journal.append(Irrevocable.WITHDRAWAL, {"number": str(number)}, NOW)


def test_entries_are_numbered_and_chained_and_come_back(path: Path):
    journal = Journal(path)
    assert journal.entries() == []
    assert journal.length() == 0
    append(journal, 3)
    found = Journal(path).entries()
    assert [entry.number for entry in found] == [1, 2, 3]
    assert [entry.facts["number"] for entry in found] == ["0", "1", "2"]
    assert found[0].at == NOW
    assert Journal(path).entries(after=2) == found[2:]


def test_what_append_gives_is_what_is_read_back(path: Path):
    journal = Journal(path)
    made = [journal.append(kind, {"a": "é\u2028\n"}, NOW) for kind in Irrevocable]
    assert [e.digest for e in journal.entries()] == [e.digest for e in made]


def test_the_file_can_be_read_by_its_owner_only(path: Path):
    append(Journal(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


DAMAGES = {
    "a changed fact": lambda data: data.replace(b'"0"', b'"9"'),
    "a changed number": lambda data: data.replace(b'"number":2,', b'"number":7,'),
    "a line taken out": lambda data: b"\n".join(
        line for i, line in enumerate(data.split(b"\n")) if i != 1
    ),
    "the first line taken out": lambda data: data.partition(b"\n")[2],
    "two lines exchanged": lambda data: b"\n".join(
        [data.split(b"\n")[i] for i in (1, 0, 2, 3)]
    ),
    "a line twice": lambda data: data.partition(b"\n")[0] + b"\n" + data,
    "a line that is no JSON": lambda data: data + b"garbage\n",
    "an empty line": lambda data: data + b"\n",
    "another kind": lambda data: data.replace(b"withdrawal", b"forgetting", 1),
    "another member": lambda data: data.replace(b'"facts"', b'"fact"', 1),
    "half a line": lambda data: data[:-10],
    "a cut in the middle of the first line": lambda data: data[:20],
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_journal_is_refused_and_its_next_step_named(path: Path, how: str):
    append(Journal(path), 3)
    path.write_bytes(DAMAGES[how](path.read_bytes()))
    with pytest.raises(ConfigurationError, match="damaged") as caught:
        Journal(path).entries()
    assert "restore the journal" in caught.value.next_step


@pytest.mark.parametrize("how", ["half a line", "a line that is no JSON"])
def test_nothing_is_appended_behind_a_damaged_line(path: Path, how: str):
    append(Journal(path), 3)
    damaged = DAMAGES[how](path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(ConfigurationError, match="damaged"):
        append(Journal(path))
    assert path.read_bytes() == damaged


def append_many(path: Path, count: int) -> None:
    append(Journal(path), count)


def test_two_processes_that_append_at_once_make_one_chain(path: Path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append_many, args=(path, 40)) for _ in range(2)]
    for worker in workers:
        worker.start()
    append_many(path, 40)
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert [entry.number for entry in Journal(path).entries()] == list(range(1, 121))


def test_the_state_changes_with_every_entry(path: Path):
    journal = Journal(path)
    states = [journal.state()]
    for _ in range(3):
        append(journal)
        states.append(journal.state())
    assert len(set(states)) == 4
    assert journal.state() == Journal(path).state()
