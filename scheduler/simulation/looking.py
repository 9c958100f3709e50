"""Which plans a pass looks at again: those that could gain by it and of which something has changed.

A plan is left as it is where not even the cleanest hour before its deadline, on any cluster, for all of its work, would
better it by what a plan is changed for, or, for a job that stays in one piece, the cleanest stretch of its length. Of
the others it is solved again where what it costs, or what it could save at most, has moved by as much since it was last
solved, where room came free that it could use, or where a segment of it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.problem.hysteresis import LEAST_KG, SHARE
from scheduler.problem.surface import Floats, Ints
from scheduler.simulation.again import FROZEN_US
from scheduler.simulation.capacity import Capacity
from scheduler.simulation.job import Job
from scheduler.simulation.prices import Prices
from scheduler.simulation.request import Request
from scheduler.simulation.run import Flags, Stretch, reaching
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World

_G_PER_KG = 1000.0


class Looking:
    """What is known of every job's plan since it was last solved, as arrays by job.

    Args:
        world, requests: of the replay.
    """

    def __init__(self, world: World, requests: Sequence[Request]) -> None:
        count = len(requests)
        self._world = world
        self._open: Ints = np.zeros(0, dtype=np.int64)
        self._new: list[int] = []
        self._start_us, self._finish_us, self._deadline_us = np.zeros((3, count), dtype=np.int64)
        self._row: Ints = np.zeros(count, dtype=np.int64)
        self._may_pause: Flags = np.array([each.interruption is not None for each in requests])
        self._gpus: Ints = np.array([each.gpus for each in requests])
        self._factor = self._factors(requests)
        self._in_parts: Flags = np.zeros(count, dtype=bool)
        self._flagged: Flags = np.zeros(count, dtype=bool)
        self._cost_g, self._gap_g = np.full((2, count), np.nan)
        self._before: tuple[int, Prices] | None = None

    def planned(self, job: Job, *, is_new: bool = False) -> None:
        """Note a job's plan."""
        at = job.number
        self._start_us[at], self._finish_us[at] = job.stretches[0][1], job.finish_us
        self._deadline_us[at], self._row[at] = job.deadline_us, job.stretches[-1][0]
        self._in_parts[at] = len(job.stretches) > 1
        self._cost_g[at] = np.nan  # what it costs is known at the next pass
        self._flagged[at] = False
        if is_new:
            self._new.append(at)

    def came_free(self, spans: Sequence[Stretch], gpus: int) -> None:
        """Flag the plans that room which came free may better."""
        some = self._all_open()
        until_us = np.maximum(self._deadline_us[some], self._finish_us[some])  # one that is late takes what is sooner
        for row, start_us, end_us in spans:
            length_us = np.minimum(end_us, until_us) - start_us
            need_us = np.where(self._may_pause[some], US_PER_H, self._finish_us[some] - self._start_us[some])
            fits = (length_us >= need_us) & (self._gpus[some] <= gpus) & self._wide[some, row]
            self._flagged[some[fits]] = True

    def due(self, jobs: Sequence[Job | None], now_us: int, prices: Prices) -> list[int]:
        """Numbers of the jobs whose plans are solved again at a pass, in the order of their submission."""
        some = self._all_open()
        self._open = some[self._finish_us[some] > now_us]
        some = some[self._finish_us[some] > now_us + FROZEN_US]
        waits = self._start_us[some] > now_us + FROZEN_US
        runs = (self._start_us[some] < now_us) & self._may_pause[some]
        parts = self._in_parts[some] & ~waits
        single = some[(waits & ~self._in_parts[some]) | (runs & ~parts)]
        found = single[self._is_due(single, now_us, prices)]
        several = [jobs[number] for number in some[self._in_parts[some]].tolist()]
        other = self._changed([job for job in several if job is not None], now_us, prices)
        self._before = (now_us, prices)
        return sorted([*found.tolist(), *other])

    @property
    def last_us(self) -> int:
        """The last instant that any open plan or deadline reaches. [us]"""
        some = self._all_open()
        return int(max(self._finish_us[some].max(initial=0), self._deadline_us[some].max(initial=0)))

    def any_open(self, now_us: int) -> bool:
        """Whether any job is not through."""
        some = self._all_open()
        self._open = some[self._finish_us[some] > now_us]
        return len(self._open) > 0

    def open_jobs(self, now_us: int) -> list[int]:
        """All jobs that are not through, for a policy that decides each of them again."""
        some = self._all_open()
        self._open = some[self._finish_us[some] > now_us]
        return [int(number) for number in np.sort(self._open)]

    def waiting(self, now_us: int, row: int) -> Ints:
        """Numbers of the jobs that have not started and are to on a cluster, in the order of their submission."""
        some = self._all_open()
        self._open = some[self._finish_us[some] > now_us]
        return np.sort(self._open[(self._start_us[self._open] > now_us) & (self._row[self._open] == row)])

    def may_start_sooner(self, waiting: Ints, now_us: int, capacity: Capacity) -> Flags:
        """Which of the jobs that wait for a cluster in one piece find their GPUs free at any instant before that."""
        return np.asarray(capacity.most(now_us, self._start_us[waiting]) >= self._gpus[waiting])

    def _all_open(self) -> Ints:
        """Jobs that were not through when last looked at, and those since."""
        if self._new:
            self._open = np.concatenate([self._open, np.array(self._new, dtype=np.int64)])
            self._new = []
        return self._open

    def _factors(self, requests: Sequence[Request]) -> Ints:
        """Which of the powers each job has: jobs are many, powers few."""
        powers = {power: at for at, power in enumerate(dict.fromkeys(each.gpu_w for each in requests))}
        each = [self._world.factors(power) for power in powers]
        self._run_kwh = np.array([one.run_kwh for one in each])
        self._run_g = np.array([one.run_g for one in each])
        holds = self._world.holds
        self._beside_kwh = self._run_kwh - np.where(holds, np.array([one.hold_kwh for one in each]), 0.0)
        self._wide: Flags = np.zeros((len(self._gpus), len(self._world.clusters)), dtype=bool)
        for gpus in np.unique(self._gpus).tolist():
            self._wide[np.ix_(self._gpus == gpus, self._world.rooms.wide_enough(gpus))] = True
        return np.array([powers[request.gpu_w] for request in requests], dtype=np.int64)

    def _is_due(self, some: Ints, now_us: int, prices: Prices) -> Flags:
        """Which jobs, all of whose rest is one stretch, are to be solved again."""
        if not len(some):
            return np.zeros(0, dtype=bool)
        begun = self._start_us[some] < now_us
        self._consumed(some, begun, now_us)
        new = some[np.isnan(self._cost_g[some])]
        if self._before is not None and len(new):  # they were planned on what was told at the pass before
            self._cost_g[new], self._gap_g[new] = self._figures(new, now_us, self._before[1])
        whole_g, gap_g = self._figures(some, now_us, prices)
        known_g, known_gap_g = self._cost_g[some], self._gap_g[some]
        enough_g = np.maximum(SHARE * whole_g, LEAST_KG * _G_PER_KG)
        moved = (np.abs(whole_g - known_g) > enough_g) | (~begun & (gap_g - known_gap_g > enough_g))
        due = (gap_g > enough_g) & (moved | self._flagged[some])
        far = np.flatnonzero(due)
        due[far] = whole_g[far] - self._least_g(some[far], now_us, prices) > enough_g[far]
        fresh = np.isnan(known_g) | moved
        self._cost_g[some[fresh]], self._gap_g[some[fresh]] = whole_g[fresh], gap_g[fresh]
        late = ~begun & (self._finish_us[some] > self._deadline_us[some]) & self._flagged[some]
        self._flagged[some] = False
        return np.asarray(due | late)

    def _figures(self, some: Ints, now_us: int, prices: Prices) -> tuple[Floats, Floats]:
        """What the rest of each job costs, and what it could cost less at most, by its cleanest hour. [g]"""
        row, power, gpus = self._row[some], self._factor[some], self._gpus[some]
        begun = self._start_us[some] < now_us
        start_us = np.maximum(self._start_us[some], now_us)
        hours = (self._finish_us[some] - start_us) / US_PER_H
        area = prices.area(row, start_us, self._finish_us[some])
        whole_g = gpus * (self._run_kwh[power, row] * area + self._run_g[power, row] * hours)
        least = prices.least(self._deadline_us[some])
        least_g = (self._run_kwh[power] * least + self._run_g[power]) * (gpus * hours)[:, None]
        anywhere_g = whole_g - np.where(self._wide[some], least_g, np.inf).min(axis=1)
        # What runs can only pause where it is, and what its nodes emit while they are kept is not saved.
        own = least[np.arange(len(some)), row]
        here_g = gpus * self._beside_kwh[power, row] * (area - own * hours)
        return whole_g, np.where(begun, here_g, anywhere_g)

    def _least_g(self, some: Ints, now_us: int, prices: Prices) -> Floats:
        """No plan for the rest of each job costs less; room is left aside. [g]

        Notes:
            In one piece: the cleanest stretch of its length that begins or ends with a slot. With suspends: the
            cleanest hours, as many as are left to do, each at what running emits beside a held node, and that node's
            hold over the cleanest such stretch; for a job that runs, over as many hours from now on and each later one.
        """
        begun, power = self._start_us[some] < now_us, self._factor[some]
        rest_us = self._finish_us[some] - np.maximum(self._start_us[some], now_us)
        hours, least_g = rest_us / US_PER_H, np.full(len(some), np.inf)
        for row in range(len(self._world.clusters)):
            span = prices.least_span(row, now_us, self._deadline_us[some], rest_us)
            span = np.where(begun, prices.area(row, np.full_like(rest_us, now_us), now_us + rest_us), span)
            run_kwh, beside_kwh = self._run_kwh[power, row], self._beside_kwh[power, row]
            work_g = beside_kwh * span
            for at in np.flatnonzero(self._may_pause[some]).tolist():
                after = now_us + int(rest_us[at]), float((run_kwh if begun[at] else beside_kwh)[at])
                until_us = int(self._deadline_us[some[at]])
                work_g[at] = prices.cleanest_g(row, until_us, float(hours[at]), float(beside_kwh[at]), after)
            cost_g = work_g + (run_kwh - beside_kwh) * span + self._run_g[power, row] * hours
            here = self._wide[some, row] & (~begun | (self._row[some] == row))
            least_g = np.where(here, np.fmin(least_g, cost_g), least_g)
        return np.asarray(least_g * self._gpus[some])

    def _consumed(self, some: Ints, begun: Flags, now_us: int) -> None:
        """Take off what has been run since the last pass from what the rest of a run was to cost."""
        if self._before is None:
            return
        then_us, then = self._before
        run = some[begun & np.isfinite(self._cost_g[some])]
        from_us = np.maximum(self._start_us[run], then_us)
        row, power = self._row[run], self._factor[run]
        spent = self._run_kwh[power, row] * then.area(row, from_us, np.full_like(from_us, now_us))
        spent += self._run_g[power, row] * (now_us - from_us) / US_PER_H
        self._cost_g[run] -= self._gpus[run] * spent

    def _changed(self, several: Sequence[Job], now_us: int, prices: Prices) -> list[int]:
        """Which jobs in several stretches are to be solved again: as above, or since a segment ended."""
        open_ones = [job for job in several if not _is_frozen(job, now_us)]
        if not open_ones:
            return []
        some = np.array([job.number for job in open_ones], dtype=np.int64)
        since_us = now_us if self._before is None else self._before[0]
        cost_g = prices.costs_g([(job.request, job.stretches) for job in open_ones], now_us)
        known_g, recent = self._cost_g[some], [reaching(job.stretches, since_us) for job in open_ones]
        if self._before is not None:
            past = [
                (job.request, [(row, start, min(end, now_us)) for row, start, end in each if start < now_us])
                for job, each in zip(open_ones, recent, strict=True)
            ]
            known_g = known_g - self._before[1].costs_g(past, since_us)
        enough_g = np.maximum(SHARE * cost_g, LEAST_KG * _G_PER_KG)
        ended = [any(since_us < end <= now_us for _, _, end in each[:-1]) for each in recent]
        due = np.array(ended) | self._flagged[some] | (np.abs(cost_g - known_g) > enough_g)
        self._cost_g[some] = np.where(due | ~np.isfinite(known_g), cost_g, known_g)
        self._flagged[some] = False
        return [int(number) for number in some[due & (cost_g > enough_g)]]


def _is_frozen(job: Job, now_us: int) -> bool:
    """Whether the next start or suspend of a job is so near that it stays."""
    _, start_us, end_us = next(each for each in reaching(job.stretches, now_us) if each[2] > now_us)
    return 0 < (start_us if start_us > now_us else end_us) - now_us < FROZEN_US
