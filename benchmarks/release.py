"""A whole quarterly release, next to the bare GROUP BY of the same records.

The *floor* groups one flat table of five texts and a key, with as many rows as there are
records: no consent, no first event of a learner, nothing protected, signed or written. The
same GROUP BY over the registry's own records, enrolments and learners joined, is shown
beside it. A *release* reads who consents at the cut-off and now, counts the base cells, protects them,
writes the data file, the members and the signed manifest. The gate is not part of it.

Both run in the same process on the same database, in turn; the best of a few rounds counts.
Record keys and counted events are made at sync and are shown apart.

    python -m benchmarks.release [--records 1000000 ...] [--sqlite] [--table]
"""

import argparse
import gc
import resource
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import sqlalchemy as sa
from benchmarks.counted_city import AGES, MOST_RECORDS, City, make_city
from sqlalchemy.orm import Session

from interurban_node.aggregates import queries, rules
from interurban_node.aggregates.engines import (
    WORK_MEMORY,
    CountedCell,
    Events,
    SqlEngine,
    Whole,
)
from interurban_node.aggregates.members import write_members
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.core.context import Node, open_node
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.operation.service import make_home
from interurban_node.registry import events
from interurban_node.registry.models import CountedEventRow
from interurban_node.registry.rules import record_key
from interurban_node.settings import Settings
from interurban_protocol.disclosure import BaseCells, protect, protected_coverage
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import write_data
from interurban_protocol.signed_documents import start_document
from interurban_protocol.structures import Structure
from tests.support.counting import register, some_learners
from tests.support.databases import fresh_postgresql_database, postgresql_url
from tests.support.nodes import make_schema
from tests.support.statistics import a_manifest, a_period, a_structure

ORIGIN = "https://lakeside.example"
PERIOD = "2025-Q4"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROUNDS = 3
RECORDS = """
SELECT e.programme_code, e.age_band, l.sex, l.displaced, e.outcome, count(*),
    sum(e.record_key)
FROM enrolments e JOIN learners l ON l.record_id = e.learner_id
WHERE e.start_period = '2025-Q4' AND e.deleted_at IS NULL AND l.deleted_at IS NULL
GROUP BY e.programme_code, e.age_band, l.sex, l.displaced, e.outcome
"""
FLOOR = """
SELECT programme__code, learner__age_band, learner__sex, learner__displaced,
    enrolment__outcome, count(*), sum(record_key)
FROM floor_records
GROUP BY programme__code, learner__age_band, learner__sex, learner__displaced,
    enrolment__outcome
"""


