"""Jobs that are planned together, for people and machines: what their plans come to, and how far from the least."""

from __future__ import annotations

from scheduler.domain.instant import format_instant, to_the_second
from scheduler.records.rows import FleetRow
from scheduler.reporting.numbers import kg_text


def as_json(row: FleetRow) -> dict[str, object]:
    """One entry of `status --json`; a figure that is not known is null."""
    return {
        "policy": row.policy,
        "planned_at": format_instant(row.at),
        "jobs": row.jobs,
        "cost_kg": row.cost_kg,
        "bound_kg": row.bound_kg,
        "gap_pct": row.gap_pct,
    }


def as_text(row: FleetRow) -> str:
    """One line of `status`."""
    cost = "at a cost that is not known" if row.cost_kg is None else f"{kg_text(row.cost_kg)} kg CO2e by their plans"
    gap = "no bound was proved" if row.gap_pct is None else f"at most {row.gap_pct:.2g} % over the least there is"
    return f"{row.jobs} jobs planned together by {row.policy} at {to_the_second(row.at)}: {cost}, {gap}"
