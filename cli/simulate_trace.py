"""Job traces from disk: the contract's CSV, the published Philly and PAI files, Slurm's and Ray's own lists.

A format is told by its header. Every fault names the file, the line and the way out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import starmap
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cli.simulate_formats import Row
from cli.simulate_rows import read_rows
from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import parse_instant, to_utc
from scheduler.problem.problem import Interruption
from scheduler.simulation.request import Request

WEEK_DAYS: Final = 7
_DONE: Final = ("completed", "succeeded", "pass")
_NOT_DONE: Final = ("fail", "kill", "cancel", "timeout", "time_out", "node_fail", "out_of_me", "preempt", "stopped")
"""Beginnings of what Slurm, Ray, Philly and PAI say of jobs that ended, in small letters."""
_NAIVE_LENGTH: Final = len("2026-03-01T06:00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a trace leaves open, by the command line.

    Args:
        tz: time zone of times that state none; empty to refuse them.
        shift_to: a date, or a year, that the first submission is moved to with its weekday; empty for no shift.
        slack: of jobs that state neither slack nor deadline.
        home: of jobs that state none, empty where the id decides.
        interruptible_from: jobs that do not say may be suspended from this length on, None for never.
        restart: of jobs that may be suspended and state none.
        min_saving_pct: of every job. [%]
    """

    tz: str = ""
    shift_to: str = ""
    slack: timedelta = timedelta(0)
    home: str = ""
    interruptible_from: timedelta | None = None
    restart: timedelta = timedelta(0)
    min_saving_pct: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The jobs of a file.

    Args:
        requests: in the order of the file.
        notes: what was passed over, for the reader.
    """

    requests: tuple[Request, ...]
    notes: tuple[str, ...] = ()


def read_trace(path: Path, reading: Reading) -> Trace:
    """The jobs of a trace, moved in time if asked.

    Raises:
        InvalidInput: the file is no trace, or a row cannot be a job.
    """
    found = read_rows(path)
    _require_unique(found.rows, path.name)
    zone = _zone(reading.tz)
    times = [_local(row, zone, path.name) for row in found.rows]
    if found.counted and not reading.shift_to:
        raise InvalidInput(
            f"the times of {path.name} count from its beginning", hint="say when that was: --shift-to 2022-03-01"
        )
    first = min(times, key=lambda moment: moment.replace(tzinfo=None)).date()
    shift = _begun(first, reading.shift_to) if found.counted else weeks_to(first, reading.shift_to)
    submitted = [to_utc(_moved(moment, shift, zone)) for moment in times]
    one = _Maker(path.name, reading, zone, shift)
    requests = tuple(starmap(one.request, zip(found.rows, submitted, strict=True)))
    return Trace(requests=requests, notes=found.notes)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes requests of the rows of one file."""

    what: str
    reading: Reading
    zone: ZoneInfo | None
    shift: timedelta

    def request(self, row: Row, submitted: datetime) -> Request:
        """The job of a row; a fault in it names the row's line."""
        try:
            return self._request(row, submitted)
        except InvalidInput as exc:
            where = f"{self.what} line {row.line}"
            message = exc.message if exc.message.startswith(where) else f"{where}: {exc.message}"
            raise InvalidInput(message, hint=exc.hint) from exc

    def _request(self, row: Row, submitted: datetime) -> Request:
        """The same, faults without a line."""
        reading, cells = self.reading, row.cells
        length = (
            timedelta(seconds=_number(cells, "duration_s"))
            if "duration_s" in cells
            else _hours(cells, "duration_hours")
        )
        if length <= timedelta(0):
            raise InvalidInput(
                f"job {row.job_id} has a duration of {length.total_seconds():g} s", hint="a duration is over 0"
            )
        said = cells.get("interruptible", "")
        if said not in ("", "0", "1"):
            raise InvalidInput(f"interruptible is {said!r}", hint="write 0 or 1, or leave it blank")
        from_length = reading.interruptible_from
        may_pause = said == "1" if said else from_length is not None and length >= from_length
        restart = _minutes(cells, "restart_minutes", reading.restart) if may_pause else timedelta(0)
        checkpoint = _minutes(cells, "checkpoint_minutes", timedelta(0))
        ended = _ended(cells)
        return Request(
            job_id=row.job_id,
            submitted=submitted,
            length=length * ended,
            estimate=length if ended < 1 else None,
            failed=ended < 1 or _failed(cells),
            gpus=_gpus(cells),
            deadline=self._deadline(cells, submitted, length),
            home=cells.get("home") or reading.home,
            interruption=Interruption(checkpoint_h=checkpoint / timedelta(hours=1)) if may_pause else None,
            restart=restart,
            gpu_w=_power_w(cells),
            min_saving_pct=reading.min_saving_pct,
        )

    def _deadline(self, cells: Mapping[str, str], submitted: datetime, length: timedelta) -> datetime:
        """By when a job is to be through: as it says, else after the slack."""
        stated, slack = cells.get("deadline", ""), cells.get("slack_hours", "")
        if stated and slack:
            raise InvalidInput("both slack_hours and deadline are filled", hint="keep one of them")
        if stated:
            return to_utc(_moved(_time(stated, self.zone, "deadline"), self.shift, self.zone))
        return submitted + length + (_hours(cells, "slack_hours") if slack else self.reading.slack)


