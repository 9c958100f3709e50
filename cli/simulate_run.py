"""Replays of policies on a case, beside each other on the machine's cores where that pays."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cli.simulate_case import Asked, Case, case_of, policies_named
from cli.simulate_resume import Kept, ground_of, key_of
from scheduler.ports import Policy
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.replay import replay
from scheduler.simulation.results import Replayed

_PAYS_FROM: Final = 2000
"""Jobs times replays from which processes are started: each costs a second to start."""


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


def tasks_of(asked: Asked, case: Case, policies: Mapping[str, Policy]) -> list[Task]:
    """What is to be replayed: each policy, and with perfect forecasts too where that may differ."""
    perfect = case.told.name == Perfect.name
    ahead = [] if perfect else [name for name, policy in policies.items() if "forecast" in policy.needs]
    return [Task(asked, name, perfect) for name in policies] + [Task(asked, name, perfect=True) for name in ahead]


def run_all(cases: Cases, tasks: Sequence[Task], workers: int, kept: Kept | None = None) -> dict[Task, Replayed]:
    """Every task's replay; the same whatever the number of processes.

    Args:
        cases: read so far, of every task.
        tasks: each once.
        workers: processes at most.
        kept: finished replays, which are not made again, and where those made now are kept; None for none.
    """
    if kept is None:
        return _made(cases, tasks, workers, lambda _task, _done: None)
    grounds = {asked: ground_of(asked, cases.of(asked)) for asked in {task.asked: None for task in tasks}}
    keys = {
        task: key_of(grounds[task.asked], policies_named([task.policy])[task.policy], perfect=task.perfect)
        for task in tasks
    }
    found = {task: replayed for task, key in keys.items() if (replayed := kept.take(key)) is not None}
    left = [task for task in tasks if task not in found]
    if found:
        sys.stderr.write(f"{len(found)} of {len(tasks)} replays were finished before and are taken up\n")
    made = _made(cases, left, workers, lambda task, done: kept.keep(keys[task], done))
    return {task: found.get(task) or made[task] for task in tasks}


def _made(
    cases: Cases, tasks: Sequence[Task], workers: int, keep: Callable[[Task, Replayed], None]
) -> dict[Task, Replayed]:
    """Replays that are made now, each kept when it is done."""
    size = sum(len(cases.of(task.asked).requests) for task in tasks)
    if min(workers, len(tasks)) < 2 or size < _PAYS_FROM:  # noqa: PLR2004  # two at once is the least
        alone: dict[Task, Replayed] = {}
        for task in tasks:
            alone[task] = _one(cases.of(task.asked), task, _progress(cases.of(task.asked), task))
            keep(task, alone[task])
        return alone
    done: dict[Task, Replayed] = {}
    began = time.perf_counter()
    # spawn: a fork would take along the threads and the database connections of this process
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool, _line() as tell:
        waiting: dict[Future[Replayed], Task] = {
            pool.submit(_in_process, cases.of(task.asked), task): task for task in tasks
        }
        try:
            for future in as_completed(waiting):
                done[waiting[future]] = future.result()
                keep(waiting[future], done[waiting[future]])
                left_s = (time.perf_counter() - began) * (len(tasks) - len(done)) / len(done)
                tell(f"{len(done)} of {len(tasks)} replays done, about {left_s:.0f} s left")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {task: done[task] for task in tasks}


def _one(case: Case, task: Task, tell: Callable[[int], None]) -> Replayed:
    """One replay."""
    policy = policies_named([task.policy])[task.policy]
    told = Perfect(case.world.table) if task.perfect else case.told
    began = time.perf_counter()
    runs = replay(case.world, case.requests, policy, told, tell, passes=case.passes)
    return Replayed.of(runs, bill(case.world, case.requests, runs), time.perf_counter() - began)


def _in_process(case: Case, task: Task) -> Replayed:
    """One replay in a process that nobody watches."""
    return _one(case, task, lambda _done: None)


def _progress(case: Case, task: Task) -> Callable[[int], None]:
    """Tells how far a replay is and how long it will take, nothing where stderr is no terminal."""
    began, count = time.perf_counter(), len(case.requests)
    what = f"{task.policy} ({Perfect.name if task.perfect else case.told.name})"

    def tell(done: int) -> None:
        """Overwrite the line of before."""
        if done and sys.stderr.isatty():
            left_s = (time.perf_counter() - began) * (count - done) / done
            sys.stderr.write(f"\r{what}: {done:,} of {count:,} jobs, {left_s:.0f} s left \033[K")

    return tell


@contextmanager
def _line() -> Iterator[Callable[[str], None]]:
    """A line on stderr that is overwritten, and gone at the end; nothing where that is no terminal."""

    def tell(text: str) -> None:
        """Say it in the place of what was said before."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text} \033[K")

    yield tell
    tell("\r")
