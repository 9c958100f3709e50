"""Problems of single jobs as one fleet, and the fleet's places as their placements.

Each problem was assembled beside what jobs outside the fleet take, so that its room is the fleet's. A slot of unknown
rate is weighed so that it is used only to keep a deadline; its price is for `pricing` to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from scheduler.domain.errors import InvalidInput
from scheduler.domain.placement import Placement
from scheduler.planning.fleet.costs import Costs
from scheduler.planning.fleet.fleet import Fleet, FleetJob, Pauses, Place, Rates
from scheduler.planning.fleet.integral import slots_of
from scheduler.problem.draft import Draft
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.ways import way_g

_UNKNOWN: Final = 16.0
"""A GPU-hour of unknown rate weighs as much as so many of the dearest known one. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A job of a fleet, as the planner of single jobs knows it.

    Args:
        id: its name.
        problem: what is left of it; hour 0 is the same instant for all.
        takes: GPUs of whole nodes by cluster; the problem's own width where none is said. [GPUs]
        held: the reservation that it has, None for a new one.
        running, late, waited_h, priority: as of a `FleetJob`.
    """

    id: str
    problem: Problem
    takes: Mapping[str, int]
    held: Placement | None = None
    running: bool = False
    late: bool = False
    waited_h: float = 0.0
    priority: int = 0


def fleet_of(members: Sequence[Member]) -> Fleet:
    """The fleet of some jobs, in order of their submission, on the union of their clusters and slots.

    Raises:
        InvalidInput: there is none, or they do not start from one instant.
    """
    if not members:
        raise InvalidInput("a fleet needs a job")
    surfaces = [member.problem.surface for member in members]
    if len({surface.origin for surface in surfaces}) > 1:
        raise InvalidInput("the problems of a fleet start from different instants")
    names = names_of(members)
    edges_h = _borders(members)
    middle_h = (edges_h[:-1] + edges_h[1:]) / 2
    capacity = np.zeros((len(names), len(middle_h)), np.int64)
    holds = np.zeros(len(names), np.bool_)
    for surface in surfaces:
        rows = np.array([names.index(name) for name in surface.clusters])
        inside = (middle_h > surface.edges_h[0]) & (middle_h < surface.edges_h[-1])
        seen = np.where(inside, surface.capacity[:, slots_of(surface.edges_h, middle_h)], 0)
        capacity[rows] = np.maximum(capacity[rows], seen)
        holds[rows] |= surface.holds
    jobs = _sharing([_job(member, names, middle_h) for member in members])
    bare = Fleet(edges_h=edges_h, capacity=capacity, holds=holds, jobs=jobs)
    costs = Costs(bare)
    held = tuple(_holding(costs, job, member, names) for job, member in zip(jobs, members, strict=True))
    return replace(bare, jobs=held)


def placement_of(problem: Problem, place: Place, names: Sequence[str]) -> Placement:
    """A place of a fleet as a placement of the job's own problem.

    Args:
        problem: the job's; place: the fleet's.
        names: clusters of the fleet, in the order of its rows.
    """
    rows = {name: row for row, name in enumerate(problem.surface.clusters)}
    stretches = tuple((rows[names[row]], start_h, end_h) for row, start_h, end_h in place.stretches)
    return Draft(cost_g=place.cost_g, stretches=stretches).placement(problem)


def names_of(members: Sequence[Member]) -> tuple[str, ...]:
    """The clusters of a fleet, in the order of its rows."""
    return tuple(sorted({name for member in members for name in member.problem.surface.clusters}))


def _borders(members: Sequence[Member]) -> Floats:
    """The borders of slots: all at which anything changes, and those that some job shares with the grid. [h]

    First starts and deadlines that are one job's own lie anywhere: hundreds of them would else cut the week of all jobs
    into as many slots.
    """
    ends_h = [float(member.problem.surface.edges_h[-1]) for member in members]
    found = [np.array([float(members[0].problem.surface.edges_h[0]), max(ends_h)])]
    for member in members:
        problem, surface = member.problem, member.problem.surface
        inner_h = surface.edges_h[1:-1]
        own = np.abs(inner_h[:, None] - [problem.earliest_h, problem.deadline_h]).min(axis=1) <= INSTANT_TOLERANCE_H
        by_slot = np.concatenate([problem.run_rate, problem.hold_rate, surface.capacity])
        same = (by_slot[:, 1:] == by_slot[:, :-1]) | (np.isnan(by_slot[:, 1:]) & np.isnan(by_slot[:, :-1]))
        found.append(inner_h[~(own & same.all(axis=0))])
    return np.unique(np.round(np.concatenate(found), 9))


def _sharing(jobs: Sequence[FleetJob]) -> tuple[FleetJob, ...]:
    """The jobs with one array of rates for all that are alike."""
    known: dict[tuple[bytes, bytes], Rates] = {}
    return tuple(
        replace(job, rates=known.setdefault((job.rates.run.tobytes(), job.rates.hold.tobytes()), job.rates))
        for job in jobs
    )


def _job(member: Member, names: tuple[str, ...], middle_h: Floats) -> FleetJob:
    """A job on the clusters and slots of the fleet."""
    problem, surface = member.problem, member.problem.surface
    rows = np.array([names.index(name) for name in surface.clusters])
    slots = slots_of(surface.edges_h, middle_h)
    shape = (len(names), len(middle_h))

    def spread(values: Floats, at_most: float) -> Floats:
        """Values by cluster and slot of the surface on those of the fleet, unknown ones by their weight."""
        found = np.full(shape, at_most)
        found[rows] = np.where(np.isnan(values), at_most, values)[:, slots]
        return found

    run, hold = problem.run_rate, problem.hold_rate
    weight_g = _UNKNOWN * max(1.0, float(np.nanmax(run, initial=0.0)))
    takes = np.zeros(len(names), np.int64)
    usable = surface.capacity.max(axis=1) > 0
    takes[rows] = [
        member.takes.get(name, problem.gpus) * can for name, can in zip(surface.clusters, usable, strict=True)
    ]
    speed = np.ones(len(names))
    speed[rows] = surface.speed
    return FleetJob(
        id=member.id, gpus=problem.gpus, takes=takes, work_h=problem.work_h, earliest_h=problem.earliest_h,
        deadline_h=problem.deadline_h, speed=speed,
        rates=Rates(run=spread(run, weight_g), hold=spread(hold, 0.0)),
        home=None if problem.home is None else int(rows[problem.home]),
        pauses=_pauses(problem, rows, slots, shape, weight_g),
        resumed_from=None if problem.resumed_from is None else int(rows[problem.resumed_from]),
        late=member.late, waited_h=member.waited_h, priority=member.priority,
    )  # fmt: skip


def _pauses(problem: Problem, rows: Ints, slots: Ints, shape: tuple[int, int], weight_g: float) -> Pauses | None:
    """What a suspend costs on the clusters of the fleet, None where there is none."""
    if problem.interruption is None:
        return None
    surface, count = problem.surface, shape[0]
    ways = np.ix_(rows, rows)
    restart_h, move_h = np.zeros(count), np.full((count, count), np.inf)
    move_g = np.zeros((count, count, shape[1]))
    restart_h[rows], move_h[ways] = surface.restart_h, surface.move_h
    at = np.arange(len(rows))
    known_g = way_g(surface.move_g, at[:, None, None], at[:, None], slots)
    move_g[ways] = np.nan_to_num(known_g, nan=weight_g * problem.gpus)
    return Pauses(rules=problem.interruption, restart_h=restart_h, move_h=move_h, move_g=move_g)


def _holding(costs: Costs, job: FleetJob, member: Member, names: tuple[str, ...]) -> FleetJob:
    """The job with the reservation that it holds."""
    if member.held is None:
        return job
    hour = member.problem.surface.hour
    stretches = [(names.index(each.cluster), hour(each.start), hour(each.end)) for each in member.held.segments]
    return replace(job, incumbent=costs.place(job, stretches), running=member.running)
