"""What comes before and after the courses of an invented registry: places, work, grievances.

Shares differ by programme, sex, age, displacement and city, so that tables tell something.
All chance comes from the generator that is passed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from interurban_adapters.records import RecordKind
from interurban_node.demo.synthetic_rows import (
    Face,
    Random,
    Story,
    chosen,
    day_in,
    face_of,
    place_of,
    term_of,
)
from interurban_node.demo.synthetic_vocabulary import EMPLOYERS, PROGRAMMES, Programme

RUN_PLACES = 25  # as many as fit into a classroom
WAGE_BANDS = "ABCDEF"  # from low to high, as the wage files write them
_PROGRAMMES = {programme.code: programme for programme in PROGRAMMES}
_PLACED = {"CMP": 0.62, "NCM": 0.42, "WDR": 0.36}
_APPRENTICED_DAYS = 730
_INTERN_DAYS = 90
_GRIEVANCE_SHARE = 0.06  # of those who have started
_SUBJECTS: Mapping[str, float] = {
    "job": 22,
    "school": 28,
    "data": 9,
    "stop": 8,
    "unfair": 9,
    "safety": 8,
    "other": 16,
}


def offers(story: Story, learners: int, rng: Random) -> list[list[str]]:
    """Runs of each programme in each quarter, with somewhat more places than come."""
    expected = learners * 1.15 / len(story.periods) / len(PROGRAMMES)
    rows: list[list[str]] = []
    for first, last in story.periods:
        for programme in PROGRAMMES:
            room, *_ = rng.random(1).tolist()
            left = 5 + int(expected * (1.02 + 0.4 * room)) // 5 * 5
            while left > 0:
                places = min(left, RUN_PLACES)
                left -= places
                when, other = rng.random(2).tolist()
                starts = first.toordinal() + int(when * ((last - first).days + 1))
                rows.append(
                    [
                        f"O{story.first_number + len(rows)}",
                        programme.code,
                        term_of(first),
                        story.day(starts),
                        str(places),
                        "PHD"[int(other * 15)] if other < 0.2 else "",
                    ]
                )
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    """A time with one employer at one wage; `band` counts from 0, None is not known."""

    kind: str
    employer: str
    starts: int
    ends: int | None = None
    why_ended: str = ""
    band: int | None = None


def placements(
    story: Story,
    ended: Iterable[Sequence[str]],
    people: Iterable[Sequence[str]],
    rng: Random,
) -> list[list[str]]:
    """The work of those who have left a course, whether or not they completed it."""
    faces = {face.number: face for face in (face_of(story, row) for row in people)}
    today = story.today.toordinal()
    rows: list[list[str]] = []
    for enrolment in ended:
        chances = iter(rng.random(16).tolist())
        face = faces[enrolment[1]]
        for place, spell in enumerate(_career(story, enrolment, face, chances)):
            if spell.starts <= today:
                number = f"P{enrolment[0][1:]}{place}"
                rows.append([number, face.number, *_cells(story, spell)])
    return rows


def _cells(story: Story, spell: _Spell) -> list[str]:
    """The spell as it is known today: only an agreed end lies ahead."""
    is_ahead = spell.ends is not None and spell.ends > story.today.toordinal()
    ends, why = (None, "") if is_ahead else (spell.ends, spell.why_ended)
    if is_ahead and spell.kind == "A":
        ends = spell.starts + _APPRENTICED_DAYS
    return [
        spell.employer,
        spell.kind,
        story.day(spell.starts),
        "" if ends is None else story.day(ends),
        why,
        "" if spell.band is None else WAGE_BANDS[spell.band],
    ]


def _career(
    story: Story, enrolment: Sequence[str], face: Face, chances: Iterator[float]
) -> Iterator[_Spell]:
    """At most three spells, the first within five months of the course's end."""
    status = enrolment[place_of(RecordKind.ENROLMENT, "status")].strip()
    reason = enrolment[place_of(RecordKind.ENROLMENT, "reason")].strip()
    programme = _PROGRAMMES[enrolment[2].strip()]
    left_for_work = reason == "work"
    share = 0.85 if left_for_work else _PLACED[status] + 0.03 * (programme.level - 3)
    share += story.city.work_shift - 0.1 * face.is_displaced
    if next(chances) >= share:
        return
    wait = int(next(chances) ** 2 * (40 if left_for_work else 150))
    starts = day_in(story, enrolment, "ended") + 5 + wait
    kind = _kind(face, next(chances))
    employer = _employer(next(chances))
    band = _band(programme, face, next(chances))
    match kind:
        case "J":
            yield from _job(employer, starts, band, chances)
        case "A":
            yield from _apprenticeship(employer, starts, face, chances)
        case _:
            yield from _internship(employer, starts, band, chances)


