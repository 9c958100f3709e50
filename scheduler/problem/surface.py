"""The surface: what a GPU-hour of this job emits on each cluster in each slot, and what else binds there.

A policy sees nothing but this: no zone, no provider, no clock. Times are hours from `origin`, so that the
solvers work on plain arrays; `instant` and `hour` translate at the border.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.emissions import Line
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import after_hours, hours_between
from scheduler.problem.ways import Ways

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUN_LINES: tuple[Line, ...] = ("dynamic", "idle_running", "facility", "embodied")
"""Lines that accrue while a job occupies GPUs."""
HOLD_LINES: tuple[Line, ...] = ("idle_held", "facility", "embodied")
"""Lines that accrue while a paused job keeps its nodes."""
INSTANT_TOLERANCE_H = 1e-9
"""Two times nearer than this, 3.6 microseconds, are one: instants are kept to the microsecond. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Rates, room and overheads by cluster c and slot s, for one job.

    Args:
        origin: the instant that is hour 0, the moment of decision.
        clusters: names, shape [C]; the index is used everywhere below.
        edges_h: slot borders in rising order, shape [S+1]. [h from origin]
        run_g: line -> shape [C, S], emissions of running; NaN where the intensity is unknown. [g/GPU-h]
        hold_g: line -> shape [C, S], emissions of holding paused nodes; zeros where nodes are not held. [g/GPU-h]
        holds: shape [C], whether a pause followed by a resume on the same cluster keeps its nodes.
        capacity: shape [C, S], GPUs free for this job.
        speed: shape [C], work done in an hour, so that the job's `work_h` is in hours at speed 1. [-]
        restart_h: shape [C], occupied time from a resume to progress. [h]
        move_h: shape [C, C], time a checkpoint takes to travel; inf where it cannot. [h]
        move_g: shape [C, C, S], emissions of that transfer leaving in slot s, or those of its ends. [g]
        site, width: shape [C], the cluster behind each row and its GPUs, where rows are clusters at several widths;
            None where each is a cluster of its own and all have the job's width.
    """

    origin: datetime
    clusters: tuple[str, ...]
    edges_h: Floats
    run_g: Mapping[Line, Floats]
    hold_g: Mapping[Line, Floats]
    holds: NDArray[np.bool_]
    capacity: Ints
    speed: Floats
    restart_h: Floats
    move_h: Floats
    move_g: Ways
    site: Ints | None = None
    width: Ints | None = None

    def __post_init__(self) -> None:
        """Check every shape once, so that no solver has to."""
        c, s = len(self.clusters), len(self.edges_h) - 1
        if s < 1 or not (self.edges_h[1:] > self.edges_h[:-1]).all():
            raise InvalidInput("a surface needs at least one slot, with edges in rising order")
        given = [
            ("holds", self.holds, (c,)),
            ("capacity", self.capacity, (c, s)),
            ("speed", self.speed, (c,)),
            ("restart_h", self.restart_h, (c,)),
            ("move_h", self.move_h, (c, c)),
            *((f"run_g[{line}]", self.run_g[line], (c, s)) for line in RUN_LINES),
            *((f"hold_g[{line}]", self.hold_g[line], (c, s)) for line in HOLD_LINES),
            ("move_g", self.move_g, (c, c, s)),
        ]
        for name, array, shape in given:
            if array.shape != shape:
                raise InvalidInput(f"surface: {name} has shape {array.shape}, not {shape}")

    @property
    def moved(self) -> NDArray[np.bool_]:
        """Whether the way from each row to each leads to another cluster, shape [C, C]."""
        site = np.arange(len(self.clusters)) if self.site is None else self.site
        return np.asarray(site[:, None] != site)

    @property
    def resized(self) -> NDArray[np.bool_]:
        """Whether the way from each row to each changes the width, shape [C, C]."""
        width = np.zeros(len(self.clusters)) if self.width is None else self.width
        return np.asarray(width[:, None] != width)

    @property
    def slot_h(self) -> Floats:
        """Length of each slot, shape [S]. [h]"""
        return np.diff(self.edges_h)

    def index(self, cluster: str) -> int:
        """The row of a cluster."""
        return self.clusters.index(cluster)

    def hour(self, moment: datetime) -> float:
        """An instant as hours from the origin. [h]"""
        return hours_between(self.origin, moment)

    def instant(self, hour_h: float) -> datetime:
        """Hours from the origin as an instant."""
        return after_hours(self.origin, hour_h)
