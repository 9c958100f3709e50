"""Job traces from disk: the contract's CSV, the published Philly and PAI files, Slurm's and Ray's own lists.

A format is told by its header. Every fault names the file, the line and the way out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cli.traces.cells import ended_share, gpus_of, hours, minutes, number, power_w
from cli.traces.formats import Row
from cli.traces.rows import read_rows
from cli.traces.status import fate_of
from cli.traces.times import days_to, instant_of, moved, weeks_to, zone_of
from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import to_utc
from scheduler.problem.problem import Interruption
from scheduler.simulation.request import Request
from scheduler.simulation.screening import LeftOut, Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a trace leaves open, by the command line.

    Args:
        tz: time zone of times that state none; empty to refuse them.
        shift_to: a date, or a year, that the first submission is moved to with its weekday; empty for no shift.
        slack: of jobs that state neither slack nor deadline; None for 0, and in the store for what held then.
        home: of jobs that state none, empty where the id decides.
        homes: names that a row may give; empty where any is taken.
        interruptible_from: jobs that do not say may be suspended from this length on, None for never.
        restart: of jobs that may be suspended and state none.
        min_saving_pct: of every job; None for 0, and in the store for what held then. [%]
    """

    tz: str = ""
    shift_to: str = ""
    slack: timedelta | None = None
    home: str = ""
    homes: tuple[str, ...] = ()
    interruptible_from: timedelta | None = None
    restart: timedelta = timedelta(0)
    min_saving_pct: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The jobs of a file.

    Args:
        requests: in the order of the file.
        left: jobs of it that cannot be replayed, whatever the clusters.
        notes: what was passed over, for the reader.
    """

    requests: tuple[Request, ...]
    left: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def read_trace(path: Path, reading: Reading) -> Trace:
    """The jobs of a trace, moved in time if asked.

    Raises:
        InvalidInput: the file is no trace, or a row cannot be a job.
    """
    found = read_rows(path)
    _require_unique(found.rows, path.name)
    zone = zone_of(reading.tz)
    rows = [row for row in found.rows if row.why is None]
    times = [_local(row, zone, path.name) for row in rows]
    if found.counted and not reading.shift_to:
        raise InvalidInput(
            f"the times of {path.name} count from its beginning", hint="say when that was: --shift-to 2022-03-01"
        )
    shift = timedelta(0)
    if times:
        first = min(times, key=lambda moment: moment.replace(tzinfo=None)).date()
        shift = days_to(first, reading.shift_to) if found.counted else weeks_to(first, reading.shift_to)
    one = _Maker(path.name, reading, zone, shift)
    requests = tuple(
        one.request(row, to_utc(moved(moment, shift, zone))) for row, moment in zip(rows, times, strict=True)
    )
    return Trace(
        requests=requests, left=tuple(one.left(row, row.why) for row in found.rows if row.why), notes=found.notes
    )


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

    def left(self, row: Row, why: Why) -> LeftOut:
        """A row that cannot be replayed; some of those do not even say when they were submitted."""
        try:
            submitted = to_utc(moved(_local(row, self.zone, self.what), self.shift, self.zone))
        except InvalidInput:
            submitted = None
        return LeftOut(job_id=row.job_id, why=why, reason=row.reason, submitted=submitted)

    def _request(self, row: Row, submitted: datetime) -> Request:
        """The same, faults without a line."""
        reading, cells = self.reading, row.cells
        length = _length(row)
        may_pause = self._may_pause(cells, length)
        restart = minutes(cells, "restart_minutes", reading.restart) if may_pause else timedelta(0)
        checkpoint = minutes(cells, "checkpoint_minutes", timedelta(0))
        ended = ended_share(cells)
        return Request(
            job_id=row.job_id,
            submitted=submitted,
            length=length * ended,
            estimate=length if ended < 1 else None,
            failed=ended < 1 or fate_of(cells.get("status", "")) == "ended",
            gpus=gpus_of(cells),
            deadline=self._deadline(cells, submitted, length),
            home=self._home(row),
            interruption=Interruption(checkpoint_h=checkpoint / timedelta(hours=1)) if may_pause else None,
            restart=restart,
            gpu_w=power_w(cells),
            min_saving_pct=reading.min_saving_pct or 0.0,
        )

    def _may_pause(self, cells: Mapping[str, str], length: timedelta) -> bool:
        """Whether a job may be suspended: as it says, else by its length."""
        said = cells.get("interruptible", "")
        if said not in ("", "0", "1"):
            raise InvalidInput(f"interruptible is {said!r}", hint="write 0 or 1, or leave it blank")
        least = self.reading.interruptible_from
        return said == "1" if said else least is not None and length >= least

    def _home(self, row: Row) -> str:
        """The home of a job: as it says, else that of the options."""
        home, known = row.cells.get("home", ""), self.reading.homes
        if home and known and home not in known:
            raise InvalidInput(
                f"job {row.job_id}: there is no cluster {home!r} to be its home",
                hint=f"clusters whose zone is in the table: {', '.join(known)}",
            )
        return home or self.reading.home

    def _deadline(self, cells: Mapping[str, str], submitted: datetime, length: timedelta) -> datetime:
        """By when a job is to be through: as it says, else after the slack."""
        stated, slack = cells.get("deadline", ""), cells.get("slack_hours", "")
        if stated and slack:
            raise InvalidInput("both slack_hours and deadline are filled", hint="keep one of them")
        if stated:
            return to_utc(moved(instant_of(stated, self.zone, "deadline"), self.shift, self.zone))
        return submitted + length + (hours(cells, "slack_hours") if slack else self.reading.slack or timedelta(0))


def _length(row: Row) -> timedelta:
    """How long a job takes, or took."""
    cells = row.cells
    length = timedelta(seconds=number(cells, "duration_s")) if "duration_s" in cells else hours(cells, "duration_hours")
    if length <= timedelta(0):
        raise InvalidInput(
            f"job {row.job_id} has a duration of {length.total_seconds():g} s", hint="a duration is over 0"
        )
    return length


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


def _local(row: Row, zone: ZoneInfo | None, what: str) -> datetime:
    """When a row's job was submitted, in the zone that it was written in."""
    try:
        return instant_of(row.submitted, zone, "submit_time")
    except CarbonschedError as exc:
        raise InvalidInput(f"{what} line {row.line}: {exc.message}", hint=exc.hint) from exc
