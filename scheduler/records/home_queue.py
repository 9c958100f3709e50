"""When each job would have started at its home, had all the jobs of that home run there, first come first served."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import parse_instant
from scheduler.lifecycle.model import reserved_gpus
from scheduler.records.counterfactual import verify
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import home_run, ran_length, useful_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job would have asked of its home.

    Args:
        gpus: that it takes; home_gpus: that home had when the job was accepted.
    """

    job_id: str
    not_before: datetime
    length: timedelta
    gpus: int
    home_gpus: int


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

    A run starts once all earlier ones have started and its GPUs are free, so the baseline never exceeds home.
    """
    starts: dict[str, datetime] = {}
    ends: list[tuple[datetime, int]] = []
    used, gate = 0, None
    for request in sorted(requests, key=lambda each: (each.not_before, each.job_id)):
        if request.gpus > request.home_gpus:
            continue
        start = request.not_before if gate is None else max(request.not_before, gate)
        while used + request.gpus > request.home_gpus:
            end, width = heapq.heappop(ends)
            used -= width
            start = max(start, end)
        starts[request.job_id] = gate = start
        used += request.gpus
        heapq.heappush(ends, (start + request.length, request.gpus))
    return starts


def _request(history: JobHistory, home: Cluster) -> Request:
    """What a job would have asked; where hardware cannot be compared, its GPUs for as long as it really ran."""
    job, attempts, rule = history.row.job, history.attempts, history.row.counterfactual
    verify(rule, job)
    not_before = parse_instant(rule["not_before"])
    useful = useful_length(job, attempts, home)
    run = home_run(attempts, home, not_before, ran_length(job, attempts) if useful is None else useful)
    return Request(
        job_id=history.row.id,
        not_before=not_before,
        length=run.reserved[1] - run.reserved[0],
        gpus=reserved_gpus(run.gpus, node_gpus=home.node.gpus, exclusive=job.exclusive),
        home_gpus=home.gpus,
    )
