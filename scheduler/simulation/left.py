"""What is left of a job at an instant, and how its own stretches say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from scheduler.problem.problem import Interruption
from scheduler.simulation.request import Request
from scheduler.simulation.run import Stretch
from scheduler.simulation.table import US

_HOUR_US = timedelta(hours=1) // US


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a job.

    Args:
        now_us: the moment of decision; deadline_us: by when it is to be through. [us]
        work_us: one uninterrupted run of the rest. [us]
        home: row of its home.
        rules: what a suspend costs and how many are left, None where it may not be suspended.
        came_from: row that its checkpoint is on, None before its first start.
        running: whether it runs now.
    """

    now_us: int
    deadline_us: int
    work_us: int
    home: int
    rules: Interruption | None
    came_from: int | None = None
    running: bool = False


@dataclass(frozen=True, slots=True)
class Overheads:
    """What a suspend and a resume of one job take. [us]"""

    restart_us: int
    checkpoint_us: int

    @classmethod
    def of(cls, request: Request) -> Overheads:
        """Those of a job."""
        rules = request.interruption
        return cls(request.restart // US, 0 if rules is None else round(rules.checkpoint_h * _HOUR_US))

    def done_us(self, stretches: Sequence[Stretch], at_us: int) -> int:
        """Work that is done by an instant [us]; below 0 by what a restart under way still takes. [us]"""
        done_us = 0
        for number, (_, start_us, end_us) in enumerate(stretches):
            if start_us >= at_us:
                break
            ends = end_us <= at_us
            lost_us = (self.restart_us if number else 0) + (self.checkpoint_us if ends else 0)
            done_us += max(0, end_us - start_us - lost_us) if ends else at_us - start_us - lost_us
        return done_us

    def fitted(self, stretches: Sequence[Stretch], work_us: int) -> list[Stretch]:
        """The same stretches up to the end of so much work [us]: the last is cut or made longer, as it needs."""
        kept: list[Stretch] = []
        for number, (row, start_us, end_us) in enumerate(stretches):
            begin_us = start_us + (self.restart_us if number else 0)
            if number == len(stretches) - 1 or begin_us + work_us <= end_us:
                return [*kept, (row, start_us, begin_us + work_us)]
            kept.append((row, start_us, end_us))
            work_us -= max(0, end_us - self.checkpoint_us - begin_us)
        return kept


def rules_left(rules: Interruption | None, stretches: Sequence[Stretch]) -> Interruption | None:
    """What the limits of suspends and moves leave to a job that had some stretches, the next one not among them."""
    if rules is None or (rules.max_suspends is None and rules.max_moves is None):
        return rules
    moved = sum(one[0] != other[0] for one, other in pairwise(stretches))
    return replace(
        rules,
        max_suspends=None if rules.max_suspends is None else max(0, rules.max_suspends - len(stretches)),
        max_moves=None if rules.max_moves is None else max(0, rules.max_moves - moved),
    )
