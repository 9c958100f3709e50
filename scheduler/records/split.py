"""Why a job emitted something else than its plan said: what the grid, the run, its power and its overheads each added.

One figure after the other is put from what was planned to what came, in a fixed order, so the parts add up to the
difference exactly; another order would share out what two errors make together differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.placement import Placement
from scheduler.records.accounts import total_kg
from scheduler.records.attempts import Attempt
from scheduler.records.gather import JobHistory

_DUST: Final = 1e-12
"""Share of two sums by which floating point may part them where they are the same. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Realised less planned, and the parts that it is made of; positive where more was emitted. [kg]

    Args:
        planned_kg, realised_kg: the two ends, all lines, central.
        forecast_kg: what the grid did other than was forecast, over the planned run.
        duration_kg: that it ran longer or shorter, earlier or later, or elsewhere, and paused otherwise.
        power_kg: that it drew another power than was stated, as far as it was metered.
        overhead_kg: boots, teardowns, waits on reserved nodes, and what the infrastructure made it repeat.
    """

    planned_kg: float
    realised_kg: float
    forecast_kg: float
    duration_kg: float
    power_kg: float
    overhead_kg: float

    @property
    def difference_kg(self) -> float:
        """Realised less planned. [kg]"""
        return self.realised_kg - self.planned_kg


def split(
    history: JobHistory,
    intensity: Mapping[str, IntensitySeries],
    *,
    planned_kg: float,
    realised_kg: float,
) -> Split:
    """The difference of a job from the plan that it was accepted with, in its parts.

    Args:
        history: what was promised and what was done.
        intensity: zone -> observed, of where it was planned to run and where it ran.
        planned_kg: what the plan said; realised_kg: what the account says, all lines. [kg]

    Raises:
        NotCovered: a zone has no intensity at all.

    Notes:
        With K(run, power, intensity) the kilograms of all lines of a run,
        forecast = K(planned run, stated power, observed) - planned;
        duration = K(real run, stated power, observed) - K(planned run, stated power, observed);
        power = K(real run, metered power, observed) - K(real run, stated power, observed);
        overhead = realised - K(real run, metered power, observed),
        where the real run is the training alone of the attempts that the infrastructure did not make vain. So
        forecast + duration + power + overhead = realised - planned.
    """
    job, real = history.row.job, [_bare(each) for each in history.attempts if not each.wasted]
    stated = [replace(each, energy=None, crowded=()) for each in real]
    promised = planned_attempts(history.planned.placement, history.clusters)
    as_planned = total_kg(job, promised, intensity, data_at=history.data_at)
    as_run = total_kg(job, stated, intensity, data_at=history.data_at)
    metered = any(each.energy is not None or each.crowded for each in real)
    as_drawn = total_kg(job, real, intensity, data_at=history.data_at) if metered else as_run
    return Split(
        planned_kg=planned_kg,
        realised_kg=realised_kg,
        forecast_kg=_less_kg(as_planned, planned_kg),
        duration_kg=_less_kg(as_run, as_planned),
        power_kg=_less_kg(as_drawn, as_run),
        overhead_kg=_less_kg(realised_kg, as_drawn),
    )


def planned_attempts(placement: Placement, clusters: Mapping[str, Cluster]) -> list[Attempt]:
    """A placement as if it had come true: each segment its training alone, suspended as planned."""
    last = placement.segments[-1]
    return [
        Attempt(
            sid="planned",
            cluster=clusters[each.cluster],
            gpus=each.gpus,
            reserved=(each.start, each.end),
            ran=(each.start, each.end),
            known_by="outcome",
            ended_by="itself" if each is last else "plan",
        )
        for each in placement.segments
    ]


def _less_kg(after_kg: float, before_kg: float) -> float:
    """A difference, 0 where it is the dust of floating point. [kg]"""
    less_kg = after_kg - before_kg
    return less_kg if abs(less_kg) > _DUST * max(abs(after_kg), abs(before_kg)) else 0.0


def _bare(attempt: Attempt) -> Attempt:
    """An attempt without what was reserved around its training, nor what its storage had to carry."""
    return replace(attempt, reserved=attempt.ran, traffic=None)
