"""A plan made again in a replay, as in production: what was run stays, and so does what is hardly bettered."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from scheduler.ports import Policy
from scheduler.problem.hysteresis import least_gain_kg
from scheduler.problem.pieces import GoesOn
from scheduler.simulation.asking import Asker
from scheduler.simulation.job import Job
from scheduler.simulation.left import Left
from scheduler.simulation.prices import Prices
from scheduler.simulation.reservations import Reservations
from scheduler.simulation.run import Stretch, merged, split_at
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World

FROZEN_US: Final = US_PER_H // 6
"""A start or a suspend so near stays where it is. [us]"""
_G_PER_KG: Final = 1000.0
_SAME_G: Final = 1e-6
"""Two sums of one cost differ by less. [g]"""


class Again:
    """Plans jobs, and plans them again.

    Args:
        world, policy: of the replay; asker: asks it; taken: what is reserved.
    """

    def __init__(self, world: World, policy: Policy, asker: Asker, taken: Reservations) -> None:
        self._world, self._asker, self._taken = world, asker, taken
        self._decides_again = "history" in policy.needs

    def first(self, job: Job, now_us: int, *, may_be_late: bool = True) -> list[Stretch]:
        """The stretches of a job that has not started: by its deadline, else by the first instant that can be.

        Args:
            job: it; now_us: the moment of decision. [us]
            may_be_late: whether it is told late where nothing keeps its deadline.
        """
        request, left = job.request, job.left(now_us, stopped=True)
        first = self._asker.earliest(request, left, self._world.rooms.that_take(request, left.work_us))
        if first[-1][2] <= left.deadline_us or request.interruption is not None:  # else nothing can be found
            job.solves += 1
            decided = self._asker.place(request, left) if left.deadline_us > now_us else None
            if decided is not None:
                return decided
        for soonest in (first, self._asker.earliest(request, left, [job.home])):
            until_us = soonest[-1][2]
            if until_us <= left.deadline_us or until_us > self._world.table.end_us:
                continue
            job.solves += 1
            late = self._asker.place(request, replace(left, deadline_us=until_us))
            if late is not None:
                job.late |= may_be_late
                return late
        at_home = self._asker.earliest(request, left, [job.home])
        job.late |= may_be_late and at_home[-1][2] > left.deadline_us
        return at_home

    def again(self, job: Job, now_us: int, prices: Prices | None) -> list[Stretch] | None:
        """All stretches of a job with another plan behind `now` [us]; None where the one it has stays.

        Its own reservation is given back while it is asked, and is there again when this returns.
        """
        before, behind = split_at(job.stretches, now_us)
        self._taken.give(job.request, job.stretches, now_us)
        try:
            if self._decides_again or prices is None:
                return self._anew(job, now_us, before)
            if not job.runs(now_us):
                return self._waiting(job, now_us, before, prices)
            if len(behind) == 1:
                return self._cut(job, now_us, before, prices)
            return self._behind(job, now_us, before, behind, prices)
        finally:
            self._taken.take(job.request, job.stretches, now_us)

    def _waiting(self, job: Job, now_us: int, before: list[Stretch], prices: Prices) -> list[Stretch] | None:
        """Another plan for a job that does not run."""
        late = job.finish_us > job.deadline_us
        left = job.left(now_us, stopped=True)
        until_us = min(job.finish_us, self._world.table.end_us)  # behind the table nothing is known
        if late and not self._may_end_sooner(job, left, until_us):
            return None
        under_g = math.inf if late else self._under_g(job, now_us, prices)
        found = self._ask(job, replace(left, deadline_us=until_us) if late else left, under_g=under_g)
        if found is None:
            return None
        sooner = late and found[-1][2] < job.finish_us
        whole = [*before, *found]
        return whole if sooner or self._is_worth(job, whole, now_us, prices) else None

    def _cut(self, job: Job, now_us: int, before: list[Stretch], prices: Prices) -> list[Stretch] | None:
        """A suspend for a run that was to go on to its end, where that is worth it."""
        left = job.left(now_us, stopped=False)
        if left.rules is None or job.finish_us > job.deadline_us:
            return None
        row, since_us, _ = before[-1]
        overheads_us = job.overheads.restart_us + job.overheads.checkpoint_us
        shortest_h = max(left.rules.min_segment_h, overheads_us / US_PER_H)
        goes_on = GoesOn(row=row, least_h=max(FROZEN_US / US_PER_H, shortest_h - (now_us - since_us) / US_PER_H))
        found = self._ask(job, left, goes_on=goes_on)
        if found is None or found[0][:2] != (row, now_us):
            return None
        if len(found) == 1 or found[0][2] - now_us < FROZEN_US:
            return None
        whole = merged([*before, *found])
        return whole if self._is_worth(job, whole, now_us, prices) else None

    def _behind(
        self, job: Job, now_us: int, before: list[Stretch], behind: list[Stretch], prices: Prices
    ) -> list[Stretch] | None:
        """Other stretches behind the suspend that is planned, where they are worth it."""
        until_us = behind[0][2]
        if until_us - now_us < FROZEN_US:
            return None
        current = [*before[:-1], (before[-1][0], before[-1][1], until_us)]
        left = replace(job, stretches=current).left(until_us, stopped=True)
        spent_g = prices.cost_g(job.request, job.stretches, now_us) - prices.cost_g(
            job.request, job.stretches, until_us
        )
        under_g = self._under_g(job, now_us, prices) - spent_g
        found = self._ask(job, replace(left, running=False), told_at_us=now_us, under_g=under_g)
        if found is None:
            return None
        whole = job.overheads.fitted(merged([*current, *found]), job.expected_us)
        if whole[-1][2] > job.deadline_us or not self._taken.has_room(job.request, whole, now_us):
            return None
        return whole if self._is_worth(job, whole, now_us, prices) else None

    def _anew(self, job: Job, now_us: int, before: list[Stretch]) -> list[Stretch] | None:
        """What a policy says that decides again and again; None where nothing but what was planned is left."""
        left = job.left(now_us, stopped=True)
        if left.running and left.rules is None:
            return None
        found = self._ask(job, left)
        if found is None:
            return None
        if not left.running:
            return [*before, *found]
        if found[0][1] > now_us:
            row, start_us, _ = before[-1]
            pause_us = now_us + job.overheads.checkpoint_us
            whole = [*before[:-1], (row, start_us, pause_us), *found]
            return whole if pause_us <= found[0][1] else None
        goes = self._ask(job, job.left(now_us, stopped=False))
        if goes is None or goes[0][:2] != (before[-1][0], now_us):
            return None
        return merged([*before, *goes])

    def _may_end_sooner(self, job: Job, left: Left, until_us: int) -> bool:
        """Whether a late job has any other place to be through by an instant [us]; one in pieces is not looked at."""
        if left.rules is not None or left.came_from is not None:
            return True
        own = job.stretches[-1][0], job.finish_us
        for row in self._world.rooms.that_take(job.request, left.work_us):
            end_us = self._asker.earliest(job.request, left, [row])[-1][2]
            if end_us <= until_us and (row, end_us) != own:
                return True
        return False

    def _ask(
        self,
        job: Job,
        left: Left,
        told_at_us: int | None = None,
        goes_on: GoesOn | None = None,
        under_g: float = math.inf,
    ) -> list[Stretch] | None:
        """The policy's word, counted."""
        if left.deadline_us <= left.now_us:
            return None
        job.solves += 1
        return self._asker.place(job.request, left, told_at_us, goes_on, under_g)

    def _under_g(self, job: Job, now_us: int, prices: Prices) -> float:
        """What a plan must be under to gain enough. [g]"""
        old_g = prices.cost_g(job.request, job.stretches, now_us)
        return old_g - _G_PER_KG * least_gain_kg(old_g / _G_PER_KG)

    def _is_worth(self, job: Job, whole: list[Stretch], now_us: int, prices: Prices) -> bool:
        """Whether a plan betters the one there is by enough, or costs no more and ends over ten minutes earlier."""
        old_g = prices.cost_g(job.request, job.stretches, now_us)
        new_g = prices.cost_g(job.request, whole, now_us)
        sooner = job.finish_us - whole[-1][2] > FROZEN_US and new_g - old_g <= _SAME_G
        return sooner or old_g - new_g > _G_PER_KG * least_gain_kg(old_g / _G_PER_KG)
