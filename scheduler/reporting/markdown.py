"""A report as Markdown that also reads well as plain text, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scheduler.domain.basis import Signal
from scheduler.domain.emissions import LINES
from scheduler.domain.instant import hours_between, to_the_second
from scheduler.records.accounts import Account
from scheduler.records.budgets import use_text
from scheduler.reporting.difference_markdown import job_text, total_text
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import ENGLISH, UNMARKED, Language
from scheduler.reporting.naming import basis_name, choice_name, energy_name, group_name, line_name
from scheduler.reporting.statements import NO_EFFECT, signal_of
from scheduler.reporting.words import LIMITS, NO_PLAN_PRICE, NOTHING_RAN

if TYPE_CHECKING:
    from scheduler.reporting.groups import Group, Totals
    from scheduler.reporting.period_report import PeriodReport


def report_markdown(report: PeriodReport, lang: Language = ENGLISH) -> str:
    """The whole report; plain text has the minus of every keyboard, and no marks that are not seen."""
    parts = _parts(report, replace(lang, minus="-"))
    return ("\n\n".join(part for part in parts if part) + "\n").translate(UNMARKED)


def _parts(report: PeriodReport, lang: Language) -> list[str]:
    """Its parts in their order; some are empty."""
    since = to_the_second(report.since) if report.since else lang("the first job")
    until = to_the_second(report.until) if report.until else lang("now")
    status = lang.word("status", report.status)
    title = lang("Emissions report: {status}", status=status.upper() if report.status == "provisional" else status)
    asked = lang("Jobs submitted from {since} to {until}.", since=since, until=until)
    made = lang(
        "Made {moment}, carbonsched {version}; {draws} draws, seed {seed}.", moment=to_the_second(report.made_at),
        version=report.version, draws=lang.whole(report.draws), seed=str(report.seed),
    )  # fmt: skip
    signal = signal_of(report.basis)
    simulated = lang("Simulated clusters (declared hardware; never added to the above)")
    respects = ", ".join(lang.word("respect", respect) for respect in report.group_by)
    by = lang("By {respects}", respects=respects)
    by_simulated = lang("By {respects}, simulated clusters", respects=respects)
    return [
        f"# {title}",
        f"{asked} {made}",
        lang("Only: {filters}.", filters=lang("; ").join(map(lang.said, report.filters))) if report.filters else "",
        "" if report.jobs else lang("No jobs were submitted in this period."),
        _totals(lang("Real clusters"), report.real, signal, lang, simulated=False),
        _totals(simulated, report.simulated, signal, lang, simulated=True),
        _groups(lang("By project (real clusters)"), ("project",), report.by_project, lang),
        _groups(by, report.group_by, report.groups, lang),
        _groups(by_simulated, report.group_by, report.simulated_groups, lang),
        _sensitivity(report, lang),
        _closings(report, lang),
        _bullets(lang("Budgets (real clusters)"), [lang.said(use_text(each)) for each in report.budgets]),
        *(_job(job, lang) for job in report.jobs),
        _bullets(lang("What to know"), [lang(line) for line in LIMITS]),
        _bullets(lang("Credits"), sorted({credit for job in report.jobs for credit in job.credits})),
    ]


def _totals(title: str, totals: Totals, signal: Signal, lang: Language, *, simulated: bool) -> str:
    """Sums over jobs of one kind; nothing where there are none."""
    if not totals.jobs:
        return ""
    measured = totals.measured_kwh / totals.it_energy_kwh if totals.it_energy_kwh else 0.0
    lines = [
        f"## {title}",
        lang(
            "{jobs}, {hours} GPU-h reserved, {energy} kWh of IT energy, {share} of it measured: {mass}.",
            jobs=lang.plural("{count} job", "{count} jobs", totals.jobs), hours=lang.number(totals.gpu_hours),
            energy=lang.number(totals.it_energy_kwh), share=lang.percent(measured),
            mass=_with_range(totals.emissions_kg["total"], totals.low_kg, totals.high_kg, lang),
        ),
    ]  # fmt: skip
    if totals.unpriced:
        too_low = lang.plural(
            "{count} job ran and could not be priced: the sums are too low.",
            "{count} jobs ran and could not be priced: the sums are too low.",
            totals.unpriced,
        )
        lines.append(f"**{too_low}**")
    lines.append(total_text(totals, signal, lang, simulated=simulated))
    return "\n\n".join(line for line in lines if line)


def _with_range(total_kg: float, low_kg: float, high_kg: float, lang: Language) -> str:
    """A total between the ends of its range."""
    total, low, high = (lang.number(kg) for kg in (total_kg, low_kg, high_kg))
    return lang("{total} kg CO2e, range {low} to {high}", total=total, low=low, high=high)


def _groups(title: str, by: Sequence[str], groups: Sequence[Group], lang: Language) -> str:
    """Jobs by what they share; nothing where there are none."""
    if not groups:
        return ""
    rows = [
        (*(group_name(respect, name, lang) for respect, name in each.names.items()), lang.whole(each.jobs),
         lang.number(each.gpu_hours), lang.number(each.emissions_kg["total"]))
        for each in groups
    ]  # fmt: skip
    heads = [*(lang.word("respect", respect) for respect in by), lang("jobs"), lang("GPU-h"), lang("kg CO2e")]
    return f"## {title}\n\n" + _table(heads, rows)


def _sensitivity(report: PeriodReport, lang: Language) -> str:
    """The same jobs under other choices; nothing where there are none to choose of."""
    if not report.real.jobs:
        return ""
    rows = []
    for each in report.sensitivity:
        untold = each.difference is not None and not each.difference.told
        figure = "-" if each.kg is None else lang(NO_EFFECT) if untold else lang.number(each.kg)
        why = lang.quoted(each.why) or "-"
        rows.append((choice_name(each.group, lang), lang.said(each.name), lang.whole(each.jobs), figure, why))
    head = lang("What the figures hang on (real clusters, central)")
    heads = [lang("choice"), lang("taken as"), lang("jobs"), lang("kg CO2e"), lang("why")]
    return f"## {head}\n\n" + _table(heads, rows)


def _closings(report: PeriodReport, lang: Language) -> str:
    """Whether the accounts close with each cluster, by month; nothing where that was not looked at."""
    if not report.closings:
        return ""
    rows = [
        (
            f"{each.month:%Y-%m}",
            lang("{cluster}, simulated", cluster=each.cluster.name) if each.cluster.simulated else each.cluster.name,
            lang.number(each.jobs_kwh - each.twice_kwh),
            lang.number(each.unallocated_kwh),
            lang("not declared") if each.cluster.head_w is None else lang.number(each.head_kwh),
            lang.number(each.it_kwh),
            lang("none") if each.closes else lang.number(each.difference_kwh),
            lang.percent(each.reserved_share),
        )
        for each in report.closings
    ]
    head = lang("Do the accounts close? (IT energy of every job on a cluster, whole months)")
    heads = [lang("month"), lang("cluster"), lang("jobs"), lang("idle"), lang("head nodes"), lang("cluster [kWh]"),
             lang("difference"), lang("reserved")]  # fmt: skip
    return f"## {head}\n\n" + _table(heads, rows)


def _job(job: JobReport, lang: Language) -> str:
    """One job: footprint, then difference, as two statements."""
    row, account = job.history.row, job.account
    named = {"name": row.job.name, "id": row.id, "state": lang.word("state", row.state.value)}
    title = (
        lang("{name} ({id}): {state}, simulated", **named) if job.simulated else lang("{name} ({id}): {state}", **named)
    )
    said = [f"## {title}", lang("Why: {reason}.", reason=lang.quoted(row.reason)) if row.reason else ""]
    if account is None:
        nothing = job.no_account == NOTHING_RAN
        why = lang.quoted(job.no_account)
        said.append(lang("Nothing ran.") if nothing else lang("It could not be priced: {why}.", why=why))
        said.append(_segments(job, lang) if job.history.attempts else "")
    else:
        said += [_footprint(job, account, lang), _segments(job, lang), job_text(job, account, lang)]
    return "\n\n".join(part for part in (*said, _bullets("", [lang.quoted(note) for note in job.notes])) if part)


def _footprint(job: JobReport, account: Account, lang: Language) -> str:
    """All lines: planned, realised with its range, and home's."""
    other = job.counterfactual
    real = account.central.as_dict()
    home = other.account.central.as_dict() if other else {}
    rows = [
        (line_name(name, lang), lang.number(real[name]), lang.number(home[name]) if home else "-")
        for name in (*LINES, "total")
    ]
    at_home = lang("would have at {home} [kg]", home=other.home) if other else lang("would have [kg]")
    heads = [lang("line"), lang("realised [kg]"), at_home]
    return _table(heads, rows) + "\n\n" + _bullets("", [*_on_footprint(job, account, lang)])


