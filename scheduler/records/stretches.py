"""Attempts cut into stretches of one kind: reserved before and after a run, running, held while paused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import hours_between
from scheduler.records.attempts import Attempt

Kind = Literal["overhead", "run", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """GPUs of a cluster from start to end, as one kind of use."""

    cluster: Cluster
    gpus: int
    start: datetime
    end: datetime
    kind: Kind

    @property
    def hours_h(self) -> float:
        """Its length. [h]"""
        return hours_between(self.start, self.end)


def stretches_of(attempts: Sequence[Attempt], paused_until: datetime | None = None) -> list[Stretch]:
    """Every stretch of a job.

    Args:
        attempts: in order of time.
        paused_until: end so far of a pause after the last attempt on the same cluster; None where there is none.
    """
    return [cut for each in attempts for cut in cuts(each)] + _holds(attempts, paused_until)


def cuts(attempt: Attempt) -> list[Stretch]:
    """What of an attempt came before the run, the run, and what came after; empty ones are left out."""
    (granted, released), (started, ended) = attempt.reserved, attempt.ran
    parts: tuple[tuple[datetime, datetime, Kind], ...] = (
        (granted, started, "overhead"),
        (started, ended, "run"),
        (ended, released, "overhead"),
    )
    return [
        Stretch(cluster=attempt.cluster, gpus=attempt.gpus, start=start, end=end, kind=kind)
        for start, end, kind in parts
        if end > start
    ]


def _holds(attempts: Sequence[Attempt], paused_until: datetime | None) -> list[Stretch]:
    """Pauses that kept their nodes: from a suspend to the resume on the same cluster, where that holds them."""
    resumes = [(each.cluster.name, each.reserved[0]) for each in attempts[1:]]
    if attempts and paused_until is not None:
        resumes.append((attempts[-1].cluster.name, paused_until))
    found = []
    for before, (name, resumed) in zip(attempts, resumes, strict=False):
        cluster, left = before.cluster, before.reserved[1]
        if before.paused and cluster.name == name and cluster.holds_paused and resumed > left:
            found.append(Stretch(cluster=cluster, gpus=before.gpus, start=left, end=resumed, kind="hold"))
    return found
