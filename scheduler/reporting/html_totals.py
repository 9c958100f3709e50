"""What a page says of all jobs of one kind, real or simulated: two statements, then their charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.domain.emissions import LINES
from scheduler.domain.estimate import LEVELS
from scheduler.records.difference import Draws
from scheduler.reporting.charts import ACCENT, MUTED, Figure, figure
from scheduler.reporting.charts_bars import Bar, bars, steps
from scheduler.reporting.groups import Group, Totals, grouped
from scheduler.reporting.html_more import UNIT, plan_steps
from scheduler.reporting.html_statements import Statement, difference_statement, footprint_statement
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import Language
from scheduler.reporting.naming import group_name, line_name
from scheduler.reporting.period_report import PeriodReport
from scheduler.reporting.tables import table

MOST_BARS: Final = 12
"""More bars than this are no longer compared by eye: the rest stands as one, and each by itself in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Everything about the jobs of one kind; `unpriced` warns that sums are too low, empty where they are not."""

    simulated: bool
    title: str
    footprint: Statement
    difference: Statement
    unpriced: str
    figures: tuple[Figure, ...]


def sections(report: PeriodReport, lang: Language) -> list[Section]:
    """The real jobs, then the simulated ones, each where there are any."""
    kinds = (
        (False, lang("Real clusters"), report.real, report.groups),
        (True, lang("Simulated clusters"), report.simulated, report.simulated_groups),
    )
    signal = report.basis.signal if report.basis else "average"
    return [
        Section(
            simulated=simulated,
            title=title,
            footprint=footprint_statement(sums, lang),
            difference=difference_statement(sums, lang, signal=signal, simulated=simulated),
            unpriced=_unpriced(sums, lang),
            figures=tuple(_figures(report, [j for j in report.jobs if j.simulated == simulated], sums, groups, lang)),
        )
        for simulated, title, sums, groups in kinds
        if sums.jobs
    ]


def _unpriced(sums: Totals, lang: Language) -> str:
    """That some jobs are missing from the sums."""
    if not sums.unpriced:
        return ""
    return lang.plural(
        "{count} job ran and could not be priced: the sums are too low.",
        "{count} jobs ran and could not be priced: the sums are too low.",
        sums.unpriced,
    )


def _figures(
    report: PeriodReport, jobs: Sequence[JobReport], sums: Totals, groups: Sequence[Group], lang: Language
) -> list[Figure]:
    """The charts that there is something to show in."""
    if all(job.account is None for job in jobs):
        return []
    found = [*_worlds(jobs, lang), line_steps(sums.emissions_kg, lang("The footprint, line by line"), lang)]
    found += plan_steps(jobs, lang)
    found.append(_by(grouped(jobs, ["project"], Draws()), lang("By project"), lang))
    found.append(_by(grouped(jobs, ["cluster"], Draws()), lang("By cluster"), lang))
    if report.group_by and report.group_by not in (("project",), ("cluster",)):
        respects = ", ".join(lang.word("respect", respect) for respect in report.group_by)
        found.append(_by(groups, lang("By {respects}", respects=respects), lang))
    return found


def _worlds(jobs: Sequence[JobReport], lang: Language) -> list[Figure]:
    """Planned, realised and at home, over the jobs that have all three."""
    planned = [
        (job.planned_kg, job.account, job.counterfactual.account)
        for job in jobs
        if job.planned_kg is not None and job.account is not None and job.counterfactual is not None
    ]
    planned_kg, whole = sum(each[0] for each in planned), [each[1:] for each in planned]
    if not whole:
        return []
    names = (lang("planned"), lang("realised"), lang("at home"))
    low, central, high = (
        [sum(each[side].emissions[level].total for each in whole) for side in (0, 1)] for level in LEVELS
    )
    parts = [Bar(name=names[0], end=planned_kg, label=lang.number(planned_kg), tone=MUTED)]
    parts += [
        Bar(name=name, low=low[n], end=central[n], high=high[n], label=lang.number(central[n]), tone=tone)
        for n, (name, tone) in enumerate(((names[1], ACCENT), (names[2], MUTED)))
    ]
    says = lang(
        "Planned {planned}, realised {real}, at home {home}: over {some} of {all} jobs, those that have all three. "
        "Thin lines are ranges. These bars hold all lines; the difference is stated apart, on fewer of them.",
        some=lang.whole(len(whole)), all=lang.whole(len(jobs)), planned=lang.kg(planned_kg),
        real=lang.kg(central[0]), home=lang.kg(central[1]),
    )  # fmt: skip
    rows = [
        (bar.name, *("–" if kg is None else lang.number(kg) for kg in (bar.low, bar.end, bar.high))) for bar in parts
    ]
    title, numbers = lang("Planned, realised, at home"), (lang("low [kg]"), lang("central [kg]"), lang("high [kg]"))
    told = table(title, (lang("world"),), numbers, rows)
    return [figure(title, says, lambda px: bars(px, parts, lang(UNIT)), told, lang)]


def line_steps(emissions_kg: Mapping[str, float], title: str, lang: Language) -> Figure:
    """The lines of a footprint as steps to its total."""
    names = [line_name(line, lang) for line in LINES]
    masses = [emissions_kg[line] for line in LINES]
    total_kg = sum(masses)
    labels = [lang.number(kg) for kg in (*masses, total_kg)]
    greatest = max(range(len(LINES)), key=lambda n: masses[n])
    says = lang(
        "From nothing to {total}, each line adding where the one before ended. The greatest is {line}, {mass}.",
        total=lang.kg(total_kg), line=names[greatest], mass=lang.kg(masses[greatest]),
    )  # fmt: skip
    parts = steps(names, masses, labels, total=lang.word("line", "total"))
    shares = [lang.percent(kg / total_kg) if total_kg else "–" for kg in (*masses, total_kg)]
    rows = list(zip((*names, lang.word("line", "total")), labels, shares, strict=True))
    told = table(title, (lang("line"),), (lang("emissions [kg]"), lang("share of the total")), rows)
    return figure(title, says, lambda px: bars(px, parts, lang(UNIT)), told, lang)


def _by(groups: Sequence[Group], title: str, lang: Language) -> Figure:
    """Kilograms of each group, the greatest first."""
    ranked = sorted(groups, key=lambda each: -each.emissions_kg["total"])
    shown, rest = ranked[:MOST_BARS], ranked[MOST_BARS:]
    parts = [
        Bar(name=_name(each, lang), low=each.low_kg, end=each.emissions_kg["total"], high=each.high_kg,
            label=lang.number(each.emissions_kg["total"]))
        for each in shown
    ]  # fmt: skip
    if rest:
        rest_kg = sum(each.emissions_kg["total"] for each in rest)
        others = lang.plural("{count} other", "{count} others", len(rest))
        parts.append(Bar(name=others, end=rest_kg, label=lang.number(rest_kg), tone=MUTED))
    whole_kg = sum(each.emissions_kg["total"] for each in groups)
    first = ranked[0]
    says = lang.plural(
        "{count} part, {mass}.", "{count} parts, {mass} together; the greatest is {name} with {share}.", len(groups),
        mass=lang.kg(whole_kg), name=_name(first, lang),
        share=lang.percent(first.emissions_kg["total"] / whole_kg if whole_kg else 0.0),
    )  # fmt: skip
    rows = [
        (_name(each, lang), lang.whole(each.jobs), lang.number(each.gpu_hours), lang.number(each.it_energy_kwh),
         lang.number(each.emissions_kg["total"]))
        for each in ranked
    ]  # fmt: skip
    numbers = (lang("jobs"), lang("GPU-h"), lang("IT [kWh]"), lang("emissions [kg]"))
    told = table(title, (lang("name"),), numbers, rows)
    return figure(title, says, lambda px: bars(px, parts, lang(UNIT)), told, lang)


def _name(group: Group, lang: Language) -> str:
    """What a group is called."""
    return ", ".join(group_name(respect, name, lang) for respect, name in group.names.items())