def _job(
    employer: str, starts: int, band: int | None, chances: Iterator[float]
) -> Iterator[_Spell]:
    """Kept, renewed at a higher wage, changed for another one, or lost."""
    course, when, change = next(chances), next(chances), next(chances)
    ends = starts + 100 + int(when * 200)
    spell = _Spell(kind="J", employer=employer, starts=starts, band=band)
    if course < 0.5:
        yield spell
        return
    yield _ended(spell, ends, "O" if course < 0.86 else "")
    if course < 0.7:
        yield _Spell(kind="J", employer=employer, starts=ends + 1, band=_moved(band, 1))
    elif course < 0.86:
        step = 1 if change < 0.6 else (0 if change < 0.75 else -1)
        other = _employer(next(chances))
        yield _Spell(
            kind="J", employer=other, starts=ends + 14, band=_moved(band, step)
        )


def _apprenticeship(
    employer: str, starts: int, face: Face, chances: Iterator[float]
) -> Iterator[_Spell]:
    """Two years by contract; every fifth or so is broken within the first."""
    broken, when, after = next(chances), next(chances), next(chances)
    spell = _Spell(kind="A", employer=employer, starts=starts, band=0)
    if broken >= 0.18 + 0.08 * face.is_displaced:
        yield _ended(spell, starts + _APPRENTICED_DAYS, "C")
        return
    ends = starts + 30 + int(when * 310)
    yield _ended(spell, ends, "B")
    if after < 0.4:
        other = _employer(next(chances))
        yield _Spell(kind="J", employer=other, starts=ends + 21, band=1)


def _internship(
    employer: str, starts: int, band: int | None, chances: Iterator[float]
) -> Iterator[_Spell]:
    """Three months, after which more than half stay as employees."""
    ends = starts + _INTERN_DAYS
    yield _ended(_Spell(kind="I", employer=employer, starts=starts), ends, "C")
    if (stays := next(chances)) < 0.75:
        other = employer if stays < 0.55 else _employer(next(chances))
        yield _Spell(kind="J", employer=other, starts=ends + 1, band=band)


def _ended(spell: _Spell, ends: int, why: str) -> _Spell:
    return _Spell(
        kind=spell.kind,
        employer=spell.employer,
        starts=spell.starts,
        ends=ends,
        why_ended=why,
        band=spell.band,
    )


def _kind(face: Face, chance: float) -> str:
    apprentices = 0.35 if face.age < 25 else 0.08
    return chosen({"J": 0.86 - apprentices, "A": apprentices, "I": 0.14}, chance)


def _employer(chance: float) -> str:
    """Some employers take many more than others."""
    return EMPLOYERS[int(chance**1.5 * len(EMPLOYERS))]


def _band(programme: Programme, face: Face, chance: float) -> int | None:
    """The wage by level and, less than fairly, by displacement; every eighth is unknown."""
    if chance < 0.12:
        return None
    spread = int((chance - 0.12) / 0.88 * 4) - 1  # from -1 to 2
    band = programme.level - 2 + spread - face.is_displaced
    return min(max(band, 0), len(WAGE_BANDS) - 1)


def _moved(band: int | None, step: int) -> int | None:
    return None if band is None else min(max(band + step, 0), len(WAGE_BANDS) - 1)


def grievances(
    story: Story,
    started: Iterable[Sequence[str]],
    people: Iterable[Sequence[str]],
    rng: Random,
) -> list[list[str]]:
    """Complaints of every sixteenth or so; some without a name, some decided too late."""
    faces = {face.number: face for face in (face_of(story, row) for row in people)}
    today = story.today.toordinal()
    rows: list[list[str]] = []
    for enrolment in started:
        complains, when, about, clock, anonymous, outcome = rng.random(6).tolist()
        received = day_in(story, enrolment, "started") + int(when * 160)
        if complains >= _GRIEVANCE_SHARE or received > today:
            continue
        face = faces[enrolment[1]]
        subject = chosen({**_SUBJECTS, "unfair": 9 + 20 * face.is_displaced}, about)
        due = received + (10 if subject == "safety" else 30)
        decided = _decided(received, due, clock)
        is_open = decided is None or decided > today
        rows.append(
            [
                f"G{story.first_number + len(rows)}",
                "" if anonymous < 0.15 else face.number,
                subject,
                story.day(received),
                story.day(due),
                "" if is_open or decided is None else story.day(decided),
                "" if is_open else "UPR"[int(outcome * 3)],
            ]
        )
    return rows


def _decided(received: int, due: int, chance: float) -> int | None:
    """Within time for three of four; every tenth is still open."""
    if chance < 0.75:
        return received + int(chance / 0.75 * (due - received + 1))
    return due + 1 + int((chance - 0.75) / 0.15 * 40) if chance < 0.9 else None
