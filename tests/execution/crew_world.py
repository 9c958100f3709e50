"""Replays to order, and a policy whose worker dies of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from cli.replays.work import Order, Work
from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.problem import Problem
from scheduler.simulation.forecasts import History
from scheduler.simulation.passing import passes_of
from tests.simulation.replay_worlds import request, world


def work(*, replanned: bool = True) -> Work:
    """A dozen jobs of two clusters, told by the past of their zones."""
    there = world()
    told = History(there.table)
    jobs = [request(f"j{n}", at_h=24 + n / 2, hours=1 + n % 5) for n in range(12)]
    passes = passes_of("1h", there.table, told, there.table.us(jobs[0].submitted)) if replanned else ()
    return Work(world=there, requests=jobs, told=told, passes=passes)


def orders() -> list[Order]:
    """The baseline and a policy, the policy told perfectly too."""
    one = work()
    return [
        Order(work=one, policy=RunNow(), perfect=False),
        Order(work=one, policy=CarbonAware(), perfect=False),
        Order(work=one, policy=CarbonAware(), perfect=True),
    ]


class Deadly:
    """Run-now that kills the process which unpacks it: the first, or each.

    Args:
        flag: where the first leaves word that it has died; None where each dies.
    """

    name: ClassVar[str] = RunNow.name
    needs: ClassVar[frozenset[Need]] = RunNow.needs

    def __init__(self, flag: Path | None = None) -> None:
        self.flag = flag

    def place(self, problem: Problem) -> Placement:
        """As run-now, in the process that made it."""
        return RunNow().place(problem)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        """What the other process calls instead of making one of these."""
        code = "__import__('os')._exit(9)"
        if self.flag is not None:
            path = str(self.flag)
            run_now = "__import__('policies.run_now', fromlist=['RunNow']).RunNow()"
            code = f"{run_now} if __import__('os').path.exists({path!r}) else (open({path!r}, 'w').close(), {code})"
        return eval, (code,)
