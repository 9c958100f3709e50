"""A policy asked for a placement in a replay: on what is free, with what it is told, and no longer than it pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from policies.carbon_aware import CarbonAware
from policies.elastic import Elastic
from scheduler.domain.errors import Infeasible
from scheduler.domain.placement import Placement
from scheduler.domain.units import G_PER_KG
from scheduler.ports import Policy
from scheduler.problem.blind import seen
from scheduler.problem.draft import Draft
from scheduler.problem.pieces import GoesOn, is_simple
from scheduler.problem.pricing import price
from scheduler.problem.problem import Past, Problem
from scheduler.problem.surface import Floats
from scheduler.simulation.coarser import coarser
from scheduler.simulation.forecasts import Forecasts
from scheduler.simulation.left import Left
from scheduler.simulation.pausing import near_enough, paused_later
from scheduler.simulation.request import Request
from scheduler.simulation.reservations import Reservations
from scheduler.simulation.run import Stretch
from scheduler.simulation.table import US, US_PER_H
from scheduler.simulation.whole import in_one_piece
from scheduler.simulation.world import World

_SLOTS: Final = 64
"""Slots on which a plan with suspends is sought beside others' reservations."""
_PAST_H: Final = 28 * 24
"""How far back a policy sees that decides by the past: as in production. [h]"""


class Asker:
    """Asks one policy.

    Args:
        world: clusters and grid; forecasts: what the policy is told of the hours to come.
        taken: what is reserved.
        every_us: time between its decisions, where it decides again and again. [us]
    """

    def __init__(
        self, world: World, policy: Policy, forecasts: Forecasts, taken: Reservations, every_us: int = US_PER_H
    ) -> None:
        self._world, self._policy, self._forecasts, self._taken = world, policy, forecasts, taken
        self._every_us = every_us
        # What is left out of the search is proved for these alone; no job of a replay has another width than its own.
        self._exact = type(policy) in {CarbonAware, Elastic}
        self._course: tuple[int, int, Floats] | None = None

    def place(
        self,
        request: Request,
        left: Left,
        told_at_us: int | None = None,
        goes_on: GoesOn | None = None,
        under_g: float = np.inf,
    ) -> list[Stretch] | None:
        """What the policy decides, None where it finds nothing, or nothing that is free.

        Args:
            request: the job; left: what is left of it.
            told_at_us: when its forecast was made, where that is before the moment of decision. [us]
            goes_on: where only a plan is of use that goes on with a run and suspends it later; None found is as good.
            under_g: what a plan with a suspend must be under to be of use; those over it are not sought. [g]
        """
        problem = self._world.problem(
            request, left, self._taken.free, self._told(left, left.now_us if told_at_us is None else told_at_us)
        )
        if "history" in self._policy.needs:
            problem = replace(problem, past=self._past(request, problem, left))
        found = self._searched(problem, left, goes_on, under_g) if self._exact else self._placed(problem)
        if found is None:
            return None
        stretches = self._in_us(found)
        return stretches if self._taken.has_room(request, stretches) else None

    def earliest(self, request: Request, left: Left, rows: Sequence[int]) -> list[Stretch]:
        """The first run in one piece on any of some clusters, the one named first where several start together."""
        length_us = left.work_us + (request.restart // US if left.came_from is not None else 0)
        start_us, row = min((self._taken.earliest(row, left.now_us, length_us, request.gpus), row) for row in rows)
        return [(row, start_us, start_us + length_us)]

    def _searched(self, problem: Problem, left: Left, goes_on: GoesOn | None, under_g: float) -> Placement | None:
        """The cheapest placement, a search for suspends left out where it is known not to pay.

        Notes:
            A job that nobody else is beside gets the optimum. Beside others, suspends are sought only where they
            could gain more than what a plan is changed for, max(2 %, 0.05 kg), and are within as much of the optimum.
        """
        if problem.min_saving_pct > 0 or problem.objective != "lifecycle":
            return self._placed(problem)
        if goes_on is not None and is_simple(problem):
            return paused_later(problem, goes_on)
        found = in_one_piece(problem)
        if found is None:
            return self._placed(problem)
        if found.nothing:
            return None
        if found.window is not None and found.is_best():
            return found.window.placement(problem)
        if self._is_alone(left):
            return self._placed(problem)
        near = near_enough(problem, found, under_g)
        if near.is_enough:
            return None if near.draft is None else near.draft.placement(problem)
        return self._in_pieces(problem, near.draft)

    def _is_alone(self, left: Left) -> bool:
        """Whether nobody else holds anything before the deadline."""
        return all(
            self._world.rooms.is_bare(row, free, left.now_us, left.deadline_us)
            for row, free in enumerate(self._taken.free)
        )

    def _in_pieces(self, problem: Problem, known: Draft | None) -> Placement | None:
        """The best on longer slots, the best that is known, or, where there is neither, whatever is feasible."""
        pieces = self._placed(coarser(problem, _SLOTS))
        if known is None:
            return pieces or self._placed(problem)
        if pieces is None:
            return known.placement(problem)
        pieces_g = G_PER_KG * price(problem, pieces).objective_kg(problem.objective)
        return pieces if pieces_g < known.cost_g else known.placement(problem)

    def _placed(self, problem: Problem) -> Placement | None:
        """What the policy itself says."""
        try:
            return self._policy.place(seen(problem, self._policy.needs))
        except Infeasible:
            return None

    def _told(self, left: Left, told_at_us: int) -> Floats:
        """The intensities from the slot of the decision to the deadline, as seen when the forecast was made."""
        step_us = self._world.table.step_us
        made, first = told_at_us // step_us, left.now_us // step_us
        count = -(-left.deadline_us // step_us) - made
        if self._course is None or self._course[0] != made or self._course[1] < count:
            self._course = (made, count, self._forecasts.course(made, count))
        return self._course[2][:, first - made : count]

    def _past(self, request: Request, problem: Problem, left: Left) -> Past:
        """The weeks before, as they were, and when the policy decides again."""
        table, step_us = self._world.table, self._world.table.step_us
        first, count = left.now_us // step_us, _PAST_H * US_PER_H // step_us
        seen_g = np.full((len(table.zones), count), np.nan)
        known = table.g_per_kwh[:, max(0, first - count) : first]
        seen_g[:, count - known.shape[1] :] = known
        rates = self._world.run_rate(request, seen_g)
        next_us = (left.now_us // self._every_us + 1) * self._every_us
        return Past(run_rate=rates, now_rate=problem.run_rate[:, 0].copy(), next_h=(next_us - left.now_us) / US_PER_H)

    def _in_us(self, placement: Placement) -> list[Stretch]:
        """A placement in rows and microseconds."""
        names, start = self._world.names, self._world.table.start
        return [
            (names.index(each.cluster), (each.start - start) // US, (each.end - start) // US)
            for each in placement.segments
        ]
