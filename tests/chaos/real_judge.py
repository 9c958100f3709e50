"""What must hold on real Ray, judged by the diaries that the trainings keep themselves."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from scheduler.execution.lookout import next_segment
from scheduler.records.accounts import run_coverage
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.gather import gather
from scheduler.records.rows import FINAL, JobRow, JobState
from scheduler.records.store import Store
from tests.chaos.sim_judge import CHANGED_STATES, DOUBLE_RUNS, LOST_JOBS, WRONG_STATES
from tests.chaos.witness import Life, lives, overlaps_s

TORN = "torn checkpoints used"
HANGS = "nothing moved for over 60 s"
EARLY = "second copies begun while an orphan's lease ran"
UNSAID = "runs that no account has, and that no report says are missing"
REAL_VIOLATIONS = (LOST_JOBS, DOUBLE_RUNS, WRONG_STATES, CHANGED_STATES, TORN, HANGS, EARLY, UNSAID)

TRAINING_WORD: Final = "train.py"
"""In the command line of a training, and of nothing else here."""
LEASE_S: Final = 12.0
"""How long an agent that nobody sees may still run, in these rounds. [s]"""
GRACE_S: Final = 4.0
"""Between SIGTERM and SIGKILL. [s]"""
_FENCE_S: Final = 1.0 + GRACE_S
"""How long an attempt that is outranked may go on: a sample, and its grace to save. [s]"""
_TOLD_S: Final = 30.0
"""How much too old the store's word may be that a segment lives. [s]"""
_HANG_S: Final = 60.0 + LEASE_S + GRACE_S + _TOLD_S
_BUDGET: Final = 3
_UNSEEN_S: Final = 1.0
"""How much of a run the machine's own timing may put outside of what is reserved. [s]"""
_CLOCKS_S: Final = 1.5
"""How much sooner the scheduler may have seen a head die than the one who killed it noted. [s]"""


@dataclass(frozen=True, slots=True)
class Wish:
    """A job of the batch: what it is, and how it should end; `soon` gives its plan no time to wait."""

    name: str
    length_s: float
    code: int = 0
    ends: frozenset[JobState] = frozenset({JobState.SUCCEEDED})
    person: Literal["", "cancel", "hold"] = ""
    moves: bool = False
    soon: bool = False


