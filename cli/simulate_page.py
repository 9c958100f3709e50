"""The figures of a replay's page: sums by zone, class of job and time, of what each policy did under each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import numpy as np

from cli.schema import VERSION
from cli.simulate_case import Case
from cli.simulate_sweep import BASELINE, Seen
from scheduler.problem.surface import Floats, Ints
from scheduler.reporting.simulation_figures import ClassFigures, PolicyFigures, SettingFigures, Simulation
from scheduler.simulation.bound import bound_kg
from scheduler.simulation.parts import Parts, parts_of
from scheduler.simulation.results import Outcome, Replayed
from scheduler.simulation.run import Flags
from scheduler.simulation.table import US, US_PER_H

STATIC: Final = "lowest-carbon-region"
"""The baseline that only chooses a region: always beside, so that nobody takes that for the merit of waiting."""
_WIDTHS: Final = ((1, "1 GPU"), (8, "2 to 8 GPUs"), (64, "9 to 64 GPUs"), (None, "over 64 GPUs"))
_LENGTHS_H: Final = ((1.0, "under 1 h"), (8.0, "1 to 8 h"), (None, "over 8 h"))
_MOMENTS: Final = 160
"""Points of a line over time: more are thinner than a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Jobs:
    """What holds for the jobs of a case under every policy.

    Args:
        gpus: of each; submitted_us, length_us: of each. [us]
        common: which are compared; classes: the name of each one's class.
        edges_us: the ends of what a line over time says, from the first submission to the last end. [us]
    """

    case: Case
    gpus: Ints
    submitted_us: Ints
    length_us: Ints
    common: Flags
    classes: Sequence[str]
    edges_us: Ints


def simulation_of(
    seen: Sequence[Seen], *, trace: str, now: datetime, sha256: str, notes: Sequence[str] = ()
) -> Simulation:
    """The figures of all settings.

    Args:
        seen: what each came to.
        trace: what was replayed; now: the moment; sha256: of the result.
        notes: what else a reader must know.
    """
    first = seen[0]
    world = first.case.world
    window = cast("Mapping[str, str | None]", first.document["window"])
    start = datetime.fromisoformat(str(window["start"]))
    end = datetime.fromisoformat(window["end"]) if window["end"] else start
    return Simulation(
        trace=trace,
        made_at=now,
        version=VERSION,
        basis=str(world.table.basis),
        start=start,
        end=end,
        clusters=tuple((c.name, c.zone, c.gpus, c.simulated) for c in world.clusters),
        baseline=BASELINE,
        static=STATIC,
        notes=tuple(dict.fromkeys([*(note for each in seen for note in (*each.case.notes, *_left(each))), *notes])),
        sha256=sha256,
        settings=tuple(_setting(each) for each in seen),
    )


def rows_of(seen: Sequence[Seen], made: Simulation) -> list[dict[str, object]]:
    """A row a setting and policy: what varies, every figure of the outcome, and what the page adds to it."""
    rows: list[dict[str, object]] = []
    for each, setting in zip(seen, made.settings, strict=True):
        figures = {policy.name: policy for policy in setting.policies}
        for outcome in each.made.outcomes:
            plain = {name: getattr(outcome, name) for name in _FIGURES}
            lines = {f"{line}_kg": kg for line, kg in outcome.emissions.as_dict().items()}
            mine = figures[outcome.policy]
            beside = {
                "cost": mine.cost, "utilisation_pct": mine.utilisation_pct, "bound_kg": setting.bound_kg,
                "compared": setting.compared, "left_out": setting.left_out, "forecasts": setting.forecasts,
            }  # fmt: skip
            rows.append({**each.setting, **plain, **lines, **beside, "sha256": made.sha256})
    return rows


_FIGURES: Final = (
    "policy", "completed", "missed_deadlines", "late_at_admission", "saving_pct", "saving_operational_pct", "kept_pct",
    "mean_wait_h", "mean_start_delay_h", "suspends", "gpu_hours", "wall_s",
)  # fmt: skip


def _left(seen: Seen) -> list[str]:
    """The jobs that were left out, by reason."""
    counts: dict[str, int] = {}
    for each in seen.case.left:
        counts[each.why] = counts.get(each.why, 0) + 1
    return [f"{count:,} jobs left out for every policy: {why.replace('_', ' ')}" for why, count in counts.items()]


