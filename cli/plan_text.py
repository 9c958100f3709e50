"""A plan for people: what runs where and when, what it emits beside the baseline, and why nothing else."""

from __future__ import annotations

import textwrap
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from cli.console import table
from cli.plan_masses import kg
from cli.plan_strip import strip
from cli.plan_why import other_lines, why_lines
from scheduler.domain.duration import format_duration, whole_seconds
from scheduler.domain.intensity import UNSTATED_RANGE

if TYPE_CHECKING:
    from scheduler.domain.emissions import Emissions
    from scheduler.domain.job import Job
    from scheduler.planning.plan import Candidate, Plan, Priced, SavingBand

_WRAP: Final = 100
"""Longest line of a warning. [characters]"""
_INDENT: Final = "  "
_UNKNOWN: Final = "-"


def plan_text(plan: Plan, job: Job, *, unicode: bool) -> str:
    """The whole plan as text.

    Args:
        plan: what was decided.
        job: what for.
        unicode: whether the output can show more than ASCII.
    """
    parts = [
        _heading(plan, job),
        ["Plan (times in UTC)", *_segments(plan)],
        ["Emissions, kg CO2e", *_emissions(plan), "", *_comparison(plan)],
        other_lines(plan),
        ["Why not less", *why_lines(plan.why)] if plan.why else [],
        ["Best uninterrupted run on each cluster", *_candidates(plan)],
        ["Intensity up to the deadline, each row on its own scale", *strip(plan, unicode=unicode)],
        ["Other policies", *_alternatives(plan)] if plan.alternatives else [],
        ["Mind", *(_item(warning) for warning in plan.warnings)] if plan.warnings else [],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def summary(plan: Plan) -> str:
    """A plan in a few lines: where it starts and ends, what it emits, and what weighs on that."""
    placement, emissions = plan.chosen.placement, plan.chosen.emissions
    where = " > ".join(cluster for cluster, _ in groupby(segment.cluster for segment in placement.segments))
    mass = "emissions unknown" if emissions is None else f"{kg(emissions.total)} kg CO2e"
    pauses = f", {_count(placement.suspends, 'suspend')}" if placement.suspends else ""
    return "\n".join(
        [
            f"{plan.policy}: {where}, {_moment(placement.start)} to {_moment(placement.finish)} UTC{pauses}, {mass}",
            *(line.strip() for line in _comparison(plan)),
            *(f"mind: {warning}" for warning in plan.warnings),
        ]
    )


def _heading(plan: Plan, job: Job) -> list[str]:
    """What was asked."""
    ground, problem = plan.assembled.ground, plan.assembled.problem
    slack_h = problem.deadline_h - problem.earliest_h - problem.work_h
    margin = plan.deadline - plan.assembled.limits.deadline
    kept = f" after a margin of {format_duration(margin)}" if margin else ""
    run = format_duration(whole_seconds(ground.duration))
    return [
        f"{job.name}: {job.gpus} GPUs for {run}, home {ground.home}, policy {plan.policy}",
        f"decided at {_moment(plan.now)}, deadline {_moment(plan.deadline)}, slack {slack_h:.4g} h{kept}",
        f"intensity: {plan.assembled.basis}, from {', '.join(plan.sources)}",
    ]


def _segments(plan: Plan) -> list[str]:
    """The segments, and the end."""
    rows = [
        (
            segment.cluster,
            plan.zones[segment.cluster],
            _moment(segment.start),
            _moment(segment.end),
            format_duration(whole_seconds(segment.end - segment.start)),
            str(segment.gpus),
        )
        for segment in plan.chosen.placement.segments
    ]
    lines = _indented(table(("cluster", "zone", "start", "end", "length", "GPUs"), rows))
    suspends, moves = plan.chosen.placement.suspends, plan.chosen.placement.moves
    if suspends:
        lines.append(f"{_INDENT}{_count(suspends, 'suspend')}, {_count(moves, 'of them a move', 'of them moves')}")
    return lines


def _emissions(plan: Plan) -> list[str]:
    """Plan and baseline by line."""
    rows = [_lines(plan.policy, plan.chosen)]
    if plan.baseline:
        rows.append(_lines("baseline", plan.baseline))
    lines = _indented(table(("", *_LINES, "total", "low", "high"), rows))
    spread = f"intensity +/-{100 * UNSTATED_RANGE:.0f} % where its source states none"
    return [*lines, f"{_INDENT}low, high: every figure at that end of its range; {spread}"]


_LINES: Final = ("dynamic", "idle", "held", "facility", "embodied", "transfer")


def _lines(name: str, priced: Priced) -> tuple[str, ...]:
    """The lines of a placement, its total and range."""
    central = priced.emissions
    low, high = priced.emissions_at("low"), priced.emissions_at("high")
    if central is None or low is None or high is None:
        return (name, *("-" for _ in _LINES), _UNKNOWN, "-", "-")
    return (name, *(kg(mass) for mass in _masses(central)), kg(central.total), kg(low.total), kg(high.total))


def _masses(emissions: Emissions) -> tuple[float, ...]:
    """The figures under `_LINES`. [kg]"""
    return (
        emissions.dynamic,
        emissions.idle_running,
        emissions.idle_held,
        emissions.facility,
        emissions.embodied,
        emissions.transfer,
    )


def _comparison(plan: Plan) -> list[str]:
    """The plan beside its baseline, in words that claim no more than is known."""
    saved = plan.saving
    if plan.baseline is None:
        return [f"{_INDENT}There is no baseline to compare with."]
    if saved is None:
        return [f"{_INDENT}No comparison with run-now: a part of the time has no intensity."]
    if plan.chosen.placement == plan.baseline.placement:
        return [f"{_INDENT}This is what run-now does too."]
    if saved.distinguishable:
        verdict = f"{kg(abs(saved.kg))} kg {_word(saved.kg)} than run-now"
    else:
        verdict = f"No distinguishable effect beside run-now: {kg(abs(saved.kg))} kg {_word(saved.kg)}"
    share = "" if saved.pct is None else f" ({abs(saved.pct):.1f} %)"
    electricity = saved.operational_pct
    rest = "" if electricity is None else f"; of electricity alone {abs(electricity):.1f} % {_word(electricity)}"
    return [
        f"{_INDENT}{verdict}{share}{rest}.",
        f"{_INDENT}Within the ranges of the figures: {kg(saved.low_kg)} to {kg(saved.high_kg)} kg less.",
        *_band(plan.band),
    ]


def _band(band: SavingBand | None) -> list[str]:
    """What the saving comes to if forecasts miss as they missed before."""
    if band is None:
        return []
    low, middle, high = (kg(each) for each in (band.p5_kg, band.p50_kg, band.p95_kg))
    return [
        f"{_INDENT}If forecasts miss as they did before: {low} to {high} kg less (5 to 95 %), {middle} in the middle."
    ]


def _word(difference: float) -> str:
    """What a difference to the baseline is called."""
    return "less" if difference >= 0 else "MORE"


def _candidates(plan: Plan) -> list[str]:
    """Every cluster: what it could do, or why it cannot."""
    headers = ("cluster", "zone", "g/kWh", *_LINES[:2], *_LINES[3:5], "total", "start", "finish")
    rows = [_candidate(candidate) for candidate in plan.candidates]
    lines = _indented(table(headers, rows))
    wide = max((len(each.cluster) for each in plan.rejected), default=0)
    return lines + [f"{_INDENT}{each.cluster:{wide}}  rejected: {each.reason}" for each in plan.rejected]


def _candidate(candidate: Candidate) -> tuple[str, ...]:
    """One cluster's best run."""
    best = candidate.best
    if best is None:
        return (candidate.cluster, candidate.zone, *("-" for _ in range(6)), "no room before the deadline", "")
    emissions = best.emissions
    if emissions is None:
        lines = ["-"] * 5
    else:
        masses = (emissions.dynamic, emissions.idle_running, emissions.facility, emissions.embodied, emissions.total)
        lines = [kg(mass) for mass in masses]
    mean = "-" if candidate.mean_g_per_kwh is None else f"{candidate.mean_g_per_kwh:.1f}"
    window = (_moment(best.placement.start), _moment(best.placement.finish))
    return (candidate.cluster, candidate.zone, mean, *lines, *window)


def _alternatives(plan: Plan) -> list[str]:
    """What the other policies would do."""
    rows = [
        (other.policy, _UNKNOWN if other.total_kg is None else kg(other.total_kg), _moment(other.finish))
        for other in plan.alternatives
    ]
    return _indented(table(("policy", "total kg", "finish"), rows))


def _moment(moment: datetime) -> str:
    """Day and minute, seconds only where there are some."""
    return moment.strftime("%Y-%m-%d %H:%M:%S" if moment.second or moment.microsecond else "%Y-%m-%d %H:%M")


def _count(number: int, one: str, many: str = "") -> str:
    """A number and its word."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _item(text: str) -> str:
    """A point of a list, wrapped."""
    return textwrap.fill(text, _WRAP, initial_indent=f"{_INDENT}- ", subsequent_indent=f"{_INDENT}  ")


def _indented(text: str) -> list[str]:
    """The lines of a text, each moved in."""
    return [f"{_INDENT}{line}" for line in text.splitlines()]
