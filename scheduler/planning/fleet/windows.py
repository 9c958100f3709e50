"""Every start in one piece that can be the cheapest, of many jobs at once, priced by running sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place
from scheduler.planning.fleet.integral import Integral, integral, slots_of
from scheduler.planning.fleet.room import Room
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Starts, one job's after the other's; the arrays without a shape have an entry for each start.

    Args:
        first: number of each job's first start, and the number of all, shape [J+1].
        row, start_h, end_h: the cluster, and the time occupied there. [h]
        cost_g: the objective. [g]
        takes: GPUs of whole nodes. [GPUs]
        whole: number, among C x (S+1) sums, of the border that the window starts or ends on, or of the one before;
            part: of the border before its other end; slot: among C x S rates, of the slot behind that.
        sign: takes, negative where it is its end that lies on a border. [GPUs]
        rest: hours of `slot`, times `sign`. [GPU-h]
        loose, lead: numbers of the few windows of which neither end lies on a border, and the hours from `whole` on,
            times `sign`. [GPU-h]
    """

    first: Ints
    row: Ints
    start_h: Floats
    end_h: Floats
    cost_g: Floats
    takes: Ints
    whole: Ints
    part: Ints
    slot: Ints
    sign: Floats
    rest: Floats
    loose: Ints
    lead: Floats

    def of(self, job: int) -> slice:
        """The starts of one job."""
        return slice(int(self.first[job]), int(self.first[job + 1]))

    def priced_g(self, prices: Integral) -> Floats:
        """Cost and price of the room of each. [g]"""
        sums, rate = prices.sums.ravel(), prices.rate.ravel()
        room = sums.take(self.part)
        room -= sums.take(self.whole)
        room *= self.sign
        room += rate.take(self.slot) * self.rest
        loose = self.loose
        room[loose] -= rate.take(self.whole[loose] - self.row[loose]) * self.lead
        room += self.cost_g
        return np.asarray(room)

    def best(self, priced_g: Floats) -> Ints:
        """The number of each job's cheapest start, -1 where it has none, shape [J]."""
        counts = np.diff(self.first)
        found = np.full(len(counts), -1)
        some = np.flatnonzero(counts)
        if not len(some):
            return found
        least_g = np.minimum.reduceat(priced_g, self.first[some])
        hits = np.flatnonzero(priced_g == np.repeat(least_g, counts[some]))
        found[some] = hits[np.searchsorted(hits, self.first[some])]
        return found

    def only(self, jobs: NDArray[np.bool_], keep: NDArray[np.bool_] | None = None) -> Windows:
        """The starts of some jobs, shape [J], and of those the ones to keep; jobs keep their numbers."""
        counts = np.diff(self.first)
        keep = np.repeat(jobs, counts) if keep is None else keep & np.repeat(jobs, counts)
        left = np.bincount(np.repeat(np.arange(len(counts)), counts)[keep], minlength=len(counts))
        chosen = np.flatnonzero(keep)
        arrays = {name: getattr(self, name).take(chosen) for name in _BY_START}
        some = keep[self.loose]
        return Windows(
            first=np.concatenate([[0], np.cumsum(left)]),
            loose=np.searchsorted(chosen, self.loose[some]),
            lead=self.lead[some],
            **arrays,
        )

    def fitting(self, room: Room) -> NDArray[np.bool_]:
        """Whether there is room for each start, alone."""
        fits = np.zeros(len(self.row), np.bool_)
        kind = self.row * (1 + self.takes.max(initial=0)) + self.takes
        order = np.argsort(kind, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
            if len(some):
                row, takes = int(self.row[some[0]]), int(self.takes[some[0]])
                fits[some] = room.fits(row, takes, self.start_h[some], self.end_h[some])
        return fits

    def place(self, number: int) -> Place:
        """One of the starts as a place."""
        stretch = (int(self.row[number]), float(self.start_h[number]), float(self.end_h[number]))
        return Place(cost_g=float(self.cost_g[number]), stretches=(stretch,), taken=(stretch,))


_BY_START: Final = (
    "row", "start_h", "end_h", "cost_g", "takes", "whole", "part", "slot", "sign", "rest",
)  # fmt: skip


def windows(fleet: Fleet, jobs: Sequence[FleetJob]) -> Windows:
    """The starts of `jobs`; one that resumes has none here, since the nodes it holds count too.

    Notes:
        Cost and price of the room are piecewise linear in the start, so one at which the window starts or ends on a
        border, or the first or the last possible one, is the cheapest of all instants.
    """
    drawn = [_starts(fleet, job) for job in jobs]
    counts = [len(row) for row, _, _ in drawn]
    owner = np.repeat(np.arange(len(jobs)), counts)
    row, start_h, on_end = (np.concatenate([np.zeros(0, kind), *parts]) for kind, parts in zip(
        (np.int64, np.float64, np.bool_), zip(*drawn, strict=True) if drawn else ((), (), ()), strict=True
    ))  # fmt: skip
    shape = (len(jobs), len(fleet.capacity))
    length_h = np.array([job.length_h for job in jobs]).reshape(shape)[owner, row]
    takes = np.array([job.takes for job in jobs], dtype=np.int64).reshape(shape)[owner, row]
    end_h = start_h + length_h
    edges, slots = fleet.edges_h, len(fleet.edges_h) - 1
    border_h, other_h = np.where(on_end, end_h, start_h), np.where(on_end, start_h, end_h)
    at = np.clip(np.searchsorted(edges, border_h + INSTANT_TOLERANCE_H, side="right") - 1, 0, slots)
    past_h = border_h - edges[at]
    past_h[past_h < INSTANT_TOLERANCE_H] = 0.0
    behind = slots_of(edges, other_h)
    sign = np.where(on_end, -takes, takes).astype(np.float64)
    loose = np.flatnonzero(past_h)
    return Windows(
        first=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        row=row, start_h=start_h, end_h=end_h, takes=takes,
        cost_g=_costs(fleet, jobs, owner, row, (start_h, end_h)),
        whole=row * (slots + 1) + at, part=row * (slots + 1) + behind, slot=row * slots + behind,
        sign=sign, rest=sign * (other_h - edges[behind]), loose=loose, lead=(sign * past_h)[loose],
    )  # fmt: skip


def _starts(fleet: Fleet, job: FleetJob) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """Row, start, and whether its end is what lies on a border, of each start that one job has."""
    none = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_)
    rows = np.flatnonzero(job.takes > 0)
    deadline_h = min(job.deadline_h, float(fleet.edges_h[-1]))
    if job.resumed_from is not None or not len(rows):
        return none
    length_h = job.length_h[rows, None]
    edges = fleet.edges_h
    low, high = np.searchsorted(edges, [job.earliest_h + INSTANT_TOLERANCE_H, deadline_h - INSTANT_TOLERANCE_H])
    inner = np.concatenate([[job.earliest_h], edges[low:high], [deadline_h]])
    shape = (len(rows), len(inner))
    start_h = np.concatenate([np.broadcast_to(inner, shape), np.broadcast_to(inner, shape) - length_h], axis=1)
    on_end = np.repeat([False, True], len(inner))
    keep = start_h >= job.earliest_h - INSTANT_TOLERANCE_H
    start_h = np.maximum(start_h, job.earliest_h)
    keep &= start_h + length_h <= deadline_h + INSTANT_TOLERANCE_H
    keep &= _has_room(fleet, job, rows, start_h, start_h + length_h)
    return (
        np.broadcast_to(rows[:, None], start_h.shape)[keep],
        start_h[keep],
        np.broadcast_to(on_end, start_h.shape)[keep],
    )


