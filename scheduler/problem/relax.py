"""Why nothing fits, and the least that has to give way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from scheduler.domain.duration import format_duration
from scheduler.domain.errors import Infeasible
from scheduler.domain.instant import format_instant
from scheduler.problem.blind import without_forecast
from scheduler.problem.draft import Draft
from scheduler.problem.dynamic import best_segments
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Surface
from scheduler.problem.ways import by_slot
from scheduler.problem.window import best_window

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """What would let a job fit.

    Args:
        gpus, most_gpus, widest: GPUs it needs, the most that a cluster it can reach ever has free, and that cluster.
        deadline: the earliest deadline that can be kept, None where none can.
        extension: how much later that is, None where none helps and zero where the deadline is kept already.
        crowded: whether the deadline could be kept if nothing else were reserved, and nothing closed.
    """

    gpus: int
    most_gpus: int
    widest: str
    deadline: datetime | None
    extension: timedelta | None
    crowded: bool

    def __str__(self) -> str:
        """The way out, in one line."""
        if self.most_gpus < self.gpus:
            most = f"at most {self.most_gpus} GPUs are ever free, on {self.widest}, and the job needs {self.gpus}"
            return f"{most}: ask for fewer, or allow another cluster"
        if self.deadline is None or self.extension is None:
            return "its checkpoint reaches no cluster with room: allow one that shares its storage"
        later = f"extend the deadline by {format_duration(self.extension)}, to {format_instant(self.deadline)}"
        if not self.crowded:
            return later
        return f"other reservations, or hours in which clusters are closed, alone are in the way: free GPUs, or {later}"


def relaxation(problem: Problem) -> Relaxation:
    """The least extension of the deadline that makes `problem` feasible.

    What lies behind the surface is unknown: a cluster is taken to be as free there as it ever is before.
    """
    surface = problem.surface
    reach = _reachable(problem)
    most = np.where(reach, surface.capacity.max(axis=1), -1)
    longer = without_forecast(_endless(problem))
    draft = _earliest(longer)
    late_h = np.inf if draft is None else draft.finish_h - problem.deadline_h
    free = np.broadcast_to(longer.surface.capacity.max(axis=1)[:, None], longer.surface.capacity.shape)
    alone = _earliest(replace(longer, surface=replace(longer.surface, capacity=free)))
    keeps_alone = alone is not None and alone.finish_h <= problem.deadline_h + INSTANT_TOLERANCE_H
    extension = None if draft is None else _whole_seconds(max(late_h, 0.0))
    return Relaxation(
        gpus=problem.gpus,
        most_gpus=int(most.max()),
        widest=surface.clusters[int(most.argmax())],
        deadline=None if extension is None else surface.instant(problem.deadline_h) + extension,
        extension=extension,
        crowded=keeps_alone and late_h > 0,
    )


def infeasible(problem: Problem) -> Infeasible:
    """The error for a problem in which nothing fits, with the way out as its hint."""
    surface = problem.surface
    deadline = format_instant(surface.instant(problem.deadline_h))
    reach = [name for name, free in zip(surface.clusters, surface.capacity.max(axis=1), strict=True) if free > 0]
    where = f"on {', '.join(reach)}" if reach else "anywhere"
    message = f"{problem.work_h:g} h of work on {problem.gpus} GPUs cannot be done {where} by {deadline}"
    return Infeasible(message, hint=partial(_way_out, problem))  # replays ask often, and never read it


def _way_out(problem: Problem) -> str:
    """The least that has to give way, in one line."""
    return str(relaxation(problem))


def _earliest(problem: Problem) -> Draft | None:
    """The placement that finishes first: with all rates zero, ties go to it."""
    return best_segments(problem, best_window(problem))


def _reachable(problem: Problem) -> Floats:
    """Clusters on which the next segment can be."""
    if problem.resumed_from is None:
        return np.ones(len(problem.surface.clusters), dtype=bool)
    here = np.arange(len(problem.surface.clusters)) == problem.resumed_from
    return np.asarray(here | np.isfinite(problem.surface.move_h[problem.resumed_from]))


def _endless(problem: Problem) -> Problem:
    """The problem with one more slot, long enough for all the work in one piece, and a deadline at its end."""
    surface = problem.surface
    travel_h = surface.move_h[np.isfinite(surface.move_h)].max(initial=0.0)
    rest_h = float((problem.work_h / surface.speed + surface.restart_h).max() + travel_h)
    end_h = max(float(surface.edges_h[-1]), problem.earliest_h, problem.deadline_h) + rest_h
    return replace(problem, surface=_with_slot(surface, end_h), deadline_h=end_h)


def _with_slot(surface: Surface, end_h: float) -> Surface:
    """The surface and one more slot, as free as each cluster ever is, its rates those of the last."""

    def repeated(values: Floats) -> Floats:
        """Values by slot, the last one twice."""
        return np.concatenate([values, values[..., -1:]], axis=-1)

    return replace(
        surface,
        edges_h=np.append(surface.edges_h, end_h),
        run_g={line: repeated(rate) for line, rate in surface.run_g.items()},
        hold_g={line: repeated(rate) for line, rate in surface.hold_g.items()},
        capacity=np.concatenate([surface.capacity, surface.capacity.max(axis=1, keepdims=True)], axis=1),
        move_g=by_slot(surface.move_g, repeated),
    )


def _whole_seconds(hours_h: float) -> timedelta:
    """A time [h] rounded up to seconds, so that granting it is enough."""
    return _SECOND * int(np.ceil(hours_h * 3600 - INSTANT_TOLERANCE_H))
