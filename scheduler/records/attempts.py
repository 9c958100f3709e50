"""One attempt as the accounts see it: when GPUs were reserved, when the training ran in it, and who ended it.

Reservations are told by our clock and runs by the node's. Where the two disagree, the length of a run (from the
node's monotonic clock) is kept and the run is laid inside its reservation; energy follows length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import hours_between
from scheduler.records.evidence import Outcome, Sample, Traffic
from scheduler.records.rows import SegmentEnd, SegmentRow

Interval = tuple[datetime, datetime]
RunKnownBy = Literal["outcome", "samples", "cluster", "nothing"]
EndedBy = Literal["nobody", "itself", "plan", "person", "infrastructure"]

_ENDED_BY: Final[dict[SegmentEnd, EndedBy]] = {
    "": "nobody",
    "finished": "itself",
    "failed": "itself",
    "interrupted": "infrastructure",
    "unknown": "infrastructure",
    "never_started": "infrastructure",
}
"""Who a segment's end is laid to; a suspend is looked at more closely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A stretch of reserved GPUs with the run inside it.

    Args:
        cluster: as it was declared when this attempt was planned.
        gpus: that the training used; an exclusive job reserves whole nodes for them.
        reserved: granted to released; up to now for one that is still open.
        ran: the training's own interval, inside `reserved`.
        known_by: what says when it ran; by nothing, all that was reserved counts as running.
        ended_by: nobody while it is open.
        traffic: to and from a storage that is not mounted; None where there was none, or it is not known.
    """

    sid: str
    cluster: Cluster
    gpus: int
    reserved: Interval
    ran: Interval
    known_by: RunKnownBy
    ended_by: EndedBy
    traffic: Traffic | None = None

    @property
    def paused(self) -> bool:
        """Whether it ended in a suspend, after which nodes may be held."""
        return self.ended_by in ("plan", "person")

    @property
    def wasted(self) -> bool:
        """Whether the infrastructure ended it, so that its work was done again."""
        return self.ended_by == "infrastructure"

    @property
    def cut(self) -> bool:
        """Whether a run at home would have gone on: what starts after it is a restart that home would not have had."""
        return self.ended_by in ("plan", "infrastructure")

    @property
    def reserved_h(self) -> float:
        """Hours that its GPUs were reserved. [h]"""
        return hours_between(*self.reserved)


def attempt(
    segment: SegmentRow,
    outcome: Outcome | None,
    samples: Sequence[Sample],
    *,
    cluster: Cluster,
    checkpoint: timedelta,
    now: datetime,
) -> Attempt | None:
    """The attempt that a segment made; None where it never held a GPU.

    Args:
        segment: what the store says.
        outcome: what the agent said at its end, None while that is unread.
        samples: what the agent said so far; looked at while the segment is open.
        cluster: as declared when the segment was planned.
        checkpoint: how long before its planned end the plan asks a segment to stop.
        now: end of what is open.
    """
    if segment.granted_at is None or (segment.end == "never_started" and not segment.node_id):
        return None
    granted = segment.granted_at
    released = max(granted, segment.released_at or now, segment.seen_at or granted)
    known_by: RunKnownBy = "nothing"
    ran = (granted, released)
    if outcome is not None:
        known_by, ran = "outcome", _laid(*outcome.training, ran)
    elif segment.end == "never_started":
        known_by, ran = "cluster", (granted, granted)
    elif samples and segment.phase != "over":
        known_by, ran = "samples", (min(max(samples[0].at, granted), released), released)
    return Attempt(
        sid=segment.sid,
        cluster=cluster,
        gpus=segment.gpus,
        reserved=(granted, max(released, ran[1])),
        ran=ran,
        known_by=known_by,
        ended_by=_ended_by(segment, checkpoint),
        traffic=None if outcome is None else outcome.traffic,
    )


def _laid(start: datetime, length: timedelta, inside: Interval) -> Interval:
    """A run moved into its reservation by as little as will do; one longer than that begins with it."""
    begin = max(inside[0], min(start, inside[1] - length))
    return begin, begin + length


def _ended_by(segment: SegmentRow, checkpoint: timedelta) -> EndedBy:
    """Who ended a segment; the plan never suspends a last one, nor any before it is due."""
    if segment.end != "suspended":
        return _ENDED_BY[segment.end]
    asked = segment.stop_asked_at
    due = not segment.is_last and asked is not None and asked >= segment.planned_end - checkpoint
    return "plan" if due else "person"
