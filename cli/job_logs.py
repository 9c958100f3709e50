"""What a job printed, in one stream over its segments: kept ones from the evidence, the live one from its cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from cli import wiring
from cli.console import say
from scheduler.domain.errors import CarbonschedError
from scheduler.execution.clock import SystemClock
from scheduler.execution.sites import Sites
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import FINAL, SegmentRow
from scheduler.records.store import Store

_LOOK_EVERY: Final = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class Stream:
    """The log of a job as one text that only grows.

    Args:
        live: what a segment that may still run has printed so far.
    """

    evidence: EvidenceFiles
    live: Callable[[SegmentRow], str]
    _printed: dict[str, int] = field(default_factory=dict)
    _whole: set[str] = field(default_factory=set)

    def added(self, segments: Sequence[SegmentRow]) -> str:
        """What was printed since the last call, in the order of the segments."""
        return "".join(self._added(segment) for segment in segments)

    def _added(self, segment: SegmentRow) -> str:
        """What one segment printed since the last call; of a log over the cap only the last part is kept."""
        sid = segment.sid
        if sid in self._whole:
            return ""
        if segment.phase == "over":
            self._whole.add(sid)
            text, begin = self.evidence.log(segment.job_id, sid), self.evidence.log_cut(segment.job_id, sid)
        else:
            text, begin = self.live(segment), 0
        before = self._printed.get(sid, 0)
        self._printed[sid] = max(before, begin + len(text))
        skipped = max(0, begin - before)
        gap = f"[carbonsched: {skipped} characters of segment {segment.n} were not kept]\n" if skipped else ""
        return gap + text[max(0, before - begin) :]


@dataclass(slots=True)
class LiveLogs:
    """Asks the clusters, by executors that are built anew only where a cluster file has changed."""

    _sites: Sites | None = None
    _stamp: object = None
    _said: str = ""

    def read(self, segment: SegmentRow) -> str:
        """What a segment printed so far; nothing, with the reason on stderr, where its cluster does not say."""
        try:
            text = self._current().named(segment.cluster).executor.logs(segment.sid)
        except CarbonschedError as exc:
            if exc.message != self._said:
                say(exc.message)
            self._said = exc.message
            return ""
        self._said = ""
        return text

    def _current(self) -> Sites:
        """The clusters as they are declared now."""
        stamp = wiring.clusters_stamp()
        if self._sites is None or stamp != self._stamp:
            self._stamp, self._sites = stamp, wiring.sites(wiring.settings(), wiring.clusters())
        return self._sites


def print_logs(store: Store, job_id: str, *, follow: bool, tail: int | None, segment: int | None) -> None:
    """Print the log, and with `follow` what is added until the job ends."""
    clock = SystemClock()
    stream = Stream(evidence=wiring.evidence(), live=LiveLogs().read)
    first = True
    while True:
        with store.reading() as tx:
            row = tx.job(job_id)
            segments = [s for s in tx.segments(job_id) if segment is None or s.n == segment]
        text = stream.added(segments)
        if first and tail is not None:
            text = "".join(text.splitlines(keepends=True)[-tail:]) if tail else ""
        sys.stdout.write(text)
        sys.stdout.flush()
        first = False
        if not follow or row.state in FINAL:
            if not segments and not follow:
                say("it has not started" if segment is None else f"it has no segment {segment}")
            return
        clock.sleep(_LOOK_EVERY)
