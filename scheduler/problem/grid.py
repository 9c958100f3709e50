"""The surface as the solvers use it: from the moment of decision to the deadline, integrated over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Borders t[0..N], of which hour 0 and the earliest start are two, and what lies between them.

    Args:
        t_h: borders, shape [N+1]; the last is the deadline, or where the surface ends. [h]
        slot: slot of the surface behind each border, shape [N].
        room: whether the job fits, shape [C, N].
        room_to: number of the border up to which the job fits from each on, shape [C, N+1].
        run_rate, hold_rate: of the whole job, shape [C, N]; zero where it does not fit. [g/h]
        run_g, hold_g: their integrals from the first border, shape [C, N+1]. [g]
    """

    t_h: Floats
    slot: Ints
    room: NDArray[np.bool_]
    room_to: Ints
    run_rate: Floats
    hold_rate: Floats
    run_g: Floats
    hold_g: Floats

    def border(self, hour_h: Floats) -> Ints:
        """Number of the last border at or before each time, short of the final one."""
        found = self.t_h.searchsorted(hour_h, side="right")
        return np.asarray(np.minimum(np.maximum(found, 1), len(self.slot)) - 1)

    def run_to(self, row: Ints, hour_h: Floats) -> Floats:
        """Emissions of running from the first border to each time, of clusters and times that go together. [g]"""
        at = self.border(hour_h)
        return self.run_g[row, at] + self.run_rate[row, at] * (hour_h - self.t_h[at])

    def hold_to(self, row: Ints, hour_h: Floats) -> Floats:
        """The same of holding. [g]"""
        at = self.border(hour_h)
        return self.hold_g[row, at] + self.hold_rate[row, at] * (hour_h - self.t_h[at])

    def fits(self, row: Ints, start_h: Floats, end_h: Floats) -> NDArray[np.bool_]:
        """Whether the cluster has room from each start to its end; the tolerance of an instant is granted."""
        at = self.border(start_h + INSTANT_TOLERANCE_H)
        return end_h <= self.t_h[self.room_to[row, at]] + INSTANT_TOLERANCE_H


def grid(problem: Problem) -> Grid | None:
    """The grid of a problem without unknown rates, None where no time is left."""
    surface = problem.surface
    start_h = max(0.0, float(surface.edges_h[0]))
    end_h = min(problem.deadline_h, float(surface.edges_h[-1]))
    if end_h <= start_h:
        return None
    t_h, slot = _borders(problem, start_h, end_h)
    here = slice(None) if t_h is surface.edges_h else slot  # all of them, without a copy
    room = surface.capacity[:, here] >= problem.gpus
    run_rate = np.where(room, problem.run_rate[:, here], 0.0) * problem.gpus
    hold_rate = np.where(room & surface.holds[:, None], problem.hold_rate[:, here], 0.0) * problem.gpus
    step_h = t_h[1:] - t_h[:-1]
    return Grid(
        t_h=t_h,
        slot=slot,
        room=room,
        room_to=_room_to(room),
        run_rate=run_rate,
        hold_rate=hold_rate,
        run_g=_integral(run_rate * step_h),
        hold_g=_integral(hold_rate * step_h),
    )


def _borders(problem: Problem, start_h: float, end_h: float) -> tuple[Floats, Ints]:
    """The borders from a first to a last hour, and the slot of the surface behind each. [h]"""
    edges_h = problem.surface.edges_h
    whole = start_h == edges_h[0] >= problem.earliest_h and end_h == edges_h[-1]
    if whole and (edges_h[1:] - edges_h[:-1] > INSTANT_TOLERANCE_H).all():
        return edges_h, np.arange(len(edges_h) - 1)
    earliest = np.searchsorted(edges_h, problem.earliest_h)
    inner = np.concatenate([edges_h[:earliest], [problem.earliest_h], edges_h[earliest:]])
    inner = inner[(inner > start_h + INSTANT_TOLERANCE_H) & (inner < end_h - INSTANT_TOLERANCE_H)]
    t_h = np.concatenate([[start_h], inner, [end_h]])
    t_h = t_h[np.append(True, t_h[1:] - t_h[:-1] > INSTANT_TOLERANCE_H)]
    return t_h, np.searchsorted(edges_h, (t_h[:-1] + t_h[1:]) / 2, side="right") - 1


def _integral(parts: Floats) -> Floats:
    """Running sums along the last axis, starting with 0."""
    sums = np.zeros((parts.shape[0], parts.shape[1] + 1))
    parts.cumsum(axis=1, out=sums[:, 1:])
    return sums


def _room_to(room: NDArray[np.bool_]) -> Ints:
    """For each border the number of the next one behind which there is no room."""
    count, slots = room.shape
    stops = np.full((count, slots + 1), slots)
    np.copyto(stops[:, :-1], np.arange(slots), where=~room)
    return np.minimum.accumulate(stops[:, ::-1], axis=1)[:, ::-1]
