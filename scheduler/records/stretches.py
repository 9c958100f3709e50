"""Attempts cut into stretches of one kind: reserved before and after a run, running, held while paused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import hours_between
from scheduler.records.attempts import Attempt
from scheduler.records.energy import EnergyCurve

Kind = Literal["overhead", "run", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """GPUs of a cluster from start to end, as one kind of use.

    Args:
        energy: what meters counted of the attempt that it is cut from; None where nothing was metered, or nobody was
            there to do it.
        hosts: nodes' worth of host that it carries, where jobs on one node share it out; None for its own share.
    """

    cluster: Cluster
    gpus: int
    start: datetime
    end: datetime
    kind: Kind
    energy: EnergyCurve | None = None
    hosts: float | None = None

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
        Stretch(
            cluster=attempt.cluster,
            gpus=attempt.gpus,
            start=first,
            end=last,
            kind=kind,
            energy=attempt.energy,
            hosts=hosts,
        )
        for start, end, kind in parts
        for first, last, hosts in _shared(attempt, start, end)
    ]


def _shared(attempt: Attempt, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, float | None]]:
    """``[start, end)`` cut where the share of its host changes, each part with that share where it is not its own."""
    for first, last, hosts in attempt.crowded:
        begins, ends = max(start, first), min(end, last)
        if begins < ends:
            if start < begins:
                yield start, begins, None
            yield begins, ends, hosts
            start = ends
    if start < end:
        yield start, end, None


def _holds(attempts: Sequence[Attempt], paused_until: datetime | None) -> list[Stretch]:
    """Pauses that kept their nodes: from a suspend to the resume on the same cluster, where that holds them.

    Another job that is seen on the node is what was observed, and ends what is declared.
    """
    resumes = [(each.cluster.name, each.reserved[0]) for each in attempts[1:]]
    if attempts and paused_until is not None:
        resumes.append((attempts[-1].cluster.name, paused_until))
    found = []
    for before, (name, resumed) in zip(attempts, resumes, strict=False):
        cluster, left = before.cluster, before.reserved[1]
        until = resumed if before.taken_at is None else min(resumed, before.taken_at)
        if before.paused and cluster.name == name and cluster.holds_paused and until > left:
            found.append(Stretch(cluster=cluster, gpus=before.gpus, start=left, end=until, kind="hold"))
    return found
