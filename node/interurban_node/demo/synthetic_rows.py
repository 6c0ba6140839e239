"""Rows of an invented registry: who learns what, how it ended, and what was signed.

Each table is made from the rows of those that it depends on, in the order of the columns
in the vocabulary. All chance comes from the generator that is passed in.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np

from interurban_adapters.records import RecordKind
from interurban_node.demo.synthetic_vocabulary import (
    ARABIC,
    COLUMNS,
    CYRILLIC,
    EMPLOYERS,
    LATIN,
    PROGRAMMES,
    Programme,
)

FAULT_RATE = 0.006  # of the rows of a table, for each kind of fault

Random = np.random.Generator
Period = tuple[date, date]
"""A quarter: its first and its last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityProfile:
    """What distinguishes a city and its registry software.

    `code` begins the numbers, `completion_shift` is added to every chance of completing,
    `scripts` are the shares of Latin, Arabic and Cyrillic names.
    """

    code: str
    name: str
    displaced_share: float
    completion_shift: float
    scripts: tuple[float, float, float]
    delimiter: Literal[",", ";", "\t"] = ","
    date_format: str = "iso"
    line_end: Literal["\n", "\r\n"] = "\n"
    byte_order_mark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a registry is made from. `first_number` keeps later learners apart."""

    seed: int
    city: CityProfile
    today: date
    periods: tuple[Period, ...]
    first_number: int = 1_000_000
    fault_rate: float = FAULT_RATE

    def day(self, ordinal: int) -> str:
        """A day, by its ordinal, as the city's software writes it."""
        return day_text(ordinal, self.city.date_format)


def programmes_of(city: CityProfile) -> list[list[str]]:
    """The programmes, the same in every city, taught by the city's own centre."""
    provider = f"{city.name} Learning Centre"
    return [
        [p.code, p.title, p.field, str(p.level), str(p.hours), p.mode, provider]
        for p in PROGRAMMES
    ]


def learners_of(story: Story, count: int, rng: Random) -> list[list[str]]:
    """Invented people: names by script, age around 34, a city's share of displaced."""
    city = story.city
    scripts = rng.choice(3, count, p=city.scripts)
    given, family = rng.integers(0, 1_000, (2, count)).tolist()
    ages = np.clip(rng.normal(34, 11, count), 17, 64)
    born = (story.today.toordinal() - ages * 365.25).astype(int).tolist()
    sexes = rng.choice(
        ["1", "2", "3", "9", ""], count, p=[0.485, 0.485, 0.01, 0.01, 0.01]
    )
    displaced = _yes_no(rng, count, city.displaced_share, unknown=0.03)
    disabled = _yes_no(rng, count, 0.08, unknown=0.05)
    attainment = rng.choice(["0", "1", "2", "3", "4", "5", "6", ""], count)
    districts = rng.integers(1, 9, count).tolist()
    rows = []
    for i, number in enumerate(_numbers(story, count, rng)):
        first, last = (LATIN, ARABIC, CYRILLIC)[scripts[i]]
        rows.append(
            [
                f"{city.code}{number}",
                first[given[i] % len(first)],
                last[family[i] % len(last)],
                f"learner{number}@post.example",
                f"+00 {number}",
                str(sexes[i]),
                story.day(born[i]),
                displaced[i],
                disabled[i],
                str(attainment[i]),
                f"{city.code}-{districts[i]:02}",
            ]
        )
    return rows


def _numbers(story: Story, count: int, rng: Random) -> list[int]:
    """Different numbers in no order, as registries have them after some years."""
    chosen = rng.choice(900_000, count, replace=False) + story.first_number
    numbers: list[int] = chosen.tolist()
    return numbers


def _yes_no(rng: Random, count: int, share: float, *, unknown: float) -> list[str]:
    yes = share * (1 - unknown)
    answers: list[str] = rng.choice(
        ["Y", "N", ""], count, p=[yes, 1 - yes - unknown, unknown]
    ).tolist()
    return answers


def enrolments(
    story: Story, people: Sequence[Sequence[str]], rng: Random
) -> list[list[str]]:
    """One enrolment for everybody, and for every seventh or so another in another subject."""
    again = np.flatnonzero(rng.random(len(people)) < 0.15)
    who = np.concatenate([np.arange(len(people)), again])
    first_subject = rng.integers(0, len(PROGRAMMES), len(people))
    other_subject = first_subject[again] + rng.integers(1, len(PROGRAMMES), len(again))
    subjects = np.concatenate([first_subject, other_subject]) % len(PROGRAMMES)
    periods = rng.integers(0, len(story.periods), len(who)).tolist()
    chances = rng.random((4, len(who))).T.tolist()
    return [
        _enrolment(
            story, story.first_number + i, people[person], subject, period, chance
        )
        for i, (person, subject, period, chance) in enumerate(
            zip(who.tolist(), subjects.tolist(), periods, chances, strict=True)
        )
    ]


