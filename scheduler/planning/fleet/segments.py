"""The cheapest place of one job in segments, exactly, at prices of the room and on what is free."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.planning.fleet.fleet import Fleet, FleetJob, Stretch
from scheduler.planning.fleet.room import Room
from scheduler.problem.draft import Draft
from scheduler.problem.exact import best_draft
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import Floats, Ints, Surface

_ORIGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The programme counts in hours from it; any instant would do."""


def problem_of(fleet: Fleet, job: FleetJob, price: Floats | None = None, room: Room | None = None) -> Problem | None:
    """The job alone on the slots that it can use, None where there are none.

    Args:
        fleet: the ground.
        job: whose problem it is.
        price: of the room by cluster and slot, added to what the job emits; None for none. [g/GPU-h]
        room: what is free of the clusters; None for all.
    """
    edges = fleet.edges_h
    from_h = 0.0 if job.resumed_from is not None else job.earliest_h
    first = max(0, int(np.searchsorted(edges, from_h, side="right")) - 1)
    last = int(np.searchsorted(edges[:-1], job.deadline_h))
    rows: Ints = np.flatnonzero(job.takes > 0)
    if job.resumed_from is not None:
        rows = np.union1d(rows, [job.resumed_from])
    if last <= first or not len(rows):
        return None
    slots = slice(first, last)
    takes = job.takes[rows]
    run, hold = job.rates.run[rows, slots], job.rates.hold[rows, slots]
    if price is not None:
        more = price[rows, slots] * (takes / job.gpus)[:, None]
        run, hold = run + more, np.where(fleet.holds[rows, None], hold + more, hold)
    free = fleet.capacity[rows, slots] >= takes[:, None]
    if room is not None:
        free &= np.stack([room.open_slots(int(row), int(n), slots) for row, n in zip(rows, takes, strict=True)])
    return Problem(
        surface=_surface(fleet, job, (rows, slots), (run, hold), free & (takes > 0)[:, None]),
        gpus=job.gpus,
        work_h=job.work_h,
        earliest_h=job.earliest_h,
        deadline_h=job.deadline_h,
        home=None if job.home is None or job.home not in rows else int(np.searchsorted(rows, job.home)),
        interruption=job.pauses.rules if job.pauses is not None else Interruption(max_suspends=0),
        resumed_from=None if job.resumed_from is None else int(np.searchsorted(rows, job.resumed_from)),
    )


def cheapest_segments(
    fleet: Fleet, job: FleetJob, price: Floats | None = None, room: Room | None = None
) -> tuple[float, tuple[Stretch, ...]] | None:
    """The least that a job costs with the price of its room, and its segments; None where nothing fits. [g]"""
    problem = problem_of(fleet, job, price, room)
    draft: Draft | None = None if problem is None else best_draft(problem)
    if problem is None or draft is None:
        return None
    names = problem.surface.clusters
    return draft.cost_g, tuple((int(names[row]), start_h, end_h) for row, start_h, end_h in draft.stretches)


def _surface(
    fleet: Fleet, job: FleetJob, part: tuple[Ints, slice], rates: tuple[Floats, Floats], free: NDArray[np.bool_]
) -> Surface:
    """The surface of some clusters and slots; all of a rate is in its first line, since the sum is what counts."""
    (rows, slots), (run, hold) = part, rates
    count, nothing = len(rows), np.zeros_like(run)
    ways, pauses = np.ix_(rows, rows), job.pauses
    return Surface(
        origin=_ORIGIN,
        clusters=tuple(f"{row:06}" for row in rows),
        edges_h=fleet.edges_h[slots.start : slots.stop + 1],
        run_g={"dynamic": run, "idle_running": nothing, "facility": nothing, "embodied": nothing},
        hold_g={"idle_held": hold, "facility": nothing, "embodied": nothing},
        holds=fleet.holds[rows],
        capacity=np.where(free, job.gpus, 0),
        speed=job.speed[rows],
        restart_h=np.zeros(count) if pauses is None else pauses.restart_h[rows],
        move_h=np.zeros((count, count)) if pauses is None else pauses.move_h[ways],
        move_g=np.zeros((count, *run.shape)) if pauses is None else pauses.move_g[ways][:, :, slots],
    )
