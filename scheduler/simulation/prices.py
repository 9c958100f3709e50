"""What plans cost on one forecast, many at once: the one price with its sums over slots taken from running sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.problem.surface import Floats, Ints
from scheduler.simulation.request import Request
from scheduler.simulation.run import Stretch, held_between, reaching
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World


class Prices:
    """The intensities that are expected from a slot on.

    Args:
        world: clusters.
        made_us: start of the first slot. [us]
        course: by zone and slot, shape [Z, n]. [g/kWh]
    """

    def __init__(self, world: World, made_us: int, course: Floats) -> None:
        self._world, self._step_us = world, world.table.step_us
        self._made_us = made_us
        self.by_row: Floats = course[world.zone]
        step_h = self._step_us / US_PER_H
        self._sums = np.concatenate([np.zeros((len(self.by_row), 1)), np.cumsum(self.by_row * step_h, axis=1)], axis=1)

    def area(self, row: Ints | int, start_us: Ints, end_us: Ints) -> Floats:
        """The intensity over each `[start, end)` of a cluster, as many of both; NaN where it is not told. [g/kWh h]"""
        before, behind = self._up_to(row, np.stack((start_us, end_us)))
        return np.asarray(behind - before)

    def least(self, until_us: Ints) -> Floats:
        """The least intensity of each cluster from the first slot to each instant [us], shape [J, C]. [g/kWh]"""
        slot = np.clip(-(-(until_us - self._made_us) // self._step_us) - 1, 0, self.by_row.shape[1] - 1)
        return np.asarray(np.minimum.accumulate(self.by_row, axis=1)[:, slot].T)

    def least_span(self, row: int, from_us: int, until_us: Ints, length_us: Ints) -> Floats:
        """The least intensity over any stretch of each length on a cluster between two instants [us]. [g/kWh h]

        It begins or ends with a slot, or at either instant: between those the integral is linear in the start.
        """
        step_us, latest_us = self._step_us, np.maximum(until_us - length_us, from_us)
        count = int((latest_us - from_us).max(initial=0) // step_us) + 2
        steps_us = np.arange(count) * step_us
        begins = np.broadcast_to(from_us // step_us * step_us + steps_us, (len(latest_us), count))
        ends = (until_us // step_us * step_us)[:, None] - steps_us
        starts = np.concatenate([begins, ends - length_us[:, None], latest_us[:, None]], axis=1)
        starts = np.clip(starts, from_us, latest_us[:, None])
        return np.asarray(self.area(row, starts, starts + length_us[:, None]).min(axis=1))

    def cleanest_g(self, row: int, until_us: int, hours: float, kwh: float, after: tuple[int, float]) -> float:
        """The least that so many hours of a cluster emit for a GPU, in pieces, up to an instant [us]. [g]

        Args:
            kwh: of an hour; after: an instant [us], and what an hour in the slots behind it takes instead. [kWh]
        """
        last, step_h = -(-(until_us - self._made_us) // self._step_us), self._step_us / US_PER_H
        behind = -(-(after[0] - self._made_us) // self._step_us)
        values = self.by_row[row, :last] * kwh
        values[behind:] *= after[1] / kwh
        values = np.sort(values)
        whole = min(int(hours / step_h), len(values))
        rest_h = hours - whole * step_h if whole < len(values) else 0.0
        return float(values[:whole].sum() * step_h + (values[whole] * rest_h if rest_h > 0 else 0.0))

    def cost_g(self, request: Request, stretches: Sequence[Stretch], from_us: int) -> float:
        """What stretches and the pauses between them emit behind an instant [us]. [g]"""
        return float(self.costs_g([(request, stretches)], from_us)[0])

    def costs_g(self, plans: Sequence[tuple[Request, Sequence[Stretch]]], from_us: int) -> Floats:
        """The same of many plans, shape [J]. [g]"""
        spans, rates = [], []
        for number, (request, stretches) in enumerate(plans):
            factors, ahead = self._world.factors(request.gpu_w), reaching(stretches, from_us)
            for some, kwh, embodied_g in (
                (ahead, factors.run_kwh, factors.run_g),
                (held_between(ahead, self._world.holds), factors.hold_kwh, factors.hold_g),
            ):
                for row, start_us, end_us in some:
                    if end_us > from_us:
                        spans.append((number, row, max(start_us, from_us), end_us))
                        rates.append((kwh[row], embodied_g[row]))
        if not spans:
            return np.zeros(len(plans))
        job, rows, begin_us, until_us = np.array(spans, dtype=np.int64).T
        each_kwh, each_g = np.array(rates).T
        part_g = each_kwh * self.area(rows, begin_us, until_us) + each_g * ((until_us - begin_us) / US_PER_H)
        gpus = np.array([request.gpus for request, _ in plans])
        return np.asarray(np.bincount(job, weights=part_g, minlength=len(plans)) * gpus)

    def _up_to(self, row: Ints | int, at_us: Ints) -> Floats:
        """The integral from the first slot on; NaN behind the last. [g/kWh h]"""
        into = at_us - self._made_us
        slot = into // self._step_us
        last = self.by_row.shape[1]
        here = self.by_row[row, np.minimum(slot, last - 1)] * ((into - slot * self._step_us) / US_PER_H)
        inside = (into >= 0) & (into <= last * self._step_us)
        total = self._sums[row, np.minimum(np.maximum(slot, 0), last)] + np.where(slot < last, here, 0.0)
        return np.asarray(np.where(inside, total, np.nan))
