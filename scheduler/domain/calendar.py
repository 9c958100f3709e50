"""When a cluster is closed to planned jobs, wholly or in part: each week by local time, or once between two instants.

A closure is for maintenance, or for GPUs that are promised to others. It is planned around; what runs is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, PlainSerializer, Strict, WithJsonSchema, model_validator

from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.file_model import FileModel
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.time_zone import parse_time_zone

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY: Final = "day"
_CLOCK: Final = r"([01]\d|2[0-3]):[0-5]\d"
_HOURS: Final = rf"^{_CLOCK}-({_CLOCK}|24:00)$"
_EXAMPLES: Final = "{every: mon, hours: 08:00-12:00} or {since: 2026-12-24T00:00Z, until: 2027-01-02T00:00Z}"
_DAY: Final = timedelta(days=1)


def _days(value: object) -> tuple[str, ...]:
    """Days of the week in the order of a week, from one name, a list of them, or `day` for all seven."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{value!r} names no day", hint="write mon, [sat, sun], or day for every day")
    names = {each.lower() for each in value}
    for name in sorted(names - {*DAYS, EVERY_DAY}):
        raise UnknownName("day", name, (*DAYS, EVERY_DAY))
    return DAYS if EVERY_DAY in names else tuple(day for day in DAYS if day in names)


def _hours(value: object) -> str:
    """Two local times of day, the second one the next day's where it is not later."""
    if not isinstance(value, str) or not re.fullmatch(_HOURS, value):
        raise InvalidInput(f"{value!r} are no hours of a day", hint="write 08:00-12:00, or 22:00-06:00 past midnight")
    if value[:5] == value[6:]:
        raise InvalidInput(f"{value!r} ends when it begins", hint="leave hours out for the whole day")
    return value


def _instant(value: object) -> datetime:
    """An instant from its text."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise InvalidInput(f"{value!r} is no time", hint="write 2026-12-24T00:00Z")
    return parse_instant(value)


def _zone(value: object) -> str:
    """The name of a time zone that exists."""
    if not isinstance(value, str):
        raise InvalidInput(f"{value!r} is no time zone", hint="write it as UTC or Europe/Paris")
    return parse_time_zone(value).key


_NAMES: Final = {"type": "string", "pattern": f"^({'|'.join((*DAYS, EVERY_DAY))})$"}
Days = Annotated[
    tuple[str, ...],
    Strict(False),  # noqa: FBT003  # the library's only form: a list may become a tuple
    BeforeValidator(_days),
    WithJsonSchema({"anyOf": [_NAMES, {"type": "array", "items": _NAMES, "minItems": 1}]}),
]
Hours = Annotated[str, BeforeValidator(_hours), WithJsonSchema({"type": "string", "pattern": _HOURS})]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
TimeZone = Annotated[str, BeforeValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Paris"]})]


class Closure(FileModel):
    """One closure: `every` with `hours`, or `since` with `until`."""

    every: Days | None = Field(default=None, description="days on which it begins: mon, [sat, sun], or day for all")
    hours: Hours | None = Field(default=None, description="local times, such as 22:00-06:00; default the whole day")
    since: Instant | None = Field(default=None, description="when it begins, once, with its zone")
    until: Instant | None = Field(default=None, description="when it ends, with its zone")
    gpus: int | None = Field(default=None, ge=1, description="GPUs that are closed, default all")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        """Refuse what is neither weekly nor dated, or both, or ends before it begins."""
        dated = self.since is not None or self.until is not None
        weekly = self.every is not None or self.hours is not None
        if weekly == dated:
            kind = "is both weekly and dated" if weekly else "does not say when"
            raise InvalidInput(f"a closure {kind}", hint=f"write {_EXAMPLES}")
        if weekly and self.every is None:
            raise InvalidInput(f"the closure of {self.hours} names no day", hint=f"write {_EXAMPLES}")
        if dated and (self.since is None or self.until is None):
            raise InvalidInput("a dated closure needs since and until", hint=f"write {_EXAMPLES}")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidInput(
                f"the closure until {format_instant(self.until)} begins at {format_instant(self.since)}",
                hint="until is later than since",
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A time in which GPUs are closed, `[start, end)`; `gpus` None for all of them."""

    start: datetime
    end: datetime
    gpus: int | None


class Calendar(FileModel):
    """When a cluster is closed."""

    tz: TimeZone = Field(default="UTC", description="time zone of the weekly hours, by its IANA name")
    closed: Annotated[tuple[Closure, ...], Strict(False)] = Field(default=(), description="weekly and dated closures")  # noqa: FBT003  # as above

    @model_validator(mode="before")
    @classmethod
    def _is_a_list_of_closures(cls, value: object) -> object:
        """Refuse any other form of it, such as a word."""
        closed = value.get("closed", ()) if isinstance(value, dict) else None
        if not isinstance(value, Calendar) and not isinstance(closed, list | tuple):
            raise InvalidInput(f"{value!r} is no list of closures", hint=f"write closed: and a list of {_EXAMPLES}")
        return value

    def within(self, start: datetime, end: datetime) -> tuple[Closed, ...]:
        """The times in `[start, end)` in which something is closed, each cut to that; they may overlap."""
        found = [
            Closed(start=max(since, start), end=min(until, end), gpus=closure.gpus)
            for closure in self.closed
            for since, until in self._times(closure, start, end)
            if since < end and until > start
        ]
        return tuple(sorted(found, key=lambda each: (each.start, each.end)))

    def _times(self, closure: Closure, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """A closure's own times, all that touch `[start, end)` among them."""
        if closure.since is not None and closure.until is not None:
            yield closure.since, closure.until
            return
        zone = parse_time_zone(self.tz)
        first, last = start.astimezone(zone).date() - 2 * _DAY, end.astimezone(zone).date()
        begins, ends = (closure.hours or "00:00-24:00").split("-")
        for number in range((last - first).days + 1):
            day = first + number * _DAY
            if closure.every is not None and DAYS[day.weekday()] in closure.every:
                next_day = ends == "24:00" or ends <= begins
                until = self._utc(day + _DAY if next_day else day, ends)
                yield min(self._utc(day, begins)), max(until)

    def _utc(self, day: date, clock: str) -> tuple[datetime, datetime]:
        """A local time of day as an instant; two where the clocks are changed there, of which the longer closure is."""
        hour = 0 if clock == "24:00" else int(clock[:2])
        local = datetime.combine(day, time(hour, int(clock[3:])), tzinfo=parse_time_zone(self.tz))
        return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
