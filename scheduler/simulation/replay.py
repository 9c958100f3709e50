"""A trace replayed event by event: jobs are placed as they are submitted, and their plans made again at each pass.

Without passes no plan is touched again, which is conservative backfill: a later job fills a gap only where it delays
nobody. A run that takes another time than was expected gives back what it leaves, or keeps its GPUs and moves others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Sequence
from typing import Final

from policies.run_now import RunNow
from scheduler.domain.errors import InvalidInput
from scheduler.ports import FleetPolicy, Policy
from scheduler.simulation.again import Again
from scheduler.simulation.asking import Asker
from scheduler.simulation.forecasts import Forecasts
from scheduler.simulation.job import Job
from scheduler.simulation.looking import Looking
from scheduler.simulation.prices import Prices
from scheduler.simulation.request import Request
from scheduler.simulation.reservations import Reservations
from scheduler.simulation.run import Run, Stretch, split_at
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.together import Together
from scheduler.simulation.world import World

_TOLD_EVERY: Final = 100
_LEAST_MORE_US: Final = US_PER_H // 6
_MORE_SHARE: Final = 10
"""A run that is not through when it was to be is expected to take a tenth of its length more, ten minutes at least."""


def replay(
    world: World,
    requests: Sequence[Request],
    policy: Policy,
    forecasts: Forecasts,
    told: Callable[[int], None] | None = None,
    *,
    passes: Sequence[int] = (),
    together: bool = False,
) -> list[Run]:
    """What became of each job under a policy.

    Args:
        world: clusters and grid.
        requests: the jobs in order of submission; each fits its home.
        policy: decides.
        forecasts: what it is told of the hours to come.
        told: called with the number of jobs done, now and then.
        passes: instants at which plans are made again, rising; none where each job is planned once. [us]
        together: whether jobs that wait are planned together at each, where the policy can do that.

    Raises:
        InvalidInput: the policy decides again and again, or jobs are to be planned together, and there are no passes.
    """
    if "history" in policy.needs and not passes:
        raise InvalidInput(
            f"policy {policy.name} decides again each hour, and this replay decides once a job",
            hint="give --replan 1h, leave it out, or take one that plans ahead, such as wait-awhile",
        )
    if together and not passes:
        raise InvalidInput("jobs are planned together when plans are made again", hint="give --replan 1h beside it")
    replayed = _Replay(world, requests, policy, forecasts, passes)
    if together and isinstance(policy, FleetPolicy):
        replayed.plan_together(policy)
    for number in range(len(requests)):
        replayed.submit(number)
        if told is not None and number % _TOLD_EVERY == 0:
            told(number)
    return replayed.finished()


class _Replay:
    """The reservations of one policy, and how they change.

    Args:
        world, requests, policy, forecasts, passes: as of `replay`.
    """

    def __init__(
        self, world: World, requests: Sequence[Request], policy: Policy, forecasts: Forecasts, passes: Sequence[int]
    ) -> None:
        self._world, self._requests, self._policy, self._forecasts = world, requests, policy, forecasts
        self._taken = Reservations(world)
        every_us = passes[1] - passes[0] if len(passes) > 1 else US_PER_H
        self._asker = Asker(world, policy, forecasts, self._taken, every_us)
        self._again = Again(world, policy, self._asker, self._taken)
        self._looks = bool({"forecast", "history"} & policy.needs)
        self._looking = Looking(world, requests)
        self._jobs: list[Job | None] = [None] * len(requests)
        self._passes, self._next = passes, 0
        self._ends: list[tuple[int, int, int]] = []
        self._together: Together | None = None

    def plan_together(self, policy: FleetPolicy) -> None:
        """From now on plan the jobs that wait together at each pass."""
        self._together = Together(self._world, policy, self._taken)

    def submit(self, number: int) -> None:
        """Place a job and reserve what it takes."""
        request, table = self._requests[number], self._world.table
        now_us = table.us(request.submitted)
        self._until(now_us)
        self._taken.forget(now_us)
        job = Job.of(number, request, self._world.home(request), table.us(request.deadline))
        self._jobs[number] = job
        if isinstance(self._policy, RunNow):
            # The first start at home is the baseline's own, without a problem to solve.
            job.stretches, job.solves = self._asker.earliest(request, job.left(now_us, stopped=True), [job.home]), 1
            job.late = job.finish_us > job.deadline_us
        else:
            job.stretches = self._again.first(job, now_us)
        self._taken.take(request, job.stretches)
        self._planned(job, is_new=True)

    def finished(self) -> list[Run]:
        """Run what is left, and tell what became of every job."""
        self._until(None)
        return [job.run(self._world.holds) for job in self._jobs if job is not None]

    def _until(self, now_us: int | None) -> None:
        """All that happens up to an instant [us], or at all: first ends, then the pass of the same instant."""
        while True:
            end_us = self._ends[0][0] if self._ends else None
            pass_us = self._passes[self._next] if self._next < len(self._passes) else None
            known = [each for each in (end_us, pass_us) if each is not None and (now_us is None or each <= now_us)]
            if not known:
                return
            if end_us == min(known):
                self._ended(*heapq.heappop(self._ends))
            else:
                self._next += 1
                self._pass(min(known))

    def _pass(self, now_us: int) -> None:
        """Make plans again that can gain by it."""
        if not self._looks:
            return
        self._taken.forget(now_us)
        if "history" in self._policy.needs:
            for number in self._looking.open_jobs(now_us):
                self._change(self._job(number), now_us, None)
            return
        if not self._looking.any_open(now_us):
            return
        first, step_us = now_us // self._world.table.step_us, self._world.table.step_us
        count = min(self._world.table.slots, -(-self._looking.last_us // step_us)) - first
        if count < 1:
            return
        prices = Prices(self._world, first * step_us, self._forecasts.course(first, count))
        placed = self._placed_together(now_us, prices)
        for number in self._looking.due(self._jobs, now_us, prices):
            if number not in placed:
                self._change(self._job(number), now_us, prices)

    def _placed_together(self, now_us: int, prices: Prices) -> Collection[int]:
        """Plan those that wait together, where that is wanted; the numbers of the jobs that need no other plan now."""
        if self._together is None:
            return ()
        waiting = [self._job(number) for number in self._looking.open_jobs(now_us)]
        found = self._together.planned(waiting, now_us, prices)
        for number, stretches in found.items():
            if stretches != self._job(number).stretches:
                self._replace(self._job(number), stretches, now_us)
        return found.keys()

    def _change(self, job: Job, now_us: int, prices: Prices | None) -> None:
        """Ask for another plan, and take it where there is one."""
        found = self._again.again(job, now_us, prices)
        if found is None or found == job.stretches:
            return
        self._replace(job, found, now_us)

    def _replace(self, job: Job, found: list[Stretch], now_us: int) -> None:
        """Put another plan in the place of a job's own."""
        self._taken.give(job.request, job.stretches, now_us)
        gone = split_at(job.stretches, now_us)[1]
        job.stretches = found
        self._taken.take(job.request, found, now_us)
        self._looking.came_free(gone, job.request.gpus)
        self._planned(job)

    def _planned(self, job: Job, *, is_new: bool = False) -> None:
        """Note a plan, and when it turns out otherwise than expected."""
        job.version += 1
        self._looking.planned(job, is_new=is_new)
        if job.true_us != job.expected_us:
            true_us = job.overheads.fitted(job.stretches, job.true_us)[-1][2]
            heapq.heappush(self._ends, (min(true_us, job.finish_us), job.number, job.version))

    def _ended(self, now_us: int, number: int, version: int) -> None:
        """A run that ends before it was expected to, or does not when it was."""
        job = self._job(number)
        if version != job.version:
            return
        true = job.overheads.fitted(job.stretches, job.true_us)
        if true[-1][2] <= now_us:
            gone = split_at(job.stretches, now_us)[1]
            self._taken.give(job.request, job.stretches, now_us)
            job.stretches, job.expected_us = true, job.true_us
            self._planned(job)
            self._looking.came_free(gone, job.request.gpus)
            if gone and isinstance(self._policy, RunNow):
                self._pull_forward(now_us)
            return
        row, start_us, _ = job.stretches[-1]
        more_us = max(_LEAST_MORE_US, job.expected_us // _MORE_SHARE)
        job.expected_us += more_us
        job.stretches = [*job.stretches[:-1], (row, start_us, now_us + more_us)]
        self._taken.take(job.request, [(row, now_us, now_us + more_us)])
        self._planned(job)
        self._make_room(row, now_us, now_us + more_us)

    def _make_room(self, row: int, now_us: int, until_us: int) -> None:
        """Move the runs that were to start where another goes on, those submitted last first."""
        while (short_us := self._taken.free[row].short(now_us, until_us)) is not None:
            there = [
                number
                for number in self._looking.open_jobs(now_us)
                if any(
                    each[0] == row and now_us <= each[1] <= short_us < each[2] for each in self._job(number).stretches
                )
            ]
            if not there:
                return
            self._put_off(self._job(there[-1]), now_us)

    def _put_off(self, job: Job, now_us: int) -> None:
        """Another plan for a job whose own can no longer be."""
        self._taken.give(job.request, job.stretches, now_us)
        gone = split_at(job.stretches, now_us)[1]
        before = job.started(now_us)
        if job.runs(now_us):  # what runs goes on to its suspend; the rest is planned behind that
            self._taken.take(job.request, before[-1:], now_us)
            now_us = before[-1][2]
        if before:
            left = job.left(now_us, stopped=True)
            found = None if left.deadline_us <= now_us else self._asker.place(job.request, left)
            job.solves += 1
            job.stretches = [*before, *(found or self._asker.earliest(job.request, left, [before[-1][0]]))]
        elif isinstance(self._policy, RunNow):
            job.stretches = self._asker.earliest(job.request, job.left(now_us, stopped=True), [job.home])
        else:
            job.stretches = self._again.first(job, now_us, may_be_late=False)
        self._taken.take(job.request, job.stretches, now_us)
        self._looking.came_free(gone, job.request.gpus)
        self._planned(job)

    def _pull_forward(self, now_us: int) -> None:
        """Start whoever waits as early as what came free allows, those first who were submitted first."""
        for row, capacity in enumerate(self._taken.free):
            waiting, at = self._looking.waiting(now_us, row), 0
            sooner = self._looking.may_start_sooner(waiting, now_us, capacity)
            while sooner[at:].any():
                at += int(sooner[at:].argmax())
                if self._moved_up(self._job(int(waiting[at])), now_us):
                    sooner = self._looking.may_start_sooner(waiting, now_us, capacity)
                at += 1

    def _moved_up(self, job: Job, now_us: int) -> bool:
        """Start a job that waits at home as early as it can; whether that is another time than before."""
        self._taken.give(job.request, job.stretches, now_us)
        found = self._asker.earliest(job.request, job.left(now_us, stopped=True), [job.home])
        self._taken.take(job.request, found)
        if found == job.stretches:
            return False
        job.stretches = found
        self._planned(job)
        return True

    def _job(self, number: int) -> Job:
        """A job that was submitted."""
        job = self._jobs[number]
        assert job is not None, number  # noqa: S101  # only those are asked for
        return job
