"""The two statements of a page, each by itself: what was emitted, and how that differs from what would have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.domain.basis import Signal
from scheduler.records.accounts import Account
from scheduler.records.comparison import Comparison
from scheduler.records.difference import Difference
from scheduler.reporting import words
from scheduler.reporting.groups import Totals
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import Language
from scheduler.reporting.naming import energy_name
from scheduler.reporting.statements import UNMOVED, Claim, claim, job_claim, signal_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said, its size first.

    Args:
        kind: which of the two it is.
        headline: a figure, or the words that stand where none may.
        unit: of the headline; empty where that is words.
        lines: what belongs to it.
    """

    kind: str
    headline: str
    unit: str = ""
    lines: tuple[str, ...] = ()


def footprint_statement(sums: Totals, lang: Language) -> Statement:
    """What the jobs emitted, all lines."""
    jobs = lang.plural("{count} job", "{count} jobs", sums.jobs)
    share = sums.measured_kwh / sums.it_energy_kwh if sums.it_energy_kwh else 0.0
    return Statement(
        kind=lang("Footprint"),
        headline=lang.number(sums.emissions_kg["total"]),
        unit=lang("kg CO2e"),
        lines=(
            lang("Range {low} to {high}, all lines, embodied among them.",
                 low=lang.number(sums.low_kg), high=lang.kg(sums.high_kg)),
            lang("{jobs}, {hours} GPU-h reserved, {energy} kWh of IT energy, {share} of it measured.",
                 jobs=jobs, hours=lang.number(sums.gpu_hours), energy=lang.number(sums.it_energy_kwh),
                 share=lang.percent(share)),
        ),
    )  # fmt: skip


def difference_statement(sums: Totals, lang: Language, *, signal: Signal, simulated: bool) -> Statement:
    """How much less or more than at home, over the jobs whose difference is summed."""
    if sums.difference is None:
        return _unstated(words.NOTHING_COMPARED, lang)
    about = [
        lang(
            "{compared} of {jobs} compared with home and summed.",
            compared=lang.whole(sums.compared),
            jobs=lang.plural("{count} job", "{count} jobs", sums.jobs),
        )
    ]
    if sums.listed:
        about.append(
            lang.plural(
                "{count} more is listed and not summed: its difference would have come about anyway.",
                "{count} more are listed and not summed: their differences would have come about anyway.",
                sums.listed,
            )
        )
    firm, beside = sums.status, sums.marginal
    made = claim(sums.difference, signal=signal, status=firm, agreed=sums.agreed, simulated=simulated)
    if signal == "average":
        firm, same = sums.marginal_status, sums.marginal_agreed
        other = (
            None if beside is None else claim(beside, signal="marginal", status=firm, agreed=same, simulated=simulated)
        )
        about.append(_avoided(beside, other, sums.no_marginal, lang))
    return _stated(sums.difference, made, about, lang)


def job_statements(job: JobReport, account: Account, lang: Language) -> tuple[Statement, Statement]:
    """Both statements of one job."""
    planned = (
        lang("Planned: no figure, {why}.", why=lang(words.NO_PLAN_PRICE))
        if job.planned_kg is None
        else lang("Planned {mass}.", mass=lang.kg(job.planned_kg))
    )
    footprint = Statement(
        kind=lang("Footprint"),
        headline=lang.number(account.central.total),
        unit=lang("kg CO2e"),
        lines=(
            lang("Range {low} to {high}.", low=lang.number(account.emissions["low"].total),
                 high=lang.kg(account.emissions["high"].total)),
            planned,
            _hindsight(job, lang),
            lang("Energy: {source}, {share} of it measured. GPUs {gpus} kWh, IT {it} kWh, facility {facility} kWh.",
                 source=energy_name(account.energy_source, lang), share=lang.percent(account.measured_share),
                 gpus=lang.number(account.gpu_energy_kwh), it=lang.number(account.it_energy_kwh),
                 facility=lang.number(account.facility_energy_kwh)),
        ),
    )  # fmt: skip
    other, compared = job.counterfactual, job.comparison
    if compared is None or other is None:
        return footprint, _unstated(job.no_difference, lang)
    made = job_claim(job, compared, signal_of(job.basis))
    about = _against(job, compared, told=made.told, lang=lang)
    moved = lang.kg(other.account.central.embodied - account.central.embodied)
    about.append(lang("Embodied is reallocated, not reduced: {mass}.", mass=moved))
    return footprint, _stated(compared.difference, made, about, lang)


