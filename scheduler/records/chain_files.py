"""The chains of all jobs on disk, a file each, and the secret that blinds them.

The store and the agents' files come first and a chain follows, so it may lag and never says what did not happen. A
chain that cannot be written stops no job: that is logged, and whoever touches the job next adds what is missing.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scheduler.domain.errors import StoreError
from scheduler.domain.instant import format_instant
from scheduler.records.bundle_lines import Line, lines_of
from scheduler.records.chain import BadChain, Chain, Fact, line_of, linked, parse_chain
from scheduler.records.chain_facts import Kept, due, outcome_fact, received_fact, samples_fact
from scheduler.records.evidence import outcome_name, received_name, samples_name
from scheduler.records.locks import lock_file
from scheduler.records.public_part import Blinder
from scheduler.records.state_folder import StateFolder

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from scheduler.records.transaction import Transaction

    Reading = Callable[[], AbstractContextManager[Transaction]]

WAIT_S: Final = 10.0
"""How long one writer waits for another; what it then leaves out is added by the next. [s]"""
SAMPLES_AT_ONCE: Final = 60
"""New lines of samples after which a running job's chain takes them in: half an hour of readings, 30 s apart."""
_KEY_BYTES: Final = 32

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chains:
    """The chains of a state folder."""

    state: StateFolder

    def chain(self, job_id: str) -> Chain:
        """The chain of a job as it stands, empty where it has none.

        Raises:
            BadChain: it was changed.
            StoreError: it cannot be read.
        """
        path = self.state.chain(job_id)
        try:
            return parse_chain(job_id, path.read_bytes() if path.exists() else b"")
        except OSError as exc:
            raise StoreError(
                f"{path} cannot be read: {exc.strerror}", hint="mend its permissions, or its disk"
            ) from exc

    def follow(self, tx: Transaction, job_ids: Iterable[str]) -> dict[str, str]:
        """Add to the chains of some jobs what the store and the agents' files say and they do not.

        Args:
            tx: a view of the store that is at least as new as what is to be chained.
            job_ids: the jobs.

        Returns:
            What stood in the way, by job; none of it is lost, and the next call tries again.
        """
        problems: dict[str, str] = {}
        for job_id in job_ids:

            def facts(chain: Chain, blinder: Blinder, job_id: str = job_id) -> Iterator[Fact]:
                """What the store says, and then the files."""
                yield from due(tx, job_id, chain, blinder)
                for segment in tx.segments(job_id):
                    yield from self._evidence(job_id, segment.sid, chain, blinder)

            problem = self._add(job_id, facts)
            if problem:
                problems[job_id] = problem
        return problems

    def kept(self, job_id: str, sid: str) -> None:
        """Add what was just kept of an attempt's evidence."""
        self._add(job_id, lambda chain, blinder: self._evidence(job_id, sid, chain, blinder))

    def snapshot(self, reading: Reading, job_id: str) -> tuple[list[Line], Chain]:
        """The lines of a job and its chain, which say the same, whatever is written meanwhile.

        Args:
            reading: begins to read the store, once nobody else may add to its chains.
            job_id: which.

        Raises:
            StoreError: the chain cannot be written.
            BadChain: it was changed.
        """
        with self._held(), reading() as tx:
            chain, blinder = self._whole(job_id), self.blinder()
            facts = due(tx, job_id, chain, blinder)
            for segment in tx.segments(job_id):
                facts += self._evidence(job_id, segment.sid, chain, blinder)
            if facts:
                self._append(chain, facts)
            return lines_of(tx, self.state, tx.job(job_id)), self.chain(job_id)

    def issue(self, job_id: str, fact: Fact) -> None:
        """Add a statement that is being issued, unless the last one of its name says the same.

        Raises:
            StoreError: it cannot be written, and so it must not be issued.
        """
        with self._held():
            chain = self._whole(job_id)
            last = chain.last(fact.kind, fact.of)
            if last is None or last.data != fact.data:
                self._append(chain, [fact])

    def blinder(self) -> Blinder:
        """The secret of this state folder, made when it is first needed."""
        path = self.state.ledger / "blind.key"
        if not path.exists():
            # Randomness is no argument here: a secret that could be chosen would be none.
            _private(path, secrets.token_bytes(_KEY_BYTES).hex().encode())
        return Blinder(bytes.fromhex(path.read_text(encoding="ascii")))

    def _add(self, job_id: str, facts: Callable[[Chain, Blinder], Iterable[Fact]]) -> str:
        """Add facts to a chain; what stood in the way, empty where nothing did."""
        try:
            with self._held():
                chain = self._whole(job_id)
                found = list(facts(chain, self.blinder()))
                if found:
                    self._append(chain, found)
        except (StoreError, BadChain) as exc:
            _log.warning("the chain of job %s was not added to, and is tried again: %s", job_id, exc.message)
            return exc.message
        except OSError as exc:
            _log.warning("the chain of job %s was not added to, and is tried again: %s", job_id, exc.strerror)
            return f"{self.state.chain(job_id)}: {exc.strerror}"
        return ""

    def _evidence(self, job_id: str, sid: str, chain: Chain, blinder: Blinder) -> Iterator[Fact]:
        """What the files of an attempt hold and the chain does not."""
        for name, make in (
            (samples_name(sid), samples_fact),
            (received_name(sid), received_fact),
            (outcome_name(sid), outcome_fact),
        ):
            path = self.state.evidence(job_id) / name
            if path.exists():
                at = format_instant(datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))
                fact = make(Kept(job_id=job_id, sid=sid, raw=path.read_bytes(), at=at), chain, blinder)
                if fact is not None:
                    yield fact

    def _whole(self, job_id: str) -> Chain:
        """A chain that can be added to: what a crash left of a last line is taken off it, and said."""
        chain = self.chain(job_id)
        if chain.torn:
            path = self.state.chain(job_id)
            raw = path.read_bytes()
            with path.open("r+b") as stream:
                stream.truncate(raw.rfind(b"\n") + 1)
            _log.warning("the last line of the chain of job %s was cut off, and is written again", job_id)
        return chain

    def _append(self, chain: Chain, facts: Iterable[Fact]) -> None:
        """Write the facts at the end, all or, after a crash, the first of them."""
        lines = "".join(f"{line_of(entry)}\n" for entry in linked(chain, facts))
        append(self.state.chain(chain.job_id), lines)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock of all chains."""
        with held(self.state):
            yield


@contextmanager
def held(state: StateFolder) -> Iterator[None]:
    """The lock of everything that is chained in a state folder.

    Raises:
        StoreError: another one holds it for too long, or it cannot be made.
    """
    from filelock import Timeout  # noqa: PLC0415  # it takes time, and most commands need none

    state.chains.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = lock_file(state.chains_lock)
    try:
        lock.acquire(timeout=WAIT_S)
    except Timeout as exc:
        raise StoreError(f"{state.chains_lock} is held by another process", hint="try again") from exc
    try:
        yield
    finally:
        lock.release()


def append(path: Path, text: str) -> None:
    """Add whole lines to the end of a file, so that they are there when this returns.

    Raises:
        StoreError: they cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("ab") as stream:
            if new:
                path.chmod(0o600)
            stream.write(text.encode("ascii"))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as exc:
        raise StoreError(f"{path} cannot be written: {exc.strerror}", hint="free some disk space") from exc


def _private(path: Path, content: bytes) -> None:
    """Write a file that only this account may read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