@dataclass
class Phases:
    """Seconds by name, in the order in which they came."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of the block to a phase."""
        began = time.perf_counter()
        yield
        spent = time.perf_counter() - began
        self.seconds[name] = self.seconds.get(name, 0.0) + spent

    @property
    def total(self) -> float:
        """All phases."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class TimedEngine:
    """The node's own engine, with its questions to the database timed apart."""

    engine: SqlEngine
    phases: Phases

    def consenting(
        self, question_ids: Sequence[str], times: tuple[datetime, datetime]
    ) -> LearnerSet:
        """As `BaseCellEngine` says."""
        with self.phases.timed("consents"):
            return self.engine.consenting(question_ids, times)

    def cells(
        self, events: Events, counted: LearnerSet | None, fields: Sequence[str]
    ) -> list[CountedCell]:
        """As `BaseCellEngine` says."""
        with self.phases.timed("base cells"):
            return self.engine.cells(events, counted, fields)

    def whole(self, events: Events, counted: LearnerSet | None) -> Whole:
        """As `BaseCellEngine` says."""
        with self.phases.timed("coverage, members"):
            return self.engine.whole(events, counted)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What one city on one engine needed."""

    name: str
    city: City
    floor: float
    records: float
    phases: Phases
    cells: int
    node_megabytes: float
    database_megabytes: float


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--sqlite", action="store_true", help="SQLite too")
    parser.add_argument("--table", action="store_true", help="cost against each size")
    options = parser.parse_args()
    gc.freeze()  # what was imported is not looked through again while a build runs
    for records in options.records:
        show(measured(City(records=records), is_sqlite=False))
        if options.sqlite:
            show(measured(City(records=records), is_sqlite=True))
    if options.table:
        show_table(
            [measured(city, is_sqlite=False, name=name) for name, city in varied()]
        )
    show_sync()


def varied() -> Iterator[tuple[str, City]]:
    """One size at a time, from a city with 200,000 records."""
    base = 200_000
    yield "base", City(records=base)
    for times in (2, 4):
        yield f"records x {times}", City(records=base * times)
    for times in (5, 20):
        yield f"learners x {times}", City(records=base, learners=base * times)
    for times in (2, 4):
        yield f"programmes x {times}", City(records=base, programmes=40 * times)
    for periods in (8, 24):
        yield f"{periods} periods", City(records=base, periods=periods)


def measured(city: City, *, is_sqlite: bool, name: str = "") -> Figure:
    """Make the city, then time the floor and the release in turn."""
    engine = "SQLite" if is_sqlite else "PostgreSQL"
    with tempfile.TemporaryDirectory() as folder:
        node = made_node(Path(folder), "" if is_sqlite else fresh_postgresql_database())
        question = make_city(node, city, PERIOD)
        structure = a_structure(programmes=city.programmes, ages=len(AGES))
        floors, records, releases, cells = [], [], [], 0
        with peak_of_database() as database:
            for _ in range(ROUNDS):
                floors.append(grouped(node, FLOOR))
                records.append(grouped(node, RECORDS))
                phases, cells = release(node, structure, question)
                releases.append(phases)
        node.close()
    return Figure(
        name=name or engine,
        city=city,
        floor=min(floors),
        records=min(records),
        phases=min(releases, key=lambda each: each.total),
        cells=cells,
        node_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        database_megabytes=0.0 if is_sqlite else database.megabytes,
    )


def made_node(folder: Path, database_url: str) -> Node:
    """A node with an empty database."""
    settings = Settings(
        origin=ORIGIN, name={"en": "Lakeside"}, database_url=database_url
    )
    home = folder / "node"
    make_home(home, settings, NOW, upgrade=make_schema)
    return open_node(home, clock=lambda: NOW)


def grouped(node: Node, statement: str) -> float:
    """Seconds of a bare GROUP BY, with as much memory as a build has, rows fetched."""
    with node.database.transaction() as session:
        if not node.database.is_sqlite:
            session.execute(sa.text(f"SET LOCAL work_mem = '{WORK_MEMORY}'"))
            session.execute(sa.text("SET LOCAL jit = off"))
        began = time.perf_counter()
        session.execute(sa.text(statement)).all()
        return time.perf_counter() - began


def release(node: Node, structure: Structure, question: str) -> tuple[Phases, int]:
    """Everything that a build does but the gate; then undone. Phases and cells."""
    phases = Phases()
    profile = ProtectionProfile()
    population = queries.Population(
        structure=structure,
        period=PERIOD,
        cut_off=a_period(PERIOD).cut_off,
        questions=[[question]],
        now=NOW,
    )
    with node.database.transaction() as session:
        engine = TimedEngine(SqlEngine(session), phases)
        began = time.perf_counter()
        counted = queries.count(session, population, engine)
        asked = sum(phases.seconds.values())
        phases.seconds["base rows"] = time.perf_counter() - began - asked
        with phases.timed("protect"):
            noise = perturbation_table(profile.perturbation)
            rows = rules.base_rows(
                structure, ((r.values, r.count, r.key_sum) for r in counted.rows)
            )
            base = BaseCells.from_rows(structure, rows)
            table = protect(base, structure, profile, table=noise)
            protected_coverage(counted.total, counted.eligible, profile, noise)
        with phases.timed("data file"):
            data = write_data(table, structure, "LAKESIDE", PERIOD)
        with phases.timed("members"):
            insert_release(session)
            write_members(session, 1, counted.members)
        with phases.timed("sign"):
            start_document(a_manifest(structure, data), node.keys.documents)
        session.rollback()
    return phases, data.count(b"\n") - 1


def insert_release(session: Session) -> None:
    """The row that members hang on; its own cost is that of one insert."""
    session.execute(
        sa.insert(ReleaseRow).values(
            sequence=1,
            release_id="r",
            plan="p",
            agreement="a",
            subject="s",
            dataflow="d",
            series="d",
            period=PERIOD,
            structure="s",
            recipients="[]",
            purposes="[]",
            built_at=NOW,
            publication_at=NOW,
            manifest=b"",
            data=b"",
        )
    )


@dataclass
class Peak:
    """The most memory that PostgreSQL's processes had of their own, beside what is shared."""

    megabytes: float = 0.0


