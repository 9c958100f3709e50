"""What a GPU-hour emits on each cluster at 1 g/kWh, by line: the emission model without the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Line
from scheduler.lifecycle.model import gpu_hour
from scheduler.problem.rates import hold_lines
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """Factors of a GPU at one power, shape [C] each.

    Args:
        run, hold: of running, and of holding paused nodes: kWh a GPU-hour, or of embodied g a GPU-hour.
    """

    run: Mapping[Line, Floats]
    hold: Mapping[Line, Floats]


def rates_of(clusters: Sequence[Cluster], gpu_w: float | None) -> Rates:
    """The factors of a job's GPUs, every figure central; all lines but embodied rise with the intensity alone.

    Args:
        clusters: where.
        gpu_w: power of one GPU at work, None for the nameplate. [W]

    Raises:
        InvalidInput: the power is below a GPU's idle power.
    """
    one = np.ones(1)
    hours = [gpu_hour(cluster, gpu_w) for cluster in clusters]
    running = [hour.running(one) for hour in hours]
    holding = [hold_lines(cluster, hour, one) for cluster, hour in zip(clusters, hours, strict=True)]
    return Rates(
        run={line: np.concatenate([lines[line] for lines in running]) for line in RUN_LINES},
        hold={line: np.concatenate([lines[line] for lines in holding]) for line in HOLD_LINES},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """A GPU-hour of one job on each cluster, shape [C] each.

    Args:
        run_kwh, hold_kwh: energy running, and of nodes that are kept. [kWh]
        run_g, hold_g: embodied. [g]
    """

    run_kwh: Floats
    run_g: Floats
    hold_kwh: Floats
    hold_g: Floats


def factors_of(rates: Rates) -> Factors:
    """The same with the lines added that rise with the intensity."""
    return Factors(
        run_kwh=np.sum([rates.run[line] for line in RUN_LINES[:-1]], axis=0),
        run_g=rates.run[RUN_LINES[-1]],
        hold_kwh=np.sum([rates.hold[line] for line in HOLD_LINES[:-1]], axis=0),
        hold_g=rates.hold[HOLD_LINES[-1]],
    )
