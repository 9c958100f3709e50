"""What a job printed, in one stream over its segments: kept ones from the evidence, the live one from its cluster."""

from __future__ import annotations

import sys
from datetime import timedelta

from cli import wiring
from cli.console import say
from scheduler.domain.errors import ClusterUnreachable
from scheduler.execution.clock import SystemClock
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import FINAL, SegmentRow
from scheduler.records.store import Store

_LOOK_EVERY = timedelta(seconds=1)


def print_logs(store: Store, job_id: str, *, follow: bool, tail: int | None, segment: int | None) -> None:
    """Print the log, and with `follow` what is added until the job ends."""
    clock = SystemClock()
    printed: dict[str, int] = {}
    first = True
    while True:
        with store.reading() as tx:
            row = tx.job(job_id)
            segments = [s for s in tx.segments(job_id) if segment is None or s.n == segment]
        text = ""
        for one in segments:
            whole = _read(wiring.evidence(), one)
            text += whole[printed.get(one.sid, 0) :]
            printed[one.sid] = max(len(whole), printed.get(one.sid, 0))
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


def _read(evidence: EvidenceFiles, segment: SegmentRow) -> str:
    """What one segment printed so far."""
    if segment.phase == "over":
        return evidence.log(segment.job_id, segment.sid)
    try:
        return wiring.sites(wiring.settings(), wiring.clusters()).named(segment.cluster).executor.logs(segment.sid)
    except ClusterUnreachable as exc:
        say(exc.message)
        return ""
