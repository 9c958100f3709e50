"""The fleet: jobs that share the room of clusters, as arrays on one grid of hours.

Hour 0 is the moment of decision. A job's rates are those of its own surface, summed by its objective; jobs alike
share one array of them. What a job takes is counted in the GPUs of whole nodes, what it pays for in its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.errors import InvalidInput
from scheduler.problem.problem import Interruption
from scheduler.problem.surface import Floats, Ints

FROZEN_H: Final = 10 / 60
"""A start nearer than this is not changed any more: its launch is being made ready. [h]"""

Stretch = tuple[int, float, float]
"""A cluster's row, a start and an end. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and when a job of a fleet runs.

    Args:
        cost_g: its objective. [g]
        stretches: its segments; taken: the same and the pauses in which its nodes are kept.
    """

    cost_g: float
    stretches: tuple[Stretch, ...]
    taken: tuple[Stretch, ...]

    @property
    def start_h(self) -> float:
        """When its first segment starts. [h]"""
        return self.stretches[0][1]

    @property
    def finish_h(self) -> float:
        """When its work ends. [h]"""
        return self.stretches[-1][2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """What a GPU-hour emits, by cluster and slot, shape [C, S]: running, and held while paused. [g/GPU-h]"""

    run: Floats
    hold: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pauses:
    """What a suspend costs and how often it is allowed.

    Args:
        rules: checkpoint, shortest segment and limits.
        restart_h: from a resume to progress, shape [C]. [h]
        move_h, move_g: a checkpoint's way, shape [C, C] and [C, C, S]. [h], [g]
    """

    rules: Interruption
    restart_h: Floats
    move_h: Floats
    move_g: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetJob:
    """What is left of one job.

    Args:
        id: its name.
        gpus: that it pays for. [GPUs]
        takes: GPUs of the whole nodes that it takes on each cluster, 0 where it may not run, shape [C]. [GPUs]
        work_h: left, in hours at speed 1. [h]
        earliest_h, deadline_h: no start before, complete by. [h]
        speed: work done in an hour, shape [C]. [-]
        rates: what it emits.
        home: row of its home, None where it has none.
        pauses: None where it may not be suspended.
        resumed_from: row of the cluster of its checkpoint, where it was suspended before hour 0.
        incumbent: the reservation that it holds.
        running: whether it runs now; its incumbent then stays as it is.
        late: whether it was admitted though nothing kept its deadline; its deadline is then what was promised.
        waited_h: since its submission. [h]
        priority: a higher one goes first.
        switch_g: what a change of its reservation costs beside its emissions. [g]
    """

    id: str
    gpus: int
    takes: Ints
    work_h: float
    earliest_h: float
    deadline_h: float
    speed: Floats
    rates: Rates
    home: int | None = None
    pauses: Pauses | None = None
    resumed_from: int | None = None
    incumbent: Place | None = None
    running: bool = False
    late: bool = False
    waited_h: float = 0.0
    priority: int = 0
    switch_g: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a job that cannot be posed."""
        if self.gpus < 1 or not self.work_h > 0:
            raise InvalidInput(f"job {self.id} needs GPUs and work, not {self.gpus} GPUs and {self.work_h} h")
        if self.earliest_h < 0:
            raise InvalidInput(f"the earliest start of job {self.id} lies before the moment of decision")
        if self.running and self.incumbent is None:
            raise InvalidInput(f"job {self.id} runs, and holds no reservation")
        if self.resumed_from is not None and self.pauses is None:
            raise InvalidInput(f"job {self.id} resumes, and says nothing of its pauses")

    @property
    def length_h(self) -> Floats:
        """Time that a first start takes in one piece, shape [C]. [h]"""
        return np.asarray(self.work_h / self.speed)

    @property
    def frozen(self) -> bool:
        """Whether its incumbent stays: it runs, or it starts within minutes."""
        return self.running or (self.incumbent is not None and self.incumbent.start_h < FROZEN_H)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """Jobs on clusters.

    Args:
        edges_h: borders of the slots, shape [S+1]; hour 0 lies in the first. [h]
        capacity: GPUs of whole nodes that are there for the jobs, shape [C, S]. [GPUs]
        holds: whether a pause followed by a resume on the same cluster keeps its nodes, shape [C].
        jobs: in the order of their submission.
    """

    edges_h: Floats
    capacity: Ints
    holds: NDArray[np.bool_]
    jobs: tuple[FleetJob, ...]

    def __post_init__(self) -> None:
        """Check every shape and number once, so that no solver has to."""
        count, slots = self.capacity.shape
        if len(self.edges_h) != slots + 1 or not (np.diff(self.edges_h) > 0).all():
            raise InvalidInput("a fleet needs one border more than slots, in rising order")
        if self.edges_h[0] > 0:
            raise InvalidInput("the slots of a fleet start after the moment of decision")
        if len({job.id for job in self.jobs}) < len(self.jobs):
            raise InvalidInput("two jobs of a fleet have the same id")
        for job in self.jobs:
            shapes = (job.takes.shape, job.speed.shape, job.rates.run.shape, job.rates.hold.shape)
            if shapes != ((count,), (count,), (count, slots), (count, slots)):
                raise InvalidInput(f"job {job.id} is not on the {count} clusters and {slots} slots of the fleet")
        for rates in {id(job.rates): job.rates for job in self.jobs}.values():
            if not (np.isfinite(rates.run).all() and np.isfinite(rates.hold).all()):
                raise InvalidInput(
                    "a rate of the fleet is unknown",
                    hint="shut the slot for the job, or weigh it, before the fleet is planned",
                )

    @property
    def slot_h(self) -> Floats:
        """Length of each slot, shape [S]. [h]"""
        return np.diff(self.edges_h)
