"""Flows: what the engine is doing for each job, kept going whenever something that one waits for is answered."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final

from scheduler.execution.lanes import Call, Lanes
from scheduler.ports import Clock

Steps = Coroutine[Call[object], None, None]
"""A coroutine that awaits calls and nothing else."""
_LOOK_S: Final = 0.2
"""While answers are waited for, a signal is noticed within this time. [s]"""


@dataclass(slots=True, kw_only=True)
class Flows:
    """Coroutines by name, of which each waits for one answer at a time."""

    lanes: Lanes
    clock: Clock
    _waiting: dict[str, tuple[Steps, Call[object]]] = field(default_factory=dict)
    _waiters: dict[Call[object], set[str]] = field(default_factory=dict)
    _fresh: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        """Whether the flow of that name still waits for an answer."""
        return name in self._waiting

    def begin(self, name: str, steps: Steps) -> None:
        """Take its first steps."""
        self._fresh.add(name)
        self._go_on(name, steps)

    def settle(self, within_s: float, leave: Callable[[], bool]) -> None:
        """Let the flows go on as answers come, until those begun since the last time are over or time is up.

        A flow that has waited longer than that is given a moment in each settling, and holds up nobody.

        Args:
            within_s: how long at most. [s]
            leave: asked now and then; whether to stop waiting.
        """
        for name in [*self._waiting]:
            if name not in self._fresh:
                self._wake(name)
        ends_s = self.clock.monotonic_s() + within_s
        asked_s = 0.0
        while not self._fresh.isdisjoint(self._waiting) and not leave() and asked_s < within_s:
            left_s = min(_LOOK_S, ends_s - self.clock.monotonic_s())
            calls = self.lanes.answered(left_s)
            asked_s += 0.0 if calls else _LOOK_S
            self._hand_out(calls)
            if left_s <= 0:
                break
        self._hand_out(self.lanes.answered(0.0))
        self._fresh.clear()

    def _hand_out(self, calls: list[Call[object]]) -> None:
        """Let those go on that waited for these answers."""
        for call in calls:
            for name in sorted(self._waiters.pop(call, ())):
                self._wake(name)

    def _wake(self, name: str) -> None:
        """Let a flow look whether its answer is there."""
        if name in self._waiting:
            steps, call = self._waiting.pop(name)
            self._waiters.get(call, set()).discard(name)
            self._go_on(name, steps)
            if name in self._waiting and self._waiting[name][1] is not call:
                self._fresh.add(name)  # it got on: what it waits for now may be answered at once

    def _go_on(self, name: str, steps: Steps) -> None:
        """Take steps until the next answer that is not there yet."""
        try:
            call = steps.send(None)
        except StopIteration:
            return
        self._waiting[name] = (steps, call)
        self._waiters.setdefault(call, set()).add(name)
