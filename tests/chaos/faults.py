"""What can go wrong in the simulated world, and the store and lines that it goes wrong on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, StoreError
from scheduler.records.evidence import Outcome
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction
from tests.chaos.simulated import SimClock


class Killed(BaseException):
    """The scheduler's process dies here."""


@dataclass(slots=True)
class Line:
    """The way to one cluster.

    Args:
        cut_until_s: no request gets there before. [s]
        mute_until_s: every request is carried out, no answer comes back before. [s]
        blind_until_s: evidence and logs cannot be read before. [s]
        loses: requests whose next answer is lost.
    """

    cut_until_s: float = 0.0
    mute_until_s: float = 0.0
    blind_until_s: float = 0.0
    loses: set[str] = field(default_factory=set)

    def mute(self, name: str, now_s: float) -> bool:
        """Whether the answer to a request of that name is lost now."""
        return now_s < self.mute_until_s or name in self.loses


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults that are armed, and the count of those that struck.

    Args:
        deaths: after how many more writes or calls the process dies, and on which side of it.
        full_until_s: the disk of the state folder has no free byte before. [s]
    """

    rng: Random
    clock: SimClock
    lines: dict[str, Line]
    counts: Counter[str] = field(default_factory=Counter)
    deaths: dict[str, tuple[int, str]] = field(default_factory=dict)
    full_until_s: float = 0.0

    @property
    def full(self) -> bool:
        """Whether the disk is full now."""
        return self.clock.true_s < self.full_until_s

    def die_at(self, what: str, steps: int, side: str) -> None:
        """Let the process die `side` the `steps`-th write or call from here."""
        self.deaths[what] = (steps, side)

    def calm(self) -> None:
        """No more faults from here."""
        self.deaths.clear()
        self.full_until_s = 0.0
        for line in self.lines.values():
            line.cut_until_s = line.mute_until_s = line.blind_until_s = 0.0
            line.loses.clear()

    @contextmanager
    def step(self, what: str, name: str) -> Iterator[None]:
        """Around one write or call: die before or after it where that is due."""
        left, side = self.deaths.get(what, (0, ""))
        if left > 1:
            self.deaths[what] = (left - 1, side)
        strikes = left == 1
        if strikes:
            del self.deaths[what]
            self.counts[f"scheduler killed {side} {name}"] += 1
        if strikes and side == "before":
            raise Killed
        yield
        if strikes:
            raise Killed

    @contextmanager
    def call(self, cluster: str, name: str) -> Iterator[None]:
        """Around one request to a cluster: it may not get there, and its answer may not come back."""
        line, now_s = self.lines[cluster], self.clock.true_s
        if now_s < line.cut_until_s:
            self.counts["requests that did not get there"] += 1
            raise ClusterUnreachable(f"{cluster} does not answer")
        if name in ("evidence", "logs") and now_s < line.blind_until_s:
            self.counts["evidence that could not be read"] += 1
            error = ClusterRefused if self.rng.random() < 0.5 else ClusterUnreachable  # evens
            raise error(f"{cluster} does not hand it out")
        with self.step("call", name), self.step(name, name):
            yield
        if line.mute(name, now_s):
            line.loses.discard(name)
            self.counts[f"answers lost to {name}"] += 1
            raise ClusterUnreachable(f"{cluster} does not answer")


@dataclass(slots=True)
class DyingStore:
    """The real store, in a process that may die right before or right after any of its writes."""

    store: Store
    faults: Faults

    @property
    def folder(self) -> StateFolder:
        """The real folder."""
        return self.store.folder

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """The real view."""
        with self.store.reading() as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """The real transaction; the death after it comes once it is committed, and a full disk is SQLite's own."""
        try:
            with self.faults.step("write", "a write"), self.store.writing() as tx:
                if self.faults.full:
                    pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                    tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
                yield tx
        except StoreError as exc:
            self.faults.counts["writes of the store that a full disk refused"] += "full" in exc.message
            raise


@dataclass(frozen=True, slots=True)
class FullEvidence(EvidenceFiles):
    """The real evidence, on the disk that may be full."""

    faults: Faults

    def keep_samples(self, job_id: str, sid: str, raw: bytes) -> None:
        """Keep them where there is room."""
        self._room()
        EvidenceFiles.keep_samples(self, job_id, sid, raw)

    def add_samples(self, job_id: str, sid: str, new: bytes) -> None:
        """Keep them where there is room."""
        self._room()
        EvidenceFiles.add_samples(self, job_id, sid, new)

    def keep_outcome(self, job_id: str, sid: str, raw: bytes) -> Outcome:
        """Keep it where there is room."""
        self._room()
        return EvidenceFiles.keep_outcome(self, job_id, sid, raw)

    def keep_log(self, job_id: str, sid: str, text: str) -> None:
        """Keep it where there is room."""
        self._room()
        EvidenceFiles.keep_log(self, job_id, sid, text)

    def _room(self) -> None:
        """Fail as a write does that the disk refuses."""
        if self.faults.full:
            self.faults.counts["writes of evidence that a full disk refused"] += 1
            raise StoreError("evidence cannot be written: No space left on device", hint="free some disk space")
