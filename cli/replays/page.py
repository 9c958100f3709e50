"""What a replay's page and table say: the figures of all settings, and what they were replayed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final, cast

from cli.console import SCHEMA
from cli.replays.case import Asked
from cli.replays.sweep import BASELINE, STATIC, Seen
from cli.schema import VERSION
from scheduler.reporting.simulation_choices import Choice, choices, cost, delay, front, most_saved
from scheduler.reporting.simulation_figures import Simulation

_OUTCOME: Final = (
    "policy", "completed", "failed", "missed_deadlines", "late_at_admission", "saving_pct", "saving_operational_pct",
    "kept_pct", "mean_wait_h", "mean_start_delay_h", "suspends", "solves", "gpu_hours", "wall_s",
)  # fmt: skip


def simulation_of(
    seen: Sequence[Seen], *, trace: str, now: datetime, sha256: str, asked: Asked, notes: Sequence[str] = ()
) -> Simulation:
    """The figures of all settings.

    Args:
        seen: what each came to.
        trace: what was replayed; now: the moment; sha256: of the result.
        asked: the options, before any is varied.
        notes: what else a reader must know.
    """
    world = seen[0].case.world
    windows = [cast("Mapping[str, str | None]", each.document["window"]) for each in seen]
    starts = [datetime.fromisoformat(str(window["start"])) for window in windows]
    ends = [datetime.fromisoformat(window["end"]) for window in windows if window["end"]]
    return Simulation(
        trace=trace,
        made_at=now,
        version=VERSION,
        basis=world.table.basis,
        start=min(starts),
        end=max(ends, default=min(starts)),
        clusters=tuple((c.name, c.zone, c.gpus, c.price_gpu_h, c.simulated) for c in world.clusters),
        options=tuple(options_of(asked, [name for name, _ in seen[0].figures.varied]).items()),
        baseline=BASELINE,
        static=STATIC,
        notes=tuple(dict.fromkeys([*(note for each in seen for note in each.case.notes), *notes])),
        sha256=sha256,
        settings=tuple(each.figures for each in seen),
    )


def options_of(asked: Asked, varied: Sequence[str]) -> dict[str, str]:
    """The options of a replay that no setting varies, as the command line has them."""
    plain = {name: value for name, value in asdict(asked).items() if name not in ("jobs", "clusters")}
    given = {name: value for name, value in plain.items() if value is not None and value is not False and value != ""}
    said = {name.replace("_", "-"): "yes" if value is True else value for name, value in given.items()}
    told = {name: value.name if hasattr(value, "name") else str(value) for name, value in said.items()}
    return {name: value for name, value in told.items() if name not in varied}


def choices_json(made: Simulation) -> list[dict[str, object]]:
    """What there is to choose from, draws together, for machines."""
    found = choices(made)
    slow, dear, chosen = front(found, delay), front(found, cost), most_saved(found)
    return [_choice(each, slow=each in slow, dear=each in dear, most=each == chosen) for each in found]


def _choice(each: Choice, *, slow: bool, dear: bool, most: bool) -> dict[str, object]:
    """One choice: means over what was drawn, with its ends."""
    return {
        "policy": each.policy,
        "chosen": each.chosen,
        "circumstances": each.circumstances,
        "draws": len(each.draws),
        "total_kg": each.kg,
        "bound_kg": each.bound_kg,
        "saving_pct": _ends(each.savings_pct),
        "beyond_region_pct": _ends(each.beyond_pct),
        "mean_wait_h": each.wait_h,
        "missed_deadlines": each.missed,
        "cost": each.cost,
        "on_delay_front": slow,
        "on_cost_front": dear,
        "most_saved": most,
    }


def _ends(values: Sequence[float]) -> dict[str, float] | None:
    """Mean, least and most of what was drawn; None of nothing."""
    return {"mean": sum(values) / len(values), "low": min(values), "high": max(values)} if values else None


def rows_of(seen: Sequence[Seen], made: Simulation) -> list[dict[str, object]]:
    """A row a setting and policy: what varies, every figure of the outcome, and what the page adds to it."""
    rows: list[dict[str, object]] = []
    for each, setting in zip(seen, made.settings, strict=True):
        figures = {policy.name: policy for policy in setting.policies}
        for outcome in each.made.outcomes:
            plain = {name: getattr(outcome, name) for name in _OUTCOME}
            lines = {f"{line}_kg": kg for line, kg in outcome.emissions.as_dict().items()}
            mine = figures[outcome.policy]
            beside = {
                "cost": mine.cost,
                "utilisation_pct": mine.utilisation_pct,
                "bound_kg": setting.bound_kg,
                "asked_for": outcome.policy not in each.beside,
                "jobs": setting.jobs + sum(setting.left_out.values()),
                "compared": setting.compared,
                "left_out": sum(setting.left_out.values()),
                "forecasts": setting.forecasts,
            }
            zones = {f"{zone}_zone_kg": kg for zone, kg in mine.zones.items()}
            use = {f"{name}_utilisation_pct": one.utilisation_pct for name, one in mine.clusters.items()}
            found = {**plain, **lines, **beside, **zones, **use, "sha256": made.sha256}
            # what varies comes first, and stays as it was written
            rows.append({"schema": SCHEMA, **each.setting, **found, **each.setting})
    return rows
