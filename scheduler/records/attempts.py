"""One attempt as the accounts see it: when GPUs were reserved, when the training ran, and how that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.domain.instant import hours_between
from scheduler.records.evidence import Outcome, Sample
from scheduler.records.rows import SegmentRow

RunKnownBy = Literal["outcome", "samples", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A stretch of reserved GPUs with the run inside it.

    Args:
        reserved: granted to released; up to now for one that is still open.
        ran: the training's own interval, inside `reserved`.
        known_by: what says when it ran; by nothing, all that was reserved counts as running.
        resumed: whether it continued from a checkpoint; stopped: whether it ended in one.
        wasted: whether the infrastructure ended it, so that its work was done again.
    """

    sid: str
    cluster: str
    gpus: int
    reserved: tuple[datetime, datetime]
    ran: tuple[datetime, datetime]
    known_by: RunKnownBy
    resumed: bool
    stopped: bool
    wasted: bool

    @property
    def reserved_gpu_h(self) -> float:
        """GPU-hours reserved. [GPU-h]"""
        return self.gpus * hours_between(*self.reserved)

    @property
    def ran_gpu_h(self) -> float:
        """GPU-hours the training ran. [GPU-h]"""
        return self.gpus * hours_between(*self.ran)


def attempt(
    segment: SegmentRow, outcome: Outcome | None, samples: Sequence[Sample], *, now: datetime
) -> Attempt | None:
    """The attempt that a segment made; None where it never held a GPU."""
    if segment.end == "never_started" or segment.granted_at is None:
        return None
    released = segment.released_at or now
    granted = min(segment.granted_at, released)
    if outcome is not None:
        ran, known_by = (outcome.started_at, outcome.ended_at), "outcome"
    elif samples and segment.phase != "over":
        ran, known_by = (samples[0].at, released), "samples"
    else:
        ran, known_by = (granted, released), "nothing"
    granted, released = min(granted, ran[0]), max(released, ran[1])
    return Attempt(
        sid=segment.sid,
        cluster=segment.cluster,
        gpus=segment.gpus,
        reserved=(granted, released),
        ran=ran,
        known_by=known_by,  # type: ignore[arg-type]  # mypy widens a Literal in a tuple to str
        resumed=segment.n > 1,
        stopped=segment.end == "suspended",
        wasted=segment.end in ("interrupted", "unknown"),
    )