@dataclass(slots=True, kw_only=True)
class RealJudge:
    """Watches the store and the diaries.

    Args:
        storage: folder that the clusters share, where each job has its diaries.
        struck: how often each job's attempt was taken by a fault.
        orphans: when the head of each training that outlived it died, by the training's process. [Unix s]
    """

    storage: Path
    facts: Counter[str] = field(default_factory=Counter)
    found: list[tuple[str, str]] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    orphans: dict[int, float] = field(default_factory=dict)
    _moved: dict[str, tuple[object, float]] = field(default_factory=dict)
    _final: dict[str, JobState] = field(default_factory=dict)

    def look(self, store: Store, ids: dict[Wish, str]) -> int:
        """How many jobs are open; notes what hangs and what changes that may not."""
        now_s = time.monotonic()
        with store.reading() as tx:
            rows = [tx.job(job_id) for job_id in [*ids.values()]]
            past = {row.id: tx.segments(row.id) for row in rows}
            plans = tx.newest_plans([row.id for row in rows if row.state not in FINAL])
        parts = {row.id: (row.state, tuple(s.phase for s in past[row.id])) for row in rows}
        for row in rows:
            if self._final.get(row.id, row.state) != row.state:
                self.found.append((CHANGED_STATES, f"{row.job.name}: {self._final[row.id]} to {row.state}"))
            if row.state in FINAL:
                self._final[row.id] = row.state
                continue
            ahead = next_segment(plans[row.id], past[row.id])
            self._note_hang(row, parts[row.id], now_s, None if ahead is None else ahead.start)
        return sum(row.state not in FINAL for row in rows)

    def _note_hang(self, row: JobRow, stands: object, now_s: float, due: datetime | None) -> None:
        """A job in which nothing moves and nothing lives for longer than any wait it may have to sit out.

        Args:
            due: when its plan goes on; before that there is nothing to move.
        """
        before, since_s = self._moved.get(row.id, (None, now_s))
        waits = row.state in (JobState.PLANNED, JobState.SUSPENDED) and due is not None and due > datetime.now(UTC)
        moved = (
            before != stands
            or waits
            or any(TRAINING_WORD in command(each.pid) for each in lives(self.storage / row.id)[-1:])
        )
        self._moved[row.id] = (stands, now_s if moved else since_s)
        if now_s - since_s > _HANG_S and not moved:
            text = f"{row.job.name} is {row.state.value}: {row.reason or 'no reason'}, due at {due}"
            self.found.append((HANGS, text))
            self._moved[row.id] = (stands, now_s)

    def forgive(self, seconds: float) -> None:
        """Count no wait for a time in which nobody looked, as while a head was started again. [s]"""
        self._moved = {job_id: (stands, since_s + seconds) for job_id, (stands, since_s) in self._moved.items()}

    def verdict(self, store: Store, ids: dict[Wish, str]) -> None:
        """Every job against what its trainings' own diaries say."""
        for wish, job_id in ids.items():
            with store.reading() as tx:
                row, segments = tx.job(job_id), tx.segments(job_id)
            found = lives(self.storage / job_id)
            self.facts[f"jobs {row.state.value}"] += 1
            self.facts["segments"] += len(segments)
            self.facts["processes begun"] += len(found)
            self.facts["jobs that ran on two clusters"] += len({s.cluster for s in segments if s.end != ""}) > 1
            for both_s in overlaps_s(found):
                self.facts["pairs that met until the fence was seen"] += 1
                if both_s > _FENCE_S:
                    self.found.append((DOUBLE_RUNS, f"{wish.name}: two for {both_s:.1f} s"))
            self._early(wish, found)
            self.found += [(TORN, f"{wish.name}, process {life.pid}") for life in found if life.torn]
            self.facts["orphans that outlive their job"] += sum(TRAINING_WORD in command(life.pid) for life in found)
            self._state(wish, row, found)
            self._energy(wish, store, row, found)

    def _energy(self, wish: Wish, store: Store, row: JobRow, found: list[Life]) -> None:
        """Every run lies in what is reserved for its job, or the report says that less than all is known."""
        with store.reading() as tx:
            history = gather(tx, EvidenceFiles(store.folder), row, now=datetime.now(UTC))
        if run_coverage(row.job, history.attempts) < 1:
            self.facts["jobs whose report says less than all is known"] += 1
            return
        spans = [tuple(each.timestamp() for each in attempt.reserved) for attempt in history.attempts]
        for life in found:
            outside_s = life.last - life.begun - max((_shared_s(life, *span) for span in spans), default=0.0)
            if outside_s > _UNSEEN_S and life.pid in self.orphans:
                self.facts["orphans' seconds outside every reservation"] += round(outside_s)
            elif outside_s > _UNSEEN_S:
                self.found.append((UNSAID, f"{wish.name}, process {life.pid}: {outside_s:.1f} s"))

    def _early(self, wish: Wish, found: list[Life]) -> None:
        """No copy of an orphan begins before the orphan ended, or its lease ran out after its head's death."""
        for orphan in (life for life in found if life.pid in self.orphans):
            due = min(orphan.last, self.orphans[orphan.pid] + LEASE_S)
            self.found += [
                (EARLY, f"{wish.name}: {due - life.begun:.1f} s too early")
                for life in found if orphan.begun < life.begun < due - _CLOCKS_S
            ]  # fmt: skip

    def _state(self, wish: Wish, row: JobRow, found: list[Life]) -> None:
        """Whether a job ended, and as it should."""
        finished = any(life.code == 0 and life.done > wish.length_s - 0.2 for life in found)
        says = f"{wish.name} is {row.state.value}: {row.reason or 'no reason'}"
        given_up = row.state is JobState.LOST and self.struck[row.id] > _BUDGET
        if row.state not in FINAL:
            self.found.append((LOST_JOBS, says))
        elif not given_up and (row.state not in wish.ends or (row.state is JobState.SUCCEEDED and not finished)):
            self.found.append((WRONG_STATES, says))


def _shared_s(life: Life, begin: float, end: float) -> float:
    """How much of a life lies between two instants. [s]"""
    return max(0.0, min(life.last, end) - max(life.begun, begin))


def command(pid: int) -> str:
    """The command line of a process, empty where there is none."""
    done = subprocess.run(["ps", "-wwo", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def parent_of(pid: int) -> int:
    """The parent of a process, 0 where it has none."""
    done = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=False)
    with contextlib.suppress(ValueError):
        return int(done.stdout)
    return 0
