"""Jobs of a replay that wait, planned together at a pass by production's fleet planner, under production's rules.

The search ends by its tries and never by time, so that a replay comes to the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from scheduler.domain.placement import Placement, Segment
from scheduler.planning.fleet.problems import Member, names_of, placement_of
from scheduler.planning.fleet.replan import replanned
from scheduler.planning.fleet.warm import Warm
from scheduler.ports import FleetPolicy
from scheduler.problem.problem import Problem
from scheduler.problem.surface import Floats, Ints, Surface
from scheduler.simulation.again import FROZEN_US
from scheduler.simulation.job import Job
from scheduler.simulation.prices import Prices
from scheduler.simulation.reservations import Reservations
from scheduler.simulation.run import Stretch, split_at
from scheduler.simulation.table import US, US_PER_H
from scheduler.simulation.together_exact import Exact
from scheduler.simulation.world import World

TRIES: Final = 50
"""How often a few jobs are taken out and put back at a pass, of which there is one at every hour of months; production
makes a thousand at most. Of 1,000 jobs of the Philly trace (docs/simulate.md) 10 save 62.1 %, 50 save 62.5 %."""


class Together:
    """The fleet of one policy.

    Args:
        world: clusters and grid; policy: says which jobs it places together; taken: what is reserved.
        tries: how often a few jobs are taken out and put back at each pass.
    """

    def __init__(self, world: World, policy: FleetPolicy, taken: Reservations, tries: int = TRIES) -> None:
        self._world, self._policy, self._taken, self._tries = world, policy, taken, tries
        self._pass_us = 0
        self._warm: tuple[Warm, int] | None = None
        self._told: tuple[int, Floats] | None = None
        self._left: dict[int, list[Stretch]] = {}

    def planned(self, jobs: Sequence[Job], now_us: int, prices: Prices) -> dict[int, list[Stretch]]:
        """All stretches of the jobs that are placed together, by their numbers; the others are to be planned alone.

        Args:
            jobs: that are not through, in the order of their submission.
            now_us: the moment of decision. [us]
            prices: what is told of the hours to come.
        """
        sharing, posed = self._posed([job for job in jobs if _waits(job, now_us)], now_us, prices)
        known = {id(problem): job for job, problem in zip(sharing, posed, strict=True)}
        is_news, before_us = self._is_news(now_us, prices), self._pass_us
        self._pass_us = now_us

        def together(problems: Sequence[Problem]) -> Sequence[Placement | None]:
            """Those that the policy wants to have placed together."""
            chosen = [known[id(problem)] for problem in problems]
            if len(chosen) < 2:  # noqa: PLR2004  # one alone has the plan that it has
                return [None] * len(chosen)
            held = [self._member(job, problem, now_us) for job, problem in zip(chosen, problems, strict=True)]
            new = [self._is_new(job, now_us, before_us) for job in chosen]
            free = [replace(one, held=None) if is_new else one for one, is_new in zip(held, new, strict=True)]
            plan = replanned(
                [free, held] if any(new) else [held],
                tries=self._tries,
                warm=self._after(now_us),
                dirty=None if is_news else {job.request.job_id for job in chosen if self._changed(job)},
            )
            if plan is None:
                return [None] * len(chosen)
            self._warm = (plan.warm, now_us)
            return [placement_of(one.problem, plan.places[one.id], names_of(held)) for one in held]

        placed = self._policy.place_many(posed, together)
        done = [(job, made) for job, made in zip(sharing, placed, strict=True) if made is not None]
        found = self._fitted([job for job, _ in done], [made for _, made in done], now_us)
        self._left = dict(found)
        for job, _ in done:
            job.solves += 1
        return found

    def _posed(self, waiting: list[Job], now_us: int, prices: Prices) -> tuple[list[Job], list[Problem]]:
        """The jobs that the policy wants to have placed together, and their problems beside what all others hold."""
        while True:
            self._give(waiting, now_us)
            problems = self._problems(waiting, now_us, prices)
            self._take(waiting, now_us)
            wanted = self._wanted(problems)
            if all(wanted):
                return waiting, problems
            waiting = [job for job, chosen in zip(waiting, wanted, strict=True) if chosen]

    def _wanted(self, problems: Sequence[Problem]) -> list[bool]:
        """Which of some problems the policy places together."""
        asked: set[int] = set()

        def note(some: Sequence[Problem]) -> Sequence[Placement | None]:
            """See which they are."""
            asked.update(id(problem) for problem in some)
            return [None] * len(some)

        self._policy.place_many(problems, note)
        return [id(problem) in asked for problem in problems]

    def _problems(self, waiting: Sequence[Job], now_us: int, prices: Prices) -> list[Problem]:
        """What is left of some jobs, on the room that is free now; jobs alike share one surface."""
        if not waiting:
            return []
        edges = self._edges(now_us, max(job.deadline_us for job in waiting))
        slot = edges[:-1] // self._world.table.step_us - now_us // self._world.table.step_us
        free = np.stack([np.maximum(capacity.free_at(edges[:-1]), 0) for capacity in self._taken.free])
        known: dict[object, Surface] = {}
        problems = []
        for job in waiting:
            kind = (job.request.gpu_w, job.request.restart)
            if kind not in known:
                known[kind] = self._world.surface(job.request, edges, prices.by_row[:, slot], free)
            problems.append(self._world.posed(job.request, job.left(now_us, stopped=True), known[kind]))
        return problems

    def _edges(self, now_us: int, until_us: int) -> Ints:
        """Now, the slots of the table, and the instants at which the room of any cluster changes. [us]"""
        step_us = self._world.table.step_us
        steps = np.arange(now_us // step_us + 1, -(-until_us // step_us), dtype=np.int64) * step_us
        changes = [capacity.changes(now_us, until_us) for capacity in self._taken.free]
        return np.unique(np.concatenate([np.array([now_us, until_us], dtype=np.int64), steps, *changes]))

    def _member(self, job: Job, problem: Problem, now_us: int) -> Member:
        """A job as the fleet planner knows it."""
        request, world = job.request, self._world
        rows = world.rooms.that_take(request, job.expected_us)
        takes = {name: world.takes(row, request.gpus) * (row in rows) for row, name in enumerate(world.names)}
        return Member(
            id=request.job_id,
            problem=problem,
            takes=takes,
            held=self._held(job, now_us),
            waited_h=(now_us - world.table.us(request.submitted)) / US_PER_H,
        )

    def _is_new(self, job: Job, now_us: int, before_us: int) -> bool:
        """Whether a job came since the last pass and is not about to start: it is placed as if it held nothing."""
        whole = len(job.stretches) == 1 and job.stretches[0][1] - now_us >= FROZEN_US
        return whole and self._world.table.us(job.request.submitted) > before_us

    def _held(self, job: Job, now_us: int) -> Placement:
        """What a job holds behind now."""
        moment = self._world.table.moment
        return Placement(
            segments=tuple(
                Segment(cluster=self._world.names[row], start=moment(start), end=moment(end), gpus=job.request.gpus)
                for row, start, end in split_at(job.stretches, now_us)[1]
            )
        )

    def _fitted(self, jobs: Sequence[Job], placed: Sequence[Placement], now_us: int) -> dict[int, list[Stretch]]:
        """Placements to the microsecond, by the jobs' numbers; what they hold, where rounding leaves no room for it."""
        if not jobs:
            return {}
        names, start = self._world.names, self._world.table.start
        rough = [
            [(names.index(each.cluster), (each.start - start) // US, (each.end - start) // US) for each in one.segments]
            for one in placed
        ]
        self._give(jobs, now_us)
        edges = self._edges(now_us, max(job.deadline_us for job in jobs))
        found = Exact(self._taken, edges, now_us).fitted(jobs, rough)
        self._take(jobs, now_us)
        return {job.number: job.stretches for job in jobs} if found is None else found

    def _is_news(self, now_us: int, prices: Prices) -> bool:
        """Whether anything else is told of the hours to come than at the last pass."""
        first, told = now_us // self._world.table.step_us, prices.by_row
        known, self._told = self._told, (first, told)
        if known is None:
            return True
        old = known[1][:, first - known[0] :]
        count = min(old.shape[1], told.shape[1])
        return not np.array_equal(old[:, :count], told[:, :count], equal_nan=True)

    def _changed(self, job: Job) -> bool:
        """Whether a job is not where the last fleet left it."""
        return self._left.get(job.number) != job.stretches

    def _after(self, now_us: int) -> Warm | None:
        """What the last plan left."""
        if self._warm is None:
            return None
        warm, at_us = self._warm
        return warm.after((now_us - at_us) / US_PER_H)

    def _give(self, jobs: Sequence[Job], now_us: int) -> None:
        """Give back what some jobs hold behind now."""
        for job in jobs:
            self._taken.give(job.request, job.stretches, now_us)

    def _take(self, jobs: Sequence[Job], now_us: int) -> None:
        """Take it again."""
        for job in jobs:
            self._taken.take(job.request, job.stretches, now_us)


def _waits(job: Job, now_us: int) -> bool:
    """Whether a job waits for its first start or a resume, in time: one that is late is planned by itself."""
    ahead = next((start for _, start, end in job.stretches if end > now_us), now_us)
    return ahead > now_us and job.finish_us <= job.deadline_us
