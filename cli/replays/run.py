"""Replays of policies on cases: those that were kept are taken up, the others made by whoever does it soonest."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from cli.replays.case import Asked, Case, case_of, policies_named
from cli.replays.crew import Alone, Crew, Making
from cli.replays.line import Line
from cli.replays.pace import Pace
from cli.replays.processes import Processes
from cli.replays.ray_address import RAY_SETTINGS, ClientServer, client_server_of
from cli.replays.resume import Kept, ground_of, key_of
from cli.replays.work import Order, Work
from scheduler.ports import Policy
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.results import Replayed

_PAYS_FROM: Final = 2000
"""Jobs times replays from which processes are started: each costs a second to start."""
_RAY_PAYS_FROM_S: Final = 60.0
"""Serial work from which a Ray cluster is connected to; `benchmarks/bench_executor.py` tells what one costs. [s]"""
_LOOK_S: Final = 2.0
"""How long one replay of a kind is tried here, to know how long all of them take. [s]"""


@dataclass(frozen=True, slots=True)
class Task:
    """One policy on one case, with the forecasts of the case or with perfect ones."""

    asked: Asked
    policy: str
    perfect: bool


@dataclass(slots=True)
class Cases:
    """Cases by their options, each read once a process."""

    read: dict[Asked, Case] = field(default_factory=dict)

    def of(self, asked: Asked) -> Case:
        """The case of some options."""
        if asked not in self.read:
            self.read[asked] = case_of(asked)
        return self.read[asked]


@dataclass(frozen=True, slots=True)
class Machines:
    """Where replays may be made.

    Args:
        workers: processes of this machine at most.
        ray: the cluster that large sweeps go to; None for none.
    """

    workers: int
    ray: ClientServer | None = None


def machines_of(workers: int, executor: str | None) -> Machines:
    """Where replays may be made, as the options say it.

    Raises:
        InvalidInput: the executor is no Ray cluster.
    """
    return Machines(workers, None if executor is None else client_server_of(executor))


def tasks_of(asked: Asked, case: Case, policies: Mapping[str, Policy]) -> list[Task]:
    """What is to be replayed: each policy, and with perfect forecasts too where that may differ."""
    perfect = case.told.name == Perfect.name
    ahead = [] if perfect else [name for name, policy in policies.items() if "forecast" in policy.needs]
    return [Task(asked, name, perfect) for name in policies] + [Task(asked, name, perfect=True) for name in ahead]


def run_all(cases: Cases, tasks: Sequence[Task], machines: Machines, kept: Kept | None = None) -> dict[Task, Replayed]:
    """Every task's replay; the same wherever it is made.

    Args:
        cases: read so far, of every task.
        tasks: each once.
        machines: that may make them.
        kept: finished replays, which are not made again, and where those made now are kept; None for none.
    """
    policies = policies_named([task.policy for task in tasks])
    keys: dict[Task, str] = {}
    found: dict[Task, Replayed] = {}
    if kept is not None:
        grounds = {asked: ground_of(asked, cases.of(asked)) for asked in {task.asked: None for task in tasks}}
        keys = {task: key_of(grounds[task.asked], policies[task.policy], perfect=task.perfect) for task in tasks}
        found = {task: replayed for task, key in keys.items() if (replayed := kept.take(key)) is not None}
    if found:
        sys.stderr.write(f"{len(found)} of {len(tasks)} replays were finished before and are taken up\n")
    orders = _orders(cases, [task for task in tasks if task not in found], policies)
    try:
        with closing(_made(list(orders), machines, _way_out(kept))) as making:
            for order, done in making:
                found[orders[order]] = done
                if kept is not None:
                    kept.keep(keys[orders[order]], done)
    except KeyboardInterrupt:
        if kept is not None:
            sys.stderr.write(f"{len(found)} of {len(tasks)} replays are kept: {_way_out(kept)}\n")
        raise
    return {task: found[task] for task in tasks}


def _orders(cases: Cases, tasks: Sequence[Task], policies: Mapping[str, Policy]) -> dict[Order, Task]:
    """What the tasks come to, those of a case with the same work."""
    works: dict[Asked, Work] = {}
    for asked in {task.asked: None for task in tasks}:
        case = cases.of(asked)
        works[asked] = Work(
            world=case.world,
            requests=case.requests,
            told=case.told,
            passes=case.passes,
            together=asked.together,
        )
    return {Order(work=works[task.asked], policy=policies[task.policy], perfect=task.perfect): task for task in tasks}


def _way_out(kept: Kept | None) -> str:
    """What becomes of finished replays where the others cannot be made."""
    if kept is None:
        return "--resume FOLDER keeps what is finished"
    return f"the same command takes up what is finished, from {kept.folder}"


def _made(orders: Sequence[Order], machines: Machines, way_out: str) -> Making:
    """Replays that are made now, by whoever does it soonest."""
    if not orders:
        return
    pace, line = Pace(orders), Line(sys.stderr)
    left = list(orders)
    with line:
        if machines.ray is not None:
            for order, done in _tried(orders, pace, line):
                left.remove(order)
                yield order, done
        crew = _crew(left, machines, pace, line, way_out)

        def far(order: Order, jobs: int, took_s: float) -> None:
            """Note how far one is, and show how far all are."""
            pace.far(order, jobs, took_s)
            line.show(pace.text(crew.width))

        with closing(crew.made(left, far)) as making:
            for order, done in making:
                pace.done(order, done.wall_s)
                line.show(pace.text(crew.width))
                yield order, done


def _tried(orders: Sequence[Order], pace: Pace, line: Line) -> Making:
    """Replays that are done within a look at one of each kind, until it is known that all are worth a cluster."""
    kinds: dict[tuple[str, bool, bool], Order] = {}
    for order in orders:
        kinds.setdefault(order.kind, order)
    for order in kinds.values():
        if pace.known_s() >= _RAY_PAYS_FROM_S:
            return
        began_s = time.process_time()  # what else the machine does is no work of ours

        def far(jobs: int, _took_s: float, mine: Order = order, began_s: float = began_s) -> None:
            """Note how far it is, and give it up once that is enough to go by."""
            took_s = time.process_time() - began_s
            pace.far(mine, jobs, took_s)
            line.show(pace.text(1))
            if jobs and took_s > _LOOK_S:
                raise _Enough

        try:
            done = order.made(far)
        except _Enough:
            pace.again(order)
        else:
            pace.done(order, time.process_time() - began_s)
            yield order, done


class _Enough(Exception):
    """It is known how fast a replay goes."""


def _crew(left: Sequence[Order], machines: Machines, pace: Pace, line: Line, way_out: str) -> Crew:
    """Who makes what is left."""
    if machines.ray is not None:
        work_s = pace.work_s()
        if left and work_s >= _RAY_PAYS_FROM_S:
            machines.ray.check(os.environ)
            for name, value in RAY_SETTINGS.items():
                os.environ.setdefault(name, value)  # Ray reads them when it is imported
            from cli.replays.ray_cluster import RayCluster

            line.say(f"about {work_s:.0f} s of work: it goes to {machines.ray.url}")
            return RayCluster(machines.ray, way_out=way_out, say=line.say, again=pace.again)
        line.say(f"about {pace.whole_s():.0f} s of work: done here; Ray pays from about a minute on")
    at_once = min(machines.workers, len(left))
    if at_once < 2 or sum(order.jobs for order in left) < _PAYS_FROM:  # noqa: PLR2004  # two at once is the least
        return Alone()
    return Processes(at_once, way_out)
