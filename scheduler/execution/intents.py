"""Launching: the intent to run the next segment, written once its cluster has room for all of it, then the launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from scheduler.cluster_ports import Capacity
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import ClusterRefused, InvalidInput, StoreError
from scheduler.execution.lanes import Lanes
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout, View
from scheduler.execution.probes import FOR, Probes
from scheduler.execution.sites import Claim, Sites, claim, coming, room
from scheduler.execution.words import Words
from scheduler.ports import Clock
from scheduler.problem.closed import open_to
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.store import Store

NO_ROOM: Final = "no room"
_PATIENCE: Final = timedelta(minutes=10)
"""How long a job waits for room after its planned start before it is planned again."""
_SHOWN_WITHIN: Final = timedelta(seconds=15) + FOR
"""Ray shows GPUs as taken within this time of a launch, about 7 s with its default intervals; what was asked may be a
little older."""


@dataclass(slots=True, kw_only=True)
class Intents:
    """Starts segments."""

    store: Store
    sites: Sites
    launcher: Launcher
    lookout: Lookout
    probes: Probes
    lanes: Lanes
    clock: Clock
    words: Words
    _waits_s: dict[tuple[str, int], float] = field(init=False, default_factory=dict)

    async def intend(self, view: View) -> bool:
        """Write the intent to run the next segment; whether another step may follow at once."""
        job, plan, ahead = view.job, view.plan, view.ahead
        assert plan is not None and ahead is not None, job.id  # noqa: S101, PT018  # a start is due only by a plan
        site = self.sites.named(ahead.cluster)
        capacity = await self.probes.of(ahead.cluster)
        lacks = self._lacks(claim(job.job, site.cluster, ahead.gpus), site.cluster, capacity)
        if lacks:
            return self._crowded(view, f"{NO_ROOM} on {ahead.cluster}: {lacks}")
        self._waits_s.pop((job.id, plan.id), None)
        n = 1 + sum(s.end == "suspended" for s in view.segments)
        attempt = 1 + sum(s.n == n for s in view.segments)
        now = self.clock.now()
        row = SegmentRow(
            fence=0, job_id=job.id, plan_id=plan.id, n=n, attempt=attempt, sid=f"cs-{job.id}-s{n}-a{attempt}",
            cluster=ahead.cluster, gpus=ahead.gpus, planned_end=ahead.end,
            is_last=ahead == plan.placement.segments[-1], phase="intended", stop_asked_at=None, intended_at=now,
            granted_at=None, seen_at=None, released_at=None, node_id="", end="",
            session=capacity.session,
        )  # fmt: skip
        with self.store.writing() as tx:
            if tx.job(job.id).wanted != "run":
                return True
            tx.add_segment(row)
            tx.set_job(job.id, state=JobState.LAUNCHING, reason="")
            tx.add_event(job.id, now, "launching", f"segment {n}, attempt {attempt}, on {ahead.cluster}")
        self.lookout.leases.intended(row.sid)
        return True

    async def submit(self, job: JobRow, segment: SegmentRow) -> bool:
        """Hand the launch to the cluster; safe to repeat, the id is the key."""
        site = self.sites.named(segment.cluster)
        launch = self.launcher.launch(job, segment, site.cluster)

        def work() -> None:
            """Send it."""
            with self.lookout.circuits.asking(segment.cluster):
                lost = self.lookout.leases.sent(segment)
                try:
                    site.executor.submit(launch)
                except (ClusterRefused, InvalidInput, StoreError):  # each says that nothing is on its way
                    if not lost:
                        self.lookout.leases.refused(segment)
                    raise

        await self.lanes.ask(segment.cluster, work)
        return False

    def _crowded(self, view: View, why: str) -> bool:
        """Wait for room with patience, then look for another place: what others use now is known by then.

        Patience is measured by both clocks, so that a wall clock that jumps ahead ends it for nobody.
        """
        assert view.ahead is not None and view.plan is not None, view.job.id  # noqa: S101, PT018  # it waits for the next stretch
        now_s = self.clock.monotonic_s()
        first_s = self._waits_s.setdefault((view.job.id, view.plan.id), now_s)
        waited = timedelta(seconds=now_s - first_s)
        if min(waited, self.clock.now() - view.ahead.start) < _PATIENCE:
            self.words.reason(view.job, why)
            return False
        del self._waits_s[view.job.id, view.plan.id]
        return self.words.settle(view.job, JobState.QUEUED, why)

    def _lacks(self, wanted: Claim, cluster: Cluster, capacity: Capacity) -> str:
        """What a launch lacks on a cluster now, empty where nothing: GPUs that are free, and that its file leaves."""
        there = self._launched(cluster)
        free = room(capacity.free_by_node, self._on_the_way(there, capacity), spans=wanted.spans, node=wanted.node)
        if free < wanted.gpus:
            where = "" if wanted.spans else f" in whole nodes of {wanted.node}" if wanted.node else " on a node"
            return f"{free} of {wanted.gpus} GPUs free{where}"
        open_gpus = open_to(wanted.gpus, cluster, self.clock.now())
        left = max(0, open_gpus - sum(each.gpus for _, each in there))
        if open_gpus < cluster.gpus and left < wanted.gpus:
            return f"{left} of {wanted.gpus} GPUs left beside what is kept back or closed"
        return ""

    def _launched(self, cluster: Cluster) -> list[tuple[SegmentRow, Claim]]:
        """Our launches that may be on the cluster, each with what it takes."""
        with self.store.reading() as tx:
            sent = [s for s in tx.open_segments() if s.cluster == cluster.name]
            return [(s, claim(tx.job(s.job_id).job, cluster, s.gpus)) for s in sent]

    def _on_the_way(self, there: Sequence[tuple[SegmentRow, Claim]], capacity: Capacity) -> list[Claim]:
        """What launches take that the cluster's free GPUs may not show yet."""
        now = self.clock.now()
        fresh = [each for s, each in there if s.phase == "intended" or abs(now - s.intended_at) < _SHOWN_WITHIN]
        return coming(capacity, [each for _, each in there], fresh)
