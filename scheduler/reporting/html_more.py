"""What else a page shows of the whole: from plan to outcome, a bridge in time, other choices, clusters' sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.domain.said import Said
from scheduler.records.bridge import Bridge
from scheduler.records.split import Split
from scheduler.reporting.charts import ACCENT, MUTED, WARM, Figure, figure
from scheduler.reporting.charts_bars import Bar, bars
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import Language
from scheduler.reporting.naming import choice_name
from scheduler.reporting.period_report import PeriodReport
from scheduler.reporting.statements import NO_EFFECT
from scheduler.reporting.tables import Table, table

MOST_ROWS: Final = 12
"""So many jobs are named where plan and outcome lie furthest apart."""
UNIT: Final = Said("kg CO2e")
_DUST: Final = 1e-12
"""Share of a sum that floating point may leave where its parts cancel. [-]"""
_ERRORS: Final = {
    "forecast": Said("forecast error"),
    "duration": Said("duration error"),
    "power": Said("power error"),
    "overhead": Said("overhead error"),
}
_EFFECTS: Final = ("method", "activity", "efficiency", "grid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridged:
    """A bridge with the names of its two ends."""

    earlier: str
    later: str
    bridge: Bridge


def between(start: tuple[str, float], changes: Sequence[tuple[str, float]], end: str, lang: Language) -> list[Bar]:
    """The bars from one total over its changes to another one."""
    name, at = start
    dust_kg = _DUST * max(abs(at), *(abs(change) for _, change in changes))
    found = [Bar(name=name, end=at, label=lang.number(at), tone=MUTED)]
    for step, change in changes:
        tone = WARM if change > 0 else ACCENT
        said = 0.0 if abs(change) <= dust_kg else change
        found.append(Bar(name=step, start=at, end=at + change, label=_signed(said, lang), tone=tone))
        at += change
    return [*found, Bar(name=end, end=at, label=lang.number(at), tone=MUTED)]


def plan_steps(jobs: Sequence[JobReport], lang: Language) -> list[Figure]:
    """From what was planned to what came, by what made the difference."""
    known = [(job, job.split) for job in jobs if job.split is not None]
    if not known:
        return []
    sums = {name: sum(getattr(made, f"{name}_kg") for _, made in known) for name in ("planned", "realised", *_ERRORS)}
    parts = between(
        (lang("planned"), sums["planned"]),
        [(lang(text), sums[name]) for name, text in _ERRORS.items()],
        lang("realised"),
        lang,
    )
    above = sum(made.difference_kg > 0 for _, made in known)
    says = lang(
        "Planned {planned}, {real} came, over {some} of {all} jobs, those with a price for both; {above} came out "
        "above their plan. The grid, the length of runs, their power, and boots and repeats each had a part.",
        planned=lang.kg(sums["planned"]), real=lang.kg(sums["realised"]), some=lang.whole(len(known)),
        all=lang.whole(len(jobs)), above=lang.whole(above),
    )  # fmt: skip
    furthest = sorted(known, key=lambda each: -abs(each[1].difference_kg))[:MOST_ROWS]
    rows = [(job.history.row.job.name, *_errors(made, lang)) for job, made in furthest]
    heads = (lang("planned"), *(lang(head) for head in _ERRORS.values()), lang("realised"))
    title = lang("The plan against what came")
    told = table(title, (lang("job"),), heads, [*rows, (lang("all"), *(bar.label for bar in parts))])
    return [figure(title, says, lambda px: bars(px, parts, lang(UNIT)), told, lang)]


def split_table(made: Split, lang: Language) -> Table:
    """The same of one job, as a table."""
    names = [lang("planned"), *(lang(text) for text in _ERRORS.values()), lang("realised")]
    rows = list(zip(names, _errors(made, lang), strict=True))
    return table(lang("From the plan to what came"), (lang("part"),), (lang("emissions [kg]"),), rows)


def bridge_figure(made: Bridged, lang: Language) -> Figure:
    """From an earlier period to this one."""
    whole = made.bridge
    changes = [(lang.word("effect", name), float(getattr(whole, name))) for name in _EFFECTS]
    parts = between((made.earlier, whole.earlier_kg), changes, made.later, lang)
    greatest = max(changes, key=lambda each: abs(each[1]))
    says = lang(
        "From {before} in {earlier} to {after} in {later}. Most of it is {name}, {change} kg CO2e. Method is the "
        "earlier period stated anew; the four add up exactly. Hours count where they lie, idle hardware included.",
        before=lang.kg(whole.earlier_kg), earlier=made.earlier, after=lang.kg(whole.later_kg), later=made.later,
        name=greatest[0], change=_signed(greatest[1], lang),
    )  # fmt: skip
    rows = [(bar.name, bar.label) for bar in parts]
    title = lang("The bridge to an earlier period")
    told = table(title, (lang("step"),), (lang("emissions [kg]"),), rows)
    return figure(title, says, lambda px: bars(px, parts, lang(UNIT)), told, lang)


def sensitivity_table(report: PeriodReport, lang: Language) -> Table | None:
    """The real jobs' figures under other choices; None where there are none."""
    if not report.real.jobs:
        return None
    rows = []
    for each in report.sensitivity:
        untold = each.difference is not None and not each.difference.told
        kg = "–" if each.kg is None else lang.said(NO_EFFECT) if untold else lang.number(each.kg)
        rows.append(
            (
                lang.said(each.name),
                choice_name(each.group, lang),
                lang.quoted(each.why) or "–",
                lang.whole(each.jobs),
                kg,
            )
        )
    words = (lang("taken as"), lang("choice"), lang("why, or why not"))
    numbers = (lang("jobs"), lang("central [kg]"))
    return table(lang("Real clusters, central figures"), words, numbers, rows)


def closing_table(report: PeriodReport, lang: Language) -> Table | None:
    """Each cluster and month: its jobs, what was nobody's, and its own energy; None where it was not looked at."""
    rows = [
        (
            lang("{cluster} (simulated)", cluster=each.cluster.name) if each.cluster.simulated else each.cluster.name,
            f"{each.month:%Y-%m}",
            *(
                lang.number(kwh)
                for kwh in (
                    each.jobs_kwh - each.twice_kwh, each.unallocated_kwh, each.head_kwh, each.it_kwh,
                    0.0 if each.closes else each.difference_kwh,
                )
            ),
            lang.percent(each.reserved_share),
        )
        for each in report.closings
    ]  # fmt: skip
    heads = (
        lang("jobs [kWh]"), lang("idle of nobody [kWh]"), lang("head nodes [kWh]"), lang("cluster [kWh]"),
        lang("left over [kWh]"), lang("reserved"),
    )  # fmt: skip
    caption = lang("IT energy by cluster and month: jobs, idle hardware of nobody and head nodes make the cluster's")
    return table(caption, (lang("cluster"), lang("month")), heads, rows) if rows else None


def _errors(made: Split, lang: Language) -> tuple[str, ...]:
    """The parts of a split, the two ends about them."""
    ends = (lang("planned"), made.planned_kg), [(name, getattr(made, f"{name}_kg")) for name in _ERRORS]
    return tuple(bar.label for bar in between(*ends, lang("realised"), lang))


def _signed(kg: float, lang: Language) -> str:
    """A change with its sign. [kg]"""
    return f"+{lang.number(kg)}" if kg > 0 else lang.number(kg)
