"""The report of one job: its footprint and, apart from it, its difference from what would have happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.said import Said
from scheduler.problem.assemble import basis_of
from scheduler.records.accounts import Account, account, run_coverage
from scheduler.records.additionality import Additionality, additionality
from scheduler.records.comparison import (
    NOTHING_BESIDE,
    Beside,
    Comparison,
    compare,
    coverage,
    named_sources,
    would_have_run,
)
from scheduler.records.counterfactual import verify
from scheduler.records.difference import Difference, Draws
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL
from scheduler.records.footprint_draws import Spread, footprint_terms, spread
from scheduler.records.gather import JobHistory
from scheduler.records.hindsight import Hindsight
from scheduler.records.home_run import HomeRun
from scheduler.records.seals import Registration
from scheduler.records.settlement import Standing, Status, status_of
from scheduler.records.settlement_share import provisional_share
from scheduler.records.split import Split, split
from scheduler.records.terms import Term
from scheduler.reporting.firmness import firmness
from scheduler.reporting.job_notes import job_notes
from scheduler.reporting.words import (
    HINDSIGHT_UNASKED,
    NO_PLAN_PRICE,
    NOT_ENDED,
    NOTHING_RAN,
    cut_percent,
)

LEAST_COVERAGE: Final = 0.95
"""Share of hours with known intensity, and of reserved hours with evidence, under which no difference is given. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What would have happened at home.

    Args:
        home: the cluster's name.
        start: by the registered rule.
        run: its work there; account: its footprint, all lines.
    """

    home: str
    start: datetime
    run: HomeRun
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """All that is said of one job.

    Args:
        basis: of every intensity; None where there is none.
        sources: names and licences of the intensities; credits: what their licences ask to be printed.
        planned_kg: total of the plan it was accepted with, None where that had no price. [kg]
        account: what it really emitted; None with `no_account` saying why.
        footprint: the same by what it is proportional to; spread: where it lies in the draws; with the account.
        counterfactual: None where home cannot be compared, with `no_counterfactual` saying why.
        difference: counterfactual less realised; None where it may not be stated, `no_difference` says why.
        comparison: the same with its parts, its terms, and a second counterfactual.
        marginal: the comparison on a marginal signal; None with `no_marginal` saying why.
        marginal_share, marginal_status: how firm the marginal intensities are, likewise. [-]
        additionality: whether its difference is summed; None where nothing ran.
        simulated: whether any of it ran, or will run, on declared hardware that is not there.
        notes: what a reader must know of this job.
        status, provisional_share: how firm the intensities are, and the share of the operational kilograms that rests
            on provisional ones, on the side where that is more. [-]
        as_of: what sources said later is not in it, on either side; None where that was not looked at.
        registration: whether the rule of its counterfactual was sealed outside before it started.
        split: realised less planned in its parts; None with `no_split` saying why.
        hindsight: the best that it could have done; None with `no_hindsight` saying why.
    """

    history: JobHistory
    basis: Basis | None
    sources: tuple[str, ...]
    credits: tuple[str, ...]
    planned_kg: float | None
    account: Account | None
    no_account: str
    footprint: tuple[Term, ...]
    spread: Spread | None
    counterfactual: Counterfactual | None
    no_counterfactual: str
    difference: Difference | None
    no_difference: str
    comparison: Comparison | None
    marginal: Comparison | None
    no_marginal: str
    additionality: Additionality | None
    simulated: bool
    notes: tuple[str, ...]
    status: Status = "provisional"
    provisional_share: float = 1.0
    as_of: datetime | None = None
    marginal_share: float = 1.0
    marginal_status: Status = "provisional"
    registration: Registration = "self-attested"
    split: Split | None = None
    no_split: str = ""
    hindsight: Hindsight | None = None
    no_hindsight: str = HINDSIGHT_UNASKED

    @property
    def terms(self) -> tuple[Term, ...]:
        """What the difference is made of, for sums over jobs."""
        return self.comparison.terms if self.comparison else ()

    @property
    def summed(self) -> bool:
        """Whether its difference is in the sums, and not only listed."""
        return self.difference is not None and (self.additionality is None or self.additionality.additional)

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
    standings: Mapping[str, Standing] | None = None,
    as_of: datetime | None = None,
    beside: Beside = NOTHING_BESIDE,
    draws: Draws | None = None,
) -> JobReport:
    """The report of a job from its history.

    Args:
        history: what was promised and what was done.
        intensity: zone -> observed series covering the job's months.
        home_start: when the counterfactual would have started; None where home could never have taken it.
        no_intensity: why there is no intensity, where there is none.
        standings: zone -> how firm its intensity is; where that is not said it is provisional.
        as_of: what sources said later is not in the intensities.
        beside: what its project did before, and what a marginal signal says.
        draws: those of the report, so that no factor is drawn twice.

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
    made = compare(history, intensity, other.run, beside.reference, draws) if other and not no_difference else None
    marginal, no_marginal = _on_marginal(history, other if made else None, beside, no_difference, draws)
    firm = firmness(history, other.run, marginal, beside.standings) if other and marginal else (1.0, "provisional")
    planned = cast("Mapping[str, float | None]", history.planned.document["emissions_kg"])
    share, status = _firmness(history, standings or {}, real, other)
    footprint = footprint_terms(history.row.job, real, intensity) if real else ()
    parts, no_parts = _split(history, intensity, planned["total"], real, no_account)
    origins = {piece.source for series in intensity.values() for piece in series.origins}
    return JobReport(
        history=history,
        basis=basis,
        sources=named_sources(intensity),
        credits=tuple(sorted({source.attribution for source in origins if source.attribution})),
        planned_kg=planned["total"],
        account=real,
        no_account=no_account,
        footprint=footprint,
        spread=spread([footprint], draws or Draws()) if real else None,
        counterfactual=other,
        no_counterfactual=no_counterfactual,
        difference=made.difference if made else None,
        no_difference=no_difference,
        comparison=made,
        marginal=marginal,
        no_marginal=no_marginal,
        marginal_share=firm[0],
        marginal_status=firm[1],
        additionality=_additionality(history, home_start, other, beside.home_share) if history.attempts else None,
        simulated=history.simulated,
        notes=job_notes(history, intensity),
        status=status,
        provisional_share=share,
        as_of=as_of,
        split=parts,
        no_split=no_parts,
    )


