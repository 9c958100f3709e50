"""A simulated Ray cluster with Ray's habits: it forgets when it restarts, and a stop of what is pending starts it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from scheduler.cluster_ports import Capacity, JobStatus, Launch, Observation
from scheduler.records.evidence import outcome_name
from tests.chaos.faults import Faults
from tests.chaos.simulated import SAVE_S, How, Training, World

NODE_GPUS: Final = 8
_STATUS: Final[dict[How, JobStatus]] = {
    "finished": "succeeded", "failed": "failed", "stopped": "stopped", "fenced": "failed", "killed": "failed",
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Submission:
    """A job as the cluster knows it."""

    launch: Launch
    start_s: float
    status: JobStatus = "pending"
    stop_asked: bool = False
    error_type: str = ""
    node_id: str = ""
    training: Training | None = None


@dataclass(slots=True, kw_only=True)
class SimCluster:
    """One cluster of two nodes.

    Args:
        others: GPUs that somebody else's jobs hold on the first node. [GPUs]
        judge_stop: told of every stop before it is carried out.
        landing: requests that are still on the way: when they land, on which session, and what they bring.
    """

    name: str
    world: World
    faults: Faults
    rng: Random
    judge_stop: Callable[[str], None]
    session: int = 1
    others: int = 0
    known: dict[str, Submission] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    landing: list[tuple[float, int, Launch]] = field(default_factory=list)
    ran: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    # What the scheduler asks

    def probe(self) -> Capacity:
        """What is free."""
        with self.faults.call(self.name, "probe"):
            free = self._free()
            return Capacity(
                session=f"{self.name}-{self.session}", ray_version="sim", gpus_total=2 * NODE_GPUS,
                gpus_free=sum(free), free_by_node=tuple(free),
            )  # fmt: skip

    def submit(self, launch: Launch) -> None:
        """Take it once; a request whose answer is lost may land late."""
        now_s = self.world.clock.true_s
        late = self.faults.lines[self.name].mute("submit", now_s) and self.rng.random() < 0.5
        with self.faults.call(self.name, "submit"):
            if late:
                self.faults.counts["submissions that landed late"] += 1
                self.landing.append((now_s + self.rng.uniform(1, 20), self.session, launch))
            else:
                self._land(launch)

    def observe(self, sid: str) -> Observation:
        """What became of it."""
        with self.faults.call(self.name, "observe"):
            held = self.known.get(sid)
            if held is None:
                return Observation(sid=sid, status="absent")
            return Observation(
                sid=sid, status=held.status, error_type=held.error_type, node_id=held.node_id,
                metadata=held.launch.metadata,
            )  # fmt: skip

    def stop(self, sid: str) -> None:
        """Ask it to stop; what is pending starts first and is stopped then, as Ray does it."""
        with self.faults.call(self.name, "stop"):
            held = self.known.get(sid)
            if held is None:
                return
            self.judge_stop(sid)
            held.stop_asked = True
            if held.training is not None and held.status == "running":
                held.training.stop_s = min(held.training.stop_s, self.world.clock.true_s)

    def logs(self, sid: str) -> str:
        """What it printed."""
        with self.faults.call(self.name, "logs"):
            return f"log of {sid}\n" if sid in self.known else ""

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """What its agent wrote, while the node's session lasts."""
        with self.faults.call(self.name, "evidence"):
            raw = self.files.get((node_id, name)) if node_id == self._node_id else None
            if raw is not None and self.rng.random() < 0.1:
                self.faults.counts["evidence that came cut in half"] += 1
                return raw[: len(raw) // 2]
            return raw

    # What happens to it

    def advance(self) -> None:
        """Let happen what was due until now."""
        now_s = self.world.clock.true_s
        for _, session, launch in [each for each in self.landing if each[0] <= now_s]:
            if session == self.session:
                self._land(launch)
        self.landing = [each for each in self.landing if each[0] > now_s]
        for held in self.known.values():
            if held.status == "pending" and held.start_s <= now_s and self._fits(held.launch):
                self._start(held)

    def tell(self, training: Training, raw: bytes | None) -> None:
        """A training of this cluster ended: its supervisor notes it, where one is left."""
        if not training.known:
            return
        held = self.known[training.launch.sid]
        held.status = _STATUS[training.how or "killed"]
        if raw is not None:
            self.files[training.node_id, outcome_name(training.launch.sid)] = raw

    def restart(self) -> None:
        """Die and come back with nothing in mind; some trainings live on, the others are killed."""
        self.touched |= {*self.known, *(each[2].sid for each in self.landing)}
        for held in self.known.values():
            if held.training is not None and held.status == "running":
                self._orphan_or_kill(held.training)
        self.session += 1
        self.known.clear()
        self.files.clear()

    def lose_supervisor(self) -> None:
        """The supervisor of one running job dies, with or without its training."""
        running = [each for each in self.known.values() if each.status == "running"]
        if running:
            held = self.rng.choice(running)
            assert held.training is not None
            held.status, held.error_type = "failed", "JOB_SUPERVISOR_ACTOR_DIED"
            self.touched.add(held.launch.sid)
            self.faults.counts["supervisors killed"] += 1
            self._orphan_or_kill(held.training)

    def lose_agent(self) -> None:
        """The agent of one running job is killed, and its training with it: no outcome."""
        running = [each for each in self.known.values() if each.status == "running" and each.training is not None]
        if running:
            held = self.rng.choice(running)
            assert held.training is not None
            self.touched.add(held.launch.sid)
            self.faults.counts["agents killed"] += 1
            self.tell(held.training, self.world.end(held.training, self.world.clock.true_s, "killed"))

    @property
    def _node_id(self) -> str:
        """The node of this session."""
        return f"{self.name}-node-{self.session}"

    def _orphan_or_kill(self, training: Training) -> None:
        """Leave a training alive without anybody who knows it, or kill it."""
        training.known = False
        if self.rng.random() < 0.5:
            self.faults.counts["trainings orphaned"] += 1
        else:
            self.world.end(training, self.world.clock.true_s, "killed")

    def _land(self, launch: Launch) -> None:
        """A submission arrives; the id is the key."""
        if launch.sid not in self.known:
            slow = self.rng.random() < 0.04
            wait_s = self.rng.uniform(60, 200) if slow else self.rng.uniform(0.5, 8)
            self.faults.counts["submissions that stayed pending"] += slow
            self.known[launch.sid] = Submission(launch=launch, start_s=self.world.clock.true_s + wait_s)

    def _start(self, held: Submission) -> None:
        """A pending job starts; one that was asked to stop is stopped right after."""
        held.node_id = self._node_id
        held.training = self.world.begin(held.launch, self.name, self._node_id)
        if held.training is None:
            held.status = "failed"
            return
        self.ran.add(held.launch.sid)
        held.status = "running"
        if held.stop_asked:
            held.training.stop_s = self.world.clock.true_s + SAVE_S

    def _fits(self, launch: Launch) -> bool:
        """Whether a node has room for it."""
        return max(self._free()) >= launch.gpus

    def _free(self) -> list[int]:
        """GPUs free on each node, as the cluster sees it: it does not see orphans. [GPUs]"""
        free = [NODE_GPUS - self.others, NODE_GPUS]
        for held in sorted(self.known.values(), key=lambda each: -each.launch.gpus):
            if held.status == "running":
                fitting = [node for node in (0, 1) if free[node] >= held.launch.gpus]
                node = min(fitting, key=lambda each: free[each]) if fitting else 1
                free[node] -= held.launch.gpus
        return [max(0, each) for each in free]


def settle(world: World, clusters: dict[str, SimCluster], to_s: float) -> None:
    """Let true time pass, every end and start at its own moment."""
    clock = world.clock
    while True:
        ends = [(*each.due(world.storage[each.job_id]), index) for index, each in enumerate(world.trainings)
                if each.ended_s == math.inf]  # fmt: skip
        starts = [held.start_s for each in clusters.values() for held in each.known.values()
                  if held.status == "pending" and clock.true_s < held.start_s <= to_s]  # fmt: skip
        starts += [at_s for each in clusters.values() for at_s, _, _ in each.landing if clock.true_s < at_s <= to_s]
        first = min(ends, default=(math.inf, "killed", -1))
        next_s = min(first[0], *starts, to_s) if starts else min(first[0], to_s)
        clock.true_s = max(clock.true_s, next_s)
        if first[0] <= next_s:
            training = world.trainings[first[2]]
            clusters[training.cluster].tell(training, world.end(training, first[0], first[1]))
        for each in clusters.values():
            each.advance()
        if clock.true_s >= to_s and first[0] > to_s:
            return
