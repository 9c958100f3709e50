"""Who has a reservation: each job beside those before it, so that none that was accepted on time is ever late.

A job that finds no place before its deadline beside the reservations there are is admitted all the same, flagged, at
the earliest that it can be through; that is its deadline from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scheduler.planning.fleet.costs import Costs
from scheduler.planning.fleet.dual import Dual
from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place, Rates
from scheduler.planning.fleet.placing import Market, Placing
from scheduler.planning.fleet.room import Room
from scheduler.planning.fleet.segments import cheapest_segments
from scheduler.problem.surface import INSTANT_TOLERANCE_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A feasible set of reservations.

    Args:
        fleet: the jobs that have one, late ones with the deadline that they were promised.
        places: by id.
        late: ids of those that were admitted late just now.
        unplaced: ids of those that find no room before the last border.
    """

    fleet: Fleet
    places: dict[str, Place]
    late: tuple[str, ...]
    unplaced: tuple[str, ...]


def admitted(fleet: Fleet, dual: Dual) -> Admitted:
    """Every job's reservation: the one that it holds, where it still can, else the cheapest beside the others."""
    placing, free = Placing(dual), Market(dual, np.zeros_like(dual.price))
    kept, new = [], []
    for number, job in enumerate(dual.jobs):
        place = None if job.incumbent is None else dual.costs.place(job, job.incumbent.stretches)
        if place is not None and _keeps(job, place) and placing.room.holds(job, place):
            placing.put(number, place)
            kept.append(number)
        else:
            new.append(number)
    late: list[FleetJob] = []
    unplaced: list[str] = []
    for number in sorted(new, key=lambda number: dual.jobs[number].incumbent is None):
        job = dual.jobs[number]
        place = placing.cheapest(number, free)
        if place is None:
            place = earliest(fleet, job, dual.costs, placing.room)
            if place is None:
                unplaced.append(job.id)
                continue
            late.append(replace(job, deadline_h=place.finish_h, late=True))
        placing.put(number, place)
    places = {job.id: place for job, place in zip(dual.jobs, placing.places, strict=True) if place is not None}
    places |= {job.id: job.incumbent for job in fleet.jobs if job.frozen and job.incumbent is not None}
    promised = {job.id: job for job in late}
    jobs = tuple(promised.get(job.id, job) for job in fleet.jobs if job.id in places)
    settled = replace(fleet, jobs=jobs) if late or unplaced else fleet
    return Admitted(fleet=settled, places=places, late=tuple(promised), unplaced=tuple(unplaced))


def earliest(fleet: Fleet, job: FleetJob, costs: Costs, room: Room) -> Place | None:
    """The place at which a job is through first, whatever its deadline; None where there is none."""
    end_h = float(fleet.edges_h[-1])
    if job.resumed_from is not None:
        nothing = np.zeros_like(job.rates.run)
        blind = replace(job, deadline_h=end_h, rates=Rates(run=nothing, hold=nothing))
        solved = cheapest_segments(fleet, blind, None, room)
        return None if solved is None else costs.place(job, solved[1])
    found = []
    for row in np.flatnonzero(job.takes > 0).tolist():
        length_h = float(job.length_h[row])
        begins, ends = room.gaps(row, int(job.takes[row]), job.earliest_h, end_h)
        long = np.flatnonzero(ends - begins >= length_h - INSTANT_TOLERANCE_H)
        if len(long):
            start_h = float(begins[long[0]])
            found.append((start_h + length_h, row, start_h))
    if not found:
        return None
    finish_h, row, start_h = min(found)
    return costs.place(job, [(row, start_h, finish_h)])


def _keeps(job: FleetJob, place: Place) -> bool:
    """Whether a place keeps a job's own limits: its time, and the clusters that it may use."""
    in_time = place.start_h >= job.earliest_h - INSTANT_TOLERANCE_H
    in_time &= place.finish_h <= job.deadline_h + INSTANT_TOLERANCE_H
    return in_time and all(job.takes[row] > 0 for row, _, _ in place.stretches)
