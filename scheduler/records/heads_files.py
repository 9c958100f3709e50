"""Heads and seals on disk: two files over all jobs, only ever added to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from scheduler.domain.errors import StoreError
from scheduler.records import heads as of_heads
from scheduler.records import schema, seals
from scheduler.records.chain import BadChain, Chain
from scheduler.records.chain_files import Chains, append, held
from scheduler.records.heads import Head, heads_from, next_head, tips_of
from scheduler.records.seals import Seal, Way, seal_of, seals_from
from scheduler.records.store import Store

_log = logging.getLogger(__name__)

Attested = tuple[tuple[Head, ...], tuple[Seal, ...]]
"""The heads, and what was sealed of them outside."""


def attested(store: Store) -> Attested:
    """What a store can show; nothing where a head or a seal was changed, for then it proves nothing."""
    ledger = Ledger(store)
    try:
        return ledger.heads(), ledger.seals()
    except BadChain:
        return (), ()  # `evidence heads` and `doctor` name what was changed


def headed(store: Store, job_ids: Iterable[str], now: Callable[[], datetime]) -> Iterator[Callable[[], object]]:
    """The day's head over some jobs brought up to the store, in short pieces; what stands in the way is logged."""
    for job_id in job_ids:
        yield partial(store.follow, [job_id])

    def head() -> None:
        """The head itself."""
        try:
            Ledger(store).head(now())
        except (BadChain, StoreError) as exc:
            _log.warning("no head was made over the chains: %s", exc.message)

    yield head


@dataclass(frozen=True, slots=True)
class Ledger:
    """What lies over the chains of a store."""

    store: Store

    def heads(self) -> tuple[Head, ...]:
        """All heads, oldest first.

        Raises:
            BadChain: one was changed.
        """
        return heads_from(_lines(self._heads))

    def seals(self) -> tuple[Seal, ...]:
        """All seals, in the order in which they were brought.

        Raises:
            BadChain: one was changed.
        """
        return seals_from(_lines(self._seals), self.heads())

    def chains(self, job_ids: Iterable[str]) -> dict[str, Chain]:
        """The chains of some jobs.

        Raises:
            BadChain: one was changed.
        """
        of = Chains(self.store.folder)
        return {job_id: of.chain(job_id) for job_id in job_ids}

    def head(self, at: datetime) -> Head:
        """The head of all jobs as they stand: a new one where anything changed, or the day did.

        Raises:
            BadChain: a chain was changed, or one that a head holds is gone.
            StoreError: it cannot be written.
        """
        with self.store.reading() as tx:
            job_ids = [row.id for row in tx.jobs()]
            table = schema.period_issue
            query = table.select().order_by(table.c.id)
            issues = tuple(f"{each.period} {each.number} {each.sha256}" for each in tx.connection.execute(query))
        with held(self.store.folder):
            _mend(self._heads)
            before, chains = self.heads(), self.chains(job_ids)
            of_heads.check_pinned(before, chains)
            made = next_head(before, tips_of(chains.values()), issues, at)
            if made is None:
                return before[-1]
            append(self._heads, f"{of_heads.line_of(made)}\n")
        return made

    def seal(self, way: Way, raw: bytes, at: datetime) -> Seal:
        """Record what somebody outside attested of a head.

        Raises:
            InvalidInput: it attests none of them.
        """
        with held(self.store.folder):
            _mend(self._seals)
            made = seal_of(way, raw, self.heads(), self.seals(), at=at)
            append(self._seals, f"{seals.line_of(made)}\n")
        return made

    @property
    def _heads(self) -> Path:
        """The file of heads."""
        return self.store.folder.ledger / "heads.jsonl"

    @property
    def _seals(self) -> Path:
        """The file of seals."""
        return self.store.folder.ledger / "seals.jsonl"


def _lines(path: Path) -> list[str]:
    """The whole lines of a file that may not be there; what a crash cut off is none."""
    return path.read_text(encoding="ascii", errors="replace").split("\n")[:-1] if path.exists() else []


def _mend(path: Path) -> None:
    """Take off what a crash left of a last line."""
    if path.exists():
        raw = path.read_bytes()
        if raw and not raw.endswith(b"\n"):
            with path.open("r+b") as stream:
                stream.truncate(raw.rfind(b"\n") + 1)