def _additionality(
    history: JobHistory, home_start: datetime | None, other: Counterfactual | None, home_share: float | None
) -> Additionality:
    """Whose doing its difference is, whether or not it can be priced."""
    run = other.run if other else would_have_run(history, home_start)
    laid = run if isinstance(run, HomeRun) else None
    return additionality(history, laid, home_share, seated=home_start is not None)


def _split(
    history: JobHistory,
    intensity: Mapping[str, IntensitySeries],
    planned_kg: float | None,
    real: Account | None,
    no_account: str,
) -> tuple[Split | None, str]:
    """Realised less planned in its parts, or why there are none."""
    if real is None or planned_kg is None:
        return None, no_account if real is None else NO_PLAN_PRICE
    if history.row.finished_at is None:
        return None, NOT_ENDED
    undeclared = {each.cluster for each in history.planned.placement.segments} - set(history.clusters)
    if undeclared:
        names = ", ".join(sorted(undeclared))
        return None, Said("its plan names {clusters}, which was not declared", clusters=names)
    try:
        return split(history, intensity, planned_kg=planned_kg, realised_kg=real.central.total), ""
    except NotCovered as exc:
        return None, exc.message


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


def _firmness(
    history: JobHistory, standings: Mapping[str, Standing], real: Account | None, other: Counterfactual | None
) -> tuple[float, Status]:
    """The share of the operational kilograms on provisional intensities [-], of the side with more, and the status."""
    if real is None:
        return (1.0, "provisional") if history.attempts else (0.0, "settled")

    def priced(settled: Mapping[str, IntensitySeries]) -> float:
        """What it emitted on other intensities, embodied apart. [kg]"""
        known, _ = _realised(history, settled, "")
        return known.central.operational if known else 0.0

    def at_home(settled: Mapping[str, IntensitySeries]) -> float:
        """What it would have. [kg]"""
        known = other and account(
            history.row.job, other.run.pieces, settled, data_at=history.data_at, gap_percentile=AGAINST_COUNTERFACTUAL
        )
        return known.central.operational if known else 0.0

    moments = [moment for each in history.attempts for moment in each.reserved]
    span = min(moments), max([*moments, history.paused_until or moments[0]])
    zones = {each.cluster.zone for each in history.attempts}
    share, final = provisional_share(standings, zones, span, real.central.operational, priced)
    if other is not None:
        zones, home_kg = {piece.cluster.zone for piece in other.run.pieces}, other.account.central.operational
        home_share, home_final = provisional_share(standings, zones, other.run.reserved, home_kg, at_home)
        share, final = max(share, home_share), final and home_final
    return share, status_of(share, final=final)


