"""One replay as a piece of work that travels: all that it needs, and nothing of the command line.

What is imported here is imported by every process and every node of a cluster that makes replays: the simulation's
own rooms, which need numpy, pydantic and PyYAML.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scheduler.ports import Policy
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import Forecasts, Perfect
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.results import Replayed
from scheduler.simulation.world import World

Tell = Callable[[int, float], None]
"""Is told how many jobs a replay has placed, and how long it took for them. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """What the replays of one case have in common.

    Args:
        requests: in order of submission.
        told: how policies look ahead; passes: when plans are made again. [us from the table's start]
        together: whether jobs that wait are planned together then.
    """

    world: World
    requests: Sequence[Request]
    told: Forecasts
    passes: tuple[int, ...]
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """One replay that is wanted: a policy on a case, with the case's forecasts or with perfect ones."""

    work: Work
    policy: Policy
    perfect: bool

    @property
    def jobs(self) -> int:
        """How many jobs it places."""
        return len(self.work.requests)

    @property
    def kind(self) -> tuple[str, bool, bool]:
        """What it is like: replays of one kind take about as long a job."""
        return self.policy.name, self.perfect, self.work.together

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.policy.name} ({Perfect.name if self.perfect else self.work.told.name})"

    def share(self, jobs: int) -> float:
        """About what part of the work lies in the first so many jobs.

        Where plans are made again, half of the work is counted by jobs and half by passes, hence by the time they span:
        in sparse weeks the passes take longer, in dense ones the jobs.
        """
        requests, of_jobs = self.work.requests, jobs / self.jobs
        span = requests[-1].submitted - requests[0].submitted
        if not self.work.passes or not span:
            return of_jobs
        return (of_jobs + (requests[min(jobs, self.jobs - 1)].submitted - requests[0].submitted) / span) / 2

    def made(self, tell: Tell) -> Replayed:
        """The replay, made in this process."""
        work, began = self.work, time.perf_counter()
        told = Perfect(work.world.table) if self.perfect else work.told
        runs = replay(
            work.world,
            work.requests,
            self.policy,
            told,
            lambda jobs: tell(jobs, time.perf_counter() - began),
            passes=work.passes,
            together=work.together,
        )
        return Replayed.of(runs, bill(work.world, work.requests, runs), time.perf_counter() - began)
