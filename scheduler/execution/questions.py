"""What a cluster is asked about one segment, its evidence brought home on the way; runs on the cluster's lane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from scheduler.cluster_ports import Observation, Storage
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, StorageUnreachable
from scheduler.execution.circuits import Circuits
from scheduler.execution.harvest import Harvester
from scheduler.execution.sites import Site
from scheduler.execution.storage import storage_of
from scheduler.execution.transitions import TERMINAL, Seen
from scheduler.ports import Clock
from scheduler.records.evidence import Outcome, Sample
from scheduler.records.rows import JobRow, SegmentRow

_BLIND_S: Final = 30.0
"""Pause before a cluster that answers, but hands out no evidence, is asked for some again. [s]"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cluster said of a segment.

    Args:
        silence: why it did not answer, empty where it did.
        unread: why its evidence could not be read though the segment is over, empty where it could.
        restarted: whether it is another cluster than the one that the intent was written for.
        ends: the first and the newest sample of a run, where they were just read.
    """

    seen: Seen
    observation: Observation | None = None
    outcome: Outcome | None = None
    silence: str = ""
    unread: str = ""
    restarted: bool = False
    ends: tuple[Sample, Sample] | None = None


@dataclass(slots=True, kw_only=True)
class Questions:
    """Asks clusters about segments."""

    harvester: Harvester
    circuits: Circuits
    clock: Clock
    _blind: dict[str, tuple[float, str]] = field(default_factory=dict)
    _looked_s: dict[str, float] = field(default_factory=dict)

    def ask(self, site: Site, job: JobRow, live: SegmentRow, *, watched: bool) -> Answer:
        """What the segment's cluster says.

        Args:
            site: its cluster.
            job: whose segment it is.
            live: the segment.
            watched: whether its newest sample is wanted now, and not only now and then.
        """
        name = site.cluster.name
        try:
            with self.circuits.asking(name):
                observation = site.executor.observe(live.sid)
                unsent = live.phase == "intended" and observation.status == "absent"
                restarted = unsent and site.executor.probe().session != live.session
        except ClusterUnreachable as exc:
            return Answer("unreachable", silence=exc.message)
        if observation.status == "running":
            return self._of_a_run(site, job, live, observation, watched=watched)
        if live.phase == "granted" or observation.status in TERMINAL - {"absent"}:
            outcome, unread = self._of_an_end(site, job, live, observation)
            return Answer(observation.status, observation, outcome, unread=unread, restarted=restarted)
        return Answer(observation.status, observation, restarted=restarted)

    def forget(self, live: SegmentRow) -> None:
        """Drop what is known of a segment that is closed."""
        self._blind.pop(live.sid, None)
        self._looked_s.pop(live.sid, None)

    def _of_a_run(
        self, site: Site, job: JobRow, live: SegmentRow, observation: Observation, *, watched: bool
    ) -> Answer:
        """Evidence of what runs, now and then; what is not handed out can wait, and holds up no stop meanwhile."""
        now_s, name = self.clock.monotonic_s(), site.cluster.name
        rests = now_s - self._looked_s.get(live.sid, float("-inf")) < self.harvester.every.total_seconds()
        if self._is_blind(name) or (rests and not watched):
            return Answer("running", observation)
        self._looked_s[live.sid] = now_s
        try:
            outcome = None
            if live.phase == "granted":
                outcome = self.harvester.outcome(live, site.executor, observation, _storage(site, job))
            self.harvester.samples(live, site.executor, observation.node_id, last=watched)
        except (ClusterRefused, ClusterUnreachable, StorageUnreachable) as exc:
            self._blind[name] = (now_s + _BLIND_S, exc.message)
            return Answer("running", observation)
        ends = self.harvester.evidence.first_and_last(live.job_id, live.sid)
        return Answer("running", observation, outcome, ends=ends)

    def _of_an_end(
        self, site: Site, job: JobRow, live: SegmentRow, observation: Observation
    ) -> tuple[Outcome | None, str]:
        """The outcome of what is over; where its cluster keeps it to itself, the copy on the storage, and why."""
        storage = _storage(site, job)
        try:
            if not self._is_blind(live.sid):
                return self.harvester.outcome(live, site.executor, observation, storage), ""
        except (ClusterRefused, ClusterUnreachable) as exc:
            self._blind[live.sid] = (self.clock.monotonic_s() + _BLIND_S, exc.message)
        except StorageUnreachable as exc:
            return None, exc.message
        _, why = self._blind[live.sid]
        try:
            return self.harvester.copied(live, storage), why
        except StorageUnreachable:
            return None, why

    def _is_blind(self, whom: str) -> bool:
        """Whether a cluster, or one about a segment that is over, has just refused to hand out evidence."""
        return self.clock.monotonic_s() < self._blind.get(whom, (0.0, ""))[0]


def _storage(site: Site, job: JobRow) -> Storage | None:
    """Where the job saves itself there, as it is reached from here."""
    return storage_of(job.id, job.job, site.cluster)
