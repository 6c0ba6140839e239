"""A small registry export that tests write, change and break."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.mappings import load_mapping
from interurban_node.core.context import Node
from interurban_node.core.database import Base
from interurban_node.registry import queries, service
from interurban_node.registry.service import Source, SyncProgress, SyncSummary

MAPPING = """
name = "Training office"

[programme]
table = "programmes.csv"
key = ["code"]

[programme.fields]
code = { column = "code" }
title = { column = "title" }
level = { column = "eqf" }
hours = { column = "hours" }

[learner]
table = "learners.csv"
key = ["number"]

[learner.fields]
person_id = { column = "number" }
given_name = { column = "given" }
family_name = { column = "family" }
email = { column = "mail" }
phone = { column = "phone" }
sex = { column = "sex" }
birth_year = { column = "born" }
displaced = { column = "displaced", map = { Y = "yes", N = "no" }, otherwise = "null" }
disability = { column = "disability", optional = true, map = { Y = "yes", N = "no" } }

[enrolment]
table = "enrolments.csv"
key = ["id"]

[enrolment.fields]
person_id = { column = "number" }
programme_code = { column = "code" }
started_on = { column = "started" }
status = { column = "status" }

[offer]
table = "offers.csv"
key = ["run"]

[offer.fields]
programme_code = { column = "code" }
starts = { column = "starts" }
places = { column = "places" }
mode = { column = "mode", map = { P = "in_person", D = "distance" } }

[certificate]
table = "certificates.csv"
key = ["id"]

[certificate.fields]
person_id = { column = "number" }
programme_code = { column = "code" }
awarded_on = { column = "awarded" }
status = { column = "status" }

[placement]
table = "placements.csv"
key = ["id"]

[placement.fields]
person_id = { column = "number" }
employer = { column = "employer" }
kind = { constant = "job" }
starts = { column = "starts" }

[grievance]
table = "grievances.csv"
key = ["file"]

[grievance.fields]
person_id = { column = "number" }
kind = { column = "about" }
received_on = { column = "received" }
due_on = { column = "due" }
decided_on = { column = "decided" }
outcome = { column = "outcome" }
"""

HEADERS = {
    "programmes": ("code", "title", "eqf", "hours"),
    "learners": (
        "number",
        "given",
        "family",
        "mail",
        "phone",
        "sex",
        "born",
        "displaced",
    ),
    "enrolments": ("id", "number", "code", "started", "status"),
    "certificates": ("id", "number", "code", "awarded", "status"),
    "offers": ("run", "code", "starts", "places", "mode"),
    "placements": ("id", "number", "employer", "starts"),
    "grievances": (
        "file",
        "number",
        "about",
        "received",
        "due",
        "decided",
        "outcome",
    ),
}

Rows = dict[str, list[str]]


@dataclass
class Export:
    """An export in a folder; `tables` holds its rows by their key, in order."""

    folder: Path
    tables: dict[str, Rows] = field(default_factory=dict)
    headers: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(HEADERS))

    def put(self, table: str, *cells: str) -> None:
        """Add a row, or replace the one with the same key."""
        self.tables.setdefault(table, {})[cells[0]] = list(cells)

    def learner(self, number: str, **changes: str) -> None:
        """A learner with a name of her own."""
        cells = {
            "number": number,
            "given": f"Given{number}",
            "family": f"Family{number}",
            "mail": f"mail{number}@post.example",
            "phone": f"+00{number}",
            "sex": "F",
            "born": "1990",
            "displaced": "N",
        }
        self.put("learners", *{**cells, **changes}.values())

    def enrolment(
        self,
        key: str,
        number: str,
        code: str = "WELD",
        started: str = "2026-01-15",
        status: str = "active",
    ) -> None:
        """A course that a learner takes."""
        self.put("enrolments", key, number, code, started, status)

    def grievance(
        self, key: str, number: str = "", about: str = "DATA", **clock: str
    ) -> None:
        """A grievance, without a name if no number is given; days in `clock`."""
        cells = {
            "received": "2026-02-02",
            "due": "2026-03-04",
            "decided": "",
            "outcome": "",
        }
        self.put("grievances", key, number, about, *{**cells, **clock}.values())

    def write(self) -> Path:
        """Write everything; the mapping's path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for table, header in self.headers.items():
            rows = self.tables.get(table, {}).values()
            lines = [",".join(cells) for cells in (header, *rows)]
            path = self.folder / f"{table}.csv"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = self.folder / "mapping.toml"
        path.write_text(MAPPING, encoding="utf-8")
        return path

    def source(self, *, page_rows: int = 10_000, name: str | None = None) -> Source:
        """What is written now, as a source."""
        mapping = load_mapping(self.write())
        adapter = CsvFiles(self.folder, page_rows=page_rows)
        return Source(name=name or mapping.name, mapping=mapping, adapter=adapter)


def an_export(folder: Path, *, learners: int = 8) -> Export:
    """Learners P-1001 and on, with a course each, and some awards and jobs."""
    export = Export(folder)
    export.put("programmes", "WELD", "Welding", "3", "400")
    export.put("programmes", "CARE", "Care", "4", "600")
    for place in range(learners):
        number = f"P-{1001 + place}"
        export.learner(number, born=str(1960 + 5 * place))
        export.enrolment(f"e{1001 + place}", number, code=("WELD", "CARE")[place % 2])
    export.put("certificates", "c1", "P-1001", "WELD", "2026-02-20", "valid")
    export.put("certificates", "c2", "P-1002", "CARE", "2026-02-21", "revoked")
    export.put("placements", "p1", "P-1001", "Harbour Works", "2026-02-25")
    return export


def synced(
    node: Node,
    export: Export,
    *,
    page_rows: int = 10_000,
    progress: Callable[[SyncProgress], None] = lambda _: None,
    accept_removal: bool = False,
) -> SyncSummary:
    """Sync what is written now, at the node's time."""
    return service.sync(
        node,
        export.source(page_rows=page_rows),
        node.clock(),
        progress,
        accept_removal=accept_removal,
    )


def everything(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of records, in a fixed order."""
    return {
        str(kind): sorted(
            tuple(row) for row in session.execute(sa.select(model.__table__))
        )
        for kind, model in queries.MODELS.items()
    }


def all_values(session: Session) -> list[object]:
    """Every value in every column of every table of the node."""
    return [
        value
        for table in Base.metadata.sorted_tables
        for row in session.execute(sa.select(table))
        for value in row
    ]
