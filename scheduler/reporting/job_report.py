"""The report of one job: its footprint and, apart from it, its difference from what would have happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from scheduler.domain.basis import Basis
from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import kg_from_g
from scheduler.records.accounts import Account, account, rate_on, stretches_of, transfers_kg
from scheduler.records.attempts import Attempt
from scheduler.records.counterfactual import useful_length, verify
from scheduler.records.difference import Difference, Term, difference
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL, exposure
from scheduler.records.gather import JobHistory

LEAST_COVERAGE: Final = 0.95
"""Share of hours with a known intensity, and of reserved hours with evidence, under which no difference is given. [-]"""

Status = Literal["provisional"]
"""How firm the intensity is. Settling it against revised figures is what would make it more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What would have happened at home.

    Args:
        start: by the registered rule; account: its footprint, all lines.
    """

    home: str
    start: datetime
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """All that is said of one job.

    Args:
        planned_kg: total of the plan it was accepted with, None where that had no price. [kg]
        account: what it really emitted; None where nothing ran.
        counterfactual: None where home cannot be compared, with `no_counterfactual` saying why.
        difference: counterfactual less realised; None where it may not be stated, `no_difference` says why.
        terms: what the difference is made of, for sums over jobs.
        simulated: whether any of it ran on declared hardware that is not there.
    """

    history: JobHistory
    basis: Basis
    sources: tuple[str, ...]
    planned_kg: float | None
    account: Account | None
    counterfactual: Counterfactual | None
    no_counterfactual: str
    difference: Difference | None
    no_difference: str
    terms: tuple[Term, ...]
    simulated: bool
    status: Status = "provisional"


def job_report(
    history: JobHistory,
    clusters: Mapping[str, Cluster],
    intensity: Mapping[str, IntensitySeries],
    *,
    home_start: datetime,
) -> JobReport:
    """The report of a job from its history.

    Args:
        clusters: by name, as declared when it was planned.
        intensity: zone -> observed series covering the job's month, all on one basis.
        home_start: when the counterfactual would have started.

    Raises:
        CarbonschedError: the registered rule was changed.
        NotCovered: a zone has no intensity at all.
    """
    row = history.row
    verify(row.counterfactual)
    used = [intensity[c.zone] for c in clusters.values() if c.zone in intensity]
    planned = cast("Mapping[str, float | None]", history.planned.document["emissions_kg"])
    realised = account(row.job, history.attempts, clusters, intensity) if history.attempts else None
    other, why_not = _counterfactual(history, clusters, intensity, home_start)
    terms = _terms(row.job, history.attempts, other, clusters, intensity)
    why_no_difference = why_not or _unfit(realised, other)
    return JobReport(
        history=history,
        basis=used[0].basis,
        sources=tuple(sorted({f"{s.source.name} ({s.source.licence or 'licence not stated'})" for s in used})),
        planned_kg=planned["total"],
        account=realised,
        counterfactual=other,
        no_counterfactual=why_not,
        difference=None if why_no_difference else difference(terms, clusters),
        no_difference=why_no_difference,
        terms=() if why_no_difference else terms,
        simulated=any(clusters[a.cluster].simulated for a in history.attempts),
    )


def _counterfactual(
    history: JobHistory,
    clusters: Mapping[str, Cluster],
    intensity: Mapping[str, IntensitySeries],
    start: datetime,
) -> tuple[Counterfactual | None, str]:
    """The same useful work at home, or why there is none."""
    name = history.row.counterfactual["home"]
    if not history.attempts:
        return None, "nothing ran"
    if name not in clusters:
        return None, f"the home cluster {name} was not declared when it was planned"
    length = useful_length(history.row.job, history.attempts, clusters, clusters[name])
    if length is None:
        return None, "not comparable: other hardware, and no ratio was registered"
    whole = (start, start + length)
    run = Attempt(
        sid="counterfactual",
        cluster=name,
        gpus=history.attempts[0].gpus,
        reserved=whole,
        ran=whole,
        known_by="outcome",
        resumed=False,
        stopped=False,
        wasted=False,
    )
    priced = account(history.row.job, [run], clusters, intensity, gap_percentile=AGAINST_COUNTERFACTUAL)
    return Counterfactual(home=name, start=start, account=priced), ""


def _unfit(realised: Account | None, other: Counterfactual | None) -> str:
    """Why the difference may not be stated, empty where it may."""
    if realised is None or other is None:
        return "nothing ran"
    known = min(realised.intensity_coverage, other.account.intensity_coverage)
    if known < LEAST_COVERAGE:
        return f"only {known:.0%} of the hours have a known intensity, {LEAST_COVERAGE:.0%} are needed"
    if realised.run_coverage < LEAST_COVERAGE:
        return f"only {realised.run_coverage:.0%} of the reserved hours have evidence, {LEAST_COVERAGE:.0%} are needed"
    return ""


def _terms(
    job: Job,
    attempts: Sequence[Attempt],
    other: Counterfactual | None,
    clusters: Mapping[str, Cluster],
    intensity: Mapping[str, IntensitySeries],
) -> tuple[Term, ...]:
    """Dynamic energy on both sides; on the real one also transfers and the overheads of later segments."""
    if other is None:
        return ()
    home = clusters[other.home]
    found = [
        Term(sign=1, cluster=home.name, zone=home.zone, it_kg=other.account.central.dynamic),
    ]
    for index, attempt in enumerate(attempts):
        cluster = clusters[attempt.cluster]
        rate = rate_on(job, cluster, "central")
        for stretch in stretches_of(attempt, clusters):
            if stretch.kind == "overhead" and index == 0:
                continue
            seen = exposure(intensity[cluster.zone], stretch.start, stretch.end, gap_percentile=AGAINST_REAL)
            kwh = rate.dynamic_kwh if stretch.kind == "run" else rate.idle_kwh
            kg = kg_from_g(seen.total_g_h_per_kwh) * kwh * stretch.gpus
            found.append(Term(sign=-1, cluster=cluster.name, zone=cluster.zone, it_kg=kg))
    moved = transfers_kg(job, attempts, clusters, intensity, "central", AGAINST_REAL)
    last = clusters[attempts[-1].cluster]
    found.append(Term(sign=-1, cluster=last.name, zone=last.zone, it_kg=moved, has_pue=False))
    return tuple(found)
