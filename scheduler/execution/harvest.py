"""Reading what the agents wrote, before anything can take it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.cluster_ports import Executor, Observation, Storage
from scheduler.domain.errors import CarbonschedError
from scheduler.ports import Clock
from scheduler.records.evidence import BadEvidence, NewerAgent, Outcome, outcome_name, samples_name
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.overheads import Overheads, Ran, boot, overheads
from scheduler.records.rows import SegmentRow

_SPARE_LINES: Final = 20
"""Lines that are read beyond those expected: a line of many GPUs is long, and a run of weeks has a hundred thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvester:
    """Brings evidence home; unread stays unknown, never zero.

    Args:
        every: least time between two readings of a running segment's samples.
    """

    evidence: EvidenceFiles
    clock: Clock
    every: timedelta
    _read_at_s: dict[str, float] = field(default_factory=dict)
    _looked_at: dict[str, datetime] = field(default_factory=dict)

    def outcome(
        self, segment: SegmentRow, executor: Executor, seen: Observation, storage: Storage | None
    ) -> Outcome | None:
        """The outcome of a segment: from what is kept, else from its cluster, else from the copy on the storage.

        Args:
            storage: where the copies lie, None where that is not reached from here.
        """
        kept = self.evidence.outcome(segment.job_id, segment.sid)
        if kept is not None:
            return kept
        name, node_id = outcome_name(segment.sid), seen.node_id or segment.node_id
        outcome = self._kept(segment, executor.evidence(node_id, name) if node_id else None)
        return self.copied(segment, storage) if outcome is None else outcome

    def copied(self, segment: SegmentRow, storage: Storage | None) -> Outcome | None:
        """The outcome of a segment from the copy on the storage alone."""
        return None if storage is None else self._kept(segment, storage.read(outcome_name(segment.sid)))

    def _kept(self, segment: SegmentRow, raw: bytes | None) -> Outcome | None:
        """The outcome in `raw`, kept; None where there is none, or nothing that an agent writes: it stays unread.

        Raises:
            NewerAgent: a newer carbonsched can read it; what it says must not pass for silence.
        """
        if raw is None:
            return None
        try:
            return self.evidence.keep_outcome(segment.job_id, segment.sid, raw)
        except NewerAgent:
            raise
        except BadEvidence:
            return None

    def samples(self, segment: SegmentRow, executor: Executor, node_id: str, *, last: bool) -> None:
        """Keep the samples written so far, at most once in `every`; always where it is the `last` time."""
        now_s = self.clock.monotonic_s()
        recent = now_s - self._read_at_s.get(segment.sid, float("-inf")) < self.every.total_seconds()
        if not node_id or (recent and not last):
            return
        looked = self.clock.now()
        if last or not self._went_on(segment, executor, node_id):
            self._all_samples(segment, executor, node_id)
        self._read_at_s[segment.sid], self._looked_at[segment.sid] = now_s, looked

    def _went_on(self, segment: SegmentRow, executor: Executor, node_id: str) -> bool:
        """Keep the samples that follow those kept; False where it cannot be seen which these are."""
        newest = self.evidence.newest_line(segment.job_id, segment.sid)
        if not newest or segment.sid not in self._read_at_s:
            return False
        missed_s = self.clock.monotonic_s() - self._read_at_s[segment.sid]
        lines = _SPARE_LINES + 2 * round(missed_s / max(1.0, self.every.total_seconds()))
        new = _after(executor.evidence(node_id, samples_name(segment.sid), tail=lines) or b"", newest)
        if new is None:
            return False
        self._receive(segment, new)
        self.evidence.add_samples(segment.job_id, segment.sid, new)
        return True

    def _all_samples(self, segment: SegmentRow, executor: Executor, node_id: str) -> None:
        """Keep all samples of a segment."""
        raw = executor.evidence(node_id, samples_name(segment.sid))
        if raw is not None:
            newest = self.evidence.newest_line(segment.job_id, segment.sid)
            self._receive(segment, (_after(raw, newest) or b"") if newest else raw)
            self.evidence.keep_samples(segment.job_id, segment.sid, raw)

    def _receive(self, segment: SegmentRow, new: bytes) -> None:
        """Keep when lines came that were not there when we looked before."""
        looked = self._looked_at.get(segment.sid)
        self.evidence.keep_received(segment.job_id, segment.sid, new, at=self.clock.now(), looked=looked)

    def seen(self, job_id: str, segments: Sequence[SegmentRow]) -> Overheads:
        """What suspending and resuming a job took so far."""
        ended = [(s, self.evidence.outcome(job_id, s.sid)) for s in segments if s.phase == "over"]
        return overheads(
            [
                Ran(outcome=outcome, samples=self.evidence.samples(job_id, segment.sid), boot=boot(segment, outcome))
                for segment, outcome in ended
                if outcome is not None
            ]
        )

    def close(self, segment: SegmentRow, executor: Executor) -> str:
        """Keep the last samples and the log of a segment that is over; returns what could not be read, if anything."""
        try:
            self.samples(segment, executor, segment.node_id, last=True)
            self.evidence.keep_log(segment.job_id, segment.sid, executor.logs(segment.sid))
        except CarbonschedError as exc:
            return f"could not be harvested whole: {exc.message}"
        return ""


def _after(raw: bytes, line: bytes) -> bytes | None:
    """What follows a whole line in `raw`; None where that is not there."""
    at = raw.rfind(line)
    whole = at == 0 or (at > 0 and raw[at - 1 : at] == b"\n")
    return raw[at + len(line) :] if whole else None
