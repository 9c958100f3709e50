"""The least that a job could have emitted, had all been known: the exact planner on what was observed.

It has the cluster to itself, whatever that keeps back or closes, its true length and power, and every instant from its
submission to its deadline, or to its real end where that came later. So it is a bound that nobody who cannot see the
future reaches; regret is measured from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import parse_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement
from scheduler.domain.said import Said
from scheduler.domain.units import W_PER_KW
from scheduler.planning.plan import FULL
from scheduler.problem.assemble import assemble
from scheduler.problem.exact import cheapest
from scheduler.problem.pricing import price
from scheduler.records.accounts import Account
from scheduler.records.attempts import Attempt
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import chosen_run

_NONE: Final = timedelta(0)
_HOUR: Final = timedelta(hours=1)


class NoHindsight(CarbonschedError):
    """The best in hindsight of a job is not known, for a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """The best placement in hindsight beside what came.

    Args:
        placement: where and when it would have run.
        best_kg: what that emits, all lines, central; realised_kg: what the job did. [kg]
    """

    placement: Placement
    best_kg: float
    realised_kg: float

    @property
    def regret_kg(self) -> float:
        """Realised less best; what knowing the future, and no boot and no failure, would have been worth. [kg]"""
        return self.realised_kg - self.best_kg


def hindsight(history: JobHistory, real: Account, intensity: Mapping[str, IntensitySeries]) -> Hindsight:
    """The best in hindsight of a job that has ended.

    Args:
        history: what was promised and what was done.
        real: its account.
        intensity: zone -> observed, of every cluster that it may use, from its submission to its deadline; declared
            hardware that is not there is no choice for a job that really ran, nor the other way round.

    Raises:
        NoHindsight: it has not ended, did nothing, or an hour that the best would use has no intensity.
    """
    row = history.row
    if row.finished_at is None:
        raise NoHindsight(Said("{job} has not ended", job=row.job.name))
    job = true_job(row.job, history.attempts, real, history.clusters.values())
    ended = max([row.deadline_at, *(each.reserved[1] for each in history.attempts)])
    start = parse_instant(row.counterfactual["not_before"])
    try:
        posed = assemble(
            job.model_copy(update={"deadline": ended, "earliest_start": None}),
            [each for each in history.clusters.values() if each.simulated == history.simulated],
            intensity,
            start,
            operator_home=row.counterfactual["home"],
        )
        best = cheapest(posed.problem)
    except CarbonschedError as exc:
        raise NoHindsight(exc.message, hint=exc.hint) from exc
    if best is None:
        raise NoHindsight(
            Said("{job}: nothing fits between its submission and its deadline in hindsight", job=row.job.name)
        )
    priced = price(posed.problem, best)
    if priced.coverage < FULL:
        raise NoHindsight(Said("{job}: an hour of the best in hindsight has no intensity", job=row.job.name))
    return Hindsight(placement=best, best_kg=priced.emissions.total, realised_kg=real.central.total)


def true_job(job: Job, attempts: Sequence[Attempt], real: Account, clusters: Iterable[Cluster] = ()) -> Job:
    """The job with the length and the power that it turned out to have.

    Args:
        job: as it was submitted.
        attempts: what ran; real: their account.
        clusters: on which its power is asked for; those that it ran on are among them.

    Notes:
        done = sum over its useful parts of (hours x speed of their width / stated hours there), 1 where all came as
        stated; its duration on each GPU model is the stated one x done, and its power the stated one x
        (energy of the boards while training / what the stated powers make of the same hours).

    Raises:
        NoHindsight: it did no useful work.
    """
    if not attempts:
        raise NoHindsight(Said("{job} did not run", job=job.name))
    pieces = chosen_run(job, attempts, attempts[0].reserved[0]).pieces
    worked = [(piece.cluster.gpu.model, (piece.ran[1] - piece.ran[0]) * _speed(job, piece.gpus)) for piece in pieces]
    total = sum((length for _, length in worked), _NONE)
    if total <= _NONE:
        raise NoHindsight(Said("{job} did no useful work", job=job.name))
    stated = [job.duration_on(model) for model, _ in worked]
    changes: dict[str, object] = {"gpu_w": _true_power(job, attempts, real, clusters), "duration": total}
    if job.duration is not None and all(stated):
        done = sum(length / span for (_, length), span in zip(worked, stated, strict=True) if span)
        spans = job.duration if isinstance(job.duration, dict) else {"": job.duration}
        scaled = {model: span * done for model, span in spans.items()}
        changes["duration"] = scaled if isinstance(job.duration, dict) else scaled[""]
    return job.model_copy(update=changes)


def _true_power(
    job: Job, attempts: Sequence[Attempt], real: Account, clusters: Iterable[Cluster]
) -> float | dict[str, float] | None:
    """The power of a GPU at work by model, in the ratio of what was drawn to what was stated. [W]"""
    stated_kwh = sum(
        (each.ran[1] - each.ran[0]) / _HOUR * each.gpus * _stated_w(job, each.cluster) / W_PER_KW for each in attempts
    )
    if not real.measured_kwh or stated_kwh <= 0:
        return job.gpu_w
    ratio = real.gpu_energy_kwh / stated_kwh
    known = (*clusters, *(each.cluster for each in attempts))
    return {each.gpu.model: max(each.gpu.idle_w.central, ratio * _stated_w(job, each)) for each in known}


def _stated_w(job: Job, cluster: Cluster) -> float:
    """The power of one GPU at work as it was stated before. [W]"""
    stated = job.gpu_power_w(cluster)
    return cluster.gpu.tdp_w.central if stated is None else stated


def _speed(job: Job, gpus: int) -> float:
    """Work done in an hour at a width, relative to the job's own. [-]"""
    if job.elastic is None or gpus == job.gpus:
        return 1.0
    return job.elastic.speedup.get(gpus, 1.0) / job.elastic.speedup.get(job.gpus, 1.0)
