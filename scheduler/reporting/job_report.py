"""The report of one job: its footprint and, apart from it, its difference from what would have happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.problem.assemble import basis_of
from scheduler.records.accounts import Account, account, run_coverage
from scheduler.records.attempts import Attempt
from scheduler.records.counterfactual import verify
from scheduler.records.difference import Difference, difference
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import home_run, useful_length
from scheduler.records.terms import Term, terms_of
from scheduler.reporting.words import NOTHING_RAN, share_text, traffic_text

LEAST_COVERAGE: Final = 0.95
"""Share of hours with known intensity, and of reserved hours with evidence, under which no difference is given. [-]"""

Status = Literal["provisional"]
"""How firm the intensity is. Settling it against revised figures is what would make it more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What would have happened at home.

    Args:
        home: the cluster's name.
        start: by the registered rule.
        run: the one attempt there; account: its footprint, all lines.
    """

    home: str
    start: datetime
    run: Attempt
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """All that is said of one job.

    Args:
        basis: of every intensity; None where there is none.
        sources: names and licences of the intensities; credits: what their licences ask to be printed.
        planned_kg: total of the plan it was accepted with, None where that had no price. [kg]
        account: what it really emitted; None with `no_account` saying why.
        counterfactual: None where home cannot be compared, with `no_counterfactual` saying why.
        difference: counterfactual less realised; None where it may not be stated, `no_difference` says why.
        terms: what the difference is made of, for sums over jobs.
        simulated: whether any of it ran, or will run, on declared hardware that is not there.
        notes: what a reader must know of this job.
    """

    history: JobHistory
    basis: Basis | None
    sources: tuple[str, ...]
    credits: tuple[str, ...]
    planned_kg: float | None
    account: Account | None
    no_account: str
    counterfactual: Counterfactual | None
    no_counterfactual: str
    difference: Difference | None
    no_difference: str
    terms: tuple[Term, ...]
    simulated: bool
    notes: tuple[str, ...]
    status: Status = "provisional"

    @property
    def unpriced(self) -> bool:
        """Whether it ran and its emissions are not known, so that every sum with it is too low."""
        return self.account is None and bool(self.history.attempts)


def job_report(
    history: JobHistory,
    intensity: Mapping[str, IntensitySeries],
    *,
    home_start: datetime | None,
    no_intensity: str = "",
) -> JobReport:
    """The report of a job from its history.

    Args:
        history: what was promised and what was done.
        intensity: zone -> observed series covering the job's months.
        home_start: when the counterfactual would have started; None where home could never have taken it.
        no_intensity: why there is no intensity, where there is none.

    Raises:
        CarbonschedError: the registered rule was changed.
        BasisMismatch: two series differ in basis.
    """
    row = history.row
    verify(row.counterfactual, row.job)
    basis = basis_of(intensity) if intensity else None
    real, no_account = _realised(history, intensity, no_intensity)
    other, no_counterfactual = _counterfactual(history, intensity, home_start) if real else (None, no_account)
    no_difference = _unfit(history, real, other, intensity) if real and other else no_counterfactual
    terms = _terms(history, other.run, intensity) if other and not no_difference else ()
    planned = cast("Mapping[str, float | None]", history.planned.document["emissions_kg"])
    origins = {piece.source for series in intensity.values() for piece in series.origins}
    return JobReport(
        history=history,
        basis=basis,
        sources=tuple(sorted(f"{source.name} ({source.licence or 'licence not stated'})" for source in origins)),
        credits=tuple(sorted({source.attribution for source in origins if source.attribution})),
        planned_kg=planned["total"],
        account=real,
        no_account=no_account,
        counterfactual=other,
        no_counterfactual=no_counterfactual,
        difference=None if no_difference else difference(terms),
        no_difference=no_difference,
        terms=terms,
        simulated=is_simulated(history),
        notes=_notes(history, intensity),
    )


def is_simulated(history: JobHistory) -> bool:
    """Whether any of a job ran, or where nothing ran yet will run, on hardware that is not there."""
    if history.attempts:
        return any(attempt.cluster.simulated for attempt in history.attempts)
    return any(history.clusters[segment.cluster].simulated for segment in history.planned.placement.segments)


def _realised(
    history: JobHistory, intensity: Mapping[str, IntensitySeries], no_intensity: str
) -> tuple[Account | None, str]:
    """What it emitted, or why that is not known."""
    if not history.attempts:
        return None, NOTHING_RAN
    if no_intensity:
        return None, no_intensity
    try:
        real = account(
            history.row.job,
            history.attempts,
            intensity,
            data_at=history.data_at,
            paused_until=history.paused_until,
        )
    except NotCovered as exc:
        return None, exc.message
    return real, ""


def _counterfactual(
    history: JobHistory, intensity: Mapping[str, IntensitySeries], start: datetime | None
) -> tuple[Counterfactual | None, str]:
    """The same useful work at home, or why there is none."""
    job, home = history.row.job, history.home
    if home is None:
        return None, f"the home cluster {history.row.counterfactual['home']} was not declared when it was planned"
    if home.simulated != is_simulated(history):
        return None, "not comparable: of home and of where it ran, one is simulated"
    useful = useful_length(job, history.attempts, home)
    if useful is None:
        return None, "not comparable: other hardware, and no ratio was registered"
    if start is None:
        return None, f"not comparable: {home.name} never has the GPUs that it used"
    run = home_run(history.attempts, home, start, useful)
    try:
        priced = account(job, [run], intensity, data_at=history.data_at, gap_percentile=AGAINST_COUNTERFACTUAL)
    except NotCovered as exc:
        return None, exc.message
    return Counterfactual(home=home.name, start=start, run=run, account=priced), ""


def _unfit(history: JobHistory, real: Account, other: Counterfactual, intensity: Mapping[str, IntensitySeries]) -> str:
    """Why the difference may not be stated, empty where it may.

    What the infrastructure wasted needs no evidence: it is charged in full, and to the real side alone.
    """
    if any(series.kind == "forecast" for series in intensity.values()):
        return "an intensity is a forecast, and only what was observed can be accounted"
    needed = share_text(LEAST_COVERAGE)
    known = min(real.intensity_coverage, other.account.intensity_coverage)
    if known < LEAST_COVERAGE:
        return f"only {share_text(known)} of the hours have a known intensity, {needed} are needed"
    seen = run_coverage(history.row.job, [each for each in history.attempts if not each.wasted])
    if seen < LEAST_COVERAGE:
        return f"only {share_text(seen)} of the reserved hours have evidence, {needed} are needed"
    return ""


def _terms(history: JobHistory, at_home: Attempt, intensity: Mapping[str, IntensitySeries]) -> tuple[Term, ...]:
    """Both sides of the difference, by the same rule."""
    job, data_at = history.row.job, history.data_at
    return (
        *terms_of(1, job, [at_home], intensity, data_at=data_at, gap_percentile=AGAINST_COUNTERFACTUAL),
        *terms_of(-1, job, history.attempts, intensity, data_at=data_at, gap_percentile=AGAINST_REAL),
    )


def _notes(history: JobHistory, intensity: Mapping[str, IntensitySeries]) -> tuple[str, ...]:
    """What a reader must know of this job: figures assumed, evidence unread, data not counted."""
    job = history.row.job
    used = {attempt.cluster.name: attempt.cluster for attempt in history.attempts}
    if history.home is not None and used:
        used.setdefault(history.home.name, history.home)
    kinds = sorted(
        f"{series.zone} is {piece.kind}" + (f" where it comes from {piece.source.name}" if series.pieces else "")
        for series in intensity.values()
        for piece in {(each.kind, each.source): each for each in series.origins}.values()
        if piece.kind != "observed"
    )
    said = [f"intensity of {series.zone}: {note}" for series in intensity.values() for note in series.notes]
    assumed = [
        f"{name} states no PUE: {cluster.stated_pue.central:g} "
        f"[{cluster.stated_pue.low:g}, {cluster.stated_pue.high:g}] stands in"
        for name, cluster in sorted(used.items())
        if cluster.pue is None
    ]
    unread = [f"evidence that cannot be read: {problem}" for problem in history.problems]
    data = []
    if job.data.size_gb and history.data_at is None and used:
        data = [f"copies of its {job.data.size_gb:g} GB of data are not counted: where they lie is not known"]
    stored = traffic_text(history.attempts)
    storage = [f"its storage: {stored}"] if stored else []
    return (*(f"the intensity of {kind}" for kind in kinds), *said, *assumed, *unread, *data, *storage)
