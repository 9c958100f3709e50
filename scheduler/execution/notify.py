"""Telling people what became of a job, once for each thing that is told: by a webhook or a command of theirs.

What is still to be told follows from the store's events, so a restart neither forgets nor repeats. Only a crash
between the telling and its note tells twice, under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Thread
from typing import Final, Protocol

from scheduler.domain.errors import CarbonschedError
from scheduler.execution.notify_ways import label
from scheduler.execution.slips import LATE
from scheduler.ports import Clock
from scheduler.records.rows import JobEvent, JobRow
from scheduler.records.store import Store

SCHEMA: Final = 1
"""Version of what is sent; it rises when a key changes its meaning or goes."""
TOLD: Final = "notified:"
"""Begins the kind of the event that says so."""
FAILED: Final = "not notified:"
"""Begins the kind of the event of a try that failed."""
TRIES: Final = 5
"""Tries before a notice is given up."""
_KINDS: Final = frozenset({"succeeded", "failed", "lost", LATE})
_NEWS_FOR: Final = timedelta(days=7)
"""What happened longer ago is told no more when a scheduler starts."""
_FIRST_PAUSE: Final = timedelta(minutes=1)
_AT_ONCE: Final = 4
"""Most notices under way at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """What a job emitted so far, None where it is not known, and whether that is only simulated. [kg]"""

    kg: float | None = None
    simulated: bool | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: `after` says when it may be tried, `tries` how often it was."""

    event: JobEvent
    after: datetime
    tries: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Of a job, each kind is told once."""
        return self.event.job_id, self.event.kind


class Ways(Protocol):
    """How a notice leaves: raises a `CarbonschedError` where it was not taken."""

    def send(self, target: str, body: bytes) -> None:
        """Hand `body` to a webhook or a command."""


def payload(job: JobRow, event: JobEvent, emitted: Emitted) -> Mapping[str, object]:
    """What is told: never the command, the environment or a secret of the job."""
    return {
        "schema": SCHEMA,
        "id": f"{job.id}:{event.kind}",
        "job_id": job.id,
        "name": job.job.name,
        "event": event.kind,
        "state": job.state.value,
        "reason": event.text if event.kind == LATE else job.reason,
        "emissions_kg": emitted.kg,
        "simulated": emitted.simulated,
    }


def threaded(work: Callable[[], None]) -> Thread:
    """A thread that does the work and does not hold up the end of the process."""
    thread = Thread(target=work, name="notify", daemon=True)
    thread.start()
    return thread


@dataclass(slots=True, kw_only=True)
class Notifier:
    """Finds what is to be told and tells it beside the loop, which never waits for it.

    Args:
        emitted: the account of a job, by its id.
        start: runs a telling; a thread each where none is given.
    """

    store: Store
    ways: Ways
    clock: Clock
    emitted: Callable[[str], Emitted]
    start: Callable[[Callable[[], None]], Thread | None] = threaded
    _waiting: dict[tuple[str, str], Notice] = field(default_factory=dict)
    _under_way: dict[tuple[str, str], tuple[Notice, Thread | None]] = field(default_factory=dict)
    _read_to: int | None = None

    def scan(self) -> int:
        """Take note of what happened since the last scan and begin to tell it; how many notices are left to tell."""
        now = self.clock.now()
        ended = [
            notice for notice, thread in self._under_way.values() if thread is None or not thread.is_alive()
        ]  # before the events are read, so that those hold what they came to
        self._read(now)
        for notice in ended:
            del self._under_way[notice.key]
            if self._waiting.get(notice.key) is notice:  # a bug ended it, with its traceback in the log
                del self._waiting[notice.key]
        for notice in self._waiting.values():
            if notice.after <= now and notice.key not in self._under_way and len(self._under_way) < _AT_ONCE:
                self._under_way[notice.key] = notice, self.start(partial(self.tell, notice))
        return len(self._waiting)

    def tell(self, notice: Notice) -> None:
        """Tell one thing and note how that went."""
        with self.store.reading() as tx:
            job = tx.job(notice.event.job_id)
        target = job.job.notify or ""
        try:
            body = json.dumps(payload(job, notice.event, self._account(job)), allow_nan=False).encode()
            self.ways.send(target, body)
        except CarbonschedError as exc:
            kind, text = FAILED + notice.event.kind, exc.message
        else:
            kind, text = TOLD + notice.event.kind, label(target)
        with self.store.writing() as tx:
            tx.add_event(job.id, self.clock.now(), kind, text)

    def _account(self, job: JobRow) -> Emitted:
        """What the job emitted, unknown where no account can be made."""
        try:
            return self.emitted(job.id)
        except CarbonschedError:
            return Emitted()  # null says so; `describe` says why

    def _read(self, now: datetime) -> None:
        """Bring what waits up to date with the events of the store."""
        with self.store.reading() as tx:
            if self._read_to is None:
                self._read_to = tx.last_event_before(now - _NEWS_FOR)
            events = tx.events_after(self._read_to)
            for event in events:
                self._take(event)
            silent = [key for key in self._waiting if key not in self._under_way and not tx.job(key[0]).job.notify]
        for key in silent:
            del self._waiting[key]
        self._read_to = events[-1].id if events else self._read_to

    def _take(self, event: JobEvent) -> None:
        """What one event changes in what waits."""
        word, _, kind = event.kind.rpartition(":")
        before = self._waiting.get((event.job_id, kind))
        if event.kind in _KINDS:
            self._waiting.setdefault((event.job_id, event.kind), Notice(event, event.at))
        elif before is not None and f"{word}:" == TOLD:
            del self._waiting[before.key]
        elif before is not None and f"{word}:" == FAILED:
            tries = before.tries + 1
            self._waiting[before.key] = replace(before, tries=tries, after=event.at + _FIRST_PAUSE * 2 ** (tries - 1))
            if tries >= TRIES:
                del self._waiting[before.key]
