"""Where and when a job runs: segments of cluster, start, end and width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduler.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of a run on one cluster, `[start, end)`, with `gpus` GPUs."""

    cluster: str
    start: datetime
    end: datetime
    gpus: int

    def __post_init__(self) -> None:
        """Refuse an empty or backward stretch."""
        if self.start >= self.end:
            raise InvalidInput(f"the segment on {self.cluster} ends at {self.end}, not after its start {self.start}")
        if self.gpus < 1:
            raise InvalidInput(f"the segment on {self.cluster} has {self.gpus} GPUs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The segments of a run in order of time; they do not overlap, and abutting ones differ in cluster or width."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        """Refuse overlap, disorder, and two segments that are really one."""
        if not self.segments:
            raise InvalidInput("a placement needs at least one segment")
        for before, after in zip(self.segments, self.segments[1:], strict=False):
            if after.start < before.end:
                raise InvalidInput(f"segments overlap at {after.start}")
            if (after.start, after.cluster, after.gpus) == (before.end, before.cluster, before.gpus):
                raise InvalidInput(f"two segments on {after.cluster} abut at {after.start}: they are one")

    @property
    def start(self) -> datetime:
        """When the first segment starts."""
        return self.segments[0].start

    @property
    def finish(self) -> datetime:
        """When the last segment ends."""
        return self.segments[-1].end

    @property
    def suspends(self) -> int:
        """How many times the run is suspended."""
        return len(self.segments) - 1

    @property
    def resizes(self) -> int:
        """How many of the suspends change the width."""
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return sum(before.gpus != after.gpus for before, after in pairs)

    @property
    def moves(self) -> int:
        """How many of the suspends change the cluster."""
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return sum(before.cluster != after.cluster for before, after in pairs)
