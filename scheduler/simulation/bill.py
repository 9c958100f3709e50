"""What all runs of a replay emitted, by job and line: the one price over the observed intensities, all at once.

It is `price` of every placement, with the sums over slots taken from running sums; the tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.domain.emissions import LINES, Line
from scheduler.domain.units import G_PER_KG
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats, Ints
from scheduler.simulation.request import Request
from scheduler.simulation.run import Run, Stretch
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bill:
    """Figures by job, shape [J] or [J, lines].

    Args:
        emissions_kg: by line in the order of `LINES`; NaN where a part of a run has no intensity. [kg]
        gpu_h: GPU-hours occupied and held. [GPU-h]
    """

    emissions_kg: Floats
    gpu_h: Floats

    @property
    def total_kg(self) -> Floats:
        """All lines, shape [J]. [kg]"""
        return np.asarray(self.emissions_kg.sum(1))


def bill(world: World, requests: Sequence[Request], runs: Sequence[Run]) -> Bill:
    """What each run emitted on the intensities that came."""
    emissions_g = np.zeros((len(requests), len(LINES)))
    gpu_h = np.zeros(len(requests))
    for lines, spans in ((RUN_LINES, [run.stretches for run in runs]), (HOLD_LINES, [run.held for run in runs])):
        _add(world, requests, spans, lines, into=(emissions_g, gpu_h))
    return Bill(emissions_kg=emissions_g / G_PER_KG, gpu_h=gpu_h)


def _add(
    world: World,
    requests: Sequence[Request],
    spans: Sequence[tuple[Stretch, ...]],
    lines: tuple[Line, ...],
    *,
    into: tuple[Floats, Floats],
) -> None:
    """Add to each job what its spans emit by line [g], and their GPU-hours."""
    emissions_g, gpu_h = into
    flat = [(job, *span) for job, all_of_it in enumerate(spans) for span in all_of_it]
    if not flat:
        return
    job, row, start_us, end_us = np.array(flat, dtype=np.int64).T
    gpus = np.array([requests[number].gpus for number in job])
    hours = (end_us - start_us) / US_PER_H * gpus
    np.add.at(gpu_h, job, hours)
    area = world.table.integral(world.zone[row], start_us, end_us) * gpus
    unknown = np.isnan(area)
    for line in lines:
        factor = _factors(world, requests, job, row, line, held=lines is HOLD_LINES)
        mass_g = factor * np.where(unknown, np.nan, hours if line == "embodied" else area)
        np.add.at(emissions_g[:, LINES.index(line)], job, mass_g)


def _factors(world: World, requests: Sequence[Request], job: Ints, row: Ints, line: Line, *, held: bool) -> Floats:
    """What a GPU-hour of each span counts by a line, at 1 g/kWh."""
    by_power: dict[float | None, Floats] = {}
    for power in {requests[number].gpu_w for number in job}:
        rates = world.rates(power)
        by_power[power] = (rates.hold if held else rates.run)[line]
    if len(by_power) == 1:
        return np.asarray(next(iter(by_power.values()))[row])
    return np.array([by_power[requests[number].gpu_w][at] for number, at in zip(job, row, strict=True)])
