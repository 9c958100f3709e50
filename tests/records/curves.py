"""Curves of meters, made up: hours count from `cases.T0`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scheduler.records.attempts import Attempt
from scheduler.records.energy import EnergyCurve
from scheduler.records.evidence import EnergySource
from tests.records.cases import at


def make_curve(
    start_h: float,
    steps: Sequence[tuple[float, float | None]],
    *,
    gpus: int = 8,
    source: EnergySource = "nvml_counter",
    idle_w: float | None = None,
    notes: tuple[str, ...] = (),
) -> EnergyCurve:
    """A meter that began at an hour: each step is a length [h] and a power of all GPUs [kW], None where it was dead."""
    lengths = np.array([length for length, _ in steps])
    powers = np.array([0.0 if power is None else power for _, power in steps])
    return EnergyCurve(
        start=at(start_h),
        at_h=np.concatenate([[0.0], np.cumsum(lengths)]),
        gpu_kwh=np.concatenate([[0.0], np.cumsum(lengths * powers)]),
        measured=np.array([0.0 if power is None else 1.0 for _, power in steps]),
        source=source,
        gpus=gpus,
        idle_w=idle_w,
        notes=notes,
    )


def metered(attempt: Attempt, steps: Sequence[tuple[float, float | None]], **more: object) -> Attempt:
    """An attempt with a meter that began with its training."""
    start_h = (attempt.ran[0] - at(0)).total_seconds() / 3600
    return replace(attempt, energy=make_curve(start_h, steps, **more))  # type: ignore[arg-type]  # each test names fields of the curve