def _has_room(fleet: Fleet, job: FleetJob, rows: Ints, start_h: Floats, end_h: Floats) -> NDArray[np.bool_]:
    """Whether an empty cluster would have room for each window."""
    shut = fleet.capacity[rows] < job.takes[rows, None]
    if not shut.any():
        return np.ones(start_h.shape, np.bool_)
    counted = np.concatenate([np.zeros((len(rows), 1), np.int64), np.cumsum(shut, axis=1)], axis=1)
    at = np.arange(len(rows))[:, None]
    first = slots_of(fleet.edges_h, start_h + INSTANT_TOLERANCE_H)
    last = slots_of(fleet.edges_h, end_h - INSTANT_TOLERANCE_H)
    return np.asarray(counted[at, last + 1] == counted[at, first])


def _costs(fleet: Fleet, jobs: Sequence[FleetJob], owner: Ints, row: Ints, span: tuple[Floats, Floats]) -> Floats:
    """The objective of each window. [g]"""
    cost_g = np.zeros(len(owner))
    shared = {id(job.rates): job.rates for job in jobs}
    numbers = {key: number for number, key in enumerate(shared)}
    kind = np.array([numbers[id(job.rates)] for job in jobs], dtype=np.int64)[owner]
    for number, rates in enumerate(shared.values()):
        mine = np.flatnonzero(kind == number)
        sums = integral(fleet.edges_h, rates.run)
        cost_g[mine] = sums.to(row[mine], span[1][mine]) - sums.to(row[mine], span[0][mine])
    return cost_g * np.array([job.gpus for job in jobs], dtype=np.int64)[owner]
