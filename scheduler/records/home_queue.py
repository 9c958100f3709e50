"""When each job would have started at its home, had all the jobs of that home run there, first come first served."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import parse_instant
from scheduler.problem.candidates import width_on
from scheduler.records.counterfactual import verify
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import as_long_as_it_ran, home_run

Ints = NDArray[np.int64]
Seats = tuple[tuple[int, int], ...]
"""Nodes by number, each with the GPUs taken on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job would have asked of its home.

    Args:
        gpus: that it takes.
        together: how many of them have to lie on one node: all of a script's, one of a driver's that asks Ray.
        home_gpus: that home had when the job was accepted; node_gpus: on each of its nodes.
    """

    job_id: str
    not_before: datetime
    length: timedelta
    gpus: int
    together: int
    home_gpus: int
    node_gpus: int


def starts_at_home(histories: Iterable[JobHistory]) -> dict[str, datetime]:
    """The start of each job that ran and that its home could have taken.

    It hangs on the jobs that came before at that home, and on no later one.

    Raises:
        CarbonschedError: a registered rule was changed.
    """
    by_home: dict[str, list[Request]] = {}
    for history in histories:
        if history.home is not None and history.attempts:
            by_home.setdefault(history.home.name, []).append(_request(history, history.home))
    return {job_id: start for requests in by_home.values() for job_id, start in home_starts(requests).items()}


def home_starts(requests: Iterable[Request]) -> dict[str, datetime]:
    """When each request would have been served, strictly in their order; one that is wider than home never is.

    A run starts once all earlier ones have started and there are nodes with room for it, so the baseline never
    exceeds home, nor any of its nodes.
    """
    starts: dict[str, datetime] = {}
    ends: list[tuple[datetime, int, Seats]] = []
    home, gate = _Home(), None
    for number, request in enumerate(sorted(requests, key=lambda each: (each.not_before, each.job_id))):
        if not home.could_take(request):
            continue
        start = request.not_before if gate is None else max(request.not_before, gate)
        while ends and ends[0][0] <= start:
            home.leave(heapq.heappop(ends)[2])
        while (seats := home.seats(request)) is None:
            end, _, freed = heapq.heappop(ends)
            home.leave(freed)
            start = max(start, end)
        home.take(seats)
        starts[request.job_id] = gate = start
        heapq.heappush(ends, (start + request.length, number, seats))
    return starts


class _Home:
    """A home as GPUs taken on each of its nodes; its size is the one that each request was accepted with."""

    def __init__(self) -> None:
        """Nothing is taken yet."""
        self._used: Ints = np.zeros(0, dtype=np.int64)

    def could_take(self, request: Request) -> bool:
        """Whether it could, were it empty."""
        return _room(self._sizes(request), request.together) >= request.gpus

    def seats(self, request: Request) -> Seats | None:
        """Where a request sits now, on the fullest nodes that will do; None where there is no room."""
        sizes = self._sizes(request)
        if len(sizes) > len(self._used):
            self._used = np.concatenate([self._used, np.zeros(len(sizes) - len(self._used), dtype=np.int64)])
        free = np.maximum(sizes - self._used[: len(sizes)], 0)
        room = free // request.together * request.together
        if room.sum() < request.gpus or int(self._used.sum()) + request.gpus > request.home_gpus:
            return None
        found, left = [], request.gpus
        for node in np.argsort(np.where(room > 0, free, request.home_gpus + 1), kind="stable"):
            taken = min(left, int(room[node]))
            found.append((int(node), taken))
            left -= taken
            if not left:
                break
        return tuple(found)

    def take(self, seats: Seats) -> None:
        """Sit down."""
        for node, gpus in seats:
            self._used[node] += gpus

    def leave(self, seats: Seats) -> None:
        """Get up."""
        for node, gpus in seats:
            self._used[node] -= gpus

    @staticmethod
    def _sizes(request: Request) -> Ints:
        """GPUs of each node, the last one with what is left over."""
        whole, rest = divmod(request.home_gpus, request.node_gpus)
        return np.array([request.node_gpus] * whole + ([rest] if rest else []), dtype=np.int64)


def _room(sizes: Ints, together: int) -> int:
    """GPUs that can be taken in parts that each lie on one node."""
    return int((sizes // together * together).sum())


def _request(history: JobHistory, home: Cluster) -> Request:
    """What a job would have asked; where hardware cannot be compared, its GPUs for as long as it really ran."""
    job, attempts, rule = history.row.job, history.attempts, history.row.counterfactual
    verify(rule, job)
    not_before = parse_instant(rule["not_before"])
    run = home_run(job, attempts, home, not_before)
    reserved = as_long_as_it_ran(job, attempts, not_before) if run is None else run.reserved
    gpus = attempts[0].gpus if run is None else run.gpus
    width = width_on(job, home, gpus)
    return Request(
        job_id=history.row.id,
        not_before=not_before,
        length=reserved[1] - reserved[0],
        gpus=width,
        together=1 if job.launch == "ray" and not job.exclusive else min(width, home.node.gpus),
        home_gpus=home.gpus,
        node_gpus=home.node.gpus,
    )
