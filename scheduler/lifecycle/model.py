"""What a GPU-hour draws and embodies on a cluster, and what that emits at an intensity of the grid.

Idle energy is counted once: either inside the power of the meter (idle floor plus what computing adds) or,
in the profile of the BLOOM paper, on top of it; a PUE multiplies what the IT hardware draws and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Line
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate, Level
from scheduler.domain.units import G_PER_KG, HOURS_PER_YEAR, W_PER_KW

Floats = NDArray[np.float64]

TRANSFER_KWH_PER_GB = Estimate(low=0.001, central=0.01, high=0.06)
"""Electricity to move a gigabyte between two sites. [kWh/GB]

High: fixed-line internet in 2015, Aslan, Mayers, Koomey and France, "Electricity Intensity of Internet Data
Transmission", Journal of Industrial Ecology 22(4), 2018, doi:10.1111/jiec.12630. Low: the same paper's halving
every two years, carried to the mid-2020s. Central is this project's choice between the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHour:
    """What one reserved GPU-hour draws and embodies, its share of the node included.

    Args:
        dynamic_kwh: IT energy above the idle floor while running. [kWh/GPU-h]
        idle_kwh: IT energy of the idle floor, while running and while held. [kWh/GPU-h]
        pue: facility energy over IT energy. [-]
        embodied_g: share of making the hardware. [g/GPU-h]
        gpu_kwh: energy of the GPU's own board while running, beside the lines and not one of them: it is what
            the BLOOM paper and most energy meters call dynamic. [kWh/GPU-h]
    """

    dynamic_kwh: float
    idle_kwh: float
    pue: float
    embodied_g: float
    gpu_kwh: float

    @property
    def it_kwh(self) -> float:
        """IT energy of a GPU-hour of running. [kWh/GPU-h]"""
        return self.dynamic_kwh + self.idle_kwh

    def running(self, intensity_g_per_kwh: ArrayLike) -> dict[Line, Floats]:
        """The lines of running, in the shape of the intensity; NaN where it is unknown. [g/GPU-h]"""
        intensity = np.asarray(intensity_g_per_kwh, dtype=np.float64)
        return {
            "dynamic": intensity * self.dynamic_kwh,
            "idle_running": intensity * self.idle_kwh,
            "facility": intensity * (self.it_kwh * (self.pue - 1)),
            "embodied": np.full(intensity.shape, self.embodied_g),
        }

    def holding(self, intensity_g_per_kwh: ArrayLike) -> dict[Line, Floats]:
        """The lines of keeping the node of a paused job, in the shape of the intensity. [g/GPU-h]"""
        intensity = np.asarray(intensity_g_per_kwh, dtype=np.float64)
        return {
            "idle_held": intensity * self.idle_kwh,
            "facility": intensity * (self.idle_kwh * (self.pue - 1)),
            "embodied": np.full(intensity.shape, self.embodied_g),
        }


def gpu_hour(cluster: Cluster, gpu_w: float | None, level: Level = "central") -> GpuHour:
    """What a GPU-hour of a job is on `cluster`, every figure taken at one corner of its range.

    Args:
        cluster: the hardware and its figures.
        gpu_w: power of one GPU while the job runs, measured or expected; None for the nameplate. [W]
        level: the corner. Low takes the lowest powers, PUE and kilograms and, since they divide, the longest
            life and the highest use; high the opposite. Power and total emissions rise from low to high; the
            split between dynamic and idle need not, as the idle floor has its own range and moves both.

    Raises:
        InvalidInput: the job's power is below the idle power of the GPU.

    Notes:
        run_w = gpu_w or tdp_w;
        dynamic = run_w - gpu.idle_w + (node.host_w - node.idle_w) / node.gpus;
        idle = gpu.idle_w + node.idle_w / node.gpus.
    """
    gpu, node = cluster.gpu, cluster.node
    _require_over_idle(cluster, gpu.tdp_w.central if gpu_w is None else gpu_w)
    run_w = gpu.tdp_w.at(level) if gpu_w is None else gpu_w
    idle_w = gpu.idle_w.at(level) + node.idle_w.at(level) / node.gpus
    return GpuHour(
        dynamic_kwh=(run_w + node.host_w.at(level) / node.gpus - idle_w) / W_PER_KW,
        idle_kwh=idle_w / W_PER_KW,
        pue=cluster.stated_pue.at(level),
        embodied_g=embodied_g_per_gpu_h(
            hardware_kg=gpu.embodied_kg.at(level) + node.embodied_kg.at(level) / node.gpus,
            lifetime_years=cluster.lifetime_years.at(opposite(level)),
            lifetime_use=cluster.lifetime_use.at(opposite(level)),
        ),
        gpu_kwh=run_w / W_PER_KW,
    )


def embodied_g_per_gpu_h(*, hardware_kg: float, lifetime_years: float, lifetime_use: float) -> float:
    """Making a GPU and its share of the node, spread over the hours of its life in which it is allocated. [g/GPU-h]

    Args:
        hardware_kg: the GPU and its share of the node. [kg CO2e]
        lifetime_years: useful life. [years]
        lifetime_use: share of its life that hardware is allocated; 1 gives the rule of ISO/IEC 21031 (SCI). [-]

    References:
        Luccioni, Viguier and Ligozat, "Estimating the Carbon Footprint of BLOOM", JMLR 24(253), 2023.
    """
    return G_PER_KG * hardware_kg / (lifetime_years * HOURS_PER_YEAR * lifetime_use)


def transfer_g(size_gb: float, from_g_per_kwh: ArrayLike, to_g_per_kwh: ArrayLike, level: Level = "central") -> Floats:
    """Moving `size_gb` [GB] between two zones: half of the electricity at the intensity of each end. [g]"""
    if not (math.isfinite(size_gb) and size_gb >= 0):
        raise InvalidInput(f"a transfer of {size_gb} GB cannot be", hint="give the size in GB, 0 or more")
    ends = np.asarray(from_g_per_kwh, dtype=np.float64) + np.asarray(to_g_per_kwh, dtype=np.float64)
    return np.asarray(ends * (size_gb * TRANSFER_KWH_PER_GB.at(level) / 2))


def reserved_gpus(gpus: int, *, node_gpus: int, exclusive: bool) -> int:
    """GPUs that a job of `gpus` reserves: whole nodes of `node_gpus` where it shares with nobody."""
    return -(-gpus // node_gpus) * node_gpus if exclusive else gpus


def opposite(level: Level) -> Level:
    """The corner that a divisor takes where what it divides takes `level`."""
    if level == "low":
        return "high"
    return "low" if level == "high" else "central"


def _require_over_idle(cluster: Cluster, run_w: float) -> None:
    """Refuse a running power that is no number or lies below the central idle power of the GPU."""
    idle_w = cluster.gpu.idle_w.central
    if not (math.isfinite(run_w) and run_w >= idle_w):
        raise InvalidInput(
            f"{cluster.name}: {run_w:g} W a GPU while running is below its idle power of {idle_w:g} W",
            hint="gpu_w is the power of one GPU at work, in W",
        )
