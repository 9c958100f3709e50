"""What has changed since a plan was last looked at, so that it is looked at again soon and not only by the hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from scheduler.ports import Clock
from scheduler.records.rows import JobRow, PlanRow

_KEPT: Final = 500
"""So many of the last changes are remembered; a plan that is older than all of them counts as touched."""
_AT_MOST_EVERY: Final = timedelta(minutes=1)
"""However much changes, one plan is looked at again for it so often at most."""
_WORTH: Final = timedelta(minutes=10)
"""Room that opens for less is no reason to look at plans again."""

Kind = Literal["room", "less room", "forecast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One change.

    Args:
        number: its place in the order of all.
        kind: room came free on `clusters`, or was taken there until `until`; a forecast of `reference` came.
    """

    number: int
    kind: Kind
    clusters: frozenset[str] = frozenset()
    until: datetime | None = None
    reference: Mapping[str, str] | None = None

    def touches(self, job: JobRow, plan: PlanRow) -> bool:
        """Whether a job's plan may be another one for it."""
        if self.kind == "forecast":
            return self.reference == job.intensity
        if self.kind == "room":
            return not job.job.allowed or not self.clusters.isdisjoint(job.job.allowed)
        ahead = [s for s in plan.placement.segments if s.cluster in self.clusters]
        return any(self.until is None or s.start < self.until for s in ahead)


@dataclass(slots=True, kw_only=True)
class Shifts:
    """The last changes, and up to which each plan was judged; the hourly look finds what a crash forgot."""

    clock: Clock
    _last: int = 0
    _forecasts: int = 0
    _kept: deque[Shift] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _judged: dict[int, tuple[int, float]] = field(default_factory=dict)
    _overran_s: dict[str, float] = field(default_factory=dict)
    _stamps: dict[str, object] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The number of the newest change."""
        return self._last

    @property
    def forecasts(self) -> int:
        """How many new forecasts have come."""
        return self._forecasts

    def room(self, clusters: Iterable[str]) -> None:
        """GPUs came free: a job ended early, was cancelled or held, or its plan moved away."""
        self._add("room", clusters=frozenset(clusters))

    def less_room(self, clusters: Iterable[str], until: datetime | None) -> None:
        """GPUs are taken that others may have planned on: a new job, or a run that takes longer."""
        self._add("less room", clusters=frozenset(clusters), until=until)

    def overran(self, sid: str, cluster: str, until: datetime) -> bool:
        """A run is past its planned end; told once in so long as it is taken to need more. Whether it was told now."""
        now_s = self.clock.monotonic_s()
        if now_s - self._overran_s.get(sid, float("-inf")) < _WORTH.total_seconds():
            return False
        first = sid not in self._overran_s
        self._overran_s[sid] = now_s
        self.less_room([cluster], until)
        return first

    def ended(self, sid: str, cluster: str, planned_end: datetime, later: Iterable[str]) -> None:
        """A run is over: what was reserved for it beyond now, and for what was to follow, is free."""
        self._overran_s.pop(sid, None)
        free = {*later, *([cluster] if planned_end - self.clock.now() >= _WORTH else [])}
        if free:
            self.room(free)

    def stamped(self, name: str, reference: Mapping[str, str], stamp: object) -> None:
        """What a source's forecast is known by; another one than the last time is news for the plans made from it."""
        if name in self._stamps and self._stamps[name] != stamp:
            self._forecasts += 1
            self._add("forecast", reference=dict(reference))
        self._stamps[name] = stamp

    def concern(self, job: JobRow, plan: PlanRow) -> timedelta | None:
        """In how long a plan is to be looked at again because of what has changed, None where nothing concerns it.

        A plan that is seen first was just made.
        """
        number, judged_s = self._judged.setdefault(plan.id, (self._last, float("-inf")))
        if number == self._last:
            return None
        forgot = bool(self._kept) and self._kept[0].number > number + 1
        if forgot or any(shift.number > number and shift.touches(job, plan) for shift in self._kept):
            judged_ago_s = min(self.clock.monotonic_s() - judged_s, _AT_MOST_EVERY.total_seconds())
            return _AT_MOST_EVERY - timedelta(seconds=judged_ago_s)
        self._judged[plan.id] = (self._last, judged_s)
        return None

    def judged(self, plan_id: int) -> None:
        """Note that a plan was looked at with all that has changed until now."""
        self._judged[plan_id] = (self._last, self.clock.monotonic_s())

    def forget(self, plan_id: int) -> None:
        """Drop what is known of a plan that another one replaced."""
        self._judged.pop(plan_id, None)

    def _add(self, kind: Kind, **what: object) -> None:
        """One more change."""
        self._last += 1
        self._kept.append(Shift(number=self._last, kind=kind, **what))  # type: ignore[arg-type]  # named in the callers
