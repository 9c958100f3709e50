"""Reporting periods by name: a month, a quarter or a year between the midnights of some time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.domain.time_zone import parse_time_zone

_SHAPE: Final = re.compile(r"(?P<year>\d{4})(-((?P<month>\d{2})|[Qq](?P<quarter>[1-4])))?")
_MONTHS: Final = 12
_LAST_YEAR: Final = 9999
"""No instant is after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of the calendar, ``[since, until)``.

    Args:
        name: such as ``2026``, ``2026-Q1`` or ``2026-01``.
        time_zone: by whose midnights it begins and ends.
    """

    name: str
    time_zone: str
    since: datetime
    until: datetime


def parse_period(text: str, time_zone: str) -> Period:
    """The period of that name in a time zone.

    Raises:
        InvalidInput: there is no such period or time zone.
    """
    zone = parse_time_zone(time_zone)
    found = _SHAPE.fullmatch(text)
    hint = "write a year, a quarter or a month: 2026, 2026-Q1, 2026-01"
    if found is None:
        raise InvalidInput(f"{text!r} is no period", hint=hint)
    year, month, months = int(found["year"]), 1, _MONTHS
    if found["month"]:
        month, months = int(found["month"]), 1
    elif found["quarter"]:
        month, months = 3 * int(found["quarter"]) - 2, 3
    if not 1 <= month <= _MONTHS or not 1 < year < _LAST_YEAR:
        raise InvalidInput(f"there is no period {text}", hint=hint)
    after = month - 1 + months
    return Period(
        name=text.upper(),
        time_zone=time_zone,
        since=datetime(year, month, 1, tzinfo=zone).astimezone(UTC),
        until=datetime(year + after // _MONTHS, after % _MONTHS + 1, 1, tzinfo=zone).astimezone(UTC),
    )
