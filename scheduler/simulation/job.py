"""A job that is under way in a replay: its plan, of which what lies in the past has been run."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler.simulation.left import Left, Overheads, rules_left
from scheduler.simulation.request import Request
from scheduler.simulation.run import Flags, Run, Stretch, held_between, split_at
from scheduler.simulation.table import US


@dataclass(slots=True, kw_only=True)
class Job:
    """One job.

    Args:
        number: among the requests; home: row of its home.
        deadline_us: by when it is to be through. [us]
        stretches: run and planned.
        late: whether nothing kept its deadline when it was submitted.
        solves: plans that were made for it.
        expected_us: work that it is taken to have; true_us: what it has. [us]
        version: changes with its plan.
    """

    number: int
    request: Request
    home: int
    deadline_us: int
    expected_us: int
    true_us: int
    stretches: list[Stretch] = field(default_factory=list)
    late: bool = False
    solves: int = 0
    version: int = 0

    @classmethod
    def of(cls, number: int, request: Request, home: int, deadline_us: int) -> Job:
        """A job that is submitted."""
        return cls(
            number=number, request=request, home=home, deadline_us=deadline_us,
            expected_us=request.expected // US, true_us=request.length // US,
        )  # fmt: skip

    @property
    def overheads(self) -> Overheads:
        """What a suspend and a resume of it take."""
        return Overheads.of(self.request)

    @property
    def finish_us(self) -> int:
        """When it is through by its plan. [us]"""
        return self.stretches[-1][2]

    def started(self, at_us: int) -> list[Stretch]:
        """The stretches that began before an instant [us], whole."""
        return [each for each in self.stretches if each[1] < at_us]

    def runs(self, at_us: int) -> bool:
        """Whether it began before an instant [us] and runs on behind it."""
        return any(start < at_us < end for _, start, end in self.stretches)

    def left(self, at_us: int, *, stopped: bool) -> Left:
        """What is left of it at an instant [us]; `stopped` counts a run under way as suspended then."""
        whole = self.started(at_us)
        before, _ = split_at(whole, at_us)
        running = self.runs(at_us)
        done_us = self.overheads.done_us(whole, at_us) if whole else 0
        goes_on = running and not stopped
        return Left(
            now_us=at_us,
            deadline_us=self.deadline_us,
            work_us=max(1, self.expected_us - done_us),
            home=self.home,
            rules=rules_left(self.request.interruption, before[:-1] if goes_on else before),
            came_from=None if goes_on or not before else before[-1][0],
            running=running,
        )

    def run(self, holds: Flags) -> Run:
        """What became of it."""
        return Run(
            stretches=tuple(self.stretches),
            held=held_between(self.stretches, holds),
            late_at_admission=self.late,
            solves=self.solves,
        )
