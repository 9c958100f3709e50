"""The world of a replay: clusters, their reservations and the grid, and the problem that each job poses in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Line
from scheduler.domain.errors import InvalidInput
from scheduler.problem.candidates import share_storage
from scheduler.problem.problem import Problem
from scheduler.problem.slots import hours
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats, Ints, Surface
from scheduler.simulation.capacity import Capacity
from scheduler.simulation.left import Left
from scheduler.simulation.rates import Factors, Rates, factors_of, rates_of
from scheduler.simulation.request import Request
from scheduler.simulation.rooms import Rooms
from scheduler.simulation.table import US, US_PER_H, Table

_HOUR: Final = timedelta(hours=1)
_NO_TURNS: Final = np.zeros(0, dtype=np.int64)


class World:
    """What does not change while a trace is replayed.

    Args:
        clusters: all of which the zone is in the table.
        table: what was observed.
        seed: of the homes that ids decide.

    `rooms` are the clusters as they are before anything is reserved.
    """

    def __init__(self, clusters: Sequence[Cluster], table: Table, seed: int = 0) -> None:
        self.clusters = tuple(clusters)
        self.table = table
        self.zone: Ints = np.array([table.zones.index(cluster.zone) for cluster in clusters])
        self.names = tuple(cluster.name for cluster in clusters)
        self.holds = np.array([cluster.holds_paused for cluster in clusters])
        self.rooms = Rooms(clusters, table)
        self._seed = seed
        self._move_h = np.array([[0.0 if share_storage(a, b) else np.inf for b in clusters] for a in clusters])
        self._rates: dict[float | None, Rates] = {}
        self._factors: dict[float | None, Factors] = {}
        self._rows = np.arange(len(clusters))[:, None]

    def free(self) -> list[Capacity]:
        """The clusters with nothing reserved."""
        return self.rooms.free()

    def rates(self, gpu_w: float | None) -> Rates:
        """What a GPU-hour at that power emits. [W]"""
        if gpu_w not in self._rates:
            self._rates[gpu_w] = rates_of(self.clusters, gpu_w)
        return self._rates[gpu_w]

    def factors(self, gpu_w: float | None) -> Factors:
        """The same with the lines added. [W]"""
        if gpu_w not in self._factors:
            self._factors[gpu_w] = factors_of(self.rates(gpu_w))
        return self._factors[gpu_w]

    def takes(self, row: int, gpus: int) -> int:
        """GPUs that a job of `gpus` keeps others from. [GPUs]"""
        return self.rooms.takes(row, gpus)

    def home(self, request: Request) -> int:
        """The row of a job's home: the one it names, else by its id, in proportion to the GPUs of those it fits on.

        Raises:
            InvalidInput: it names a cluster that is not there.
        """
        if request.home:
            if request.home not in self.names:
                known = ", ".join(self.names)
                raise InvalidInput(
                    f"job {request.job_id}: there is no cluster {request.home!r} to be its home",
                    hint=f"clusters whose zone is in the table: {known}",
                )
            return self.names.index(request.home)
        fitting = self.rooms.that_take(request, request.expected // US)
        if not fitting:
            raise InvalidInput(f"job {request.job_id}: no cluster takes its {request.gpus} GPUs for so long")
        digest = hashlib.blake2b(f"{self._seed}/{request.job_id}".encode(), digest_size=8).digest()
        number = int.from_bytes(digest) % sum(self.clusters[row].open_gpus for row in fitting)
        for row in fitting:
            number -= self.clusters[row].open_gpus
            if number < 0:
                break
        return row

    def problem(self, request: Request, left: Left, capacity: Sequence[Capacity], course: Floats) -> Problem:
        """The problem of placing what is left of a job.

        Args:
            request: the job; left: what is left of it, and when.
            capacity: what reservations leave on each cluster.
            course: intensity by zone of the slots from the one of the decision on, shape [Z, n]. [g/kWh]
        """
        now_us, deadline_us, step_us = left.now_us, left.deadline_us, self.table.step_us
        first = now_us // step_us
        fitting = self.rooms.that_take(request, left.work_us)
        room = [
            cap.turns(now_us, deadline_us, self.takes(row, request.gpus)) if row in fitting else (False, _NO_TURNS)
            for row, cap in enumerate(capacity)
        ]
        shut = [turned for row in fitting if len(turned := self.rooms.edges(row, now_us, deadline_us))]
        edges = np.arange(first, -(-deadline_us // step_us) + 1, dtype=np.int64) * step_us
        edges[0], edges[-1] = now_us, deadline_us
        if shut or any(len(turned) for _, turned in room):
            edges = np.unique(np.concatenate([edges, *(turned for _, turned in room), *shut]))
        slot = edges[:-1] // step_us - first
        rates = course[self.zone[:, None], slot]
        return self.posed(request, left, self.surface(request, edges, rates, _open(room, edges, request.gpus)))

    def posed(self, request: Request, left: Left, surface: Surface) -> Problem:
        """What is left of a job on a surface that begins now and reaches its deadline."""
        return Problem(
            surface=surface,
            gpus=request.gpus,
            work_h=left.work_us / US_PER_H,
            earliest_h=0.0,
            deadline_h=float(hours(np.array(left.deadline_us - left.now_us))),
            home=left.home,
            interruption=left.rules,
            resumed_from=left.came_from,
            running=left.running,
            min_saving_pct=request.min_saving_pct,
        )

    def run_rate(self, request: Request, g_per_kwh: Floats) -> Floats:
        """What running emitted at intensities by zone, shape [Z, N] [g/kWh], by cluster, shape [C, N]. [g/GPU-h]"""
        factors = self.factors(request.gpu_w)
        return np.asarray(factors.run_kwh[:, None] * g_per_kwh[self.zone] + factors.run_g[:, None])

    def surface(self, request: Request, edges_us: Ints, g_per_kwh: Floats, capacity: Ints) -> Surface:
        """Rates and room over slots.

        Args:
            request: whose power and restart they are.
            edges_us: borders of the slots, from the moment of decision on, shape [S+1]. [us]
            g_per_kwh: intensity by cluster and slot, shape [C, S]. [g/kWh]
            capacity: GPUs that are free, shape [C, S].
        """
        rates = self.rates(request.gpu_w)
        count = len(self.clusters)
        run_g: dict[Line, Floats] = {line: rates.run[line][:, None] * g_per_kwh for line in RUN_LINES[:-1]}
        hold_g: dict[Line, Floats] = {line: rates.hold[line][:, None] * g_per_kwh for line in HOLD_LINES[:-1]}
        run_g["embodied"] = np.broadcast_to(rates.run["embodied"][:, None], g_per_kwh.shape)
        hold_g["embodied"] = np.broadcast_to(rates.hold["embodied"][:, None], g_per_kwh.shape)
        return Surface(
            origin=self.table.moment(int(edges_us[0])),
            clusters=self.names,
            edges_h=hours(edges_us - edges_us[0]),
            run_g=run_g,
            hold_g=hold_g,
            holds=self.holds,
            capacity=capacity,
            speed=np.ones(count),
            restart_h=np.full(count, request.restart / _HOUR),
            move_h=self._move_h,
            move_g=np.zeros((count, *g_per_kwh.shape)),
        )


def _open(room: Sequence[tuple[bool, Ints]], edges_us: Ints, gpus: int) -> Ints:
    """GPUs that a job finds in each slot: its own where they are free, else none, shape [C, S]."""
    found = np.zeros((len(room), len(edges_us) - 1), dtype=np.int64)
    for row, (begins, turned) in enumerate(room):
        if not len(turned):
            found[row] = gpus if begins else 0
            continue
        count = turned.searchsorted(edges_us[:-1], side="right")
        found[row] = np.where((count % 2 == 0) == begins, gpus, 0)
    return found
