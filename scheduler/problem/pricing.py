"""The one price of a placement, whoever made it, so that every policy and baseline is comparable.

A slot without intensity is priced by the lines that are known there and lowers `coverage`; whoever prints
a total turns one under full coverage into null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from scheduler.domain.emissions import Emissions, Line
from scheduler.domain.placement import Placement
from scheduler.domain.units import kg_from_g
from scheduler.problem.pauses import Pause, pauses_of
from scheduler.problem.problem import Objective, Problem
from scheduler.problem.surface import HOLD_LINES, INSTANT_TOLERANCE_H, RUN_LINES, Floats, Surface
from scheduler.problem.ways import way_g

UNKNOWN_TRANSFER_H = 1.0
"""A transfer of unknown emissions weighs as much as this time of the job unpriced: so that it is never free. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a placement is expected to emit, and what it takes.

    Args:
        emissions: by line, over the part whose intensity is known. [kg]
        finish: when the work ends.
        occupied_gpu_h, held_gpu_h: GPU-hours running, and kept while paused. [GPU-h]
        unpriced_gpu_h: those whose intensity is unknown, unknown transfers by their weight. [GPU-h]
        suspends, moves: how many; a resume away from the cluster suspended on before hour 0 is a move.
    """

    emissions: Emissions
    finish: datetime
    occupied_gpu_h: float
    held_gpu_h: float
    unpriced_gpu_h: float
    suspends: int
    moves: int

    @property
    def coverage(self) -> float:
        """Share of the occupied and held GPU-hours that is priced, 1.0 where all is. [-]"""
        return max(0.0, 1.0 - self.unpriced_gpu_h / (self.occupied_gpu_h + self.held_gpu_h))

    def objective_kg(self, objective: Objective) -> float:
        """What a policy minimises. [kg]"""
        return self.emissions.total if objective == "lifecycle" else self.emissions.operational


def price(problem: Problem, placement: Placement) -> Price:
    """The price of `placement` on the problem's surface.

    Notes:
        E[line] = sum over segments and held pauses, clusters c and slots s of gpus x hours in s x rate[line, c, s],
        plus move_g[from, to, s] for each move, s being the slot in which its suspend falls.
        Restart and checkpoint are occupied time, so they are priced as running.
    """
    surface, pauses = problem.surface, pauses_of(problem, placement)
    bill = _Bill(surface)
    for segment in placement.segments:
        span = (surface.index(segment.cluster), surface.hour(segment.start), surface.hour(segment.end))
        bill.add(surface.run_g, RUN_LINES, span, segment.gpus)
    occupied = bill.gpu_h
    for pause in pauses:
        if pause.held:
            bill.add(surface.hold_g, HOLD_LINES, (pause.left, pause.start_h, pause.end_h), pause.gpus)
        elif pause.moved:
            bill.transfer(pause)
    return Price(
        emissions=Emissions(**{line: kg_from_g(mass_g) for line, mass_g in bill.grams.items()}),
        finish=placement.finish,
        occupied_gpu_h=occupied,
        held_gpu_h=bill.gpu_h - occupied,
        unpriced_gpu_h=bill.unpriced_gpu_h,
        suspends=placement.suspends,
        moves=sum(pause.moved for pause in pauses),
    )


class _Bill:
    """Grams by line, GPU-hours and unpriced GPU-hours of what was added so far."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.grams: defaultdict[Line, float] = defaultdict(float)
        self.gpu_h = self.unpriced_gpu_h = 0.0

    def add(
        self, rates: Mapping[Line, Floats], lines: tuple[Line, ...], span: tuple[int, float, float], gpus: int
    ) -> None:
        """A span (row, start, end) of occupied or held GPUs."""
        row, start_h, end_h = span
        slots, hours = overlap(self._surface, start_h, end_h)
        gpu_hours = hours * gpus
        gaps = np.zeros(len(hours), dtype=bool)
        for line in lines:
            rate = rates[line][row, slots]
            gap = np.isnan(rate)
            gaps |= gap
            self.grams[line] += float(gpu_hours @ np.where(gap, 0.0, rate))
        self.gpu_h += (end_h - start_h) * gpus
        outside = (end_h - start_h) - float(hours.sum())
        self.unpriced_gpu_h += float(gpu_hours @ gaps) + (outside * gpus if outside > INSTANT_TOLERANCE_H else 0.0)

    def transfer(self, pause: Pause) -> None:
        """The checkpoint's way in a move."""
        surface = self._surface
        slot = int(np.searchsorted(surface.edges_h, pause.start_h + INSTANT_TOLERANCE_H, side="right")) - 1
        mass_g = float(way_g(surface.move_g, pause.left, pause.joined, slot))
        if np.isnan(mass_g):
            self.unpriced_gpu_h += UNKNOWN_TRANSFER_H * pause.gpus
        else:
            self.grams["transfer"] += mass_g


def overlap(surface: Surface, start_h: float, end_h: float) -> tuple[slice, Floats]:
    """The slots that `[start_h, end_h)` touches for longer than the tolerance, and the hours of it in each. [h]"""
    edges, slots = surface.edges_h, touched(surface, start_h, end_h)
    return slots, np.minimum(edges[1:][slots], end_h) - np.maximum(edges[:-1][slots], start_h)


def touched(surface: Surface, start_h: float, end_h: float) -> slice:
    """The slots that `[start_h, end_h)` touches for longer than the tolerance."""
    edges = surface.edges_h
    first = max(int(edges.searchsorted(start_h + INSTANT_TOLERANCE_H, side="right")) - 1, 0)
    return slice(first, max(min(int(edges.searchsorted(end_h - INSTANT_TOLERANCE_H)), len(edges) - 1), first))
