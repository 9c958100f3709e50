"""What a replay came to as plain figures: of each policy and setting, by zone, cluster, class of job and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler.domain.basis import Basis

JobClass = tuple[str, str]
"""The width and the length of jobs, each one of a fixed list of words."""


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
class ClusterFigures:
    """One cluster under one policy.

    Args:
        kg: what the compared jobs emitted there. [kg]
        gpu_hours: occupied or held there by all jobs. [GPU-h]
        utilisation_pct: of those that there were. [%]
    """

    kg: float
    gpu_hours: float
    utilisation_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFigures:
    """One policy under one setting, over the jobs that all completed with every hour priced.

    Args:
        kg: all lines. [kg]
        saving_pct, saving_operational_pct: against run-now; None where that emitted nothing. [%]
        kept_pct: of what it saves with perfect forecasts; None where that is hardly anything or was not replayed. [%]
        wait_h, start_delay_h: means; None without jobs. [h]
        cost: GPU-hours at their clusters' price; None where a cluster that was used states none.
        missed, late: deadlines missed, and jobs admitted late, of all jobs.
        gpu_hours: occupied or held by those jobs. [GPU-h]
        utilisation_pct: GPU-hours occupied or held of those that there were, all jobs. [%]
        zones: emissions by zone [kg]; clusters, classes: by name.
        waiting: GPUs of jobs that were submitted and had not begun, means around the moments.
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
    clusters: Mapping[str, ClusterFigures]
    classes: Mapping[JobClass, ClassFigures]
    waiting: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFigures:
    """All policies under one setting.

    Args:
        varied: the options that it varies with their values, empty where nothing is.
        jobs: that were replayed; compared: those that are summed; left_out: those that could not be, by why.
        bound_kg: what no placement of the compared jobs emits less than that keeps every deadline. [kg]
        forecasts: which; moments: the middles of what `waiting` says.
    """

    varied: tuple[tuple[str, str], ...]
    jobs: int
    compared: int
    left_out: Mapping[str, int]
    bound_kg: float
    forecasts: str
    policies: tuple[PolicyFigures, ...]
    moments: tuple[datetime, ...]

    @property
    def name(self) -> str:
        """What it varies, as the command line has it."""
        return said_of(self.varied)

    def policy(self, name: str) -> PolicyFigures | None:
        """The figures of one policy, None where it was not replayed."""
        return next((each for each in self.policies if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Everything that a page says.

    Args:
        trace: what was replayed; made_at: when; version: by which carbonsched.
        basis: of the intensities; start, end: from the first submission to the last end.
        clusters: name, zone, GPUs, price of a GPU-hour where it states one, and whether it is simulated.
        options: of the replay, those that hold where a setting does not vary them.
        baseline: what savings are counted from; static: the baseline that only chooses a region.
        notes: what else a reader must know; sha256: of the result.
    """

    trace: str
    made_at: datetime
    version: str
    basis: Basis
    start: datetime
    end: datetime
    clusters: tuple[tuple[str, str, int, float | None, bool], ...]
    options: tuple[tuple[str, str], ...]
    baseline: str
    static: str
    notes: tuple[str, ...]
    sha256: str
    settings: tuple[SettingFigures, ...]


def said_of(varied: Sequence[tuple[str, str]]) -> str:
    """Options with their values in a line."""
    return ", ".join(f"{name} {value}" for name, value in varied)
