"""What jobs on one node say of each other: whose nodes were taken by another during a pause, and how a host is shared.

A job carries the greater of its GPUs' share and its CPUs' share of the host. The shares of jobs on one node may so
come to more than the node; where they do, each is cut in proportion, so that no sum is ever over the node.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from scheduler.problem.rates import host_share
from scheduler.records.attempts import Attempt
from scheduler.records.gather import JobHistory

_DUST: Final = 1e-9
"""What floating point may add to shares that make up one node. [nodes]"""
Crowded = tuple[tuple[datetime, datetime, float], ...]


@dataclass(frozen=True, slots=True)
class _Stay:
    """One attempt on a node, and the nodes' worth of host that it carries by itself. [nodes]"""

    job_id: str
    attempt: Attempt
    hosts: float


def beside(histories: Iterable[JobHistory]) -> list[JobHistory]:
    """The same histories, each attempt with what the others on its node say of it."""
    known = list(histories)
    by_node: dict[tuple[str, str], list[_Stay]] = {}
    for history in known:
        for each in history.attempts:
            if each.node:
                stay = _Stay(history.row.id, each, host_share(history.row.job, each.cluster, each.gpus))
                by_node.setdefault((each.cluster.name, each.node), []).append(stay)
    told: dict[str, Attempt] = {}
    for stays in by_node.values():
        told |= _told(stays)
    return [_with(history, told) for history in known]


def _with(history: JobHistory, told: Mapping[str, Attempt]) -> JobHistory:
    """A history with the attempts that something is said of in the place of its own."""
    if not any(each.sid in told for each in history.attempts):
        return history
    return replace(history, attempts=tuple(told.get(each.sid, each) for each in history.attempts))


def _told(stays: Sequence[_Stay]) -> dict[str, Attempt]:
    """The attempts on one node of which the others say something, by sid."""
    if len(stays) == 1:
        return {}
    shared = _crowded([stay for stay in stays if stay.hosts <= 1 + _DUST])
    found = {}
    for stay in stays:
        taken, crowded = _taken_at(stay, stays), shared.get(stay.attempt.sid, ())
        if taken is not None or crowded:
            found[stay.attempt.sid] = replace(stay.attempt, taken_at=taken, crowded=crowded)
    return found


def _taken_at(stay: _Stay, stays: Sequence[_Stay]) -> datetime | None:
    """When another job was first seen on the node after a pause began there."""
    if not stay.attempt.paused:
        return None
    left = stay.attempt.reserved[1]
    later = [each.attempt.reserved[0] for each in stays if each.job_id != stay.job_id]
    return min((moment for moment in later if moment >= left), default=None)


def _crowded(stays: Sequence[_Stay]) -> dict[str, Crowded]:
    """Of each attempt the stretches in which all of them came to more than the node, and what is left to it. [nodes]"""
    moments = sorted({moment for stay in stays for moment in stay.attempt.reserved})
    changes = sorted(stays, key=lambda stay: stay.attempt.reserved[0])
    found: dict[str, list[tuple[datetime, datetime, float]]] = {}
    present: list[_Stay] = []
    coming = iter([*changes, None])
    after = next(coming)
    for start, end in itertools.pairwise(moments):
        while after is not None and after.attempt.reserved[0] <= start:
            present.append(after)
            after = next(coming)
        present = [stay for stay in present if stay.attempt.reserved[1] > start]
        total = sum(stay.hosts for stay in present)
        if total > 1 + _DUST:
            for stay in present:
                found.setdefault(stay.attempt.sid, []).append((start, end, stay.hosts / total))
    return {sid: tuple(pieces) for sid, pieces in found.items()}
