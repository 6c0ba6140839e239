"""Rows of an invented registry: who learns what, how it ended, and what was signed.

Each table is made from the rows of those that it depends on, in the order of the columns
in the vocabulary. All chance comes from the generator that is passed in.
"""

import time
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import accumulate
from typing import Literal

import numpy as np

from interurban_adapters.records import RecordKind
from interurban_node.demo.synthetic_mapping import COLUMNS
from interurban_node.demo.synthetic_vocabulary import (
    ARABIC,
    CYRILLIC,
    LATIN,
    PROGRAMMES,
    Programme,
)

FAULT_RATE = 0.006  # of the rows of a table, for each kind of fault

Random = np.random.Generator
Positions = np.ndarray[tuple[int], np.dtype[np.int64]]
Period = tuple[date, date]
"""A quarter: its first and its last day."""

_REASONS: Mapping[str, float] = {  # of leaving, as the software writes them
    "work": 30,
    "family": 16,
    "health": 13,
    "moved": 8,
    "provider": 7,
    "other": 10,
    "": 16,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CityProfile:
    """What distinguishes a city and its registry software.

    `code` begins the numbers, `completion_shift` and `work_shift` are added to every chance
    of completing and of finding work, `scripts` are the shares of Latin, Arabic and
    Cyrillic names.
    """

    code: str
    name: str
    displaced_share: float
    completion_shift: float
    scripts: tuple[float, float, float]
    work_shift: float = 0.0
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


@dataclass(frozen=True, slots=True)
class Face:
    """What chances hang on: who somebody is, as their row says. `age` is today's."""

    number: str
    is_woman: bool
    is_displaced: bool
    age: int


def face_of(story: Story, person: Sequence[str]) -> Face:
    """The person in a row of learners, which may have spaces too many."""

    def said(column: str) -> str:
        return person[place_of(RecordKind.LEARNER, column)].strip()

    return Face(
        number=said("number"),
        is_woman=said("sex") == "2",
        is_displaced=said("displaced") == "Y",
        age=story.today.year - int(_year_in(said("born"))),
    )


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
    faces = [face_of(story, person) for person in people]
    again = np.flatnonzero(rng.random(len(people)) < 0.15)
    who = np.concatenate([np.arange(len(people)), again])
    first_subject = _subjects(faces, rng)
    other_subject = first_subject[again] + rng.integers(1, len(PROGRAMMES), len(again))
    subjects = np.concatenate([first_subject, other_subject]) % len(PROGRAMMES)
    periods = rng.integers(0, len(story.periods), len(who)).tolist()
    chances = rng.random((5, len(who))).T.tolist()
    return [
        _enrolment(
            story, story.first_number + i, faces[person], subject, period, chance
        )
        for i, (person, subject, period, chance) in enumerate(
            zip(who.tolist(), subjects.tolist(), periods, chances, strict=True)
        )
    ]


def _subjects(faces: Sequence[Face], rng: Random) -> Positions:
    """A programme for everybody, by its position, as women and men choose them."""
    share = np.array([programme.women for programme in PROGRAMMES])
    women = np.array([face.is_woman for face in faces])
    weights = np.where(women[:, None], share, 1 - share).cumsum(axis=1)
    drawn = rng.random((len(faces), 1)) * weights[:, -1:]
    positions: Positions = (drawn >= weights).sum(axis=1)
    return positions


def _enrolment(
    story: Story,
    number: int,
    face: Face,
    subject: int,
    period: int,
    chances: Sequence[float],
) -> list[str]:
    programme = PROGRAMMES[subject]
    when, before, outcome, part, why = chances
    first, last = story.periods[period]
    start = first.toordinal() + int(when * ((last - first).days + 1))
    registered = min(start - 3 - int(before * 60), story.today.toordinal())
    status, ended = _outcome(story, programme, face, start, outcome, part)
    return [
        f"E{number}",
        face.number,
        programme.code,
        term_of(first),
        story.day(registered),
        story.day(start),
        "" if ended is None else story.day(ended),
        status,
        _reason(status, face, why),
    ]


def _outcome(
    story: Story,
    programme: Programme,
    face: Face,
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
    completing = programme.completing + story.city.completion_shift
    completing += 0.05 * (face.age > 30) - 0.07 * face.is_displaced
    if chance < completing:
        return "CMP", end
    if chance < completing + 0.6 * (1 - completing):
        return "WDR", start + int(part * programme.weeks * 7)
    return "NCM", end


def _reason(status: str, face: Face, chance: float) -> str:
    """Why somebody left: women more often for the family, displaced people to move on."""
    if status == "NCM":
        return "exam" if chance < 0.7 else ""
    if status != "WDR":
        return ""
    weights = dict(_REASONS)
    weights["family"] *= 2 if face.is_woman else 1
    weights["moved"] *= 4 if face.is_displaced else 1
    return chosen(weights, chance)


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
            awarded = min(day_in(story, enrolment, "ended") + int(wait * 14), today)
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
        signed = day_in(story, enrolment, "registered")
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


def chosen(weights: Mapping[str, float], chance: float) -> str:
    """One of the names, as often as its weight says; `chance` is in [0, 1)."""
    sums = list(accumulate(weights.values()))
    return list(weights)[bisect(sums, chance * sums[-1])]


def term_of(first_day: date) -> str:
    """The name of the term that begins a quarter."""
    return f"{first_day.year}-Q{(first_day.month + 2) // 3}"


def day_in(story: Story, enrolment: Sequence[str], column: str) -> int:
    """A day in a row of enrolments, by its ordinal."""
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
