"""Whose turn it is: who waited too long goes first, and nobody is overtaken by an equal that came later.

Waiting too long takes the carbon out of a job's turn, never out of the price of its place.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from scheduler.planning.fleet.fleet import FleetJob, Place
from scheduler.planning.fleet.placing import Placing
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Ints

MAX_WAIT_H: Final = 7 * 24.0
"""Wait after which carbon is no matter of a job's turn any more; this project's choice. [h]"""
WORTH: Final = 0.01
"""Gain for which an equal job may be overtaken, as a share of what both cost [-]; this project's choice."""


def starved(jobs: tuple[FleetJob, ...], max_wait_h: float) -> Ints:
    """Numbers of the jobs that have waited too long, in the order of their submission."""
    return np.flatnonzero([job.waited_h > max_wait_h for job in jobs])


def settle_order(placing: Placing, max_wait_h: float = MAX_WAIT_H) -> int:
    """Change the places of equal jobs where the later one overtakes on full room and gains too little; how many.

    Equal are jobs of one size on every cluster and of one priority. The earlier gets the earlier start where both
    keep their time, unless that costs more than 1 % of both, which does not count for one that waited too long.
    """
    equals: defaultdict[object, list[int]] = defaultdict(list)
    for number, job in enumerate(placing.jobs):
        if job.incumbent is None and job.resumed_from is None:
            size = (job.takes.tobytes(), job.length_h.tobytes(), job.gpus, job.priority, id(job.pauses))
            equals[size].append(number)
    return sum(_sorted(placing, group, max_wait_h) for group in equals.values() if len(group) > 1)


def _sorted(placing: Placing, group: list[int], max_wait_h: float) -> int:
    """The same for one group of equals, in order of submission."""
    changes = 0
    for turn, first in enumerate(group):
        for later in group[turn + 1 :]:
            one, other = placing.places[first], placing.places[later]
            if one is None or other is None or not _overtakes(placing, other, one):
                continue
            swapped = _swapped(placing.jobs[first], placing.jobs[later], one, other, placing)
            if swapped is None:
                continue
            more_g = swapped[0].cost_g + swapped[1].cost_g - one.cost_g - other.cost_g
            worth_g = WORTH * (one.cost_g + other.cost_g)
            if placing.jobs[first].waited_h <= max_wait_h and more_g > worth_g:
                continue
            placing.remove(first)
            placing.remove(later)
            placing.put(first, swapped[0])
            placing.put(later, swapped[1])
            changes += 1
    return changes


def _overtakes(placing: Placing, later: Place, earlier: Place) -> bool:
    """Whether a place starts before another, on room that is full at some instant of it."""
    if later.start_h >= earlier.start_h - INSTANT_TOLERANCE_H:
        return False
    return any(not placing.room.fits_one(row, 1, start_h, end_h) for row, start_h, end_h in later.taken)


def _swapped(
    first: FleetJob, later: FleetJob, one: Place, other: Place, placing: Placing
) -> tuple[Place, Place] | None:
    """Each of two equals where the other was, None where one would not keep its time."""
    keeps = other.start_h >= first.earliest_h - INSTANT_TOLERANCE_H and one.start_h >= later.earliest_h
    keeps &= other.finish_h <= first.deadline_h and one.finish_h <= later.deadline_h + INSTANT_TOLERANCE_H
    if not keeps:
        return None
    return placing.costs.place(first, other.stretches), placing.costs.place(later, one.stretches)