def _on_footprint(job: JobReport, account: Account, lang: Language) -> list[str]:
    """What is said of a footprint beside its lines."""
    low_kg, high_kg = account.emissions["low"].total, account.emissions["high"].total
    mass = _with_range(account.central.total, low_kg, high_kg, lang)
    notes = [
        lang("Footprint {mass}; planned no figure, {why}.", mass=mass, why=lang(NO_PLAN_PRICE))
        if job.planned_kg is None
        else lang("Footprint {mass}; planned {planned} kg.", mass=mass, planned=lang.number(job.planned_kg)),
        lang("Energy by {source}, {share} of it measured: GPUs {gpus} kWh, IT {it} kWh, facility {facility} kWh.",
             source=energy_name(account.energy_source, lang), share=lang.percent(account.measured_share),
             gpus=lang.number(account.gpu_energy_kwh), it=lang.number(account.it_energy_kwh),
             facility=lang.number(account.facility_energy_kwh)),
        lang("Intensity: {basis}, {sources}; {share} of the hours known.", basis=basis_name(job.basis, lang),
             sources=lang("; ").join(map(lang.said, job.sources)), share=lang.percent(account.intensity_coverage)),
    ]  # fmt: skip
    if job.split is not None:
        parts = {name: lang.number(getattr(job.split, f"{name}_kg")) for name in ("forecast", "duration", "power",
                                                                                 "overhead")}  # fmt: skip
        notes.append(
            lang("Realised less planned: {change} kg, of it forecast {forecast}, duration {duration}, power {power}, "
                 "overhead {overhead}.", change=lang.number(job.split.difference_kg), **parts)
        )  # fmt: skip
    if job.hindsight is not None:
        best, regret = lang.number(job.hindsight.best_kg), lang.number(job.hindsight.regret_kg)
        notes.append(
            lang("Best in hindsight {best} kg, so regret {regret} kg: a bound that no forecast reaches.",
                 best=best, regret=regret)
        )  # fmt: skip
    if account.run_coverage < 1:
        seen = lang.percent(account.run_coverage)
        notes.append(lang("{share} of the reserved hours have evidence; the rest counts as running.", share=seen))
    notes += [lang.quoted(note) for note in account.notes]
    if account.estimated_kg:
        mass = lang.number(account.estimated_kg)
        notes.append(lang("{mass} kg of it is estimated, where the intensity has gaps.", mass=mass))
    return notes


def _segments(job: JobReport, lang: Language) -> str:
    """Where and when it ran."""
    rows = [
        (a.sid, a.cluster.name, str(a.gpus), to_the_second(a.ran[0]), to_the_second(a.ran[1]),
         f"{3600 * hours_between(*a.ran):.0f}", lang.word("known by", a.known_by))
        for a in job.history.attempts
    ]  # fmt: skip
    heads = [
        lang("segment"),
        lang("cluster"),
        lang("GPUs"),
        lang("from"),
        lang("to"),
        lang("ran [s]"),
        lang("known by"),
    ]
    return _table(heads, rows)


def _bullets(title: str, lines: Sequence[str]) -> str:
    """A list under its title; nothing where it is empty."""
    listed = "\n".join(f"- {line}" for line in lines)
    return "\n\n".join(part for part in (f"## {title}" if title else "", listed) if part) if lines else ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns; a bar in a cell is written so that it does not end it."""
    told = [[cell.replace("|", "\\|") for cell in row] for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*told, strict=True)]
    head, *body = ("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in told)
    return "\n".join((head, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body))
