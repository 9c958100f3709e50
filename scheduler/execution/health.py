"""Whether the loop passes: what it last told of itself, and when that is too long ago."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.duration import format_duration
from scheduler.domain.instant import to_the_second
from scheduler.ports import Clock

_LEAST: Final = timedelta(minutes=2)
"""A sound pass may take so long: a large package to upload, a few clusters that answer late."""
_LEAST_TICKS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What the loop tells after a pass.

    Args:
        clusters: what there is to tell of each, by name.
    """

    at: datetime
    at_s: float
    open_jobs: int
    clusters: Mapping[str, Mapping[str, object]]


@dataclass(slots=True, kw_only=True)
class Health:
    """Told by the loop, asked from other threads; a telling replaces the one before as a whole.

    Args:
        tick: time that the loop means to leave between two passes.
    """

    clock: Clock
    tick: timedelta
    _last: Passed | None = None
    _begun_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Count from now until the first pass."""
        self._begun_s = self.clock.monotonic_s()

    def passed(self, *, open_jobs: int, clusters: Mapping[str, Mapping[str, object]]) -> None:
        """A pass ended well."""
        now, now_s = self.clock.now(), self.clock.monotonic_s()
        self._last = Passed(at=now, at_s=now_s, open_jobs=open_jobs, clusters=dict(clusters))

    @property
    def last(self) -> Passed | None:
        """What was told last, None before the first pass."""
        return self._last

    def problem(self) -> str:
        """Why the loop counts as stuck; empty while it passes."""
        last = self._last
        limit = max(_LEAST, _LEAST_TICKS * self.tick)
        quiet_s = self.clock.monotonic_s() - (self._begun_s if last is None else last.at_s)
        if quiet_s <= limit.total_seconds():
            return ""
        return f"no pass has ended well for {format_duration(timedelta(seconds=round(quiet_s)))}"

    def as_json(self) -> dict[str, object]:
        """The answer to whoever asks; `problem` is there only where there is one."""
        last, problem = self._last, self.problem()
        answer: dict[str, object] = {
            "pass_at": to_the_second(last.at) if last else None,
            "open_jobs": last.open_jobs if last else None,
            "clusters": {name: dict(told) for name, told in last.clusters.items()} if last else {},
        }
        return answer | ({"problem": problem} if problem else {})
