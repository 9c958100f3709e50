"""Work that a scheduler does beside its passes, now and then, on a lane of its own: no pass ever waits for it.

What goes wrong in it is logged and tried again at the next time; the passes do not notice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from scheduler.domain.errors import CarbonschedError
from scheduler.execution.lanes import Call, Lanes
from scheduler.ports import Clock

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class NowAndThen:
    """One kind of such work.

    Args:
        name: what it is, for the log; lane: where it is done.
        every: time from the end of a round to the beginning of the next one.
        work: one round, which is over in a bounded time.
    """

    name: str
    lane: str
    every: timedelta
    work: Callable[[], object]
    clock: Clock
    _due_s: float = field(init=False, default=float("-inf"))
    _call: Call[object] | None = field(init=False, default=None)
    _said: str = field(init=False, default="")

    def step(self, lanes: Lanes) -> None:
        """Put a round on its lane where it is time and the last one is done; waits for nothing."""
        if self._call is not None:
            if not self._call.done:
                return
            call, self._call = self._call, None
            self._tell(call)
            self._due_s = self.clock.monotonic_s() + self.every.total_seconds()
        if self.clock.monotonic_s() >= self._due_s:
            self._call = lanes.ask(self.lane, self.work)

    def _tell(self, call: Call[object]) -> None:
        """Log what went wrong, the same only once."""
        try:
            call.result()
        except CarbonschedError as exc:
            if exc.message != self._said:
                _log.warning("%s: %s", self.name, exc.message)
            self._said = exc.message
        except Exception:  # noqa: BLE001  # whatever the bug is, the passes go on
            _log.error("a bug ended a round of %s; the passes go on", self.name, exc_info=True)
        else:
            self._said = ""
