"""Where no pause can pay, the best plan is the best run in one piece, which is found a hundred times as fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.window import best_window
from scheduler.simulation.run import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class InOnePiece:
    """The best run in one piece beside the least that any plan with a suspend costs.

    Args:
        window: None where none fits.
        parts: rows that no checkpoint leaves, and the least that a plan with a suspend costs on them. [g]
    """

    window: Draft | None
    parts: tuple[tuple[Ints, float], ...]

    @property
    def paused_g(self) -> float:
        """The least that any plan with a suspend costs, inf where none is feasible. [g]"""
        return min((least_g for _, least_g in self.parts), default=np.inf)

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is feasible."""
        return self.window is None and self.paused_g == np.inf

    def is_best(self, within_g: float = 0.0) -> bool:
        """Whether no plan with a suspend costs less by more than `within_g`. [g]"""
        return self.window is not None and self.window.cost_g - within_g < self.paused_g * (1 - TIE)


def in_one_piece(problem: Problem) -> InOnePiece | None:
    """Both, None for a problem that this does not reckon with: one with other widths, speeds or unknown rates.

    Notes:
        A plan with a suspend occupies at least one restart and one checkpoint more than the work. On a cluster that
        its checkpoint cannot leave, the cheapest so many hours with room cost no more than it. Where that keeps paused
        nodes, room must be there from its start to its end: only stretches of room of that length count, each hour of
        them costs its hold at least, and the hours run what running emits beside that. Where checkpoints travel, the
        best cluster of each slot counts, holds as nothing.
    """
    rules, surface = problem.interruption, problem.surface
    if problem.widths or (surface.speed != 1.0).any():
        return None
    rate = problem.run_rate
    if np.isnan(rate).any():
        return None
    window = best_window(problem)
    if rules is None or rules.max_suspends == 0:
        return InOnePiece(window=window, parts=())
    room = surface.capacity >= problem.gpus
    some = np.flatnonzero(room.any(axis=1))
    if travels(problem):
        rows = [some] if len(some) else []
    else:
        came_from = problem.resumed_from
        rows = [np.array([row]) for row in some.tolist() if came_from is None or not surface.moved[came_from, row]]
    parts = [(each, least_paused_g(problem, each, rate, room)) for each in rows]
    return InOnePiece(window=window, parts=tuple(part for part in parts if part[1] < np.inf))


def travels(problem: Problem) -> bool:
    """Whether a checkpoint gets from any cluster to any other."""
    return bool(np.isfinite(problem.surface.move_h).sum() > len(problem.surface.clusters))


def least_paused_g(problem: Problem, rows: Ints, rate: Floats, room: Flags) -> float:
    """What no plan with a suspend costs less than on some rows, between which checkpoints travel or which is one. [g]

    Args:
        rate: of running, shape [C, S] [g/GPU-h]; room: whether the job fits, shape [C, S].
    """
    surface, rules, row = problem.surface, problem.interruption, int(rows[0])
    lost_h = float(surface.restart_h[rows].min()) + (0.0 if rules is None else rules.checkpoint_h)
    if travels(problem):
        open_rate = np.where(room[rows], rate[rows] * problem.gpus, np.inf).min(axis=0)
        return _cheapest_g(open_rate, surface.slot_h, problem.work_h + lost_h)
    if not surface.holds[row]:
        return _in_parts_g(rate[row] * problem.gpus, room[row], surface.slot_h, problem.work_h, lost_h)
    hold = problem.hold_rate[row] * problem.gpus
    return _on_one_g(rate[row] * problem.gpus - hold, hold, room[row], surface.slot_h, problem.work_h + lost_h)


def best_whole(problem: Problem) -> Placement | None:
    """The cheapest placement of all where it is provably one without a suspend; None where that is open."""
    if problem.interruption is None or problem.resumed_from is not None or problem.min_saving_pct > 0:
        return None
    found = in_one_piece(problem)
    if found is None or found.window is None or not found.is_best():
        return None
    return found.window.placement(problem)


def _on_one_g(beside: Floats, hold: Floats, room: Flags, length_h: Floats, hours_h: float) -> float:
    """The least of a plan with a pause through which its nodes are kept; rates in g/h of the job. [g]"""
    least_g = np.inf
    for first, last in _stretches(room):
        step_h = length_h[first:last]
        if step_h.sum() < hours_h - INSTANT_TOLERANCE_H:
            continue
        kept_g = _cheapest_g(hold[first:last], step_h, hours_h)
        least_g = min(least_g, kept_g + _cheapest_g(beside[first:last], step_h, hours_h))
    return least_g


def _in_parts_g(rate: Floats, room: Flags, length_h: Floats, work_h: float, lost_h: float) -> float:
    """The least of a plan with a pause between two stretches of room, of which each but one loses time. [g]"""
    spans_h = [float(length_h[first:last].sum()) for first, last in _stretches(room)]
    if sum(max(0.0, span_h - lost_h) for span_h in spans_h) + lost_h < work_h - INSTANT_TOLERANCE_H:
        return np.inf
    return _cheapest_g(np.where(room, rate, np.inf), length_h, work_h + lost_h)


def _stretches(room: Flags) -> list[tuple[int, int]]:
    """Where room begins and ends, in slots."""
    if room.all():
        return [(0, len(room))]
    borders = np.flatnonzero(np.diff(room, prepend=False, append=False)).reshape(-1, 2)
    return [(int(first), int(last)) for first, last in borders]


def _cheapest_g(rate: Floats, length_h: Floats, hours_h: float) -> float:
    """What the cheapest so many hours cost, inf where there are not as many. [g]"""
    order = np.argsort(rate)
    rate, reached_h = rate[order], np.cumsum(length_h[order])
    last = int(np.searchsorted(reached_h, hours_h * (1 - TIE)))
    if last == len(rate) or np.isinf(rate[last]):
        return np.inf
    before_h = reached_h[last - 1] if last else 0.0
    return float(rate[:last] @ length_h[order][:last] + rate[last] * max(0.0, hours_h - before_h))
