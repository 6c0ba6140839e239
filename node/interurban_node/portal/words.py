"""Plain words for learners: cities, periods, groups; in one language, with names isolated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from babel.dates import format_date
from babel.lists import format_list

from interurban_node.aggregates.service import CountedIn
from interurban_node.core.pages import Language
from interurban_protocol.errors import MalformedError
from interurban_protocol.release_plans import PUBLIC, quarter_bounds

_ISOLATE, _POP = "\u2068", "\u2069"  # a name keeps its own direction (Unicode UAX 9)
_UPPER_ROUNDING = 10


@dataclass(frozen=True, slots=True)
class Words:
    """What pages say about cities and times; `cities` are names by address and language."""

    language: Language
    cities: Mapping[str, Mapping[str, str]]

    def city(self, origin: str) -> str:
        """A city's name; its host where it is no longer known; for the public, everybody."""
        if origin == PUBLIC:
            return self.language.text("everybody (published)")
        names = self.cities.get(origin) or {"en": urlsplit(origin).netloc}
        return self.name(names)

    def city_list(self, origins: Iterable[str]) -> str:
        """Several cities, joined as the language does it."""
        names = sorted(self.city(origin) for origin in origins)
        return format_list(names, locale=self.language.code)

    def name(self, names: Mapping[str, str]) -> str:
        """A name in this language or in English, isolated in right-to-left text."""
        text = names.get(self.language.code) or names.get("en") or min(names.values())
        return self.isolated(text)

    def isolated(self, text: str) -> str:
        """A text of unknown direction, so that it does not turn its surroundings round."""
        if self.language.direction == "ltr":
            return text
        return f"{_ISOLATE}{text}{_POP}"

    def day(self, value: date | datetime) -> str:
        """A date in long form."""
        return self.language.date(value)

    def period(self, period: str) -> str:
        """A quarter by its months; another period as it is written."""
        try:
            first, last = quarter_bounds(period)
        except MalformedError:
            return self.isolated(period)
        return self.language.text(
            "%(first)s to %(last)s %(year)s",
            first=self._month(first),
            last=self._month(last),
            year=first.year,
        )

    def counted(self, use: CountedIn) -> str:
        """One release in a sentence. The group is the published total, just small, or unsaid."""
        values = {
            "table": self.name(use.dataflow_name),
            "period": self.period(use.period),
        }
        if not use.published:
            return self.language.text(
                "Counted in “%(table)s”, %(period)s; not published yet.", **values
            )
        if use.group_size_shown is None:
            return self.language.text(
                "Counted in “%(table)s”, %(period)s, in a small group.", **values
            )
        return self.language.text(
            "Counted in “%(table)s”, %(period)s, in a group of about %(size)s.",
            **values,
            size=round(use.group_size_shown / _UPPER_ROUNDING) * _UPPER_ROUNDING,
        )

    def _month(self, day: date) -> str:
        return format_date(day, "LLLL", locale=self.language.code)
