"""What a replay came to as plain figures, and which of its policies nothing beats in both carbon and delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """Jobs of one class of width and length under one policy.

    Args:
        kg: what they emitted [kg]; wait_h: mean of finish less submission less duration. [h]
    """

    jobs: int
    kg: float
    wait_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFigures:
    """One policy under one setting, over the jobs that all completed with every hour priced.

    Args:
        kg: all lines. [kg]
        saving_pct, saving_operational_pct: against run-now; None where that emitted nothing. [%]
        kept_pct: of what it saves with perfect forecasts; None where that is hardly anything. [%]
        wait_h, start_delay_h: means; None without jobs. [h]
        cost: GPU-hours at their clusters' price; None where a cluster that was used states none.
        missed, late: deadlines missed, and jobs admitted late.
        utilisation_pct: GPU-hours occupied or held of those that there were. [%]
        zones: emissions by zone. [kg]
        classes: by name; waiting: GPUs of jobs that were submitted and had not begun, means between the moments.
    """

    name: str
    kg: float
    saving_pct: float | None
    saving_operational_pct: float | None
    kept_pct: float | None
    wait_h: float | None
    start_delay_h: float | None
    cost: float | None
    missed: int
    late: int
    suspends: int
    gpu_hours: float
    utilisation_pct: float
    zones: Mapping[str, float]
    classes: Mapping[str, ClassFigures]
    waiting: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFigures:
    """All policies under one setting.

    Args:
        name: what it varies, empty where nothing is.
        compared: jobs that are summed; left_out: jobs that could be replayed under no policy.
        bound_kg: what no placement of them emits less than that keeps every deadline. [kg]
        forecasts: which; moments: the ends of what `waiting` says.
    """

    name: str
    compared: int
    left_out: int
    bound_kg: float
    forecasts: str
    policies: tuple[PolicyFigures, ...]
    moments: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Everything that a page says.

    Args:
        trace: what was replayed; made_at: when; version: by which carbonsched.
        basis: of the intensities; start, end: from the first submission to the last end.
        clusters: name, zone, GPUs, and whether they are only declared.
        baseline: what savings are counted from; static: the baseline that only chooses a region.
        notes: what a reader must know; sha256: of the result.
    """

    trace: str
    made_at: datetime
    version: str
    basis: str
    start: datetime
    end: datetime
    clusters: tuple[tuple[str, str, int, bool], ...]
    baseline: str
    static: str
    notes: tuple[str, ...]
    sha256: str
    settings: tuple[SettingFigures, ...]


Point = tuple[str, PolicyFigures]
"""A setting's name, and a policy under it."""


def points(made: Simulation) -> list[Point]:
    """Every policy under every setting."""
    return [(setting.name, each) for setting in made.settings for each in setting.policies]


def front(found: Sequence[Point]) -> list[Point]:
    """Those that no other one beats in both saving and delay, the one that delays least first."""
    known = [(point, point[1].wait_h, point[1].saving_pct) for point in found]
    told = [(point, wait, saving) for point, wait, saving in known if wait is not None and saving is not None]
    chosen: list[Point] = []
    best = float("-inf")
    for point, _, saving in sorted(told, key=lambda each: (each[1], -each[2])):
        if saving > best:
            chosen.append(point)
            best = saving
    return chosen
