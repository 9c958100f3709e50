"""Jobs summed by what they share: project, owner, cluster, month, alone or together; the parts add up to the whole.

What a job emitted is laid to the cluster and the month that it fell in, hour by hour. A range and a difference belong
to whole jobs: groups that cut jobs have none. Copies of data lie between clusters and stand by themselves there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.domain.emissions import LINES, NOTHING, Emissions
from scheduler.domain.errors import UnknownName
from scheduler.records.accounts import Accrual
from scheduler.records.comparison import Comparison, Parts, all_agree
from scheduler.records.difference import Difference, Draws, total_difference
from scheduler.records.footprint_draws import Spread, spread
from scheduler.records.settlement import Status, status_of
from scheduler.reporting.job_report import JobReport

NONE: Final = "(none)"
"""Stands for a name that a job does not have."""
TRANSFERS: Final = "(transfers)"
"""Stands for the cluster, zone and month of copies of data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over jobs of one kind.

    Args:
        unpriced: jobs that ran and whose emissions are not known, so that the sums are too low.
        emissions_kg: by line and in total; low_kg, high_kg: ends of the range. [kg]
        gpu_hours: reserved and held. [GPU-h]
        measured_kwh: part of the IT energy that a meter counted. [kWh]
        compared: jobs whose difference is summed; difference: theirs, together; None where there is none.
        listed: jobs whose difference is listed and not summed, since it would have come about anyway.
        second: the same jobs against their projects' history, None where that is not known of every one of them.
        parts: what of the difference came with the time, the place, or only with both.
        marginal: the difference on a marginal signal, of the `marginal_jobs` that have one; None with `no_marginal`;
            marginal_status, marginal_agreed: what `status` and `agreed` are, of it.
        provisional_share: share of the operational kilograms on provisional intensities [-]; status: of all of it.
        spread: where the footprint lies in the draws; None where nothing is priced.
        agreed: whether the second counterfactual, of the jobs that have one, does not say the opposite; else nothing is
            claimed.
    """

    jobs: int
    unpriced: int
    emissions_kg: Mapping[str, float]
    low_kg: float
    high_kg: float
    gpu_hours: float
    it_energy_kwh: float
    measured_kwh: float
    compared: int
    listed: int
    difference: Difference | None
    second: Difference | None
    parts: Parts | None
    marginal: Difference | None
    marginal_jobs: int
    no_marginal: str
    marginal_status: Status
    marginal_agreed: bool
    provisional_share: float
    status: Status
    spread: Spread | None
    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The jobs, or parts of jobs, that share a name in each of several respects.

    Args:
        names: respect -> the name that they share in it.
        jobs: how many have a part in it; unpriced: of these, how many ran and have no figure.
        emissions_kg: by line and in total; low_kg, high_kg: ends of the range, None where jobs are cut. [kg]
        difference: of its jobs together; None where none may be stated or jobs are cut.
        status: how firm the intensities of its jobs are.
        agreed: whether the second counterfactual does not say the opposite.
    """

    names: Mapping[str, str]
    jobs: int
    unpriced: int
    gpu_hours: float
    it_energy_kwh: float
    emissions_kg: Mapping[str, float]
    low_kg: float | None
    high_kg: float | None
    difference: Difference | None
    status: Status
    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A job, or what fell of it to one cluster in one month."""

    job: JobReport
    gpu_h: float = 0.0
    it_kwh: float = 0.0
    emissions: Emissions = NOTHING


def totals(jobs: Sequence[JobReport], draws: Draws) -> Totals:
    """Sums over jobs; what nothing ran of counts as a job and adds nothing. `draws` are those of the report."""
    priced = [(job, job.account) for job in jobs if job.account is not None]
    accounts = [account for _, account in priced]
    summed = [job.comparison for job in jobs if job.summed and job.comparison is not None]
    second = [each.second_terms for each in summed if each.second is not None]
    on_marginal = [(job, job.marginal) for job in jobs if job.summed and job.marginal is not None]
    marginal = [made for _, made in on_marginal]
    share, status = _firmness(jobs)
    return Totals(
        jobs=len(jobs),
        unpriced=sum(job.unpriced for job in jobs),
        emissions_kg=_lines(each.central for each in accounts),
        low_kg=sum(each.emissions["low"].total for each in accounts),
        high_kg=sum(each.emissions["high"].total for each in accounts),
        gpu_hours=sum(each.gpu_h for each in accounts),
        it_energy_kwh=sum(each.it_energy_kwh for each in accounts),
        measured_kwh=sum(each.measured_kwh for each in accounts),
        compared=len(summed),
        listed=sum(job.difference is not None for job in jobs) - len(summed),
        difference=_together(summed, draws),
        second=total_difference(second, draws) if second and len(second) == len(summed) else None,
        parts=_parts(summed),
        marginal=_together(marginal, draws),
        marginal_jobs=len(marginal),
        no_marginal=next((job.no_marginal for job in jobs if job.no_marginal), ""),
        marginal_status=_marginal_status(on_marginal),
        marginal_agreed=all_agree(marginal),
        provisional_share=share,
        status=status,
        spread=spread([job.footprint for job, _ in priced], draws) if priced else None,
        agreed=all_agree(summed),
    )


def _firmness(jobs: Iterable[JobReport]) -> tuple[float, Status]:
    """The share of the operational kilograms of jobs that is provisional [-], and how firm they are together."""
    jobs = tuple(jobs)
    priced = [(job, job.account.central.operational) for job in jobs if job.account is not None]
    operational_kg = sum(kg for _, kg in priced)
    provisional_kg = sum(job.provisional_share * kg for job, kg in priced)
    share = provisional_kg / operational_kg if operational_kg > 0 else float(any(job.unpriced for job in jobs))
    return share, status_of(share, final=bool(priced) and all(job.status == "final" for job, _ in priced))


def _together(compared: Sequence[Comparison], draws: Draws) -> Difference | None:
    """The difference of jobs, None where there is none of them."""
    return total_difference([each.terms for each in compared], draws) if compared else None


def _marginal_status(on_marginal: Sequence[tuple[JobReport, Comparison]]) -> Status:
    """How firm comparisons on a marginal signal are, each weighed by what was emitted."""
    weighed = [(job, max(made.sides_kg)) for job, made in on_marginal]
    whole_kg = sum(kg for _, kg in weighed)
    share = sum(job.marginal_share * kg for job, kg in weighed) / whole_kg if whole_kg > 0 else 1.0
    return status_of(share, final=all(job.marginal_status == "final" for job, _ in weighed))


def _parts(compared: Sequence[Comparison]) -> Parts | None:
    """What differences are made of, together."""
    if not compared:
        return None
    return Parts(
        temporal_kg=sum(each.parts.temporal_kg for each in compared),
        spatial_kg=sum(each.parts.spatial_kg for each in compared),
        interaction_kg=sum(each.parts.interaction_kg for each in compared),
    )


def grouped(jobs: Iterable[JobReport], by: Sequence[str], draws: Draws) -> tuple[Group, ...]:
    """The jobs in groups that share a name in every one of these respects, sorted by their names.

    Args:
        jobs: what is grouped.
        by: the respects.
        draws: those of the report.

    Raises:
        UnknownName: jobs cannot be grouped by one of them.
    """
    for respect in by:
        if respect not in RESPECTS:
            raise UnknownName("way to group", respect, RESPECTS)
    cut = any(respect in _OF_PARTS for respect in by)
    found: dict[tuple[str, ...], list[_Part]] = {}
    for job in jobs:
        for names, part in _cut(job, by) if cut else [(_names(job, by), _whole(job))]:
            found.setdefault(names, []).append(part)
    return tuple(_group(dict(zip(by, names, strict=True)), found[names], draws, cut=cut) for names in sorted(found))


def _group(names: Mapping[str, str], parts: Sequence[_Part], draws: Draws, *, cut: bool) -> Group:
    """The sums of a group."""
    jobs = list({id(part.job): part.job for part in parts}.values())
    accounts = [job.account for job in jobs if job.account is not None]
    summed = [job.comparison for job in jobs if job.summed and job.comparison is not None and not cut]
    return Group(
        names=names,
        jobs=len(jobs),
        unpriced=sum(job.unpriced for job in jobs),
        gpu_hours=sum(part.gpu_h for part in parts),
        it_energy_kwh=sum(part.it_kwh for part in parts),
        emissions_kg=_lines(part.emissions for part in parts),
        low_kg=None if cut else sum(each.emissions["low"].total for each in accounts),
        high_kg=None if cut else sum(each.emissions["high"].total for each in accounts),
        difference=_together(summed, draws),
        status=_firmness(jobs)[1],
        agreed=all_agree(summed),
    )


def _lines(masses: Iterable[Emissions]) -> dict[str, float]:
    """Masses summed by line, and in total. [kg]"""
    all_of = list(masses)
    lines = {line: float(sum(getattr(each, line) for each in all_of)) for line in LINES}
    return lines | {"total": sum(lines.values())}


def _whole(job: JobReport) -> _Part:
    """All of a job."""
    if job.account is None:
        return _Part(job=job)
    return _Part(job=job, gpu_h=job.account.gpu_h, it_kwh=job.account.it_energy_kwh, emissions=job.account.central)


def _cut(job: JobReport, by: Sequence[str]) -> Iterator[tuple[tuple[str, ...], _Part]]:
    """The parts of a job with their names; one that has none is whole, under what is known of it."""
    if job.account is None or not job.account.accruals:
        yield _names(job, by), _whole(job)
        return
    for each in job.account.accruals:
        part = _Part(job=job, gpu_h=each.gpu_h, it_kwh=each.it_kwh, emissions=each.emissions)
        yield tuple(_OF_PARTS[name](each) if name in _OF_PARTS else RESPECTS[name](job) for name in by), part
    transfer_kg = job.account.central.transfer - sum(each.emissions.transfer for each in job.account.accruals)
    if transfer_kg:
        names = tuple(TRANSFERS if name in _OF_PARTS else RESPECTS[name](job) for name in by)
        yield names, _Part(job=job, emissions=Emissions(transfer=transfer_kg))


def _names(job: JobReport, by: Sequence[str]) -> tuple[str, ...]:
    """What a whole job is called in each respect."""
    return tuple(RESPECTS[respect](job) for respect in by)


def clusters_of(job: JobReport) -> tuple[str, ...]:
    """The clusters that a job used, in order of time, each once."""
    return tuple(dict.fromkeys(each.cluster.name for each in job.history.attempts))


RESPECTS: Final[Mapping[str, Callable[[JobReport], str]]] = {
    "project": lambda job: job.history.row.job.project or NONE,
    "owner": lambda job: job.history.row.job.owner or NONE,
    "policy": lambda job: job.history.row.job.policy,
    "model": lambda job: job.history.row.job.model or NONE,
    "stage": lambda job: job.history.row.job.stage,
    "group": lambda job: job.history.row.job.group or NONE,
    "state": lambda job: job.history.row.state.value,
    "home": lambda job: job.history.row.counterfactual.get("home") or NONE,
    "cluster": lambda job: next(iter(clusters_of(job)), NONE),
    "zone": lambda job: next((each.cluster.zone for each in job.history.attempts), NONE),
    "month": lambda job: f"{job.history.row.submitted_at:%Y-%m}",
}
"""What jobs can be grouped by; for a job without a figure the last three say where and when it began."""
_OF_PARTS: Final[Mapping[str, Callable[[Accrual], str]]] = {
    "cluster": lambda part: part.cluster.name,
    "zone": lambda part: part.cluster.zone,
    "month": lambda part: f"{part.month:%Y-%m}",
}
"""What a part of a job is called in the respects that cut jobs; a month is one of UTC."""
