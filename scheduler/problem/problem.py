"""The problem: what is left of a job, on a surface, with what binds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scheduler.domain.emissions import Line
from scheduler.domain.errors import InvalidInput
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats, Surface

Objective = Literal["lifecycle", "operational"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """What a suspend costs and how often it is allowed.

    Args:
        checkpoint_h: occupied time without progress at the end of a segment that is suspended. [h]
        min_segment_h: shortest occupied time of a segment; does not bind the last. [h]
        max_suspends, max_moves, max_resizes: limits, None for none.
    """

    checkpoint_h: float = 0.0
    min_segment_h: float = 0.0
    max_suspends: int | None = None
    max_moves: int | None = None
    max_resizes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """Another width that the job can run at.

    Args:
        gpus: GPUs.
        speed: work done in an hour, relative to the job's own width. [-]
        rows: the clusters on which it can.
    """

    gpus: int
    speed: float
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """What is known of the rates up to the moment of decision, for a policy that decides again and again.

    Args:
        run_rate: what running minimised in each hour of the weeks before, shape [C, P]; NaN where unknown. [g/GPU-h]
        now_rate: the same of the current slot, shape [C]. [g/GPU-h]
        next_h: when it decides again; what it plans behind that does not bind. [h]
    """

    run_rate: Floats
    now_rate: Floats
    next_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a policy decides on.

    Args:
        surface: rates, room and overheads; its hour 0 is the moment of decision.
        gpus: width of the job; on every cluster the number reserved for it is the same.
        work_h: work left, in hours at speed 1. [h]
        earliest_h: no segment starts before this; at least 0. [h]
        deadline_h: the work is complete by this, inclusive. [h]
        home: row of the home cluster, None where there is none.
        interruption: None where the job may not be suspended.
        resumed_from: row of the cluster whose checkpoint the next segment resumes from; None for a first start.
        min_saving_pct: least saving worth a wait, a suspend or leaving home. [%]
        objective: what is minimised, all lines or all but embodied.
        widths: others than `gpus` that it can run at.
        past: the rates up to now, None where they were not looked up.
        running: whether it runs now; `resumed_from` is then where.
    """

    surface: Surface
    gpus: int
    work_h: float
    earliest_h: float
    deadline_h: float
    home: int | None
    interruption: Interruption | None = None
    resumed_from: int | None = None
    min_saving_pct: float = 0.0
    objective: Objective = "lifecycle"
    widths: tuple[Width, ...] = ()
    past: Past | None = None
    running: bool = False

    def __post_init__(self) -> None:
        """Refuse a problem that cannot be posed."""
        if self.gpus < 1 or not self.work_h > 0:
            raise InvalidInput(f"a job needs GPUs and work, not {self.gpus} GPUs and {self.work_h} h")
        if self.earliest_h < 0:
            raise InvalidInput("the earliest start lies before the moment of decision")

    @property
    def every_width(self) -> tuple[Width, ...]:
        """Its own width, on every cluster, and the others."""
        own = Width(gpus=self.gpus, speed=1.0, rows=tuple(range(len(self.surface.clusters))))
        return (own, *self.widths)

    def speed_at(self, row: int, gpus: int) -> float | None:
        """Work done in an hour on a cluster at a width, None where the job cannot run so. [-]"""
        own = float(self.surface.speed[row])
        if gpus == self.gpus:
            return own
        return next((own * width.speed for width in self.widths if width.gpus == gpus and row in width.rows), None)

    @property
    def run_rate(self) -> Floats:
        """What running minimises, shape [C, S]. [g/GPU-h]"""
        return self._sum(self.surface.run_g, RUN_LINES)

    @property
    def hold_rate(self) -> Floats:
        """What holding paused nodes adds to it, shape [C, S]. [g/GPU-h]"""
        return self._sum(self.surface.hold_g, HOLD_LINES)

    def _sum(self, rates: Mapping[Line, Floats], lines: tuple[Line, ...]) -> Floats:
        """The lines that the objective counts, added."""
        counted = [line for line in lines if self.objective == "lifecycle" or line != "embodied"]
        return sum((rates[line] for line in counted[1:]), start=rates[counted[0]])
