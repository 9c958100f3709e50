"""How sure a footprint is: its lines as terms of the same factors that a difference is drawn by, and embodied beside.

The ends of a footprint's range take every figure at its worst at once; this is how it spreads where they vary together
only as far as they share a meter, a cluster, a year or a zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Estimate
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.problem.rates import job_gpu_hour
from scheduler.records.accounts import Account, Accrual
from scheduler.records.difference import Draws, drawn_total, percentiles
from scheduler.records.exposure import series_of
from scheduler.records.factors import (
    TRANSFER,
    Factor,
    host_power,
    intensity_in,
    metered,
    modelled,
    over_centre,
    pue_in,
    states_a_range,
)
from scheduler.records.terms import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where a mass lies in the draws. [kg]"""

    p5_kg: float
    p50_kg: float
    p95_kg: float


def footprint_terms(job: Job, account: Account, intensity: Mapping[str, IntensitySeries]) -> tuple[Term, ...]:
    """The footprint of a job by what it is proportional to, month by month; the terms sum to its central total.

    Notes:
        Operational kilograms are shared out by energy: boards by their meter or their model, all else by the node's.
    """
    boards = account.gpu_energy_kwh / account.it_energy_kwh if account.it_energy_kwh > 0 else 0.0
    read = min(1.0, account.measured_kwh / account.gpu_energy_kwh) if account.gpu_energy_kwh > 0 else 0.0
    terms = [term for each in account.accruals for term in _of_accrual(job, each, boards, read, account, intensity)]
    transfer_kg = account.central.transfer - sum(each.emissions.transfer for each in account.accruals)
    return (*terms, Term(sign=1, kg=transfer_kg, factors=(TRANSFER,)))


def spread(jobs: Iterable[Iterable[Term]], draws: Draws) -> Spread:
    """The spread of footprints together, their sum inside each draw."""
    p5, p50, p95 = percentiles(drawn_total(jobs, draws))
    return Spread(p5_kg=p5, p50_kg=p50, p95_kg=p95)


def _of_accrual(  # noqa: PLR0917  # private, and each is another thing
    job: Job, each: Accrual, boards: float, read: float, account: Account, intensity: Mapping[str, IntensitySeries]
) -> Iterator[Term]:
    """The terms of what fell to one cluster in one month; `boards` is their share of the energy. [-]"""
    cluster, lines = each.cluster, each.emissions
    kg = lines.operational - lines.transfer
    series = series_of(intensity, cluster.zone)
    shared = (pue_in(cluster, each.month.year), _intensity(series, each.month.year))
    source = account.energy_source.split(" and ", maxsplit=1)[0]
    yield Term(sign=1, kg=kg * boards * read, factors=(metered(source), *shared))
    yield Term(sign=1, kg=kg * boards * (1 - read), factors=(modelled(cluster.gpu.model), *shared))
    yield Term(sign=1, kg=kg * (1 - boards), factors=(host_power(cluster), *shared))
    yield Term(sign=1, kg=lines.embodied, factors=(_embodied(job, cluster),))
    yield Term(sign=1, kg=lines.transfer, factors=(TRANSFER,))


def _embodied(job: Job, cluster: Cluster) -> Factor:
    """Making the hardware of a cluster: triangular over low, central and high."""
    low, central, high = (job_gpu_hour(job, cluster, level).embodied_g for level in ("low", "central", "high"))
    return over_centre(f"embodied of {cluster.name}", Estimate(low=low, central=central, high=high), shape="triangular")


def _intensity(series: IntensitySeries, year: int) -> Factor:
    """The intensity of a zone in a year, within the mean of the range it states."""
    if not states_a_range(series):
        return intensity_in(series, year, None)
    central = float(np.nanmean(series.g_per_kwh))
    low, high = (float(np.nanmean(series.at_level(level))) for level in ("low", "high"))
    return intensity_in(series, year, Estimate(low=min(low, central), central=central, high=max(high, central)))
