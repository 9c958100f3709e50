"""Times of a trace: cells with and without a zone, and the whole weeks by which a trace is moved."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import parse_instant, to_utc

WEEK_DAYS: Final = 7
_YEARS: Final = range(1900, 2200)
"""Of any trace and of any table of intensities that it could be moved to."""


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of that name."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InvalidInput(f"--tz {name!r} is no time zone", hint="write one such as UTC or America/Montreal") from exc


def instant_of(text: str, zone: ZoneInfo | None, name: str) -> datetime:
    """The instant of a cell; one without zone is in `zone`, and an hour that its clock shows twice is the first."""
    if zone is not None:
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError as exc:
            raise InvalidInput(f"{name} {text!r} is not a time", hint="write it as 2026-03-01T06:00:00Z") from exc
        _require_year(moment.year, f"{name} {text!r}")
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else to_utc(moment)
    try:
        moment = parse_instant(text, what=name)
    except InvalidInput as exc:
        if "has no time zone" not in exc.message:
            raise
        raise InvalidInput(exc.message, hint="say where it was noted, as in --tz UTC or --tz America/Montreal") from exc
    _require_year(moment.year, f"{name} {text!r}")
    return moment


def _require_year(year: int, said: str) -> None:
    """Refuse a year that nobody means."""
    if year not in _YEARS:
        raise InvalidInput(f"{said} is in the year {year}", hint=f"years are {_YEARS[0]} to {_YEARS[-1]}")


def moved(moment: datetime, shift: timedelta, zone: ZoneInfo | None) -> datetime:
    """An instant moved by whole days; one in a zone keeps the hour of its clock."""
    if zone is None or moment.tzinfo is not zone:
        return moment + shift
    return (moment.replace(tzinfo=None) + shift).replace(tzinfo=zone)


def weeks_to(first: date, to: str) -> timedelta:
    """Whole weeks that bring the day of the first submission to a date or the next such weekday, or into a year."""
    if not to:
        return timedelta(0)
    target, whole = _target(to)
    if not whole:
        return timedelta(weeks=-(-(target - first).days // WEEK_DAYS))
    weeks = round((target + (first - date(first.year, 1, 1)) - first).days / WEEK_DAYS)
    year = (first + timedelta(weeks=weeks)).year
    return timedelta(weeks=weeks + (year < target.year) - (year > target.year))


def days_to(first: date, at: str) -> timedelta:
    """What brings the first submission of a trace without dates to a day, or to the first one of a year."""
    return _target(at)[0] - first


def _target(to: str) -> tuple[date, bool]:
    """The day that is meant, the first of a year where that alone is named, and whether it is."""
    whole = len(to) == len("2022")
    try:
        target = date(int(to), 1, 1) if whole else date.fromisoformat(to)
    except ValueError as exc:
        raise InvalidInput(f"--shift-to {to!r} is no date", hint="write 2022-09-01, or a year such as 2022") from exc
    _require_year(target.year, f"--shift-to {to!r}")
    return target, whole
