"""What places cost: the objective, and the price of the room that they take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place, Stretch
from scheduler.planning.fleet.integral import Integral, integral, slots_of
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints


class Costs:
    """The running sums of a fleet's rates, one pair for those that jobs share."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        shared = {id(job.rates): job.rates for job in fleet.jobs}
        self._run = {key: integral(fleet.edges_h, rates.run) for key, rates in shared.items()}
        self._hold = {key: integral(fleet.edges_h, rates.hold) for key, rates in shared.items()}

    def run(self, job: FleetJob) -> Integral:
        """What a GPU that runs emits."""
        return self._run[id(job.rates)]

    def place(self, job: FleetJob, stretches: Sequence[Stretch]) -> Place:
        """The segments of a job as a place: what they and the kept nodes between them emit and take.

        Notes:
            cost = gpus x (sum of the run rate over segments + of the hold rate over pauses with kept nodes)
            + the transfer of each move, in the slot of its suspend.
        """
        held = self._held(job, stretches)
        run, hold = self._run[id(job.rates)], self._hold[id(job.rates)]
        mass_g = job.gpus * (sum(run.over(*each) for each in stretches) + sum(hold.over(*each) for each in held))
        if job.pauses is not None:
            ends = [(row, end_h) for row, _, end_h in stretches]
            left = ends if job.resumed_from is None else [(job.resumed_from, 0.0), *ends]
            joined = [row for row, _, _ in stretches][1 if job.resumed_from is None else 0 :]
            for (row, end_h), to in zip(left, joined, strict=False):
                if row != to:
                    slot = int(slots_of(self._fleet.edges_h, end_h + INSTANT_TOLERANCE_H))
                    mass_g += float(job.pauses.move_g[row, to, slot])
        return Place(cost_g=mass_g, stretches=tuple(stretches), taken=(*stretches, *held))

    def _held(self, job: FleetJob, stretches: Sequence[Stretch]) -> list[Stretch]:
        """The pauses in which the job's nodes are kept."""
        known = [] if job.resumed_from is None else [(job.resumed_from, 0.0, 0.0)]
        return [
            (row, end_h, start_h)
            for (row, _, end_h), (to, start_h, _) in pairwise([*known, *stretches])
            if row == to and self._fleet.holds[row] and start_h > end_h + INSTANT_TOLERANCE_H
        ]


def room_price_g(job: FleetJob, place: Place, prices: Integral) -> float:
    """What a place's room costs at the prices of the fleet. [g]"""
    return sum(int(job.takes[row]) * prices.over(row, start_h, end_h) for row, start_h, end_h in place.taken)


def usage_of(fleet: Fleet, row: Ints, start_h: Floats, end_h: Floats, takes: Floats) -> Floats:
    """GPU-hours that stretches take of each cluster and slot, shape [C, S]. [GPU-h]"""
    shape, edges = fleet.capacity.shape, fleet.edges_h
    used = np.zeros(shape)
    for hour_h, signed in ((end_h, takes), (start_h, -takes)):
        slot = slots_of(edges, hour_h)
        index = row * shape[1] + slot
        ended = np.bincount(index, signed, minlength=used.size).reshape(shape)
        behind = np.cumsum(ended[:, ::-1], axis=1)[:, ::-1] - ended
        used += behind * fleet.slot_h
        used += np.bincount(index, signed * (hour_h - edges[slot]), minlength=used.size).reshape(shape)
    return used
