"""What is wrong with an invented registry on purpose, and where.

Each faulty row has one fault. What hangs on a learner is made from sound learners alone, so
that no sound row is orphaned by a faulty one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from interurban_adapters.records import RecordKind
from interurban_node.demo.synthetic_rows import Random, Story, place_of


class Fault(StrEnum):
    """What is wrong on purpose; the last three are repaired, the others rejected."""

    BAD_DATE = "bad date"
    UNKNOWN_CODE = "unknown code"
    MISSING_REQUIRED = "missing required field"
    FUTURE_DATE = "future date"
    DUPLICATE = "duplicate"
    UNKNOWN_REASON = "unknown reason"
    TRAILING_SPACES = "trailing spaces"
    BLANK_LINE = "blank line"


REPAIRED = (Fault.UNKNOWN_REASON, Fault.TRAILING_SPACES, Fault.BLANK_LINE)


@dataclass(slots=True)
class Sheet:
    """A table being made. `sound` rows are accepted, `untouched` ones have no fault at all."""

    rows: list[list[str]]
    sound: list[list[str]] = field(default_factory=list)
    untouched: list[list[str]] = field(default_factory=list)
    faults: dict[Fault, int] = field(default_factory=dict)


Plan = tuple[Fault, tuple[str, ...], tuple[str, ...]]  # fault, columns, values for them


def _fault_plans(kind: RecordKind, story: Story) -> tuple[Plan, ...]:
    """Which columns of a table go wrong, and what then stands in them."""
    iso = story.city.date_format == "iso"
    bad = (f"{story.today.year}-02-31" if iso else "31.02.2024", "0000-00-00")
    future = (story.day(story.today.toordinal() + 400),)
    dated, past, coded, needed, spaced = _FAULTY_COLUMNS[kind]
    told = ("reason",) if kind is RecordKind.ENROLMENT else ()
    plans: tuple[Plan, ...] = (
        (Fault.BAD_DATE, dated, bad),
        (Fault.FUTURE_DATE, past, future),
        (Fault.UNKNOWN_CODE, coded, ("??", "X")),
        (Fault.MISSING_REQUIRED, needed, ("",)),
        (Fault.UNKNOWN_REASON, told, ("see file", "3")),
        (Fault.TRAILING_SPACES, spaced, ()),
    )
    return tuple(plan for plan in plans if plan[1])


_FAULTY_COLUMNS: Mapping[RecordKind, tuple[tuple[str, ...], ...]] = {
    # columns with dates, dates that must be past, codes, required values, any values
    RecordKind.LEARNER: (
        ("born",),
        (),
        ("sex", "displaced"),
        ("number",),
        ("sex", "family_name"),
    ),
    RecordKind.OFFER: (
        ("starts",),
        (),
        ("mode",),
        ("places", "programme"),
        ("places", "mode"),
    ),
    RecordKind.ENROLMENT: (
        ("started", "registered"),
        ("registered",),
        ("status",),
        ("learner", "programme"),
        ("status", "programme"),
    ),
    RecordKind.CERTIFICATE: (
        ("awarded",),
        ("awarded",),
        ("status",),
        ("learner",),
        ("status", "awarded"),
    ),
    RecordKind.PLACEMENT: (
        ("starts",),
        (),
        ("kind", "why_ended"),
        ("learner",),
        ("employer",),
    ),
    RecordKind.GRIEVANCE: (
        ("received", "due"),
        ("decided",),
        ("about", "outcome"),
        ("about", "received"),
        ("about",),
    ),
    RecordKind.CONSENT: (
        ("signed",),
        ("signed",),
        ("answer",),
        ("learner", "question"),
        ("answer",),
    ),
}


def planted(
    kind: RecordKind, rows: list[list[str]], story: Story, rng: Random
) -> Sheet:
    """The table with its faults; no row gets two."""
    sheet = Sheet(rows)
    each = max(1, round(story.fault_rate * len(rows))) if story.fault_rate else 0
    order = [rows[i] for i in rng.permutation(len(rows)).tolist()]
    for fault, columns, values in _fault_plans(kind, story):
        chosen = [order.pop() for _ in range(min(each, len(order)))]
        for i, row in enumerate(chosen):
            place = place_of(kind, columns[i % len(columns)])
            row[place] = values[i % len(values)] if values else f"{row[place]}  "
        if fault in REPAIRED:
            sheet.sound += chosen
        sheet.faults[fault] = len(chosen)
    doubled = [order.pop() for _ in range(min(each, len(order)))]
    sheet.faults[Fault.DUPLICATE] = len(doubled)
    sheet.sound += doubled + order
    sheet.untouched = order
    for row in doubled:
        rows.insert(int(rng.integers(0, len(rows) + 1)), list(row))
    if each:
        rows.insert(int(rng.integers(0, len(rows) + 1)), [])
        sheet.faults[Fault.BLANK_LINE] = 1
    return sheet