def _setting(seen: Seen) -> SettingFigures:
    """All policies under one setting."""
    jobs = _jobs(seen)
    by_name = {outcome.policy: outcome for outcome in seen.made.outcomes}
    table = seen.case.world.table
    middles = (jobs.edges_us[:-1] + jobs.edges_us[1:]) // 2
    return SettingFigures(
        name=", ".join(f"{name} {value}" for name, value in seen.setting.items()),
        compared=seen.made.compared,
        left_out=len(seen.case.left),
        bound_kg=bound_kg(seen.case.world, seen.case.requests, seen.made.common),
        forecasts=seen.case.told.name,
        policies=tuple(_policy(jobs, by_name[name], one) for name, one in seen.replayed.items()),
        moments=tuple(table.moment(int(at)) for at in middles),
    )


def _jobs(seen: Seen) -> _Jobs:
    """The jobs of a case as arrays."""
    requests, table = seen.case.requests, seen.case.world.table
    submitted_us = np.array([table.us(request.submitted) for request in requests], dtype=np.int64)
    last_us = max(int(one.finish_us.max()) for one in seen.replayed.values())
    return _Jobs(
        case=seen.case,
        gpus=np.array([request.gpus for request in requests]),
        submitted_us=submitted_us,
        length_us=np.array([request.length // US for request in requests], dtype=np.int64),
        common=seen.made.common,
        classes=[_class(request.gpus, request.length / US / US_PER_H) for request in requests],
        edges_us=np.linspace(submitted_us.min(), last_us, _MOMENTS + 1).astype(np.int64),
    )


def _class(gpus: int, length_h: float) -> str:
    """The class of a job by its width and length."""
    width = next(name for most, name in _WIDTHS if most is None or gpus <= most)
    length = next(name for under_h, name in _LENGTHS_H if under_h is None or length_h < under_h)
    return f"{width}, {length}"


def _policy(jobs: _Jobs, outcome: Outcome, one: Replayed) -> PolicyFigures:
    """One policy's figures."""
    world = jobs.case.world
    parts = parts_of(world, jobs.case.requests, one.spans)
    mine = jobs.common[parts.job]
    zone_kg = np.bincount(world.zone[parts.row[mine]], weights=parts.kg[mine], minlength=len(world.table.zones))
    span_h = (jobs.edges_us[-1] - jobs.edges_us[0]) / US_PER_H
    there_gpu_h = span_h * sum(cluster.gpus for cluster in world.clusters)
    return PolicyFigures(
        name=outcome.policy,
        kg=outcome.emissions.total,
        saving_pct=outcome.saving_pct,
        saving_operational_pct=outcome.saving_operational_pct,
        kept_pct=outcome.kept_pct,
        wait_h=outcome.mean_wait_h,
        start_delay_h=outcome.mean_start_delay_h,
        cost=_cost(jobs, parts, mine),
        missed=outcome.missed_deadlines,
        late=outcome.late_at_admission,
        suspends=outcome.suspends,
        gpu_hours=outcome.gpu_hours,
        utilisation_pct=100 * float(parts.gpu_h.sum()) / there_gpu_h,
        zones={zone: float(kg) for zone, kg in zip(world.table.zones, zone_kg, strict=True)},
        classes=_classes(jobs, one),
        waiting=tuple(_waiting(jobs, one).tolist()),
    )


def _cost(jobs: _Jobs, parts: Parts, mine: Flags) -> float | None:
    """GPU-hours at the prices of their clusters; None where one that was used states none."""
    prices = [cluster.price_gpu_h for cluster in jobs.case.world.clusters]
    used = set(parts.row[mine].tolist())
    if any(prices[row] is None for row in used):
        return None
    by_row = np.array([price or 0.0 for price in prices])
    return float((parts.gpu_h[mine] * by_row[parts.row[mine]]).sum())


def _classes(jobs: _Jobs, one: Replayed) -> dict[str, ClassFigures]:
    """The compared jobs by class, narrow and short ones first."""
    wait_us, names = one.finish_us - jobs.submitted_us - jobs.length_us, np.array(jobs.classes)
    kg, found = one.bill.total_kg, {}
    for width in (name for _, name in _WIDTHS):
        for length in (name for _, name in _LENGTHS_H):
            mine = jobs.common & (names == f"{width}, {length}")
            if mine.any():
                found[f"{width}, {length}"] = ClassFigures(
                    jobs=int(mine.sum()), kg=float(kg[mine].sum()), wait_h=float(wait_us[mine].mean()) / US_PER_H
                )
    return found


def _waiting(jobs: _Jobs, one: Replayed) -> Floats:
    """GPUs of jobs that were submitted and had not begun, means between the edges."""
    waited = np.array(
        [(jobs.gpus * (one.start_us.clip(max=at) - jobs.submitted_us.clip(max=at))).sum() for at in jobs.edges_us]
    )
    return np.asarray(np.diff(waited) / np.diff(jobs.edges_us))
