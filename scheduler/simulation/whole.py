"""Where no pause can pay, the best plan is the best run in one piece, which is found a hundred times as fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats
from scheduler.problem.window import best_window
from scheduler.simulation.run import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class InOnePiece:
    """The best run in one piece beside the least that any plan with a suspend costs.

    Args:
        window: None where none fits.
        paused_g: inf where no plan with a suspend is feasible. [g]
    """

    window: Draft | None
    paused_g: float

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
        return InOnePiece(window=window, paused_g=np.inf)
    lost_h = float(surface.restart_h.min()) + rules.checkpoint_h
    hours_h = problem.work_h + lost_h
    room = surface.capacity >= problem.gpus
    if np.isfinite(surface.move_h).sum() > len(surface.clusters):
        open_rate = np.where(room, rate * problem.gpus, np.inf).min(axis=0)
        return InOnePiece(window=window, paused_g=_cheapest_g(open_rate, surface.slot_h, hours_h))
    hold = np.where(surface.holds[:, None], problem.hold_rate, 0.0)
    least_g = [
        _on_one_g((rate[row] - hold[row]) * problem.gpus, hold[row] * problem.gpus, room[row], surface.slot_h, hours_h)
        if surface.holds[row]
        else _in_parts_g(rate[row] * problem.gpus, room[row], surface.slot_h, problem.work_h, lost_h)
        for row in range(len(room))
        if room[row].any() and (problem.resumed_from is None or not surface.moved[problem.resumed_from, row])
    ]
    return InOnePiece(window=window, paused_g=min(least_g, default=np.inf))


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