@contextmanager
def peak_of_database() -> Iterator[Peak]:
    """Watch the server's processes ten times a second."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak.megabytes = max(peak.megabytes, own_megabytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield peak
    done.set()
    watcher.join()


def own_megabytes() -> float:
    """Anonymous memory of the server and its children."""
    server = psutil.Process(server_pid())
    kilobytes = 0
    for process in (server, *server.children()):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:  # it ended meanwhile
            continue
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        kilobytes += int(lines.get("RssAnon", "0 kB").split()[0])
    return kilobytes / 1024


@lru_cache(maxsize=1)
def server_pid() -> int:
    """The process that PostgreSQL began with; it writes its number down."""
    folder = parse_qs(urlsplit(postgresql_url()).query)["host"][0]
    files = [Path(folder) / "postmaster.pid", *Path(folder).glob("*/postmaster.pid")]
    return next(int(f.read_text().splitlines()[0]) for f in files if f.exists())


def show(figure: Figure) -> None:
    """One city: floor, phases, memory."""
    print(f"\n{figure.city.records:,} records on {figure.name}, {figure.cells:,} cells")
    print(f"  {'bare GROUP BY':18}{figure.floor:8.3f} s")
    if has_records(figure.city):
        print(f"  {'  over records':18}{figure.records:8.3f} s")
    for name, seconds in figure.phases.seconds.items():
        print(f"  {name:18}{seconds:8.3f} s")
    total = figure.phases.total
    beside = f", {total / figure.records:.2f} x over records"
    print(
        f"  {'release':18}{total:8.3f} s{total / figure.floor:8.2f} x the floor"
        + (beside if has_records(figure.city) else "")
    )
    print(
        f"  memory: node {figure.node_megabytes:,.0f} MB,"
        f" database {figure.database_megabytes:,.0f} MB"
    )


def has_records(city: City) -> bool:
    """Whether the city has the registry's own records too."""
    return city.records <= MOST_RECORDS


def show_table(figures: Sequence[Figure]) -> None:
    """Cost against each size, as a table."""
    print(f"\n{'':18}{'cells':>9}{'floor':>9}{'consents':>10}{'cells':>9}{'rest':>9}")
    for figure in figures:
        seconds = figure.phases.seconds
        asked = seconds["consents"] + seconds["base cells"]
        print(
            f"{figure.name:18}{figure.cells:9,}{figure.floor:8.3f}s"
            f"{seconds['consents']:9.3f}s{seconds['base cells']:8.3f}s"
            f"{figure.phases.total - asked:8.3f}s"
        )


def show_sync(learners: int = 5_000) -> None:
    """What a sync does beforehand: record keys, and the table of counted events."""
    began = time.perf_counter()
    for number in range(100_000):
        record_key(b"k" * 32, PERIOD, f"L{number:026}")
    print(f"\nrecord key: {(time.perf_counter() - began) * 10:.1f} µs each")
    for name, url in (("SQLite", ""), ("PostgreSQL", fresh_postgresql_database())):
        with tempfile.TemporaryDirectory() as folder:
            node = made_node(Path(folder), url)
            people = some_learners(learners)
            with node.database.transaction() as session:
                register(session, people)
                session.execute(sa.delete(CountedEventRow))
            with node.database.transaction() as session:
                began = time.perf_counter()
                events.refresh(session, node, [each.ref for each in people], NOW)
            spent = (time.perf_counter() - began) * 1e6 / learners
            print(f"counted event on {name}: {spent:.0f} µs for each learner")
            node.close()


if __name__ == "__main__":
    main()
