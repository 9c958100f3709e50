"""The language of a report: every visible word, number and date of one goes through here.

A text is a whole sentence with named places, never a fragment to be joined to another: the order of words is the
translator's. The English text is the key of its translation. What others wrote, an error of a provider, has none: it
is quoted as it is, between marks that a page makes an element in English of.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from scheduler.domain.instant import to_utc
from scheduler.domain.said import Said

ENGLISH_BEGINS: Final = "\u2068"
ENGLISH_ENDS: Final = "\u2069"
"""Around a text that is English whatever the language: Unicode's invisible marks for text in another one."""
UNMARKED: Final = str.maketrans("", "", ENGLISH_BEGINS + ENGLISH_ENDS)
"""What takes these marks off again, for text that has no elements."""

_WHOLE_FROM: Final = 999.5
"""From here on three significant digits hold no decimals."""
_DUST: Final = 1e-9
"""What floating point may lack of a round share. [%/10]"""
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_SHORT_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def _as_is(text: str) -> str:
    """The English text itself, which needs no catalog."""
    return text


def _word_as_is(_context: str, text: str) -> str:
    """The English word itself."""
    return text


def _counted(one: str, many: str, count: int) -> str:
    """The English form for so many."""
    return one if count == 1 else many


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How one language, as one country writes it, says things.

    Args:
        code: for the page's ``lang``, as in BCP 47.
        translate: the translation of an English text; counted: the same where it hangs on a number; in_context: the
            same of a word that means another thing elsewhere.
        decimal, group, minus: marks inside a number, and before it.
        day_form: places ``{day}``, ``{month}`` and ``{year}`` in their order; first_day: how the first of a month is
            written.
        quotes: around what stays English; empty in English itself.
        zone: the time zone that instants are told in; zone_name: what it is called.
    """

    code: str = "en"
    translate: Callable[[str], str] = _as_is
    counted: Callable[[str, str, int], str] = _counted
    in_context: Callable[[str, str], str] = _word_as_is
    decimal: str = "."
    group: str = ","
    minus: str = "−"
    day_form: str = "{day} {month} {year}"
    first_day: str = "1"
    quotes: tuple[str, str] = ("", "")
    zone: tzinfo = UTC
    zone_name: str = "UTC"

    @property
    def months(self) -> tuple[str, ...]:
        """The names of the months, January first."""
        return tuple(self(name) for name in _MONTHS)

    @property
    def short_months(self) -> tuple[str, ...]:
        """The same, as short as an axis needs them."""
        return tuple(self(name) for name in _SHORT_MONTHS)

    @property
    def days(self) -> tuple[str, ...]:
        """The names of the days, Sunday first."""
        return tuple(self(name) for name in _DAYS)

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language, its places filled with what is in it already."""
        return self.translate(text).format(**values)

    def said(self, text: str) -> str:
        """A text that was put together elsewhere: by its template where it has one, and as it is if nobody knows it.

        Only what says of itself that it is English is quoted as such: any other text may be a name.
        """
        if not isinstance(text, Said):
            return self.translate(text)
        known = self.translate(text.template)
        if text.values:
            return _Filling(self).vformat(known, (), text.values)
        return known if known != text else self._original(text)

    def quoted(self, text: str) -> str:
        """A sentence that was put together elsewhere; in quotes where nobody knows it and the rest is not English."""
        if isinstance(text, Said):
            return self.said(text)
        known = self.translate(text)
        return known if known != text else self._original(text)

    def _original(self, text: str) -> str:
        """What someone else said in English: as it is, and in quotes where the rest is not English."""
        if not self.quotes[0] or not text:
            return str(text)
        return f"{self.quotes[0]}{ENGLISH_BEGINS}{text}{ENGLISH_ENDS}{self.quotes[1]}"

    def word(self, context: str, text: str) -> str:
        """A word of a fixed list, which may be another one in another list."""
        return self.in_context(context, text)

    def listed(self, parts: Sequence[str]) -> str:
        """Things one after the other, the last joined by a word."""
        if len(parts) < 2:  # noqa: PLR2004  # it takes two to be joined
            return "".join(parts)
        return self("{first} and {last}", first=", ".join(parts[:-1]), last=parts[-1])

    def plural(self, one: str, many: str, count: int, **values: object) -> str:
        """The text for so many, its places filled; ``{count}`` is the number itself."""
        return self.counted(one, many, count).format(count=self.whole(count), **values)

    def number(self, value: float, digits: int = 3) -> str:
        """A number with so many significant digits, whole where that is more; never a bare 0 for something small."""
        if not math.isfinite(value):
            return self("unknown")
        return self.marked(f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.{digits}g}")

    def whole(self, value: float) -> str:
        """A number without decimals."""
        return self.marked(f"{value:,.0f}")

    def kg(self, value: float) -> str:
        """A mass with its unit. [kg]"""
        return self("{mass} kg CO2e", mass=self.number(value))

    def percent(self, share: float) -> str:
        """A share in percent, cut and not rounded: 94.99 % is not 95. [-]"""
        return self("{percent} %", percent=self.marked(f"{math.floor(1000 * share + _DUST) / 10:g}"))

    def day(self, moment: datetime) -> str:
        """The day of an instant, in the reporting time zone."""
        return self._day(moment.astimezone(self.zone))

    def instant(self, moment: datetime) -> str:
        """An instant to the minute, in the reporting time zone."""
        return self._instant(moment.astimezone(self.zone), self.zone_name)

    def universal(self, moment: datetime) -> str:
        """An instant to the minute, in UTC."""
        return self._instant(to_utc(moment), "UTC")

    def second(self, moment: datetime) -> str:
        """An instant to the second for a table, in UTC and the same in every language."""
        return f"{to_utc(moment):%Y-%m-%d %H:%M:%S}"

    def marked(self, text: str) -> str:
        """A number of Python's with this language's marks."""
        swap = {",": self.group, ".": self.decimal, "-": self.minus}
        mantissa, mark, exponent = text.partition("e")
        return "".join(swap.get(each, each) for each in mantissa) + mark + exponent

    def _day(self, local: datetime) -> str:
        """A day as it is called here."""
        day = self.first_day if local.day == 1 else str(local.day)
        return self.day_form.format(day=day, month=self(_MONTHS[local.month - 1]), year=local.year)

    def _instant(self, local: datetime, zone: str) -> str:
        """An instant to the minute, where it is known by whose clock."""
        return self("{day}, {hour}:{minute} {zone}", day=self._day(local), hour=f"{local:%H}", minute=f"{local:%M}",
                    zone=zone)  # fmt: skip


class _Filling(string.Formatter):
    """Fills the places of a text: numbers with a language's marks, and texts inside texts in that language."""

    def __init__(self, lang: Language) -> None:
        """For one language."""
        self._lang = lang

    def format_field(self, value: object, format_spec: str) -> str:
        """What stands in one place."""
        if isinstance(value, Said):
            return self._lang.said(value)
        if isinstance(value, int | float):
            return self._lang.marked(format(value, format_spec))
        return format(value, format_spec)


ENGLISH: Final = Language()