def _require_unique(rows: Sequence[Row], what: str) -> None:
    """Refuse an id that is there twice."""
    seen: dict[str, int] = {}
    for row in rows:
        if row.job_id in seen:
            raise InvalidInput(
                f"{what} line {row.line}: job {row.job_id!r} is there already, in line {seen[row.job_id]}",
                hint="give each job an id of its own",
            )
        seen[row.job_id] = row.line


def _zone(name: str) -> ZoneInfo | None:
    """The time zone of that name."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InvalidInput(f"--tz {name!r} is no time zone", hint="write one such as UTC or America/Montreal") from exc


def _local(row: Row, zone: ZoneInfo | None, what: str) -> datetime:
    """When a row's job was submitted, in the zone that it was written in."""
    try:
        return _time(row.submitted, zone, "submit_time")
    except CarbonschedError as exc:
        raise InvalidInput(f"{what} line {row.line}: {exc.message}", hint=exc.hint) from exc


def _time(text: str, zone: ZoneInfo | None, name: str) -> datetime:
    """The instant of a cell; one without zone is in `zone`."""
    if len(text) <= _NAIVE_LENGTH and zone is not None:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=zone)
        except ValueError as exc:
            raise InvalidInput(f"{name} {text!r} is not a time", hint="write it as 2026-03-01T06:00:00Z") from exc
    try:
        return parse_instant(text, what=name)
    except InvalidInput as exc:
        if "has no time zone" not in exc.message:
            raise
        raise InvalidInput(exc.message, hint="say where it was noted, as in --tz UTC or --tz America/Montreal") from exc


def _moved(moment: datetime, shift: timedelta, zone: ZoneInfo | None) -> datetime:
    """An instant moved by whole days; one in a zone keeps the hour of its clock."""
    if zone is None or moment.tzinfo is not zone:
        return moment + shift
    return (moment.replace(tzinfo=None) + shift).replace(tzinfo=zone)


def weeks_to(first: date, to: str) -> timedelta:
    """Whole weeks that bring the day of the first submission to a date or the next such weekday, or into a year."""
    if not to:
        return timedelta(0)
    try:
        if len(to) == len("2022"):
            target = date(int(to), 1, 1) + (first - date(first.year, 1, 1))
            weeks = round((target - first).days / WEEK_DAYS)
            weeks += (first + timedelta(weeks=weeks)).year < target.year
        else:
            weeks = -(-(date.fromisoformat(to) - first).days // WEEK_DAYS)
    except ValueError as exc:
        raise InvalidInput(f"--shift-to {to!r} is no date", hint="write 2022-09-01, or a year such as 2022") from exc
    return timedelta(weeks=weeks)


def _begun(first: date, at: str) -> timedelta:
    """What brings the first submission of a trace without dates to a day, or to the first one of a year."""
    try:
        return (date(int(at), 1, 1) if len(at) == len("2022") else date.fromisoformat(at)) - first
    except ValueError as exc:
        raise InvalidInput(f"--shift-to {at!r} is no date", hint="write 2022-09-01, or a year such as 2022") from exc


def _number(cells: Mapping[str, str], name: str) -> float:
    """A finite number of a cell."""
    text = cells.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput(f"{name} is {text!r}, not a number", hint="write it with a point, such as 1.5")
    return value


def _hours(cells: Mapping[str, str], name: str) -> timedelta:
    """A cell of hours."""
    return _span(_number(cells, name), 3600, name)


def _minutes(cells: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    """A cell of minutes, the default where it is blank."""
    return _span(_number(cells, name), 60, name) if cells.get(name) else default


def _span(value: float, unit_s: int, name: str) -> timedelta:
    """A time that is no longer than anyone means."""
    if name != "duration_hours" and value < 0:
        raise InvalidInput(f"{name} is {value:g}, below 0")
    if abs(value) * unit_s > timedelta(days=3650).total_seconds():
        raise InvalidInput(f"{name} is {value:g}, over ten years", hint="check the unit")
    return timedelta(seconds=value * unit_s)


def _gpus(cells: Mapping[str, str]) -> int:
    """A whole number of GPUs."""
    value = _number(cells, "gpus")
    if value < 1 or value != int(value):
        raise InvalidInput(f"gpus is {cells['gpus']!r}", hint="a job takes a whole number of GPUs, 1 or more")
    return int(value)


def _ended(cells: Mapping[str, str]) -> float:
    """The share of its work at which a job ended by itself, 1 where the cell is blank. [-]"""
    if not cells.get("ended"):
        return 1.0
    value = _number(cells, "ended")
    if not 0 < value <= 1:
        raise InvalidInput(f"ended is {value:g}", hint="write the share of its work that was done, over 0 and up to 1")
    return value


def _failed(cells: Mapping[str, str]) -> bool:
    """Whether a job's status says that it did not get done."""
    said = cells.get("status", "").lower()
    if said and not said.startswith((*_DONE, *_NOT_DONE)):
        raise InvalidInput(f"status is {cells['status']!r}", hint="write COMPLETED or FAILED, or leave it blank")
    return said.startswith(_NOT_DONE)


def _power_w(cells: Mapping[str, str]) -> float | None:
    """The power of a GPU at work, None where the cell is blank. [W]"""
    if not cells.get("gpu_w"):
        return None
    value = _number(cells, "gpu_w")
    if value <= 0:
        raise InvalidInput(f"gpu_w is {value:g}", hint="a power is over 0 W")
    return value
