"""What is left of an older plan, fitted to the work that is left now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scheduler.domain.placement import Placement, Segment
from scheduler.problem.problem import Problem


def refit(problem: Problem, ahead: Sequence[Segment]) -> Placement | None:
    """The stretches `ahead` on the problem of today, the last one ending where the work ends; None where it cannot.

    Suspends stay where they were. A run that got further than planned drops the stretches it no longer needs, one
    that fell behind makes its last one longer; whether that is still feasible is for `violations` to say.
    """
    surface, left_h = problem.surface, problem.work_h
    checkpoint_h = problem.interruption.checkpoint_h if problem.interruption else 0.0
    kept: list[Segment] = []
    for number, stretch in enumerate(ahead):
        if stretch.cluster not in surface.clusters:
            return None
        row = surface.index(stretch.cluster)
        restart_h = float(surface.restart_h[row]) if kept or problem.resumed_from is not None else 0.0
        start_h, end_h = surface.hour(stretch.start), surface.hour(stretch.end)
        speed = problem.speed_at(row, stretch.gpus)
        if speed is None:
            return None
        finish_h = start_h + restart_h + left_h / speed
        if number == len(ahead) - 1 or finish_h <= end_h:
            return Placement(segments=(*kept, replace(stretch, end=surface.instant(finish_h))))
        done_h = (end_h - start_h - restart_h - checkpoint_h) * speed
        if done_h <= 0:
            return None
        kept.append(stretch)
        left_h -= done_h
    return None
