"""What would have happened: the rule is registered and sealed at submission, its kilograms are computed afterwards.

The rule says where the job would have run (home), when it would have started, and how the hardware compares.
It holds no kilograms, so a plan can never make its own baseline look bad.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import format_instant
from scheduler.domain.job import Interruptible, Job
from scheduler.records.attempts import Attempt

METHOD: Final = "carbonsched-counterfactual-1"
START_RULE: Final = "submission or earliest start, then first come first served among home's jobs"


def register(job: Job, home: str, submitted_at: datetime, earliest: datetime) -> dict[str, str]:
    """The rule of a job, with the SHA-256 that seals it."""
    rule = {
        "method": METHOD,
        "home": home,
        "not_before": format_instant(max(submitted_at, earliest)),
        "start": START_RULE,
        "hardware": "duration at home over duration where it ran, as the job states them",
        "job": job.name,
    }
    return rule | {"sha256": _digest(rule)}


def verify(rule: Mapping[str, str]) -> None:
    """Refuse a rule that is not the one that was sealed."""
    unsealed = {name: value for name, value in rule.items() if name != "sha256"}
    if rule.get("sha256") != _digest(unsealed):
        raise CarbonschedError(
            f"the counterfactual of {rule.get('job', 'a job')} was changed after it was registered",
            hint="restore the store from a copy",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeRun:
    """What a job would have asked of its home cluster."""

    job_id: str
    not_before: datetime
    length: timedelta
    gpus: int


def home_starts(runs: Sequence[HomeRun], gpus: int) -> dict[str, datetime]:
    """When each run would have started at a home of `gpus` GPUs, strictly first come first served.

    A run starts once all earlier ones have started and its GPUs are free, so the baseline never exceeds home.
    """
    starts: dict[str, datetime] = {}
    ends: list[tuple[datetime, int]] = []
    free, gate = gpus, None
    for run in sorted(runs, key=lambda r: (r.not_before, r.job_id)):
        start = run.not_before if gate is None else max(run.not_before, gate)
        while ends and (ends[0][0] <= start or free < run.gpus):
            end, width = heapq.heappop(ends)
            free += width
            start = max(start, end)
        starts[run.job_id] = gate = start
        free -= run.gpus
        heapq.heappush(ends, (start + run.length, run.gpus))
    return starts


def useful_length(
    job: Job, attempts: Sequence[Attempt], clusters: Mapping[str, Cluster], home: Cluster
) -> timedelta | None:
    """How long the useful work would have taken at home; None where the hardware cannot be compared.

    Useful is the time the training ran, less the restarts and checkpoints that shifting it caused and less what
    the infrastructure made it repeat; on other hardware it counts in the ratio of the durations stated before.
    """
    pause = job.interruptible or Interruptible()
    total = timedelta(0)
    for attempt in attempts:
        if attempt.wasted:
            continue
        ran = attempt.ran[1] - attempt.ran[0]
        lost = (pause.restart if attempt.resumed else timedelta(0)) + (
            pause.checkpoint if attempt.stopped else timedelta(0)
        )
        there, here = clusters[attempt.cluster].gpu.model, home.gpu.model
        ratio = 1.0
        if there != here:
            durations = job.duration_on(there), job.duration_on(here)
            if not isinstance(job.duration, dict) or durations[0] is None or durations[1] is None:
                return None
            ratio = durations[1] / durations[0]
        total += max(timedelta(0), ran - lost) * ratio
    return total


def _digest(rule: Mapping[str, str]) -> str:
    """SHA-256 of the rule in canonical JSON."""
    return hashlib.sha256(json.dumps(dict(rule), sort_keys=True, separators=(",", ":")).encode()).hexdigest()
