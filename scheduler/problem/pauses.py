"""The pauses of a placement: between two segments, and between the moment of decision and a resume."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.domain.placement import Placement
from scheduler.problem.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The time from a suspend to the next resume.

    Args:
        left, joined: rows of the clusters suspended on and resumed on.
        start_h, end_h: the suspend and the resume. [h from the origin]
        held: whether the nodes are kept meanwhile.
        gpus: width before the pause.
        decided: False for the suspend that lies before the moment of decision.
    """

    left: int
    joined: int
    start_h: float
    end_h: float
    held: bool
    gpus: int
    decided: bool

    @property
    def moved(self) -> bool:
        """Whether the resume is on another cluster."""
        return self.left != self.joined


def pauses_of(problem: Problem, placement: Placement) -> tuple[Pause, ...]:
    """Every pause in order of time; a job that resumes was suspended at hour 0."""
    surface = problem.surface
    ends = [(surface.index(s.cluster), surface.hour(s.end), s.gpus) for s in placement.segments[:-1]]
    starts = [(surface.index(s.cluster), surface.hour(s.start)) for s in placement.segments]
    if problem.resumed_from is None:
        starts = starts[1:]
    else:
        ends = [(problem.resumed_from, 0.0, problem.gpus), *ends]
    first_decided = 0 if problem.resumed_from is None else 1
    return tuple(
        Pause(
            left=left,
            joined=joined,
            start_h=start_h,
            end_h=end_h,
            held=left == joined and bool(surface.holds[left]),
            gpus=gpus,
            decided=number >= first_decided,
        )
        for number, ((left, start_h, gpus), (joined, end_h)) in enumerate(zip(ends, starts, strict=True))
    )
