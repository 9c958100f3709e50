"""The same jobs by other carbon-aware schedulers and by this one: what each saves, and what users pay in waiting.

    python benchmarks/peer_replay.py                       # an invented trace on an invented year
    python benchmarks/peer_replay.py --jobs TRACE --clusters FOLDER --intensity-table TABLE [--tz Z] [--shift-to Y]

The others plan a job alone, in one zone, and know nothing of the room on a cluster. So there are two tables a forecast.
In the first room is without limit and every job stays at home: where definitions agree, so must savings. In the second
room is what it is: jobs join the queue of their home when the other scheduler says, as with `sbatch --begin`, first
come first served with conservative backfill, and this project's policies stand beside. A job that cats refuses starts
as under run-now; savings are told over all jobs, and over those that cats takes. Every start is priced by the same bill
on what came. Times are of the processor, of the question alone for the others, of the whole replay for this one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from benchmarks.invented_trace import case_asked, parser_of
from benchmarks.peers import CATS, CATS_MOST_MINUTES, MINUTE, Peer, Question, found_here
from cli.replays.case import Case
from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.ports import Policy
from scheduler.problem.surface import Floats, Ints
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import Forecasts, History, Perfect
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.run import Flags, Run
from scheduler.simulation.table import US, US_PER_H
from scheduler.simulation.world import World

JOBS = 3000
ROOM = 10**9
"""GPUs of a cluster without limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Starts:
    """What a peer says.

    Args:
        at_us: start of each job, shape [J]. [us]
        took_s: of the processor, for each answer; 0 where there is none, shape [J]. [s]
    """

    at_us: Ints
    took_s: Floats

    @property
    def ms(self) -> float:
        """By job that was answered. [ms]"""
        return 1e3 * float(self.took_s.sum()) / max(1, int(np.count_nonzero(self.took_s)))

    def refused(self, which: Flags, submitted_us: Ints) -> Starts:
        """The same where some jobs are refused, which then start at once."""
        return Starts(at_us=np.where(which, submitted_us, self.at_us), took_s=np.where(which, 0.0, self.took_s))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What became of the jobs.

    Args:
        kg: of each job, NaN where a part has no intensity; wait_h: finish less submission less length, shape [J].
        late: which miss their deadline, shape [J].
        ms: of the processor, by job. [ms]
    """

    kg: Floats
    wait_h: Floats
    late: Flags
    ms: float


def starts_of(peer: Peer, world: World, requests: Sequence[Request], told: Forecasts) -> Starts:
    """Each job's start by a peer that is told what our policies are told."""
    table = world.table
    at_us, took_s = np.zeros(len(requests), dtype=np.int64), np.zeros(len(requests))
    for number, request in enumerate(requests):
        first = table.us(request.submitted) // table.step_us
        count = -(-table.us(request.deadline) // table.step_us) - first + 2
        ahead = told.course(first, count)[world.zone[world.home(request)]]
        if not np.isfinite(ahead).all():
            sys.exit(f"job {request.job_id} has hours ahead that nobody knows: the others take no gaps")
        answer = peer.ask(
            Question(
                now=request.submitted, latest=request.deadline - request.length, length=request.length,
                first=table.moment(first * table.step_us), g_per_kwh=ahead.tolist(),
            )
        )  # fmt: skip
        began = time.process_time()
        start = answer()
        took_s[number] = time.process_time() - began
        at_us[number] = table.us(start)
    return Starts(at_us=at_us, took_s=took_s)


def unlimited(world: World) -> World:
    """The same clusters without limit of room."""
    return World([cluster.model_copy(update={"gpus": ROOM}) for cluster in world.clusters], world.table)


def at_their_starts(world: World, requests: Sequence[Request], starts: Starts) -> Made:
    """What jobs come to that start when a peer says, whatever room there is."""
    runs = [
        Run(stretches=((world.home(request), at, at + request.length // US),))
        for request, at in zip(requests, starts.at_us.tolist(), strict=True)
    ]
    return made(world, requests, runs, starts.ms)


def queued(world: World, requests: Sequence[Request], starts: Starts) -> Made:
    """What jobs come to that join the queue of their home when a peer says."""
    order = np.argsort(starts.at_us, kind="stable").tolist()
    later = [replace(requests[number], submitted=world.table.moment(int(starts.at_us[number]))) for number in order]
    found = replay(world, later, RunNow(), Perfect(world.table))
    runs = dict(zip(order, found, strict=True))
    return made(world, requests, [runs[number] for number in range(len(requests))], starts.ms)


def planned(
    world: World, requests: Sequence[Request], policy: Policy, told: Forecasts, passes: Sequence[int] = ()
) -> Made:
    """What a policy of ours makes of them."""
    began = time.process_time()
    runs = replay(world, requests, policy, told, passes=passes)
    return made(world, requests, runs, 1e3 * (time.process_time() - began) / len(requests))


def made(world: World, requests: Sequence[Request], runs: Sequence[Run], ms: float) -> Made:
    """The figures of some runs; what is not through by the end of the table has no price."""
    table = world.table
    finish_us = np.array([run.finish_us for run in runs])
    free_us = np.array([table.us(request.submitted) + request.length // US for request in requests])
    deadline_us = np.array([table.us(request.deadline) for request in requests])
    return Made(
        kg=bill(world, requests, runs).total_kg,
        wait_h=(finish_us - free_us) / US_PER_H,
        late=finish_us > deadline_us,
        ms=ms,
    )


def show(what: str, rows: Mapping[str, Made], taken: Flags) -> None:
    """A table: over all jobs that every row has a price for, and over those of them that cats takes."""
    priced = np.logical_and.reduce([np.isfinite(row.kg) for row in rows.values()])
    now = rows["run-now"]
    base_ms = rows["lowest-carbon-window"].ms
    print(f"\n{what}; {priced.sum():,} of {len(priced):,} jobs priced")
    print(f"{'':28} {'saved %':>8} {'late':>7} {'wait h':>7} | {'saved %':>8} {'late':>7} {'wait h':>7} | "
          f"{'ms a job':>9} {'x':>6}")  # fmt: skip
    for name, row in rows.items():
        cells = [
            f"{100 * (1 - row.kg[which].sum() / now.kg[which].sum()):>8.2f} {row.late[which].sum():>7,} "
            f"{row.wait_h[which].mean():>7.2f}"
            for which in (priced, priced & taken)
        ]
        print(f"{name:28} {' | '.join(cells)} | {row.ms:>9.3f} {row.ms / base_ms:>6.1f}", flush=True)


def compared(case: Case, peers: Sequence[Peer], told: Forecasts, taken: Flags) -> None:
    """Both tables for one way to look ahead."""
    world, requests = case.world, case.requests
    window = LowestCarbonWindow()
    said = {peer.name: starts_of(peer, world, requests, told) for peer in peers}
    if CATS in said:
        submitted_us = np.array([world.table.us(request.submitted) for request in requests])
        said["cats"] = said[CATS].refused(~taken, submitted_us)
    open_world = unlimited(world)
    free: dict[str, Made] = {"run-now": planned(open_world, requests, RunNow(), told)}
    free |= {name: at_their_starts(world, requests, starts) for name, starts in said.items()}
    free[window.name] = planned(open_world, requests, window, told)
    show(f"{told.name} forecasts, at home, room without limit, planned once: all jobs | those that cats takes",
         free, taken)  # fmt: skip
    real: dict[str, Made] = {"run-now": planned(world, requests, RunNow(), told)}
    real |= {name: queued(world, requests, starts) for name, starts in said.items()}
    real[window.name] = planned(world, requests, window, told)
    passes = () if told.name == Perfect.name else case.passes  # there is nothing new to a clairvoyant
    real[CarbonAware.name] = planned(world, requests, CarbonAware(), told, passes)
    show(
        f"{told.name} forecasts, real room, the others' starts queued for: all jobs | those that cats takes",
        real,
        taken,
    )


def at_home(case: Case, most: int | None) -> Case:
    """The first jobs alone, each with its home written down, so that it is the same whatever the room."""
    world = case.world
    named = [replace(request, home=world.names[world.home(request)]) for request in case.requests[:most]]
    return replace(case, requests=named)


def main() -> int:
    """Print two tables for perfect forecasts and for history's; 1 where no other scheduler is installed."""
    parser = parser_of(__doc__ or "")
    parser.add_argument("--first", type=int, help="so many jobs alone")
    parser.add_argument("--forecasts", nargs="+", choices=("perfect", "history"), default=("perfect", "history"))
    given: argparse.Namespace = parser.parse_args()
    peers = found_here()
    if not peers:
        print("no other scheduler is installed: pip install climate-aware-task-scheduler tidegap", file=sys.stderr)
        return 1
    case = at_home(case_asked(given, JOBS), given.first)
    long = timedelta(minutes=CATS_MOST_MINUTES)
    taken = np.array([-(-request.length // MINUTE) * MINUTE <= long for request in case.requests])
    gpu_h = np.array([request.gpus * (request.length // US) for request in case.requests]) / US_PER_H
    print(f"{len(taken):,} jobs, {gpu_h.sum():,.0f} GPU-h; cats takes {taken.sum():,} of them, "
          f"{100 * gpu_h[taken].sum() / gpu_h.sum():.1f} % of the GPU-h")  # fmt: skip
    for name in given.forecasts:
        compared(case, peers, Perfect(case.world.table) if name == "perfect" else History(case.world.table), taken)
    return 0


if __name__ == "__main__":
    sys.exit(main())
