"""The fleet planner on invented fleets: how near to its bound, how fast, and how it grows; beside two other ways.

gap = (cost - bound) / (cost of run-now under the same room - bound), and over the total beside it. Run-now starts each
job at its home as early as there is room, whatever its deadline; one by one takes each job in its turn, exactly, on
what those before it leave. Times are given twice, as the processor's and by the wall, since others may use the
machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.fleet_instance import NODE_GPUS, fleet_instance
from scheduler.planning.fleet.costs import Costs
from scheduler.planning.fleet.dual import Dual
from scheduler.planning.fleet.fleet import Fleet, Place
from scheduler.planning.fleet.placing import Market, Placing
from scheduler.planning.fleet.planner import plan_fleet
from scheduler.planning.fleet.room import Room

AIMS = ((1000, 5.0, 0.03), (1000, 60.0, 0.01), (10_000, 120.0, 0.03))
"""Jobs, time [s] and the gap that is wanted then. [-]"""


@dataclass
class Watch:
    """Time since it was made, of the processor and by the wall. [s]"""

    def __post_init__(self) -> None:
        """Start."""
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    @property
    def cpu_s(self) -> float:
        """Of the processor. [s]"""
        return time.process_time() - self.cpu

    def __str__(self) -> str:
        """Both."""
        return f"{self.cpu_s:6.1f} s of processor, {time.perf_counter() - self.wall:6.1f} s by the wall"


def run_now(fleet: Fleet) -> tuple[float, int]:
    """Cost of every job at its home, first come first served with conservative backfill, and how many are late. [g]"""
    room, costs, late, cost_g = Room(fleet), Costs(fleet), 0, 0.0
    for job in sorted(fleet.jobs, key=lambda job: job.earliest_h):
        home = 0 if job.home is None else job.home
        length_h = float(job.length_h[home])
        takes, end_h = int(job.takes[home]), float(fleet.edges_h[-1])
        begins, ends = room.gaps(home, takes, job.earliest_h, end_h)
        start_h = float(begins[np.flatnonzero(ends - begins >= length_h - 1e-9)[0]])
        place = costs.place(job, [(home, start_h, start_h + length_h)])
        room.take(job, place)
        cost_g += place.cost_g
        late += start_h + length_h > job.deadline_h + 1e-9
    return cost_g, late


def one_by_one(fleet: Fleet) -> tuple[float, int]:
    """Cost of every job placed exactly on what those submitted before it leave, and how many find no place. [g]"""
    dual = Dual(fleet, Costs(fleet))
    placing, free, late = Placing(dual), Market(dual, np.zeros_like(dual.price)), 0
    for number in sorted(range(len(fleet.jobs)), key=lambda number: fleet.jobs[number].earliest_h):
        place = placing.cheapest(number, free, exact=True)
        if place is None:
            late += 1
        else:
            placing.put(number, place)
    return placing.cost_g, late


def full_share(fleet: Fleet, places: Iterable[Place]) -> float:
    """Share of the used cluster-slots that have no node free at some instant. [-]"""
    room = Room(fleet)
    for job, place in zip(fleet.jobs, places, strict=True):
        room.take(job, place)
    return room.full_share(fleet, NODE_GPUS)


def aim(seed: int, jobs: int, limit_s: float, wanted: float) -> str:
    """One fleet, planned for so long."""
    fleet = fleet_instance(seed, jobs)
    now_g, now_late = run_now(fleet)
    watch = Watch()
    found = plan_fleet(fleet, seed=seed, gap=0.0, tries=10**9, left=lambda: watch.cpu_s < limit_s)
    taken = str(watch)
    if found.unplaced:
        raise RuntimeError(f"{len(found.unplaced)} jobs have no place, and run-now places all: the gap would flatter")
    gap = (found.cost_g - found.bound_g) / (now_g - found.bound_g)
    full = full_share(fleet, [found.places[job.id] for job in fleet.jobs])
    return (
        f"{jobs:6} jobs, seed {seed}: gap {100 * gap:5.2f} % (wanted {100 * wanted:g} % in {limit_s:g} s), "
        f"{100 * found.gap:5.2f} % over the total; {taken}; saved {100 * (1 - found.cost_g / now_g):.1f} % of run-now "
        f"({now_late} late there, {len(found.late)} here, all priced); {100 * full:.0f} % of used cluster-slots full"
    )


def growth() -> Iterable[str]:
    """Time of one plan at three sizes of the fleet and of its slots."""
    for jobs in (500, 1000, 2000):
        watch = Watch()
        plan_fleet(fleet_instance(1, jobs), tries=0)
        yield f"{jobs:6} jobs, 240 slots: {watch}, {1e3 * watch.cpu_s / jobs:.2f} ms a job"
    for step_h in (2.0, 1.0, 0.5):
        fleet = fleet_instance(1, 500, step_h=step_h)
        watch = Watch()
        plan_fleet(fleet, tries=0)
        slots = len(fleet.slot_h)
        yield f"   500 jobs, {slots} slots: {watch}, {1e3 * watch.cpu_s / slots:.2f} ms a slot"


def beside(seed: int, jobs: int) -> str:
    """The peers' way, each job alone, on the same fleet and prices."""
    fleet = fleet_instance(seed, jobs)
    now_g, _ = run_now(fleet)
    watch = Watch()
    cost_g, late = one_by_one(fleet)
    return (
        f"{jobs:6} jobs one by one, exactly: saves {100 * (1 - cost_g / now_g):.1f} % of run-now, {late} late; {watch}"
    )


def main() -> None:
    """Print a line a case."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seeds", type=int, default=1)
    asked.add_argument("--jobs", type=int, help="only the aims of this size")
    given = asked.parse_args()
    for jobs, limit_s, wanted in AIMS:
        if given.jobs in (None, jobs):
            for seed in range(1, given.seeds + 1):
                print(aim(seed, jobs, limit_s, wanted), flush=True)
    print(beside(1, 1000), flush=True)
    for line in growth():
        print(line, flush=True)


if __name__ == "__main__":
    main()