def _counterfactual(
    history: JobHistory, intensity: Mapping[str, IntensitySeries], start: datetime | None
) -> tuple[Counterfactual | None, str]:
    """The same useful work at home, or why there is none."""
    run, job = would_have_run(history, start), history.row.job
    if isinstance(run, str):
        return None, run
    try:
        priced = account(job, run.pieces, intensity, data_at=history.data_at, gap_percentile=AGAINST_COUNTERFACTUAL)
    except NotCovered as exc:
        return None, exc.message
    name = history.home.name if history.home else " and ".join({piece.cluster.name: 0 for piece in run.pieces})
    return Counterfactual(home=name, start=run.reserved[0], run=run, account=priced), ""


def _on_marginal(
    history: JobHistory, other: Counterfactual | None, beside: Beside, why: str, draws: Draws | None
) -> tuple[Comparison | None, str]:
    """The same comparison on a marginal signal, or why there is none; `why` there is no other one either."""
    if not beside.marginal or other is None:
        return None, why if beside.marginal else beside.no_marginal
    try:
        known = coverage(history, other.run, beside.marginal)
        made = compare(history, beside.marginal, other.run, beside.reference, draws)
    except NotCovered as exc:
        return None, Said("on the marginal signal {why}", why=_said(exc.message))
    unfit = _not_observed(beside.marginal) or _too_little(known)
    return (None, unfit) if unfit else (made, "")


def _unfit(history: JobHistory, real: Account, other: Counterfactual, intensity: Mapping[str, IntensitySeries]) -> str:
    """Why the difference may not be stated, empty where it may.

    What the infrastructure wasted needs no evidence: it is charged in full, and to the real side alone.
    """
    unfit = _not_observed(intensity) or _too_little(min(real.intensity_coverage, other.account.intensity_coverage))
    if unfit:
        return unfit
    seen = run_coverage(history.row.job, [each for each in history.attempts if not each.wasted])
    if seen < LEAST_COVERAGE:
        return Said(
            "only {seen:g} % of the reserved hours have evidence, {needed:g} % are needed",
            seen=cut_percent(seen),
            needed=cut_percent(LEAST_COVERAGE),
        )
    return ""


def _not_observed(intensity: Mapping[str, IntensitySeries]) -> str:
    """That an intensity is a forecast, empty where none is."""
    if any(series.kind == "forecast" for series in intensity.values()):
        return Said("an intensity is a forecast, and only what was observed can be accounted")
    return ""


def _too_little(known: float) -> str:
    """That too few hours have a known intensity, empty where enough have. [-]"""
    if known >= LEAST_COVERAGE:
        return ""
    return Said(
        "only {known:g} % of the hours have a known intensity, {needed:g} % are needed",
        known=cut_percent(known),
        needed=cut_percent(LEAST_COVERAGE),
    )


def _said(text: str) -> Said:
    """A message that keeps what it was made of, where it was kept before."""
    return text if isinstance(text, Said) else Said(text)
