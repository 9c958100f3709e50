"""The simulated world: time, storage and trainings that live, save and die as real ones do, only faster.

A training is over when its own end comes, never because somebody forgot it: a cluster that restarts may leave
it alive, and then only its work's end or a higher fence beside its checkpoint ends it, as with the real agent.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from scheduler.cluster_ports import Launch
from scheduler.records.evidence import PROTOCOL, outcome_name

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
SAMPLE_S: Final = 30.0
"""Time between two looks of an agent at its fence. [s]"""
SAVE_S: Final = 1.0
"""How long a training takes to save itself. [s]"""
PERIODIC_S: Final = 60.0
"""Work between two checkpoints of a training that nobody stops. [s]"""

How = Literal["finished", "failed", "stopped", "fenced", "killed"]


@dataclass(slots=True)
class SimClock:
    """The scheduler's clock: the wall may jump, the monotonic one never does."""

    true_s: float = 0.0
    jumped_s: float = 0.0

    def now(self) -> datetime:
        """What the scheduler's wall clock says."""
        return START + timedelta(seconds=self.true_s + self.jumped_s)

    def monotonic_s(self) -> float:
        """Seconds since the start. [s]"""
        return self.true_s

    def sleep(self, duration: timedelta) -> None:
        """Time passes between the passes only."""


@dataclass(slots=True)
class Storage:
    """What lies beside one job's checkpoint.

    Args:
        folder: where copies of the outcome are kept; None where the scheduler cannot see the storage.
        saved_s: work that is safe. [s]
        fences: when each fence was put there, and its number.
        away_until_s: nothing can be read or written there before. [s]
        missed: what was tried on it while it was away.
    """

    folder: Path | None
    saved_s: float = 0.0
    fences: list[tuple[float, int]] = field(default_factory=list)
    away_until_s: float = 0.0
    missed: int = 0

    @property
    def fence(self) -> int:
        """The highest number there."""
        return max((number for _, number in self.fences), default=0)

    def outranked_s(self, fence: int) -> float:
        """When a fence above `fence` came, never where none did. [s]"""
        return min((at_s for at_s, number in self.fences if number > fence), default=math.inf)


@dataclass(slots=True, kw_only=True)
class Training:
    """One training process.

    Args:
        begun_s: true time of its start. [s]
        from_s: work that was done before. [s]
        length_s: work there is in all. [s]
        fails_at_s: work at which it exits with 3. [s]
        stop_s: when it saw SIGTERM. [s]
        reports: whether it says its progress.
        heard: whether its agent lives to write an outcome.
        known: whether its cluster still knows of it.
    """

    launch: Launch
    cluster: str
    node_id: str
    begun_s: float
    from_s: float
    length_s: float
    fails_at_s: float
    reports: bool
    stop_s: float = math.inf
    ended_s: float = math.inf
    how: How | None = None
    heard: bool = True
    known: bool = True

    @property
    def job_id(self) -> str:
        """The job it belongs to."""
        return self.launch.metadata["carbonsched_job"]

    def lives_at(self, at_s: float) -> bool:
        """Whether it runs at a moment."""
        return self.begun_s <= at_s < self.ended_s

    def due(self, storage: Storage) -> tuple[float, How]:
        """When and how it will end as things stand."""
        outranked_s = max(storage.outranked_s(self.launch.fence), storage.away_until_s)
        ticks = math.ceil(max(0.0, outranked_s - self.begun_s) / SAMPLE_S) if outranked_s < math.inf else math.inf
        ways: list[tuple[float, How]] = [
            (self.begun_s + max(0.0, self.length_s - self.from_s), "finished"),
            (self.begun_s + max(0.0, self.fails_at_s - self.from_s), "failed"),
            (self.stop_s + SAVE_S, "stopped"),
            (self.begun_s + ticks * SAMPLE_S + SAVE_S, "fenced"),
        ]
        return min(ways)

    def end(self, at_s: float, how: How, storage: Storage) -> bytes | None:
        """Let it end; what its agent wrote, if it lives to write."""
        self.ended_s, self.how, self.begun_s = at_s, how, min(self.begun_s, at_s)
        worked_s = self.from_s + at_s - self.begun_s
        if how in ("killed", "failed"):
            worked_s -= (at_s - self.begun_s) % PERIODIC_S
        if at_s >= storage.away_until_s:
            storage.saved_s = max(storage.saved_s, min(self.length_s, worked_s))
        else:
            storage.missed += 1
        return self._outcome(min(1.0, worked_s / self.length_s)) if self.heard and how != "killed" else None

    def _outcome(self, progress: float) -> bytes:
        """The agent's file at the end."""
        begun, ended = START.timestamp() + self.begun_s, START.timestamp() + self.ended_s
        reason = {"stopped": "stopped", "fenced": "fenced"}.get(self.how or "", "exited")
        return json.dumps(
            {
                "v": PROTOCOL, "sid": self.launch.sid, "fence": self.launch.fence, "started_unix": begun,
                "ended_unix": ended, "duration_s": max(0.0, self.ended_s - self.begun_s),
                "exit_code": 3 if self.how == "failed" else 0, "reason": reason,
                "stop_received_unix": ended - SAVE_S if self.how == "stopped" else None,
                "progress_before": self.launch.progress, "progress": progress if self.reports else None,
                "samples": 1, "energy_j": None, "energy_source": "model", "error": "",
            }
        ).encode()  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What a job's trainings are like, whatever the scheduler thinks of them."""

    length_s: float
    fails_at_s: float
    reports: bool


@dataclass(slots=True)
class World:
    """Every job's storage and nature, and all trainings that ever began."""

    clock: SimClock
    storage: dict[str, Storage] = field(default_factory=dict)
    natures: dict[str, Nature] = field(default_factory=dict)
    trainings: list[Training] = field(default_factory=list)

    def begin(self, launch: Launch, cluster: str, node_id: str) -> Training | None:
        """Start a training, now or once its storage is there; None where a later one holds the fence."""
        job_id = launch.metadata["carbonsched_job"]
        storage, nature = self.storage[job_id], self.natures[job_id]
        if storage.fence > launch.fence:
            return None
        begun_s = max(self.clock.true_s, storage.away_until_s)  # its agent waits for the storage
        storage.missed += begun_s > self.clock.true_s
        if storage.fence < launch.fence:
            storage.fences.append((begun_s, launch.fence))
        training = Training(
            launch=launch, cluster=cluster, node_id=node_id, begun_s=begun_s, from_s=storage.saved_s,
            length_s=nature.length_s, fails_at_s=nature.fails_at_s, reports=nature.reports,
        )  # fmt: skip
        self.trainings.append(training)
        return training

    def end(self, training: Training, at_s: float, how: How) -> bytes | None:
        """Let a training end, with the copy of its outcome where the storage is; returns what its agent wrote."""
        storage = self.storage[training.job_id]
        raw = training.end(at_s, how, storage)
        if raw is not None and storage.folder is not None and at_s >= storage.away_until_s:
            storage.folder.mkdir(parents=True, exist_ok=True)
            (storage.folder / outcome_name(training.launch.sid)).write_bytes(raw)
        return raw

    def alive(self) -> list[Training]:
        """The trainings that run now."""
        return [each for each in self.trainings if each.lives_at(self.clock.true_s)]
