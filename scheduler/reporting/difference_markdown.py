"""The consequential statement as Markdown: how a job, or jobs, differ from what would have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.domain.basis import Signal
from scheduler.domain.instant import to_the_second
from scheduler.records.accounts import Account
from scheduler.records.comparison import Comparison, Parts
from scheduler.records.difference import Difference
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import Language
from scheduler.reporting.naming import basis_name
from scheduler.reporting.statements import Claim, claim, job_claim, signal_of

if TYPE_CHECKING:
    from scheduler.reporting.groups import Totals


def job_text(job: JobReport, account: Account, lang: Language) -> str:
    """The difference of a job, or why none is stated."""
    other, made = job.counterfactual, job.comparison
    if made is None or other is None:
        return lang("Difference from home: not stated, {why}.", why=lang.quoted(job.no_difference))
    moved = other.account.central.embodied - account.central.embodied
    signal = signal_of(job.basis)
    said = job_claim(job, made, signal)
    lines = [
        lang(
            "Difference from {home}, started {moment} (rule registered at submission, {registration}): {claim}",
            home=other.home, moment=to_the_second(other.start),
            registration=lang.word("registration", job.registration), claim=_said(made.difference, said, signal, lang),
        ),
        parts_text(made.parts, lang) if said.told else "",
        _second(made, lang),
        _avoided(job, signal, lang),
        lang("Dynamic energy with its facility share, transfers and overheads of shifting only; embodied reallocated, "
             "not reduced: {mass} kg.", mass=lang.number(moved)),
    ]  # fmt: skip
    if job.additionality is not None and job.additionality.reasons:
        reasons = lang("; ").join(map(lang.quoted, job.additionality.reasons))
        lines.append(lang("Listed and not summed: {reasons}.", reasons=reasons))
    return "\n".join(line for line in lines if line)


def total_text(totals: Totals, signal: Signal, lang: Language, *, simulated: bool) -> str:
    """The difference of jobs together; nothing where none can be compared."""
    if totals.difference is None:
        return ""
    jobs = lang.plural("{count} job", "{count} jobs", totals.jobs)
    said = claim(totals.difference, signal=signal, status=totals.status, agreed=totals.agreed, simulated=simulated)
    lines = [
        lang(
            "Against home, {compared} of {jobs} compared: {claim}",
            compared=lang.whole(totals.compared),
            jobs=jobs,
            claim=_said(totals.difference, said, signal, lang),
        )
    ]
    if said.told and totals.parts is not None:
        lines.append(parts_text(totals.parts, lang))
    if totals.listed:
        listed = lang.whole(totals.listed)
        lines.append(
            lang("{count} more listed below and not summed: what they show would have come about anyway.", count=listed)
        )
    return "\n".join(lines)


def parts_text(parts: Parts, lang: Language) -> str:
    """What came with the time, the place, and only with both."""
    return lang(
        "By the time {temporal} kg, by the place {spatial} kg, by both at once {interaction} kg.",
        temporal=lang.number(parts.temporal_kg),
        spatial=lang.number(parts.spatial_kg),
        interaction=lang.number(parts.interaction_kg),
    )


def _said(difference: Difference, said: Claim, signal: Signal, lang: Language) -> str:
    """A claim with its figures, or the words alone."""
    words = lang.said(said.words)
    if not said.told or difference.verdict == "none: it ran as it would have":
        return lang("{words}.", words=words)
    span = lang("P5 {p5}, P50 {p50}, P95 {p95} kg", p5=lang.number(difference.p5_kg),
                p50=lang.number(difference.p50_kg), p95=lang.number(difference.p95_kg))  # fmt: skip
    if said.headline_kg is not None:
        span = lang("{headline} kg, {figures}", headline=lang.number(said.headline_kg), figures=span)
    on = lang("average intensities") if signal == "average" else lang("marginal intensities")
    if not said.no_headline:
        return lang("{words} ({figures}; {intensities}).", words=words, figures=span, intensities=on)
    return lang(
        "{words} ({figures}; {intensities}; no headline, {why}).",
        words=words,
        figures=span,
        intensities=on,
        why=lang.quoted(said.no_headline),
    )


def _second(made: Comparison, lang: Language) -> str:
    """What the project's history says."""
    if made.second is None:
        return lang("Against its project's history: not known, {why}.", why=lang.quoted(made.no_second))
    if not made.agreed:
        return lang("Against its project's history: the opposite, so nothing is claimed.")
    return lang("Against its project's history: {verdict}.", verdict=lang.word("verdict", made.second.verdict))


def _avoided(job: JobReport, signal: Signal, lang: Language) -> str:
    """The other column: what a marginal signal says; nothing where that is the report's own."""
    if signal == "marginal":
        return ""
    if job.marginal is None:
        return lang("Avoided: no figure, {why}.", why=lang.quoted(job.no_marginal))
    said = job_claim(job, job.marginal, "marginal")
    return lang(
        "Avoided: {claim} {basis}, {sources}.",
        claim=_said(job.marginal.difference, said, "marginal", lang),
        basis=basis_name(job.marginal.basis, lang),
        sources=lang("; ").join(map(lang.said, job.marginal.sources)),
    )
