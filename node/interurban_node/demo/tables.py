"""What the story's cities count: structures, a calendar, and the releases that are built.

The calendar has more quarters than the story builds, as that of a real plan has: whoever looks
around finds some that are due and some that are not yet.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from interurban_node.core.context import Node
from interurban_node.demo.synthetic_careers import WAGE_BANDS
from interurban_node.demo.synthetic_registry import quarters_before
from interurban_node.demo.synthetic_vocabulary import PROGRAMMES
from interurban_protocol.release_plans import (
    PlannedDataflow,
    PlannedPeriod,
    ProtectionProfile,
    ReleasePlan,
    quarter_after,
    quarter_bounds,
    quarter_of,
)
from interurban_protocol.signed_documents import Signer
from interurban_protocol.structures import Code, Structure, bundle_bytes
from interurban_protocol.training_codelists import (
    age_band_codes,
    equity_codes,
    grouped_by_field,
    wage_band_codes,
)
from interurban_protocol.training_structures import (
    TrainingChoices,
    training_structures,
)

PURPOSE = "training-outcomes"
MATURITY = timedelta(days=182)  # by when a course of half a year has ended
DUE = 5  # quarters: enough for what became of a cohort after a year
AHEAD = 2
PROFILE = ProtectionProfile(name="rounded to fives", rounding=5)
"""Rounded, because the smallest city's gate refuses many a release that is not."""
WAGE_LIMITS = (1_200, 1_500, 1_800, 2_200, 2_800)
_BUILT: Mapping[
    str, Sequence[int]
] = {  # quarters, counted back from the newest due one
    "COMPLETION": (2, 1, 0),
    "EXITS": (4, 2, 0),
    "CREDENTIALS": (0,),
    "PLACES": (0,),
    "PLACEMENTS": (4, 0),
    "APPRENTICESHIP_BREAKS": (4,),
    "JOBS_Q2": (4, 2),
    "JOBS_Q4": (4,),
    "GRIEVANCES": (0,),
}
_TERMS = {"B": (2, 1), "J": (10, 1)}
_REAL_DATAFLOWS = ("COMPLETION", "EXITS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is planned, and what of it the story builds.

    `releases` are dataflow URNs with the period of the people counted, in an order in which
    a cohort's first release comes before what became of it.
    """

    structures: Sequence[Structure]
    periods: Sequence[PlannedPeriod]
    releases: Sequence[tuple[str, str]]

    @property
    def newest(self) -> str:
        """The newest period of the first dataflow that is built."""
        urn = self.structures[0].urn
        return max(period for dataflow, period in self.releases if dataflow == urn)


def invented_statistics(today: date, areas: Sequence[Code] = ()) -> Statistics:
    """The whole standard set over the invented registries."""
    over = quarters_before(today, DUE + 3)
    due = [quarter_of(s) for s, ends in over if ends + MATURITY <= today][-DUE:]
    ahead = [quarter_after(due[-1], number + 1) for number in range(AHEAD)]
    structures = invented_structures(areas)
    built = [
        (back - (structure.cohort.lag if structure.cohort else 0), number, back)
        for number, structure in enumerate(structures)
        for back in _BUILT[structure.id]
    ]
    return Statistics(
        structures=structures,
        periods=[_matured(period) for period in (*due, *ahead)],
        releases=[
            (structures[number].urn, due[-1 - back])
            for _, number, back in sorted(built, key=lambda each: (-each[0], each[1]))
        ],
    )


def invented_structures(areas: Sequence[Code] = ()) -> tuple[Structure, ...]:
    """The standard set with the programmes, in their fields, of the invented cities."""
    programmes = [
        Code(
            _code_id(programme.code),
            {"en": programme.title, "ar": programme.arabic},
            value=programme.code,
        )
        for programme in PROGRAMMES
    ]
    fields = {_code_id(programme.code): programme.field for programme in PROGRAMMES}
    return training_structures(
        TrainingChoices(
            programmes=grouped_by_field(programmes, fields),
            age_bands=age_band_codes(),
            equity=equity_codes("learner.displaced"),
            equity_source="learner.displaced",
            wage_bands=wage_band_codes(WAGE_LIMITS, tuple(WAGE_BANDS)),
            areas=areas,
        )
    )


def real_statistics(
    export: Path, today: date, areas: Sequence[Code] = ()
) -> Statistics:
    """Starts and exits over the export; every quarter was over long before this plan."""
    courses = read_courses(export)
    structures = real_structures(courses.modules, areas)
    quarters = {
        structure.urn: sorted({quarter_of(day) for day in days})
        for structure, days in zip(
            structures, (courses.starts, courses.ends), strict=True
        )
    }
    names = sorted({name for each in quarters.values() for name in each})
    cut_off = _midnight(today)
    return Statistics(
        structures=structures,
        periods=[_planned(name, cut_off) for name in names],
        releases=[
            (urn, name) for name in names for urn in quarters if name in quarters[urn]
        ],
    )


def real_structures(
    modules: Sequence[str], areas: Sequence[Code] = ()
) -> tuple[Structure, ...]:
    """The dataflows that the regions share, with the export's own bands of age."""
    bands = [
        Code("Y0T34", {"en": "under 35", "ar": "أقل من 35"}, value="0-35"),
        Code("Y35T54", {"en": "35 to 54", "ar": "من 35 إلى 54"}, value="35-55"),
        Code("Y_GE55", {"en": "55 and over", "ar": "55 فأكثر"}, value="55<="),
    ]
    return training_structures(
        TrainingChoices(
            programmes=[
                Code(_code_id(name), {"en": name}, value=name) for name in modules
            ],
            age_bands=bands,
            equity=equity_codes("learner.disability"),
            equity_source="learner.disability",
            areas=areas,
            dataflows=_REAL_DATAFLOWS,
        )
    )


@dataclass(frozen=True, slots=True)
class Courses:
    """The export's modules, and the first and last days of their presentations."""

    modules: Sequence[str]
    starts: Sequence[date]
    ends: Sequence[date]


def read_courses(export: Path) -> Courses:
    """What the export says of its courses; names of another form are left out."""
    modules: set[str] = set()
    starts: set[date] = set()
    ends: set[date] = set()
    with (export / "courses.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            modules.add(row["code_module"])
            name, days = row["code_presentation"], row["module_presentation_length"]
            if re.fullmatch(r"\d{4}[BJ]", name) and days.isdigit():
                first = date(int(name[:4]), *_TERMS[name[4]])
                starts.add(first)
                ends.add(first + timedelta(days=int(days)))
    return Courses(sorted(modules), sorted(starts), sorted(ends))


def release_plan(
    node: Node, statistics: Statistics, origins: Sequence[str], now: datetime
) -> tuple[ReleasePlan, tuple[bytes, ...]]:
    """The release plan that the first city proposes, with its structures."""
    moment = now.replace(microsecond=0)
    plan = ReleasePlan(
        signers=(Signer(node=node.origin, key_id=node.keys.documents.public.key_id),),
        subject="training",
        title={"en": "Training and what comes of it", "ar": "التدريب وما ينتج عنه"},
        publishers=tuple(origins),
        recipients=tuple(origins),
        purposes=(PURPOSE,),
        dataflows=tuple(
            PlannedDataflow(urn=each.urn, structure=each.digest)
            for each in statistics.structures
        ),
        profile=PROFILE,
        periods=tuple(statistics.periods),
        valid_from=moment - timedelta(days=1),
        valid_until=moment + timedelta(days=365),
        issued_at=moment,
    )
    return plan, tuple(bundle_bytes(each) for each in statistics.structures)


def _matured(period: str) -> PlannedPeriod:
    _, last = quarter_bounds(period)
    return _planned(period, _midnight(last + MATURITY))


def _planned(period: str, cut_off: datetime) -> PlannedPeriod:
    first, last = quarter_bounds(period)
    return PlannedPeriod(
        period=period, starts=first, ends=last, cut_off=cut_off, publication=cut_off
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _code_id(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text)
