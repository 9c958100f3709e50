"""A cluster in memory: it takes launches and keeps the executor's contract, and nothing runs anywhere.

For rehearsals and tests. What a real agent would have written can be read from it, so the engine sees no
difference; how long a job runs is up to whoever made the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.cluster_ports import Capacity, JobStatus, Launch, Observation
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, UnknownName
from scheduler.ports import Clock
from scheduler.records.evidence import PROTOCOL, OutcomeReason, outcome_name, samples_name

NODE_ID: Final = "dry-run"


@dataclass(slots=True, kw_only=True)
class _Held:
    """A job as the cluster holds it: when it was submitted or, once it runs on its node, started."""

    launch: Launch
    observation: Observation
    started_at: datetime
    gpus_on: dict[int, int] = field(default_factory=dict)
    stop_asked: bool = False
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self.observation.status == "running"


@dataclass(slots=True, kw_only=True)
class DryRun:
    """An executor whose jobs only exist here.

    Args:
        gpus_by_node: GPUs of each of its nodes.
        runs_for: how long a launch runs before it succeeds; None for until somebody ends it.
        reachable: whether it answers; set it to False to cut it off, and what runs there runs on.
    """

    clock: Clock
    gpus_by_node: tuple[int, ...] = (8,)
    runs_for: Callable[[Launch], timedelta | None] = lambda _launch: None
    reachable: bool = True
    _held: dict[str, _Held] = field(default_factory=dict)
    _sessions: int = 1

    def probe(self) -> Capacity:
        """What is there and free."""
        self._answer()
        free = self._free()
        return Capacity(
            session=f"dry-run-{self._sessions}",
            ray_version="none",
            gpus_total=sum(self.gpus_by_node),
            gpus_free=sum(free),
            free_by_node=tuple(sorted(free, reverse=True)),
        )

    def submit(self, launch: Launch) -> None:
        """Start it once: a second call with the same `sid` and metadata changes nothing."""
        self._answer()
        held = self._held.get(launch.sid)
        if held is None:
            pending = Observation(sid=launch.sid, status="pending", metadata=dict(launch.metadata))
            self._held[launch.sid] = _Held(launch=launch, observation=pending, started_at=self.clock.now())
            self._advance()
        elif held.observation.metadata != launch.metadata:
            raise ClusterRefused(f"the dry run has another job of the id {launch.sid!r}")

    def observe(self, sid: str) -> Observation:
        """What became of it."""
        self._answer()
        held = self._held.get(sid)
        return Observation(sid=sid, status="absent") if held is None else held.observation

    def stop(self, sid: str) -> None:
        """End it as a training that saves itself at once; one that waits begins first, as in Ray."""
        self._answer()
        if sid in self._held:
            self._held[sid].stop_asked = True
            self._advance()

    def logs(self, sid: str) -> str:
        """What it printed so far: the command that would have run."""
        self._answer()
        return f"would run {self._held[sid].launch.entrypoint!r}\n" if sid in self._held else ""

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """A file that an agent would have written, or its last `tail` lines; None where there is none."""
        self._answer()
        found = [held.files[name] for held in self._held.values() if name in held.files and node_id == NODE_ID]
        if not found or tail is None:
            return found[0] if found else None
        return b"".join(found[0].splitlines(keepends=True)[-tail:])

    def finish(self, sid: str, *, exit_code: int = 0, progress: float | None = None) -> None:
        """Let a running job end by itself, with success on 0."""
        status: JobStatus = "succeeded" if exit_code == 0 else "failed"
        self._end(self._running(sid), status, "exited", exit_code=exit_code, progress=progress)

    def kill(self, sid: str) -> None:
        """Let a running job fail without a word, as when its supervisor dies."""
        held = self._running(sid)
        held.observation = replace(held.observation, status="failed", error_type="JOB_SUPERVISOR_ACTOR_DIED")

    def restart(self) -> None:
        """Forget every job and begin a new session, as a head that was started anew."""
        self._held.clear()
        self._sessions += 1

    def _answer(self) -> None:
        """Be there to answer, at the clock's time."""
        if not self.reachable:
            raise ClusterUnreachable("the dry run was cut off", hint="set reachable to True")
        self._advance()

    def _advance(self) -> None:
        """End what is due or was asked to stop, and start what waits and fits."""
        for held in self._held.values():
            runs_for = self.runs_for(held.launch)
            if held.runs and runs_for is not None and self.clock.now() >= held.started_at + runs_for:
                at = held.started_at + runs_for
                self._end(held, "succeeded", "exited", exit_code=0, progress=1.0, at=at)
        for held in self._held.values():
            if held.observation.status == "pending":
                self._start(held)
            if held.runs and held.stop_asked:
                self._end(held, "stopped", "stopped", exit_code=0, progress=None)

    def _start(self, held: _Held) -> None:
        """Let a job begin now on the first node that has room, on as many as it goes over, or a driver's on all."""
        free, gpus = dict(enumerate(self._free())), held.launch.gpus // held.launch.nodes
        if held.launch.kind == "ray" and sum(free.values()) >= gpus:
            for node, there in free.items():
                held.gpus_on[node] = min(there, gpus - sum(held.gpus_on.values()))
        elif len(roomy := [node for node, there in free.items() if there >= gpus]) >= held.launch.nodes:
            held.gpus_on = dict.fromkeys(roomy[: held.launch.nodes], gpus)
        if held.gpus_on:
            held.started_at = self.clock.now()
            held.observation = replace(held.observation, status="running", node_id=NODE_ID)
            self._sample(held, held.started_at, None)

    def _free(self) -> list[int]:
        """GPUs free on each node. [GPUs]"""
        free = list(self.gpus_by_node)
        for held in self._held.values():
            if held.runs:
                for node, gpus in held.gpus_on.items():
                    free[node] -= gpus
        return free

    def _running(self, sid: str) -> _Held:
        """The job of that id, which must be running."""
        self._advance()
        running = {name: held for name, held in self._held.items() if held.runs}
        if sid not in running:
            raise UnknownName("running job", sid, running)
        return running[sid]

    def _end(
        self,
        held: _Held,
        status: JobStatus,
        reason: OutcomeReason,
        *,
        exit_code: int,
        progress: float | None,
        at: datetime | None = None,
    ) -> None:
        """Write the evidence of an end, at the clock's time where `at` says none."""
        ended_at = at or self.clock.now()
        self._sample(held, ended_at, progress)
        driver_code = None if status == "stopped" else exit_code  # as Ray, which forgets it
        held.observation = replace(held.observation, status=status, exit_code=driver_code)
        outcome = {
            "v": PROTOCOL,
            "sid": held.launch.sid,
            "fence": held.launch.fence,
            "started_unix": held.started_at.timestamp(),
            "ended_unix": ended_at.timestamp(),
            "duration_s": (ended_at - held.started_at).total_seconds(),
            "exit_code": exit_code,
            "reason": reason,
            "stop_received_unix": ended_at.timestamp() if reason == "stopped" else None,
            "progress_before": held.launch.progress,
            "progress": progress,
            "samples": held.files[samples_name(held.launch.sid)].count(b"\n"),
            "energy_j": None,
            "energy_source": "model",
            "error": "",
        }
        held.files[outcome_name(held.launch.sid)] = json.dumps(outcome).encode()

    @staticmethod
    def _sample(held: _Held, at: datetime, progress: float | None) -> None:
        """Write one more sample."""
        name = samples_name(held.launch.sid)
        before = held.files.get(name, b"")
        sample = {
            "v": PROTOCOL,
            "n": before.count(b"\n"),
            "t_unix": at.timestamp(),
            "mono_s": (at - held.started_at).total_seconds(),
            "energy_j": None,
            "energy_source": "model",
            "progress": progress,
        }
        held.files[name] = before + json.dumps(sample).encode() + b"\n"
