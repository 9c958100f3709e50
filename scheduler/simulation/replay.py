"""A trace replayed: each job is placed when it is submitted, on what the reservations before it leave.

Jobs are taken strictly in the order of their submission and no plan is touched again, which is conservative backfill:
a later job fills a gap only where it delays nobody. What a job takes is known, so a reservation is the run itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.domain.errors import Infeasible, InvalidInput
from scheduler.domain.placement import Placement
from scheduler.ports import Policy
from scheduler.problem.blind import seen
from scheduler.simulation.forecasts import Forecasts
from scheduler.simulation.request import Request
from scheduler.simulation.table import US
from scheduler.simulation.whole import best_whole
from scheduler.simulation.world import World

Stretch = tuple[int, int, int]
"""Row, start and end. [us]"""
_TOLD_EVERY: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one job.

    Args:
        stretches: that it ran; held: pauses in which its nodes were kept.
        late_at_admission: whether no placement kept its deadline beside the reservations at its submission.
    """

    stretches: tuple[Stretch, ...]
    held: tuple[Stretch, ...] = ()
    late_at_admission: bool = False

    @property
    def start_us(self) -> int:
        """When it started. [us]"""
        return self.stretches[0][1]

    @property
    def finish_us(self) -> int:
        """When it was through. [us]"""
        return self.stretches[-1][2]


def replay(
    world: World,
    requests: Sequence[Request],
    policy: Policy,
    forecasts: Forecasts,
    told: Callable[[int], None] | None = None,
) -> list[Run]:
    """What became of each job under a policy.

    Args:
        world: clusters and grid.
        requests: the jobs in order of submission; each fits its home.
        policy: decides, once a job.
        forecasts: what it is told of the hours to come.
        told: called with the number of jobs done, now and then.

    Raises:
        InvalidInput: the policy decides again and again, which a replay that decides once cannot show.
    """
    if "history" in policy.needs:
        raise InvalidInput(
            f"policy {policy.name} decides again each hour, and this replay decides once a job",
            hint="leave it out, or take one that plans ahead, such as wait-awhile",
        )
    replayed, runs = _Replay(world, policy, forecasts), []
    for number, request in enumerate(requests):
        runs.append(replayed.place(request))
        if told is not None and number % _TOLD_EVERY == 0:
            told(number)
    return runs


class _Replay:
    """The reservations of one policy, and how it adds to them."""

    def __init__(self, world: World, policy: Policy, forecasts: Forecasts) -> None:
        self._world, self._policy, self._forecasts = world, policy, forecasts
        self._free = world.free()

    def place(self, request: Request) -> Run:
        """Place a job and reserve what it takes."""
        home = self._world.home(request)
        for capacity in self._free:
            capacity.forget(self._world.table.us(request.submitted))
        # The first start at home is the baseline's own, without a problem to solve.
        at_once = isinstance(self._policy, RunNow)
        run = self._earliest(request, [home]) if at_once else self._decided(request, home)
        for row, start_us, end_us in (*run.stretches, *run.held):
            self._free[row].take(start_us, end_us, self._world.takes(row, request.gpus))
        return run

    def _decided(self, request: Request, home: int) -> Run:
        """What the policy decides: by the deadline, else by the first instant at which anything can be through."""
        deadline_us = self._world.table.us(request.deadline)
        every = [row for row, capacity in enumerate(self._free) if capacity.gpus >= request.gpus]
        first = self._earliest(request, every)
        if request.interruption is not None or not first.late_at_admission:  # else nothing can be found
            decided = self._asked(request, home, deadline_us)
            if decided is not None:
                return decided
        for run in (first, self._earliest(request, [home])):
            if not run.late_at_admission or run.finish_us > self._world.table.end_us:
                continue
            late = self._asked(request, home, run.finish_us)
            if late is not None:
                return replace(late, late_at_admission=True)
        return self._earliest(request, [home])

    def _asked(self, request: Request, home: int, deadline_us: int) -> Run | None:
        """What the policy decides for a deadline [us]; None where it finds nothing, or nothing that is free."""
        table = self._world.table
        first = table.us(request.submitted) // table.step_us
        count = -(-deadline_us // table.step_us) - first
        course = self._forecasts.course(first, count)
        problem = self._world.problem(request, home, self._free, course, deadline_us)
        try:
            whole = best_whole(problem) if isinstance(self._policy, CarbonAware) else None
            placement = whole or self._policy.place(seen(problem, self._policy.needs))
        except Infeasible:
            return None
        run = self._run(placement)
        return run if self._has_room(request, run) else None

    def _run(self, placement: Placement) -> Run:
        """A placement in rows and microseconds, with the pauses in which nodes are kept."""
        names, start = self._world.names, self._world.table.start
        stretches = tuple(
            (names.index(each.cluster), (each.start - start) // US, (each.end - start) // US)
            for each in placement.segments
        )
        held = tuple(
            (one[0], one[2], other[1])
            for one, other in pairwise(stretches)
            if one[0] == other[0] and one[2] < other[1] and self._world.holds[one[0]]
        )
        return Run(stretches=stretches, held=held)

    def _has_room(self, request: Request, run: Run) -> bool:
        """Whether everything a run takes is free: a policy that keeps no deadline may run on past what it saw."""
        return all(
            self._free[row].fits(start_us, end_us, self._world.takes(row, request.gpus))
            for row, start_us, end_us in (*run.stretches, *run.held)
        )

    def _earliest(self, request: Request, rows: Sequence[int]) -> Run:
        """The first run in one piece on any of some clusters, the one named first where several start together."""
        table = self._world.table
        now_us, length_us = table.us(request.submitted), request.length // US
        starts = [
            (self._free[row].earliest(now_us, length_us, self._world.takes(row, request.gpus)), row) for row in rows
        ]
        start_us, row = min(starts)
        return Run(
            stretches=((row, start_us, start_us + length_us),),
            late_at_admission=start_us + length_us > table.us(request.deadline),
        )
