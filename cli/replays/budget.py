"""A budget held against a replay: what each policy emitted in each month, hour by hour where it lies.

A trace names no projects, so that the whole of it is held against the one budget, under the name that was given.
A replay holds nothing back: it counts the jobs that a hold at the limit would have held when they were submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from cli.budgets import month_of
from cli.replays.case import Case
from cli.replays.sweep import Seen
from cli.settings import Settings
from scheduler.domain.errors import InvalidInput
from scheduler.problem.surface import Floats, Ints
from scheduler.records.budgets import Budget, Use, parse_budgets
from scheduler.records.periods_calendar import Period
from scheduler.simulation.parts import by_month

_HINT: Final = "write NAME=KG, such as nlp=120, or 'nlp=120 warn 70 hold'"


def parse_budget(text: str) -> tuple[str, Budget]:
    """The name and the budget of ``NAME=KG [warn PCT] [hold]``.

    Raises:
        InvalidInput: it is none, or more than one.
    """
    try:
        found = list(parse_budgets(text).by_project.items())
    except InvalidInput as exc:
        raise InvalidInput(f"--budget {text!r}: {exc.message}", hint=_HINT) from exc
    if len(found) != 1 or len(found[0][1]) != 1:
        raise InvalidInput(f"--budget {text!r} is not one budget", hint=_HINT)
    [(name, [(_, budget)])] = found
    return name, budget


def budget_json(seen: Sequence[Seen], name: str, budget: Budget, values: Settings) -> dict[str, object]:
    """What each setting came to by month, for machines."""
    return {
        "project": name,
        "kg_per_month": budget.kg_per_month,
        "warn_at_pct": budget.warn_at_pct,
        "hold_at_limit": budget.hold,
        "of": "the whole trace: it names no projects",
        "settings": [{"setting": dict(each.setting), "policies": _policies(each, budget, values)} for each in seen],
    }


def budget_lines(seen: Sequence[Seen], name: str, budget: Budget, values: Settings) -> list[str]:
    """The same in a line a policy."""
    lines = [f"budget of {name}, {budget.kg_per_month:g} kg CO2e a month, held against the whole trace:"]
    for each in seen:
        where = "".join(f", {option} {value}" for option, value in each.setting.items())
        lines += [f"  {one['policy']}{where}: {_said(one, budget)}" for one in _policies(each, budget, values)]
    return lines


def _said(one: Mapping[str, object], budget: Budget) -> str:
    """One policy's months in a line."""
    said = f"over in {one['months_over']} of {one['months_known']} months"
    if one["months_warned"]:
        said += f", a warning in {one['months_warned']}"
    if budget.hold:
        said += f"; {one['jobs_to_hold']:,} jobs would have been held at the limit, which a replay does not do"
    return said


def _policies(seen: Seen, budget: Budget, values: Settings) -> list[dict[str, object]]:
    """The months of every policy under one setting."""
    table = seen.case.world.table
    last_us = max(int(one.finish_us.max()) for one in seen.replayed.values())
    months = _months(seen.case, last_us, values)
    edges_us = np.array([table.us(months[0].since), *(table.us(month.until) for month in months)], dtype=np.int64)
    submitted_us = np.array([table.us(request.submitted) for request in seen.case.requests], dtype=np.int64)
    submitted_in = np.searchsorted(edges_us, submitted_us, side="right") - 1
    found = []
    for policy, one in seen.replayed.items():
        if policy in seen.beside:
            continue
        kg = by_month(seen.case.world, seen.case.requests, one.spans, seen.made.common, edges_us)
        uses = [
            Use(project="", month=month.name, budget=budget, realised_kg=float(each.sum()), projected_kg=0.0)
            for month, each in zip(months, kg, strict=True)
        ]
        found.append(
            {
                "policy": policy,
                "months_known": len(months),
                "months_over": sum(each.standing == "over" for each in uses),
                "months_warned": sum(each.standing == "warning" for each in uses),
                "jobs_to_hold": _to_hold(kg, submitted_in, budget),
                "months": [
                    {"month": each.month, "kg": each.total_kg, "used_pct": each.used_pct, "standing": each.standing}
                    for each in uses
                ],
            }
        )
    return found


def _to_hold(kg: Floats, submitted_in: Ints, budget: Budget) -> int:
    """How many jobs, in their order, find no room in the month that they are submitted in; those take none. [jobs]

    Args:
        kg: by month and job. [kg]
        submitted_in: number of the month of each.
        budget: of each month.
    """
    used_kg, held = [0.0] * len(kg), 0
    for job, first in enumerate(submitted_in.tolist()):
        if used_kg[first] + kg[first, job] > budget.kg_per_month:
            held += 1
            continue
        for month in np.flatnonzero(kg[:, job]).tolist():
            used_kg[month] += kg[month, job]
    return held


def _months(case: Case, last_us: int, values: Settings) -> list[Period]:
    """The months from the first submission to the last end."""
    last = case.world.table.moment(last_us)
    months = [month_of(values, min(request.submitted for request in case.requests))]
    while months[-1].until < last:
        months.append(month_of(values, months[-1].until))
    return months
