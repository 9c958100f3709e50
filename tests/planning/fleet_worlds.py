"""Small fleets of every shape, drawn from a seed, and every plan of the smallest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import numpy as np

from scheduler.planning.fleet.costs import Costs
from scheduler.planning.fleet.fleet import Fleet, FleetJob, Pauses, Place, Rates
from scheduler.planning.fleet.room import Room
from scheduler.planning.fleet.segments import problem_of
from scheduler.problem.problem import Interruption
from tests.problem.brute_force import feasible_placements


def rates(*rows: list[float], hold: float = 0.0) -> Rates:
    """Rates by cluster; held nodes emit a share of them. [g/GPU-h]"""
    run = np.array(rows, dtype=float)
    return Rates(run=run, hold=run * hold)


def job(name: str, on: Rates, **changes: object) -> FleetJob:
    """A job of one GPU and two hours that may be anywhere at any time, with changes."""
    count, slots = on.run.shape
    base: dict[str, object] = {
        "id": name, "gpus": 1, "takes": np.ones(count, np.int64), "work_h": 2.0, "earliest_h": 0.0,
        "deadline_h": float(slots), "speed": np.ones(count), "rates": on,
    }  # fmt: skip
    return FleetJob(**(base | changes))  # type: ignore[arg-type]  # fields by name


def fleet(*jobs: FleetJob, capacity: int | list[list[int]] = 1, holds: bool = False) -> Fleet:
    """Jobs on hourly slots."""
    count, slots = jobs[0].rates.run.shape
    room = np.broadcast_to(np.array(capacity), (count, slots)).copy()
    return Fleet(edges_h=np.arange(slots + 1.0), capacity=room, holds=np.full(count, holds), jobs=jobs)


def pauses(count: int, slots: int, *, restart_h: float = 0.0, checkpoint_h: float = 0.0) -> Pauses:
    """Suspends that cost time alone."""
    return Pauses(
        rules=Interruption(checkpoint_h=checkpoint_h),
        restart_h=np.full(count, restart_h),
        move_h=np.zeros((count, count)),
        move_g=np.zeros((count, count, slots)),
    )


def small_fleet(seed: int, *, jobs: int, slots: int = 5) -> Fleet:
    """A few jobs of several widths and lengths on one or two small clusters; some may be suspended."""
    dice = Random(seed)
    count = dice.choice([1, 2])
    shared = [rates(*([1000.0 * dice.choice([1, 2, 5, 9, 20]) for _ in range(slots)] for _ in range(count)), hold=0.2)]
    shared.append(Rates(run=shared[0].run * 1.5 + 500, hold=shared[0].hold))
    rules = pauses(count, slots, restart_h=dice.choice([0.0, 0.2]), checkpoint_h=dice.choice([0.0, 0.1]))
    made = tuple(
        job(
            f"j{number}",
            dice.choice(shared),
            gpus=(width := dice.choice([1, 2])),
            takes=np.array([dice.choice([width, 2]) for _ in range(count)]),
            work_h=dice.choice([0.5, 1.0, 1.3, 2.0]),
            earliest_h=dice.choice([0.0, 0.0, 0.4, 1.0]),
            deadline_h=slots - dice.choice([0.0, 0.0, 0.3, 1.0]),
            speed=np.array([dice.choice([1.0, 1.5]) for _ in range(count)]),
            pauses=rules if dice.random() < 0.4 else None,
        )
        for number in range(jobs)
    )
    room = np.array([[dice.choice([2, 3])] * slots for _ in range(count)])
    return Fleet(
        edges_h=np.arange(slots + 1.0),
        capacity=room,
        holds=np.array([dice.random() < 0.5 for _ in range(count)]),
        jobs=made,
    )


def taken_by(on: Fleet, each: FleetJob, place: Place) -> list[tuple[int, float, float]]:
    """What a job takes at a place, by the rule itself: it runs, or waits for a resume where its nodes are kept."""
    before = [] if each.resumed_from is None else [(each.resumed_from, 0.0, 0.0)]
    pauses = pairwise([*before, *place.stretches])
    kept = [(row, end, start) for (row, _, end), (to, start, _) in pauses if row == to and on.holds[row]]
    return [*place.stretches, *kept]


def fits(on: Fleet, places: dict[str, Place]) -> bool:
    """Whether all that is taken, nodes that are kept included, is there at every instant; counted naively."""
    known = {each.id: each for each in on.jobs}
    taken = [(known[name], one) for name, place in places.items() for one in taken_by(on, known[name], place)]
    moments = sorted({moment for _, (_, start, end) in taken for moment in (start, end)})
    for one, other in pairwise(moments):
        middle = (one + other) / 2
        if other - one < 1e-6:
            continue
        slot = int(np.searchsorted(on.edges_h, middle, side="right")) - 1
        used = np.zeros(len(on.capacity), dtype=int)
        for each, (row, start, end) in taken:
            used[row] += int(each.takes[row]) * (start < middle < end)
        if (used > on.capacity[:, slot]).any():
            return False
    return True


def places_of(on: Fleet, each: FleetJob) -> Iterator[Place]:
    """Every placement of a job on the edges, and those in one piece that touch one; nothing of the fleet's solvers."""
    posed = problem_of(on, each)
    costs = Costs(on)
    if posed is None:
        return
    for made in feasible_placements(posed):
        stretches = [(int(s.cluster), posed.surface.hour(s.start), posed.surface.hour(s.end)) for s in made.segments]
        yield costs.place(each, stretches)


def cheapest_of_all(on: Fleet) -> float:
    """The least that a choice of those placements costs that fits, inf where none does; an upper bound of the best."""
    least = float("inf")

    def extend(number: int, room: Room, cost_g: float) -> None:
        """Every way to place the jobs from `number` on."""
        nonlocal least
        if cost_g >= least:
            return
        if number == len(on.jobs):
            least = cost_g
            return
        for place in every[number]:
            if room.holds(on.jobs[number], place):
                room.take(on.jobs[number], place)
                extend(number + 1, room, cost_g + place.cost_g)
                room.give(on.jobs[number], place)

    every = [sorted(places_of(on, each), key=lambda place: place.cost_g) for each in on.jobs]
    extend(0, Room(on), 0.0)
    return least
