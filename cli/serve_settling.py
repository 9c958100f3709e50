"""Settling beside the passes of a scheduler: once a day, a short piece at a time on the lane of intensities.

A pass never waits for it, and forecasts that plans need come in between two pieces. What goes wrong is logged and the
round given up until the next day: nothing is lost, since each statement is stored by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from cli.settling import Round
from scheduler.domain.errors import CarbonschedError
from scheduler.execution.lanes import Call, Lanes
from scheduler.execution.settling import LANE, ONCE_IN
from scheduler.ports import Clock

FIRST_AFTER: Final = timedelta(seconds=10)
"""A scheduler has something more urgent to do when it starts."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class DailySettling:
    """The rounds of one scheduler.

    Args:
        begin: makes a round; clock: time.
    """

    begin: Callable[[], Round]
    clock: Clock
    _due_s: float = field(init=False)
    _round: Round | None = None
    _steps: Iterator[Callable[[], object]] = field(init=False, default_factory=lambda: iter(()))
    _call: Call[bool] | None = None

    def __post_init__(self) -> None:
        """The first round comes a little after the start."""
        self._due_s = self.clock.monotonic_s() + FIRST_AFTER.total_seconds()

    def step(self, lanes: Lanes) -> None:
        """Put the next piece on its lane where the last one is done; waits for nothing."""
        if self._call is not None:
            if not self._call.done:
                return
            call, self._call = self._call, None
            if not self._goes_on(call):
                self._end()
        if self._round is None:
            if self.clock.monotonic_s() < self._due_s:
                return
            self._due_s = self.clock.monotonic_s() + ONCE_IN.total_seconds()
            self._round = self.begin()
            self._steps = self._round.steps()
        self._call = lanes.ask(LANE, self._piece)

    def _piece(self) -> bool:
        """One piece of the round; whether there was one left."""
        step = next(self._steps, None)
        if step is None:
            return False
        step()
        return True

    @staticmethod
    def _goes_on(call: Call[bool]) -> bool:
        """Whether the round goes on after a piece."""
        try:
            return call.result()
        except CarbonschedError as exc:
            _log.warning("settling was given up for today: %s", exc.message)
        except Exception:  # noqa: BLE001  # whatever the bug is, the passes go on
            _log.error("a bug ended today's settling; the passes go on", exc_info=True)
        return False

    def _end(self) -> None:
        """Tell what the round found, and forget it."""
        made, self._round = self._round, None
        if made is None:
            return
        for each in made.settled:
            if each.is_news and each.now is not None:
                _log.info("job %s: statement %d, %s (%s)", each.job_id, each.now.number, each.now.cause, each.now.why)
        for reason in made.unanswered:
            _log.warning("settling: %s", reason)
