"""The run that a job would have had at home: its useful work in one piece, between one boot and one teardown.

What the useful work does not hold is charged to the real side alone: what the infrastructure made the job repeat,
and the saves, restarts and lost work of suspends that the plan asked for. What its own code or a person did to
it, it would have suffered at home as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Interruptible, Job
from scheduler.records.attempts import Attempt

_NONE = timedelta(0)


def useful_length(job: Job, attempts: Sequence[Attempt], home: Cluster) -> timedelta | None:
    """How long the useful work would have taken at home; None where the hardware cannot be compared.

    On other hardware it counts in the ratio of the durations that the job stated before.
    """
    ratios = [_ratio(job, each.cluster, home) for each in attempts]
    useful = _useful(job, attempts)
    if any(ratio is None for ratio in ratios):
        return None
    return sum((length * (ratio or 1.0) for length, ratio in zip(useful, ratios, strict=True)), _NONE)


def ran_length(job: Job, attempts: Sequence[Attempt]) -> timedelta:
    """How long the useful work took on whatever it ran on."""
    return sum(_useful(job, attempts), _NONE)


def home_run(attempts: Sequence[Attempt], home: Cluster, start: datetime, useful: timedelta) -> Attempt:
    """The one attempt at home: reserved at `start`, booted and torn down as the real one was, `useful` long."""
    first, last = attempts[0], attempts[-1]
    started = start + (first.ran[0] - first.reserved[0])
    ended = started + useful
    return Attempt(
        sid="counterfactual",
        cluster=home,
        gpus=first.gpus,
        reserved=(start, ended + (last.reserved[1] - last.ran[1])),
        ran=(started, ended),
        known_by="outcome",
        ended_by="itself",
    )


def _useful(job: Job, attempts: Sequence[Attempt]) -> list[timedelta]:
    """The useful part of each attempt, on its own hardware."""
    pause = job.interruptible or Interruptible()
    # Work since the last periodic save is done again: how much is unknown, so the most that it can be is taken.
    saving = pause.checkpoint + (pause.every or _NONE if pause.save == "periodic" else _NONE)
    found, restarts = [], False
    for each in attempts:
        lost = (pause.restart if restarts else _NONE) + (saving if each.ended_by == "plan" else _NONE)
        found.append(_NONE if each.wasted else max(_NONE, each.ran[1] - each.ran[0] - lost))
        restarts = restarts or each.cut
    return found


def _ratio(job: Job, there: Cluster, home: Cluster) -> float | None:
    """Time at home over time there; None where the job stated no duration for one of the two. [-]"""
    if there.gpu.model == home.gpu.model:
        return 1.0
    at_home, abroad = job.duration_on(home.gpu.model), job.duration_on(there.gpu.model)
    if not isinstance(job.duration, dict) or at_home is None or abroad is None:
        return None
    return at_home / abroad