def _enrolment(
    story: Story,
    number: int,
    person: Sequence[str],
    subject: int,
    period: int,
    chances: Sequence[float],
) -> list[str]:
    programme = PROGRAMMES[subject]
    when, before, outcome, part = chances
    first, last = story.periods[period]
    start = first.toordinal() + int(when * ((last - first).days + 1))
    registered = min(start - 3 - int(before * 60), story.today.toordinal())
    status, ended = _outcome(story, programme, person, start, outcome, part)
    return [
        f"E{number}",
        person[place_of(RecordKind.LEARNER, "number")],
        programme.code,
        f"{first.year}-Q{(first.month + 2) // 3}",
        story.day(registered),
        story.day(start),
        "" if ended is None else story.day(ended),
        status,
        ("work", "family", "moved", "health")[int(part * 4)] if status == "WDR" else "",
    ]


def _outcome(
    story: Story,
    programme: Programme,
    person: Sequence[str],
    start: int,
    chance: float,
    part: float,
) -> tuple[str, int | None]:
    """How the enrolment stands today, and the day on which it ended."""
    today = story.today.toordinal()
    end = start + programme.weeks * 7
    if start > today:
        return "REG", None
    if end > today:
        if chance < 0.08:
            return "WDR", start + int(part * (today - start))
        return ("SUS" if chance < 0.11 else "ACT"), None
    displaced = person[place_of(RecordKind.LEARNER, "displaced")].strip() == "Y"
    born = person[place_of(RecordKind.LEARNER, "born")]
    older = int(_year_in(born)) < story.today.year - 30
    completing = programme.completing + story.city.completion_shift
    completing += 0.05 * older - 0.07 * displaced
    if chance < completing:
        return "CMP", end
    if chance < completing + 0.6 * (1 - completing):
        return "WDR", start + int(part * programme.weeks * 7)
    return "NCM", end


def certificates(
    story: Story, completed: Iterable[Sequence[str]], rng: Random
) -> list[list[str]]:
    """Awards within two weeks of the end for nearly all; one in a hundred is revoked."""
    levels = {programme.code: str(programme.level) for programme in PROGRAMMES}
    today = story.today.toordinal()
    rows = []
    for enrolment in completed:
        number, person, programme = enrolment[:3]
        has_one, wait, result, revoked = rng.random(4).tolist()
        if has_one < 0.96:
            awarded = min(_ordinal(story, enrolment, "ended") + int(wait * 14), today)
            rows.append(
                [
                    f"C{number[1:]}",
                    person,
                    programme.strip(),
                    story.day(awarded),
                    levels[programme.strip()],
                    ("pass", "merit", "distinction")[int(result * 3)],
                    "R" if revoked < 0.01 else "V",
                ]
            )
    return rows


def placements(
    story: Story, completed: Iterable[Sequence[str]], rng: Random
) -> list[list[str]]:
    """Work within five months of the end for half of those who completed."""
    today = story.today.toordinal()
    rows = []
    for enrolment in completed:
        placed, wait, sort, employer, wage = rng.random(5).tolist()
        starts = _ordinal(story, enrolment, "ended") + 5 + int(wait * 150)
        if placed > 0.5 or starts > today:
            continue
        kind = "JJJJAI"[int(sort * 6)]
        rows.append(
            [
                f"P{enrolment[0][1:]}",
                enrolment[1],
                EMPLOYERS[int(employer * len(EMPLOYERS))],
                kind,
                story.day(starts),
                story.day(starts + 90) if kind == "I" else "",
                ["A", "B", "C", "D", ""][int(wage * 5)],
            ]
        )
    return rows


def consents(
    story: Story, enrolments: Iterable[Sequence[str]], rng: Random
) -> list[list[str]]:
    """Sheets of paper: four of five agreed, one of ten refused, the rest was never asked.

    A few of those who agreed have withdrawn since, on a second sheet.
    """
    today = story.today.toordinal()
    rows: list[list[str]] = []
    asked: set[str] = set()

    def add(person: str, answer: str, day: int) -> None:
        sheet = f"S{story.first_number + len(rows)}"
        rows.append([sheet, person, "aggregates", answer, story.day(day), "all"])

    for enrolment in enrolments:
        person = enrolment[1]
        if person in asked:
            continue
        asked.add(person)
        answer, leaves, part = rng.random(3).tolist()
        signed = _ordinal(story, enrolment, "registered")
        if answer < 0.9:
            add(person, "Y" if answer < 0.8 else "N", signed)
        later = signed + 10 + int(part * 200)
        if answer < 0.8 and leaves < 0.03 and later <= today:
            add(person, "W", later)
    return rows


@lru_cache(maxsize=256)
def place_of(kind: RecordKind, column: str) -> int:
    """The position of a column in the rows of its table."""
    return COLUMNS[kind].index(column)


def _ordinal(story: Story, enrolment: Sequence[str], column: str) -> int:
    text = enrolment[place_of(RecordKind.ENROLMENT, column)]
    return _ordinal_of(text.strip(), story.city.date_format)


@lru_cache(maxsize=20_000)
def day_text(ordinal: int, form: str) -> str:
    """A day as text in ISO form or in a format of `strftime`."""
    day = date.fromordinal(ordinal)
    return day.isoformat() if form == "iso" else day.strftime(form)


@lru_cache(maxsize=20_000)
def _ordinal_of(text: str, form: str) -> int:
    if form == "iso":
        return date.fromisoformat(text).toordinal()
    return date(*time.strptime(text, form)[:3]).toordinal()


def _year_in(text: str) -> str:
    return text[:4] if text[:4].isdigit() else text[-4:]
