"""The loop: pass after pass until told to stop, or until nothing is left to do.

A bug in a pass neither ends the loop nor goes unseen: what runs on the clusters must be suspended in time, whatever
else is broken. The traceback is logged, and the next try comes later and later.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from cli import serve_log
from cli.serve_beside import NowAndThen
from cli.serve_settling import DailySettling
from scheduler.domain.errors import CarbonschedError
from scheduler.execution.engine import Engine
from scheduler.execution.health import Health
from scheduler.execution.notify import Notifier
from scheduler.execution.slips import Slips
from scheduler.ports import Clock
from scheduler.records.store import Store

IDLE_EXIT_S: Final = 30.0
"""A loop that `submit` started ends by itself after so long without open jobs. [s]"""
_LONGEST_PAUSE_S: Final = 60.0
"""Between two passes of which the first failed. [s]"""
_NAP_S: Final = 0.2
"""A signal is answered within this time while the loop rests. [s]"""

_log = logging.getLogger(__name__)


class EngineOf(Protocol):
    """Where the engine comes from."""

    def stamp(self) -> object:
        """What changes when a cluster file does."""

    def build(self) -> Engine:
        """An engine on the clusters as they are declared now."""


@dataclass(slots=True, kw_only=True)
class Loop:
    """One scheduler.

    Args:
        engines: builds the engine, and says when to build it anew.
        tick: time between the beginnings of two passes.
        stopping: holds something once a signal came.
        settling: states anew what jobs emitted, once a day and beside the passes; None where nobody does.
        beside: what else is done beside the passes.
    """

    store: Store
    clock: Clock
    engines: EngineOf
    notifier: Notifier
    slips: Slips
    health: Health
    tick: timedelta
    stopping: list[int]
    settling: DailySettling | None = None
    beside: Sequence[NowAndThen] = ()
    _engine: Engine | None = None
    _stamp: object = None
    _started_at: datetime = field(init=False)
    _read_to: int = field(init=False)
    _failures: int = 0
    _said: str = ""

    def __post_init__(self) -> None:
        """What happened before is not told again."""
        self._started_at = self.clock.now()
        with self.store.reading() as tx:
            self._read_to = tx.last_event_before(self._started_at)

    def run(self, *, leave: Callable[[], bool] | None = None) -> None:
        """Pass until a signal comes or the store is gone; with `leave` also until nothing was open for a while."""
        self._reload()  # clusters that cannot be read end it here, where a person still looks
        busy_s = self.clock.monotonic_s()
        while not self.stopping:
            if not self.store.folder.database.exists():
                _log.error("%s is gone, and with it what there was to do", self.store.folder.database)
                return
            began_s = self.clock.monotonic_s()
            left = self._guarded_pass()
            now_s = self.clock.monotonic_s()
            if left:
                busy_s = now_s
            elif leave is not None and now_s - busy_s >= IDLE_EXIT_S and leave():
                return
            pause_s = max(self.tick.total_seconds(), min(_LONGEST_PAUSE_S, 2.0**self._failures - 1))
            self._rest(pause_s - (now_s - began_s))

    def _guarded_pass(self) -> int:
        """One pass; what is left to do, something where it failed."""
        try:
            left = self._pass()
        except CarbonschedError as exc:
            if exc.message != self._said:
                _log.warning("%s%s", exc.message, f" ({exc.hint})" if exc.hint else "")
            self._said = exc.message
            return 1
        except Exception:  # noqa: BLE001  # see the top of this file
            self._failures += 1
            _log.error("a bug ended this pass; the next one follows", exc_info=True)
            return 1
        self._failures, self._said = 0, ""
        return left

    def _pass(self) -> int:
        """Advance every job, then tell what happened; the jobs that are open and the notices to be told."""
        engine = self._reload()
        self.slips.before()
        open_jobs = engine.step(leave=lambda: bool(self.stopping))
        self.slips.after()
        if self.settling is not None:
            self.settling.step(engine.lanes)
        for each in self.beside:
            each.step(engine.lanes)
        with self.store.writing() as tx:
            tx.set_scheduler(os.getpid(), self._started_at, self.clock.now())
        waiting = self.notifier.scan()
        self._tell()
        self.health.passed(open_jobs=open_jobs, clusters=engine.lookout.clusters())
        return open_jobs + waiting

    def _reload(self) -> Engine:
        """The engine, built anew where a cluster file has changed."""
        stamp = self.engines.stamp()
        if self._engine is None or stamp != self._stamp:
            self._stamp = stamp
            self._engine = self.engines.build()
        return self._engine

    def _tell(self) -> None:
        """Log what happened since the last time, whoever did it."""
        with self.store.reading() as tx:
            events = tx.events_after(self._read_to)
        for event in events:
            serve_log.tell(event)
            self._read_to = event.id

    def _rest(self, left_s: float) -> None:
        """Wait for the next pass in short naps, so that a signal is answered soon."""
        while left_s > 0 and not self.stopping:
            self.clock.sleep(timedelta(seconds=min(left_s, _NAP_S)))
            left_s -= _NAP_S