def _against(job: JobReport, compared: Comparison, *, told: bool, lang: Language) -> list[str]:
    """What a job is held against, and whose doing the difference is; parts of what is not told are not told either."""
    other, beside = job.counterfactual, job.marginal
    found = []
    if other is not None:
        found.append(
            lang("Against {home}, started {moment} by the rule registered at submission ({registration}).",
                 home=other.home, moment=lang.instant(other.start),
                 registration=lang.word("registration", job.registration))
        )  # fmt: skip
    if told:
        parts = compared.parts
        found.append(
            lang("By the time {temporal}, by the place {spatial}, by both at once {interaction}.",
                 temporal=lang.number(parts.temporal_kg), spatial=lang.number(parts.spatial_kg),
                 interaction=lang.kg(parts.interaction_kg))
        )  # fmt: skip
    found.append(
        lang("Against its project's history: {verdict}.", verdict=lang.word("verdict", compared.second.verdict))
        if compared.second
        else lang("Against its project's history: not known, {why}.", why=lang.quoted(compared.no_second))
    )
    if job.additionality and job.additionality.reasons:
        why = lang("; ").join(lang.quoted(reason) for reason in job.additionality.reasons)
        found.append(lang("Listed and not summed: {reasons}.", reasons=why))
    if signal_of(job.basis) == "average":
        claimed = None if beside is None else job_claim(job, beside, "marginal")
        found.append(_avoided(beside.difference if beside else None, claimed, job.no_marginal, lang))
    return found


def _hindsight(job: JobReport, lang: Language) -> str:
    """How far it was from the best that it could have done."""
    if job.hindsight is None:
        return lang("Best in hindsight: no figure, {why}.", why=lang.quoted(job.no_hindsight))
    return lang(
        "Best in hindsight {best}, so the regret is {regret}.",
        best=lang.kg(job.hindsight.best_kg),
        regret=lang.kg(job.hindsight.regret_kg),
    )


def _unstated(why: str, lang: Language) -> Statement:
    """That no difference is given, and why."""
    return Statement(
        kind=lang("Difference from home"),
        headline=lang("Not stated"),
        lines=(lang("{reason}.", reason=_sentence(lang.quoted(why))),),
    )


def _stated(difference: Difference, made: Claim, about: Sequence[str], lang: Language) -> Statement:
    """What may be said of a difference; where no figure may stand at its head, why."""
    kind, said = lang("Difference from home"), _sentence(lang.said(made.words))
    if not made.told or not difference.baseline_kg or made.words == UNMOVED:
        return Statement(kind=kind, headline=said, lines=tuple(about))
    figures = lang(
        "P5 {p5}, P50 {p50}, P95 {p95}.",
        p5=lang.number(difference.p5_kg),
        p50=lang.number(difference.p50_kg),
        p95=lang.kg(difference.p95_kg),
    )
    if made.headline_kg is None:
        withheld = lang("No figure at the head of this: {why}.", why=lang.quoted(made.no_headline))
        return Statement(kind=kind, headline=said, lines=(figures, withheld, *about))
    stated = lang("{verdict}: the end of the interval that claims least.", verdict=said)
    return Statement(
        kind=kind,
        headline=lang.number(abs(made.headline_kg)),
        unit=lang("kg CO2e"),
        lines=(stated, figures, *about),
    )


def _avoided(marginal: Difference | None, made: Claim | None, why: str, lang: Language) -> str:
    """What a marginal signal says; nothing is called avoided without one."""
    if marginal is None or made is None:
        return lang("Avoided: no figure, {why}.", why=lang.quoted(why or words.NO_MARGINAL))
    said = _sentence(lang.said(made.words))
    if not made.told or made.words == UNMOVED:
        return lang("On a marginal signal: {verdict}.", verdict=said)
    return lang(
        "On a marginal signal: {verdict}, P5 {p5}, P50 {p50}, P95 {p95} kg.", verdict=said,
        p5=lang.number(marginal.p5_kg), p50=lang.number(marginal.p50_kg), p95=lang.number(marginal.p95_kg),
    )  # fmt: skip


def _sentence(text: str) -> str:
    """A text with a capital at its head."""
    return text[:1].upper() + text[1:]
