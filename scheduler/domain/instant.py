"""Instants: aware, UTC, to the microsecond; a naive time is refused at the door."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from scheduler.domain.errors import InvalidInput
from scheduler.domain.units import S_PER_H

_EXAMPLE = "2026-03-01T06:00:00Z"
_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|z|[+-]\d{2}:?\d{2})?")


def to_utc(moment: datetime, *, what: str = "time") -> datetime:
    """`moment` in UTC; raises `InvalidInput` for a naive one."""
    if moment.tzinfo is None:
        raise InvalidInput(
            f"{what} {moment.isoformat()} has no time zone", hint=f"write it with an offset, such as {_EXAMPLE}"
        )
    return moment.astimezone(UTC)


def parse_instant(text: str, *, what: str = "time") -> datetime:
    """The UTC instant that an ISO 8601 `text` with date, time and zone names."""
    cleaned = text.strip()
    if not _SHAPE.fullmatch(cleaned):
        raise InvalidInput(f"{what} {text!r} is not an ISO 8601 date and time", hint=f"write it as {_EXAMPLE}")
    try:
        moment = datetime.fromisoformat(cleaned.upper())
    except ValueError as exc:
        raise InvalidInput(f"{what} {text!r} is not a real date: {exc}", hint=f"write it as {_EXAMPLE}") from exc
    return to_utc(moment, what=what)


def format_instant(moment: datetime) -> str:
    """ISO 8601 text in UTC ending in Z, with a fraction only where there is one."""
    utc = to_utc(moment)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds" if utc.microsecond else "seconds") + "Z"


def to_the_second(moment: datetime) -> str:
    """The same for people, whom a fraction of a second only distracts."""
    return format_instant(moment.replace(microsecond=0))


def hours_between(start: datetime, end: datetime) -> float:
    """Hours [h] from `start` to `end`, negative when `end` comes first."""
    return (end - start) / timedelta(hours=1)


def after_hours(origin: datetime, hours_h: float) -> datetime:
    """The instant `hours_h` [h] after `origin`, to the microsecond."""
    return origin + timedelta(microseconds=round(hours_h * S_PER_H * 1e6))
