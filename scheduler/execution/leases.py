"""How long an agent that nobody sees may still train: by this process's monotonic clock, and by the wall clock too.

A wall clock that jumps ahead would end every lease at once. So a lease also has to run out on the monotonic clock,
from the moment at which this process first saw the segment over; a process that starts anew counts anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.job import Interruptible
from scheduler.ports import Clock
from scheduler.records.rows import JobRow, SegmentRow

TELL_EVERY: Final = timedelta(seconds=30)
"""How often the store is told that a segment lives; what it says may be so much too old."""
_MAY_LAND: Final = timedelta(seconds=60)
"""A launch whose answer was lost may reach its cluster so late; four times the longest wait for an answer."""
_LONG_START: Final = timedelta(seconds=60)
"""Ray starts a job with room within seconds; after this something else took the room."""
_LONG_BUILD: Final = timedelta(minutes=15)
"""The same for one whose environment is built first; Ray itself gives up after 900 s."""
_TELLING: Final = timedelta(seconds=5)
"""The two clocks may drift apart by so much before a moment that was told is told anew."""


@dataclass(slots=True)
class _Known:
    """What this process knows of a segment's times: first asked, first seen over, last seen alive, end as told.

    Args:
        unsent: whether no request of its launch was ever on the way without being refused.
    """

    asked_s: float
    unsent: bool = False
    over_s: float | None = None
    alive_at: datetime | None = None
    told: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Leases:
    """The times of the segments that may be on a cluster.

    Args:
        lease: how long an agent may be without its fence.
    """

    clock: Clock
    lease: timedelta
    _known: dict[str, _Known] = field(default_factory=dict)

    def asked(self, live: SegmentRow) -> None:
        """Note that a cluster is asked about a segment."""
        self._of(live)

    def alive(self, live: SegmentRow) -> None:
        """Note that a segment was seen alive."""
        known = self._of(live)
        known.alive_at, known.over_s, known.told = self.clock.now(), None, None

    def over(self, live: SegmentRow) -> None:
        """Note that a cluster said that a segment no longer runs there."""
        known = self._of(live)
        if known.over_s is None:
            known.over_s = self.clock.monotonic_s()

    def forget(self, live: SegmentRow) -> None:
        """Drop what is known of a segment that is closed."""
        self._known.pop(live.sid, None)

    def intended(self, sid: str) -> None:
        """Note that this process itself wrote an intent: nobody has sent it yet."""
        self._known[sid] = _Known(asked_s=self.clock.monotonic_s(), unsent=True)

    def sent(self, live: SegmentRow) -> bool:
        """Note that a launch is handed to its cluster now; whether one may have been on the way before."""
        known = self._of(live)
        before, known.unsent = not known.unsent, False
        return before

    def refused(self, live: SegmentRow) -> None:
        """Note that the only launch that was ever handed over was refused, and is not on its way."""
        self._of(live).unsent = True

    def may_land(self, live: SegmentRow) -> bool:
        """Whether a launch whose answer was lost may still reach the cluster."""
        return not self._of(live).unsent and self._watched(live) < _MAY_LAND

    def pending_long(self, job: JobRow, live: SegmentRow) -> bool:
        """Whether a launch has had longer than any start takes."""
        return self._watched(live) >= (_LONG_BUILD if job.job.runtime_env else _LONG_START)

    def run_out(self, job: JobRow, live: SegmentRow) -> bool:
        """Whether even an agent that nobody sees has ended the training of a segment that was seen over."""
        return self._of(live).over_s is not None and self._left(job, live) <= timedelta(0)

    def ends_at(self, job: JobRow, live: SegmentRow) -> datetime:
        """When that will be, by the wall clock; the same moment at every look while the clocks agree."""
        known, end = self._of(live), self.clock.now() + self._left(job, live)
        if known.told is None or abs(end - known.told) > _TELLING:
            known.told = end
        return known.told

    def _left(self, job: JobRow, live: SegmentRow) -> timedelta:
        """How much of lease and grace is left, by whichever clock says more."""
        known = self._of(live)
        whole = self.lease + (job.job.interruptible or Interruptible()).grace
        told_at = live.seen_at + TELL_EVERY if live.seen_at else live.intended_at
        by_wall = max(told_at, known.alive_at or told_at) + whole - self.clock.now()
        over_s = self.clock.monotonic_s() if known.over_s is None else known.over_s
        return max(by_wall, whole - timedelta(seconds=self.clock.monotonic_s() - over_s))

    def _watched(self, live: SegmentRow) -> timedelta:
        """How long this process has known of a segment."""
        return timedelta(seconds=self.clock.monotonic_s() - self._of(live).asked_s)

    def _of(self, live: SegmentRow) -> _Known:
        """What is known of a segment."""
        return self._known.setdefault(live.sid, _Known(asked_s=self.clock.monotonic_s()))
