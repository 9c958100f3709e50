"""The replay: how long it takes, how that grows with the jobs, and what users pay in waiting beside it.

    python benchmarks/bench_simulate.py                      # an invented trace on an invented year
    python benchmarks/bench_simulate.py --jobs TRACE --clusters FOLDER --intensity-table TABLE [--tz Z] [--shift-to Y]

Jobs have 24 h of slack, homes by id, suspends from 2 h on with 10 min of restart, forecasts from history, and plans are
made again each hour. The load differs along a real trace, so the first quarter of it says nothing of the whole. It
grows in two ways here, both under one load: jobs beside each other (every fourth, every second and every job, on a
quarter, a half and all of the GPUs) and one after another (one week of the trace two, four and eight times). Times are
of the processor, since others may use the machine.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from benchmarks.invented_trace import case_asked, parser_of
from cli.replays.case import Case
from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.ports import Policy
from scheduler.simulation.bill import bill
from scheduler.simulation.passing import passes_of
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.results import Replayed, compare
from scheduler.simulation.world import World

JOBS = 8000
PARTS = (4, 2, 1)
"""Every so many jobs, on so much less of the GPUs."""
WEEKS = (2, 4, 8)
WEEK = timedelta(days=7)
AIM_S, AIM_RUN_NOW_S, AIM_MB = 120.0, 5.0, 2000.0
"""Of 82,247 jobs of the Philly trace on 640 GPUs."""
AIM_GROWN = 1.25
"""Times n log n from the first to the last size: no more, and what chance does to a load. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One size, replayed. [s]"""

    jobs: int
    now_s: float
    aware_s: float


def thinned(case: Case) -> Iterator[Case]:
    """Every fourth, every second and every job on as much of the GPUs; jobs too wide for a quarter are left out."""
    world, most = case.world, max(PARTS)
    home = {cluster.name: cluster.gpus for cluster in world.clusters}
    named = [replace(request, home=world.names[world.home(request)]) for request in case.requests]
    narrow = [request for request in named if request.gpus <= home[request.home] // most]
    for part in PARTS:
        clusters = [cluster.model_copy(update={"gpus": cluster.gpus // part}) for cluster in world.clusters]
        yield replace(case, world=World(clusters, world.table), requests=narrow[::part])


def repeated(case: Case) -> Iterator[Case]:
    """The week with the middle number of jobs, again and again, as often as the table has room for."""
    first = case.requests[0].submitted
    weeks: dict[int, list[Request]] = {}
    for request in case.requests:
        weeks.setdefault((request.submitted - first) // WEEK, []).append(request)
    number, week = sorted(weeks.items(), key=lambda item: len(item[1]))[len(weeks) // 2]
    early = [moved(request, -number, "") for request in week]
    end = case.world.table.moment(case.world.table.end_us)
    for times in WEEKS:
        jobs = [moved(request, more, f"-{more}") for more in range(times) for request in early]
        if max(request.deadline for request in jobs) > end:
            return
        passes = passes_of("1h", case.world.table, case.told, case.world.table.us(first))
        yield replace(case, requests=sorted(jobs, key=lambda request: request.submitted), passes=passes)


def moved(request: Request, weeks: int, mark: str) -> Request:
    """The same job some weeks later, under a name of its own."""
    return replace(
        request, job_id=request.job_id + mark, submitted=request.submitted + weeks * WEEK,
        deadline=request.deadline + weeks * WEEK,
    )  # fmt: skip


def timed(case: Case, policy: Policy) -> Replayed:
    """A replay, with the processor's time that it took. [s]"""
    began = time.process_time()
    runs = replay(case.world, case.requests, policy, case.told, passes=case.passes)
    took_s = time.process_time() - began
    return Replayed.of(runs, bill(case.world, case.requests, runs), took_s)


def grown(what: str, cases: Iterator[Case]) -> list[Size]:
    """Replay each size and print a line of it."""
    print(f"\n{what}\n{'jobs':>7} {'run-now s':>10} {'carbon-aware s':>15} {'ms a job':>9} {'plans':>8} {'saved %':>8} "
          f"{'missed':>7} {'wait h':>7}")  # fmt: skip
    sizes = []
    for case in cases:
        both = {policy.name: timed(case, policy) for policy in (RunNow(), CarbonAware())}
        made = compare(case.world.table, case.requests, both, both, RunNow.name).outcomes[1]
        size = Size(jobs=len(case.requests), now_s=both[RunNow.name].wall_s, aware_s=made.wall_s)
        print(
            f"{size.jobs:>7,} {size.now_s:>10.2f} {size.aware_s:>15.2f} {1e3 * size.aware_s / size.jobs:>9.3f} "
            f"{made.solves:>8,} {made.saving_pct or 0:>8.2f} {made.missed_deadlines:>7,} {made.mean_wait_h or 0:>7.2f}",
            flush=True,
        )
        sizes.append(size)
    return sizes


def growth(sizes: Sequence[Size]) -> tuple[float, float]:
    """What run-now and carbon-aware take at the last size, times what n log n makes of the first. [-]"""
    first, last = sizes[0], sizes[-1]
    due = last.jobs * math.log(last.jobs) / (first.jobs * math.log(first.jobs))
    return last.now_s / first.now_s / due, last.aware_s / first.aware_s / due


def main() -> int:
    """Print a line a size, and how times grow; 1 where a time or the growth is over what is aimed at."""
    case = case_asked(parser_of(__doc__ or "").parse_args(), JOBS)
    for hour in range(24):
        case.told.course(24 * 8 + hour, 1)  # the table's forecasts are made once, whatever is replayed
    fits = True
    for what, cases in (
        ("beside each other: a part of the jobs on as much of the GPUs", thinned(case)),
        ("one after another: a week again and again", repeated(case)),
    ):
        sizes = grown(what, cases)
        now, aware = growth(sizes)
        print(f"from {sizes[0].jobs:,} to {sizes[-1].jobs:,} jobs, times n log n: run-now {now:.2f}, "
              f"carbon-aware {aware:.2f}, wanted at most {AIM_GROWN:g}")  # fmt: skip
        fits &= max(now, aware) <= AIM_GROWN and sizes[-1].aware_s <= AIM_S and sizes[-1].now_s <= AIM_RUN_NOW_S
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{peak_mb:,.0f} MB at most, wanted at most {AIM_MB:,.0f}")
    return 0 if fits and peak_mb <= AIM_MB else 1


if __name__ == "__main__":
    sys.exit(main())
