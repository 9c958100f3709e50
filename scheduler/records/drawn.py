"""What a stretch of reserved GPUs drew, slot by slot of its zone's intensity: metered where a meter was, else modelled.

A meter replaces the board of the GPU and nothing else: the host stays modelled, and is said to be. Where readings are
missing while a training ran, the GPUs count at their nameplate, which is against the tool's own favour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.domain.estimate import Level
from scheduler.domain.intensity import Floats
from scheduler.domain.job import Job
from scheduler.domain.units import W_PER_KW
from scheduler.lifecycle.model import GpuHour
from scheduler.problem.rates import job_gpu_hour
from scheduler.records.exposure import Slots
from scheduler.records.stretches import Stretch

METER_RANGE: Final = 0.05
"""Half-width of what NVML says of a board [-]: the maker states +/-5 % for its power readings, and external meters
agree (Yang et al., arXiv 2312.02741, 2023)."""
_OF_METER: Final[Mapping[Level, float]] = {"low": 1 - METER_RANGE, "central": 1.0, "high": 1 + METER_RANGE}
_DUST_KWH: Final = 1e-12
"""Less than this is the rounding of sums. [kWh]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Energy of one stretch, by slot; its GPUs with their share of the nodes.

    Args:
        hour: what one of its GPU-hours is by the model.
        dynamic_kwh: IT energy above the idle floor; under 0 where a meter saw less than the floor, shape [S]. [kWh]
        idle_kwh: IT energy of the idle floor, shape [S]. [kWh]
        gpu_kwh: of the boards alone, all of it, shape [S]; it is inside the other two. [kWh]
        measured_kwh: what of the boards' energy a meter counted. [kWh]
        estimated_kwh: what of it stands for readings that are missing. [kWh]
    """

    hour: GpuHour
    dynamic_kwh: Floats
    idle_kwh: Floats
    gpu_kwh: Floats
    measured_kwh: float
    estimated_kwh: float

    @property
    def it_kwh(self) -> Floats:
        """All IT energy, by slot. [kWh]"""
        return self.dynamic_kwh + self.idle_kwh

    @property
    def under_the_floor(self) -> bool:
        """Whether some slot drew less than the idle floor that is stated."""
        return bool((self.dynamic_kwh < -_DUST_KWH).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a meter counted of a stretch, by slot.

    Args:
        kwh: energy of the boards. [kWh]
        missing_gpu_h: GPU-hours of which there is no reading. [GPU-h]
    """

    kwh: Floats
    missing_gpu_h: Floats


def counted(stretch: Stretch, slots: Slots) -> Counted | None:
    """What a meter counted of a stretch, the same at every corner of the ranges; None where there was none."""
    if stretch.energy is None or stretch.kind == "hold":
        return None
    kwh, metered_h = stretch.energy.between(stretch.start, slots.edges_h)
    return Counted(kwh=kwh, missing_gpu_h=np.maximum((slots.hours_h - metered_h) * stretch.gpus, 0.0))


def drawn(
    job: Job,
    stretch: Stretch,
    slots: Slots,
    level: Level = "central",
    hour: GpuHour | None = None,
    *,
    of: Counted | None = None,
) -> Drawn:
    """The energy of a stretch at one corner of the ranges.

    Args:
        job: what ran.
        stretch: GPUs from start to end, with the meter's curve where there is one.
        slots: the stretch cut at its zone's intensity.
        level: corner of the uncertain figures.
        hour: what a GPU-hour of the job is there by the model, None to work it out.
        of: what `counted` says of it, None to ask.

    Notes:
        By the model, over the hours h of a slot: dynamic = GPUs x dynamic_kwh x h while running, else 0;
        idle = GPUs x idle_kwh x h. With a meter, dynamic = boards - GPUs x floor x h, to which while running comes
        GPUs x (the host's part of dynamic_kwh) x h, where
        boards = metered + missing GPU-hours x (nameplate while running, else idle) and floor is the board at rest:
        as it was metered before the training, else gpu.idle_w, which then stands in the idle line too.
    """
    hour = hour or job_gpu_hour(job, stretch.cluster, level, stretch.gpus, hosts=stretch.hosts)
    of = of or counted(stretch, slots)
    gpu_h, running = slots.hours_h * stretch.gpus, stretch.kind == "run"
    if of is not None and stretch.energy is not None:
        return _metered(job, stretch, gpu_h, level, hour, of, stretch.energy.idle_w)
    board_kw = hour.gpu_kwh if running else stretch.cluster.gpu.idle_w.at(level) / W_PER_KW
    return Drawn(
        hour=hour,
        dynamic_kwh=gpu_h * (hour.dynamic_kwh if running else 0.0),
        idle_kwh=gpu_h * hour.idle_kwh,
        gpu_kwh=gpu_h * board_kw,
        measured_kwh=0.0,
        estimated_kwh=0.0,
    )


def _metered(  # noqa: PLR0917  # private, and each is another thing
    job: Job, stretch: Stretch, gpu_h: Floats, level: Level, hour: GpuHour, of: Counted, at_rest_w: float | None
) -> Drawn:
    """The same where a meter counted some of it, and at rest so much. [W]"""
    gpu, running = stretch.cluster.gpu, stretch.kind == "run"
    stated_kw = gpu.idle_w.at(level) / W_PER_KW
    floor_kw = stated_kw if at_rest_w is None else at_rest_w / W_PER_KW
    nameplate_kw = max(gpu.tdp_w.at(level), job.gpu_power_w(stretch.cluster) or 0.0) / W_PER_KW
    missing_kwh = of.missing_gpu_h * (nameplate_kw if running else floor_kw)
    boards_kwh = of.kwh * _OF_METER[level] + missing_kwh
    host_kw = hour.dynamic_kwh - (hour.gpu_kwh - stated_kw) if running else 0.0
    return Drawn(
        hour=hour,
        dynamic_kwh=boards_kwh + gpu_h * (host_kw - floor_kw),
        idle_kwh=gpu_h * (hour.idle_kwh - stated_kw + floor_kw),
        gpu_kwh=boards_kwh,
        measured_kwh=float(of.kwh.sum()),
        estimated_kwh=float(missing_kwh.sum()) if running else 0.0,
    )
