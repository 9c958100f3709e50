"""What suspending and resuming a job really took, so that its next plan counts with that and not with a guess."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from scheduler.domain.job import Job
from scheduler.records.evidence import Outcome, Sample
from scheduler.records.rows import SegmentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One segment that is over, as its agent saw it, by the node's own clock.

    Args:
        outcome: how it ended.
        samples: what was read while it ran.
        boot: from the grant of its GPUs to the agent's start: the way to the cluster, the package, the environment.
    """

    outcome: Outcome
    samples: Sequence[Sample]
    boot: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """The longest seen of each, None where none was seen.

    Args:
        checkpoint: from SIGTERM to the end of the training, on every node that it goes over.
        restart: from the grant of a resumed training's GPUs to its first progress beyond what had been saved; known
            to the time between two samples.
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
    restarts = [_restart(after, before.outcome) for before, after in itertools.pairwise(runs)]
    known = [restart for restart in restarts if restart is not None]
    return Overheads(checkpoint=max(saves, default=None), restart=max(known, default=None))


def boot(segment: SegmentRow, outcome: Outcome) -> timedelta:
    """From the grant of a segment's GPUs to its agent's start; the clocks may disagree by no more than it has room."""
    if segment.granted_at is None or segment.released_at is None:
        return timedelta(0)
    room = segment.released_at - segment.granted_at - timedelta(seconds=outcome.duration_s)
    return max(timedelta(0), min(outcome.started_at - segment.granted_at, room))


def _restart(run: Ran, before: Outcome) -> timedelta | None:
    """How long a run took to get beyond what a suspend had saved; after a crash some of it is work done again."""
    saved = before.progress
    if saved is None or before.reason != "stopped":
        return None
    first = next((s.at for s in run.samples if s.progress is not None and s.progress > saved), None)
    return None if first is None else run.boot + (first - run.outcome.started_at)
