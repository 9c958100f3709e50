"""A budget held against a replay: what each policy emitted in each month, hour by hour where it lies.

A trace names no projects, so that the whole of it is held against the one budget, under the name that was given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cli.budgets import month_of
from cli.settings import Settings
from cli.simulate_case import Case
from cli.simulate_sweep import Seen
from scheduler.domain.errors import InvalidInput
from scheduler.records.budgets import Budget
from scheduler.records.periods_calendar import Period
from scheduler.simulation.parts import by_month


def parse_budget(text: str) -> tuple[str, Budget]:
    """The name and the budget of ``NAME=KG``.

    Raises:
        InvalidInput: it is none.
    """
    name, equals, kg = (part.strip() for part in text.partition("="))
    try:
        limit_kg = float(kg)
    except ValueError as exc:
        raise InvalidInput(f"--budget {text!r} is none", hint="write NAME=KG, such as nlp=120") from exc
    if not name or not equals:
        raise InvalidInput(f"--budget {text!r} is none", hint="write NAME=KG, such as nlp=120")
    return name, Budget(kg_per_month=limit_kg)


def budget_json(seen: Sequence[Seen], name: str, budget: Budget, values: Settings) -> dict[str, object]:
    """What each setting came to by month, for machines."""
    return {
        "project": name,
        "kg_per_month": budget.kg_per_month,
        "of": "the whole trace: it names no projects",
        "settings": [{"setting": dict(each.setting), "policies": _policies(each, budget, values)} for each in seen],
    }


def budget_lines(seen: Sequence[Seen], name: str, budget: Budget, values: Settings) -> list[str]:
    """The same in a line a policy."""
    lines = [f"budget of {name}, {budget.kg_per_month:g} kg CO2e a month, held against the whole trace:"]
    for each in seen:
        where = "".join(f", {option} {value}" for option, value in each.setting.items())
        lines += [
            f"  {one['policy']}{where}: over in {one['months_over']} of {one['months_known']} months"
            for one in _policies(each, budget, values)
        ]
    return lines


def _policies(seen: Seen, budget: Budget, values: Settings) -> list[dict[str, object]]:
    """The months of every policy under one setting."""
    table = seen.case.world.table
    last_us = max(int(one.finish_us.max()) for one in seen.replayed.values())
    months = _months(seen.case, last_us, values)
    edges_us = np.array([table.us(months[0].since), *(table.us(month.until) for month in months)], dtype=np.int64)
    found = []
    for policy, one in seen.replayed.items():
        kg = by_month(seen.case.world, seen.case.requests, one.spans, seen.made.common, edges_us).tolist()
        found.append(
            {
                "policy": policy,
                "months_known": len(months),
                "months_over": sum(each > budget.kg_per_month for each in kg),
                "months": [{"month": month.name, "kg": each} for month, each in zip(months, kg, strict=True)],
            }
        )
    return found


def _months(case: Case, last_us: int, values: Settings) -> list[Period]:
    """The months from the first submission to the last end."""
    last = case.world.table.moment(last_us)
    months = [month_of(values, min(request.submitted for request in case.requests))]
    while months[-1].until < last:
        months.append(month_of(values, months[-1].until))
    return months
