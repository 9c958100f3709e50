"""What suspending and resuming a job really took, so that its next plan counts with that and not with a guess."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from scheduler.domain.job import Job
from scheduler.records.evidence import Outcome, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One segment that is over, as its agent saw it; all times by the node's own clock."""

    outcome: Outcome
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """The longest seen of each, None where none was seen.

    Args:
        checkpoint: from SIGTERM to the end of the training.
        restart: from the start of a resumed training to its first progress beyond what had been saved; known to
            the time between two samples.
    """

    checkpoint: timedelta | None
    restart: timedelta | None

    def applied(self, job: Job) -> Job:
        """The job with what was seen in the place of what it states."""
        if job.interruptible is None:
            return job
        seen = {"checkpoint": self.checkpoint, "restart": self.restart}
        changes = {name: value for name, value in seen.items() if value is not None}
        return job.model_copy(update={"interruptible": job.interruptible.model_copy(update=changes)})


def overheads(runs: Sequence[Ran]) -> Overheads:
    """What the suspends and resumes of a job took; `runs` in order of time."""
    saves = [
        run.outcome.ended_at - run.outcome.stop_received_at
        for run in runs
        if run.outcome.stop_received_at is not None and run.outcome.reason == "stopped"
    ]
    restarts = [_restart(after, before.outcome.progress) for before, after in itertools.pairwise(runs)]
    known = [restart for restart in restarts if restart is not None]
    return Overheads(checkpoint=max(saves, default=None), restart=max(known, default=None))


def _restart(run: Ran, saved: float | None) -> timedelta | None:
    """How long a resumed run took to get beyond what was `saved`."""
    if saved is None:
        return None
    first = next((s.at for s in run.samples if s.progress is not None and s.progress > saved), None)
    return None if first is None else first - run.outcome.started_at
