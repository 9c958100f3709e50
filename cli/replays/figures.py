"""The figures of a replay: sums by zone, cluster, class of job and time, of what each policy did under one setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cli.replays.case import Case
from scheduler.problem.surface import Floats, Ints
from scheduler.reporting.simulation_classes import CLASSES, class_of
from scheduler.reporting.simulation_figures import (
    ClassFigures,
    ClusterFigures,
    JobClass,
    PolicyFigures,
    SettingFigures,
)
from scheduler.simulation.bound import bound_kg
from scheduler.simulation.parts import Parts, parts_of
from scheduler.simulation.results import Comparison, Outcome, Replayed
from scheduler.simulation.run import Flags
from scheduler.simulation.table import US, US_PER_H

_MOMENTS: Final = 160
"""Points of a line over time: more are thinner than a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Jobs:
    """What holds for the jobs of a case under every policy.

    Args:
        gpus: of each; submitted_us, length_us: of each. [us]
        common: which are compared; classes: the number of each one's class in `CLASSES`.
        edges_us: the ends of what a line over time says, from the first submission to the last end. [us]
    """

    case: Case
    gpus: Ints
    submitted_us: Ints
    length_us: Ints
    common: Flags
    classes: Ints
    edges_us: Ints

    @property
    def span_h(self) -> float:
        """From the first submission to the last end under any policy. [h]"""
        return float(self.edges_us[-1] - self.edges_us[0]) / US_PER_H


def figures_of(
    setting: Mapping[str, str], case: Case, replayed: Mapping[str, Replayed], made: Comparison
) -> SettingFigures:
    """The figures of every policy under one setting.

    Args:
        setting: what it varies.
        case: what was replayed.
        replayed: what each policy did, also those that are only beside.
        made: how they compare.
    """
    jobs = _jobs(case, replayed, made)
    outcomes = {outcome.policy: outcome for outcome in made.outcomes}
    left: dict[str, int] = {}
    for each in case.left:
        left[each.why] = left.get(each.why, 0) + 1
    middles = (jobs.edges_us[:-1] + jobs.edges_us[1:]) // 2
    return SettingFigures(
        varied=tuple(setting.items()),
        jobs=len(case.requests),
        compared=made.compared,
        left_out=left,
        bound_kg=bound_kg(case.world, case.requests, made.common),
        forecasts=case.told.name,
        policies=tuple(_policy(jobs, outcomes[name], one) for name, one in replayed.items()),
        moments=tuple(case.world.table.moment(int(at)) for at in middles),
    )


def _jobs(case: Case, replayed: Mapping[str, Replayed], made: Comparison) -> _Jobs:
    """The jobs of a case as arrays."""
    requests, table = case.requests, case.world.table
    submitted_us = np.array([table.us(request.submitted) for request in requests], dtype=np.int64)
    length_us = np.array([request.length // US for request in requests], dtype=np.int64)
    last_us = max(int(one.finish_us.max()) for one in replayed.values())
    gpus = np.array([request.gpus for request in requests])
    number = {name: n for n, name in enumerate(CLASSES)}
    return _Jobs(
        case=case,
        gpus=gpus,
        submitted_us=submitted_us,
        length_us=length_us,
        common=made.common,
        classes=np.array(
            [
                number[class_of(width, length / US_PER_H)]
                for width, length in zip(gpus.tolist(), length_us.tolist(), strict=True)
            ]
        ),
        edges_us=np.linspace(submitted_us.min(), last_us, _MOMENTS + 1).astype(np.int64),
    )


def _policy(jobs: _Jobs, outcome: Outcome, one: Replayed) -> PolicyFigures:
    """One policy's figures."""
    world = jobs.case.world
    parts = parts_of(world, jobs.case.requests, one.spans)
    mine = jobs.common[parts.job]
    zone_kg = np.bincount(world.zone[parts.row[mine]], weights=parts.kg[mine], minlength=len(world.table.zones))
    there_gpu_h = jobs.span_h * sum(cluster.gpus for cluster in world.clusters)
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
        clusters=_clusters(jobs, parts, mine),
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


def _clusters(jobs: _Jobs, parts: Parts, mine: Flags) -> dict[str, ClusterFigures]:
    """What each cluster was used for."""
    clusters = jobs.case.world.clusters
    gpu_h = np.bincount(parts.row, weights=parts.gpu_h, minlength=len(clusters))
    kg = np.bincount(parts.row[mine], weights=parts.kg[mine], minlength=len(clusters))
    return {
        cluster.name: ClusterFigures(
            kg=float(kg[row]),
            gpu_hours=float(gpu_h[row]),
            utilisation_pct=100 * float(gpu_h[row]) / (jobs.span_h * cluster.gpus),
        )
        for row, cluster in enumerate(clusters)
    }


def _classes(jobs: _Jobs, one: Replayed) -> dict[JobClass, ClassFigures]:
    """The compared jobs by class, narrow and short ones first."""
    wait_us, kg = one.finish_us - jobs.submitted_us - jobs.length_us, one.bill.total_kg
    found = {}
    for number, name in enumerate(CLASSES):
        mine = jobs.common & (jobs.classes == number)
        if mine.any():
            found[name] = ClassFigures(
                jobs=int(mine.sum()), kg=float(kg[mine].sum()), wait_h=float(wait_us[mine].mean()) / US_PER_H
            )
    return found


def _waiting(jobs: _Jobs, one: Replayed) -> Floats:
    """GPUs of jobs that were submitted and had not begun, means between the edges."""
    waited = np.array(
        [(jobs.gpus * (one.start_us.clip(max=at) - jobs.submitted_us.clip(max=at))).sum() for at in jobs.edges_us]
    )
    return np.asarray(np.diff(waited) / np.diff(jobs.edges_us))


def as_json(one: PolicyFigures) -> dict[str, object]:
    """What a policy's figures add to its outcome, for machines."""
    return {
        "cost": one.cost,
        "utilisation_pct": one.utilisation_pct,
        "by_zone": [{"zone": zone, "emissions_kg": kg} for zone, kg in one.zones.items()],
        "by_cluster": [
            {
                "cluster": name,
                "emissions_kg": each.kg,
                "gpu_hours": each.gpu_hours,
                "utilisation_pct": each.utilisation_pct,
            }
            for name, each in one.clusters.items()
        ],
        "by_class": [
            {"gpus": width, "length": length, "jobs": each.jobs, "emissions_kg": each.kg, "mean_wait_h": each.wait_h}
            for (width, length), each in one.classes.items()
        ],
        "queue_gpus": list(one.waiting),
    }
