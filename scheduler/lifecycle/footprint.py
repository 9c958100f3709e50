"""The footprint of a run that is described and not placed: GPUs, hours, a cluster's figures and one intensity.

Low and high are corners: every figure at its low, or at its high, at once. They are wider than a confidence
interval and claim no probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Emissions
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate, Level
from scheduler.domain.units import G_PER_KG
from scheduler.lifecycle.model import gpu_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Electricity of a run by line. [kWh]

    Args:
        dynamic: IT energy above the idle floor.
        idle_running: IT energy of the idle floor.
        facility: what the building adds.
        gpu_running: energy of the GPU boards alone; lies inside dynamic and idle_running.
    """

    dynamic: float
    idle_running: float
    facility: float
    gpu_running: float

    @property
    def it(self) -> float:
        """What the IT hardware draws. [kWh]"""
        return self.dynamic + self.idle_running

    @property
    def total(self) -> float:
        """What the building draws for the run. [kWh]"""
        return self.it + self.facility


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """A run with every figure at one level of its range."""

    emissions: Emissions
    energy: Energy


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a run emits, modelled: the central figure and the two corners.

    Args:
        gpu_hours: GPUs times hours. [GPU-h]
        low, central, high: all figures at that level at once.
    """

    gpu_hours: float
    low: Corner
    central: Corner
    high: Corner

    @property
    def embodied_pct(self) -> float:
        """Share of the central total that is making the hardware; 0 where nothing is emitted at all. [%]"""
        total_kg = self.central.emissions.total
        return 100 * self.central.emissions.embodied / total_kg if total_kg else 0.0


def footprint_of(
    cluster: Cluster, *, gpus: int, hours_h: float, intensity_g_per_kwh: Estimate, gpu_w: float | None = None
) -> Footprint:
    """The footprint of a run without pause on `cluster`.

    Args:
        cluster: the hardware and its figures.
        gpus: GPUs reserved.
        hours_h: how long. [h]
        intensity_g_per_kwh: of the grid over the run, with its range. [g/kWh]
        gpu_w: power of one GPU while running; None for the nameplate. [W]
    """
    if gpus < 1 or not (math.isfinite(hours_h) and hours_h > 0):
        raise InvalidInput(f"a run of {gpus} GPUs for {hours_h:g} h emits nothing", hint="give both, over 0")
    if intensity_g_per_kwh.low < 0 or not math.isfinite(intensity_g_per_kwh.high):
        raise InvalidInput("an intensity is a finite number of g/kWh, 0 or more")
    gpu_hours = gpus * hours_h

    def corner(level: Level) -> Corner:
        """The run with every figure at `level`."""
        hour = gpu_hour(cluster, gpu_w, level)
        rates_g = hour.running(intensity_g_per_kwh.at(level))
        kg = {line: float(rate_g) * gpu_hours / G_PER_KG for line, rate_g in rates_g.items()}
        energy = Energy(
            dynamic=hour.dynamic_kwh * gpu_hours,
            idle_running=hour.idle_kwh * gpu_hours,
            facility=hour.it_kwh * (hour.pue - 1) * gpu_hours,
            gpu_running=hour.gpu_kwh * gpu_hours,
        )
        return Corner(emissions=Emissions(**kg), energy=energy)

    return Footprint(gpu_hours=gpu_hours, low=corner("low"), central=corner("central"), high=corner("high"))
