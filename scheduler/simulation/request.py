"""What a replay knows of one job of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.problem.problem import Interruption


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A job that is submitted, and how long it really takes.

    Args:
        job_id: its name in the trace.
        submitted: when it was asked for.
        length: one uninterrupted run, as it really is.
        estimate: what policies take it to be; None where they know it.
        failed: whether it ends before its work is done, by itself.
        gpus: width.
        deadline: by when it is to be through.
        home: the cluster that it would have used; empty where its id decides.
        interruption: what a suspend costs, None where it may not be suspended.
        restart: time from a resume to progress.
        gpu_w: power of one GPU at work, None for the nameplate. [W]
        min_saving_pct: least saving worth a wait, a suspend or leaving home. [%]
    """

    job_id: str
    submitted: datetime
    length: timedelta
    gpus: int
    deadline: datetime
    home: str = ""
    interruption: Interruption | None = None
    restart: timedelta = timedelta(0)
    gpu_w: float | None = None
    min_saving_pct: float = 0.0
    estimate: timedelta | None = None
    failed: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if min(self.length, self.expected) <= timedelta(0) or self.gpus < 1:
            raise InvalidInput(f"job {self.job_id}: it needs GPUs and a duration over 0")
        if self.restart < timedelta(0):
            raise InvalidInput(f"job {self.job_id}: its restart is below 0")
        if self.deadline < self.submitted + self.length:
            raise InvalidInput(
                f"job {self.job_id}: its deadline {format_instant(self.deadline)} comes before its run can end",
                hint="a slack is 0 or more; a deadline is at or after the submission and the duration",
            )

    @property
    def expected(self) -> timedelta:
        """One uninterrupted run as policies take it to be."""
        return self.length if self.estimate is None else self.estimate
