"""One attempt as the accounts see it: when GPUs were reserved, when the training ran in it, and who ended it.

Reservations are told by our clock and runs by the node's. Where the two disagree, the length of a run (from the
node's monotonic clock) is kept and the run is laid inside its reservation; energy follows length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import hours_between
from scheduler.domain.said import Said
from scheduler.records.energy import EnergyCurve
from scheduler.records.evidence import Outcome, Sample, Traffic
from scheduler.records.received import CLOCK_OFF, Received
from scheduler.records.rows import SegmentEnd, SegmentRow

Interval = tuple[datetime, datetime]
_AHEAD: Final = Said("the node's clock was {minutes:.0f} min ahead of ours: corrected by when it was seen to run")
_BEHIND: Final = Said("the node's clock was {minutes:.0f} min behind ours: corrected by when it was seen to run")

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
        energy: what meters counted of its GPUs, by our clock; None where nothing was metered.
        node: the id of the node that its leader was on, as far as it is known.
        crowded: stretches in which the jobs on its node came to more than the node, each with the nodes' worth of
            host that is left to this one.
        taken_at: when another job was seen on its node after it had left; None where none was.
        kept_until: of an interrupted one up to when its work was saved and taken up again; None where that is unknown.
        notes: what a reader of its times must know.
    """

    sid: str
    cluster: Cluster
    gpus: int
    reserved: Interval
    ran: Interval
    known_by: RunKnownBy
    ended_by: EndedBy
    traffic: Traffic | None = None
    energy: EnergyCurve | None = None
    node: str = ""
    crowded: tuple[tuple[datetime, datetime, float], ...] = ()
    taken_at: datetime | None = None
    kept_until: datetime | None = None
    notes: tuple[str, ...] = ()

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
    energy: EnergyCurve | None = None,
    received: Received | None = None,
) -> Attempt | None:
    """The attempt that a segment made; None where it never held a GPU.

    Args:
        segment: what the store says.
        outcome: what the agent said at its end, None while that is unread.
        samples: what the agent said so far; looked at while the segment is open.
        cluster: as declared when the segment was planned.
        checkpoint: how long before its planned end the plan asks a segment to stop.
        now: end of what is open.
        energy: what meters counted, by our clock.
        received: when the samples reached us, which tells a clock that is off; None where that is not known.
    """
    if segment.granted_at is None or (segment.end == "never_started" and not segment.node_id):
        return None
    granted = segment.granted_at
    released = max(granted, segment.released_at or now, segment.seen_at or granted)
    known_by: RunKnownBy = "nothing"
    ran: Interval = (granted, released)
    notes: tuple[str, ...] = ()
    if outcome is not None:
        known_by, (ran, notes) = "outcome", _trained(outcome, received, ran)
    elif segment.end == "never_started":
        known_by, ran = "cluster", (granted, granted)
    elif samples and segment.phase != "over":
        known_by, ran = "samples", (min(max(samples[0].at, granted), released), released)
    reserved = (granted, max(released, ran[1]))
    curve = None if energy is None else _laid_curve(energy, reserved)
    metered_to = reserved[1] if curve is None else curve.start + _length(curve)
    return Attempt(
        sid=segment.sid,
        cluster=cluster,
        gpus=segment.gpus,
        reserved=(granted, max(reserved[1], metered_to)),
        ran=ran,
        known_by=known_by,
        ended_by=_ended_by(segment, checkpoint),
        traffic=None if outcome is None else outcome.traffic,
        energy=curve,
        node=segment.node_id,
        notes=notes,
    )


def _trained(outcome: Outcome, received: Received | None, inside: Interval) -> tuple[Interval, tuple[str, ...]]:
    """When the training ran by our clock, and what is to be said of the node's."""
    told, length = outcome.training
    off = timedelta(0) if received is None else outcome.started_at - received.corrected(outcome.started_at)
    ran = _laid(told - off, length, inside)
    ahead = told - ran[0]
    if abs(ahead) <= CLOCK_OFF:
        return ran, ()
    said = _AHEAD if ahead > timedelta(0) else _BEHIND
    return ran, (Said(said, minutes=abs(ahead) / timedelta(minutes=1)),)


def _laid_curve(curve: EnergyCurve, inside: Interval) -> EnergyCurve:
    """A curve moved into a reservation by as little as will do, so that nothing that was metered is lost."""
    start, _ = _laid(curve.start, _length(curve), inside)
    return curve if start == curve.start else replace(curve, start=start)


def _length(curve: EnergyCurve) -> timedelta:
    """From its first reading to its last."""
    return timedelta(hours=float(curve.at_h[-1]))


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
