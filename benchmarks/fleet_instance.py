"""An invented fleet: jobs of many widths and lengths on ten clusters for a week, drawn from a seed.

A day's swing, a week's and an hour-by-hour drift make the grid of each cluster; half of the clusters have H100s,
which are faster and draw more. Room is what makes the asked load of it: GPU-hours of whole nodes over those there are.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.planning.fleet.fleet import Fleet, FleetJob, Pauses, Rates
from scheduler.problem.problem import Interruption
from scheduler.problem.surface import Floats

CLUSTERS: Final = 10
HOURS: Final = 168
NODE_GPUS: Final = 8
WIDTHS: Final = {1: 0.20, 2: 0.10, 4: 0.15, 8: 0.28, 16: 0.14, 24: 0.04, 32: 0.09}
"""GPUs and how many of the jobs have so many: most take a node, as in Microsoft's clusters (Jeon et al., USENIX ATC
2019, where few jobs use more than one server), and whole nodes are taken."""
WORK_H: Final = (10.0, 0.9, 0.5, 60.0)
"""Median, spread of the logarithm, least and most: few jobs are long and make most of the GPU-hours. [h]"""
OVERHEAD_H: Final = 0.25
"""Time without progress of a suspend and its resume together: 5 minutes of checkpoint, 10 of restart. [h]"""
CHECKPOINT_H: Final = 5 / 60
SLACK_H: Final = (6.0, 96.0)
SPEEDS: Final = (1.0, 1.7)
KW: Final = (0.72, 1.05)
"""A GPU-hour of each model at the wall with its share of the node, at full power. [kWh]"""
EMBODIED_G: Final = (10.35, 11.3)
"""Of an A100 and an H100, with their share of the node. [g/GPU-h]"""
HOLD_SHARE: Final = 0.3
"""Power of a paused node as a share of a running one. [-]"""
DRAWS: Final = (0.7, 0.8, 0.9, 1.0)
"""Power that jobs draw, as shares of the full one. [-]"""
MIX: Final = 0.3
TAIL_H: Final = 72
"""Hours after the last deadline, for jobs that are late: a scheduler that looks at no deadline has some. [h]"""


def grids(dice: np.random.Generator, clusters: int, slots: int, step_h: float) -> Floats:
    """Carbon intensity by cluster and slot. [g/kWh]"""
    hour = np.arange(slots) * step_h
    found = []
    for _ in range(clusters):
        level, day, week = dice.uniform(100, 500), dice.uniform(0.15, 0.45), dice.uniform(0.0, 0.1)
        drift = np.cumsum(dice.normal(0, 0.01, slots)) * np.sqrt(step_h)
        shape = 1 + day * np.sin((hour - dice.uniform(0, 24)) * np.pi / 12) + week * np.sin(hour * np.pi / 84) + drift
        found.append(level * np.maximum(shape, 0.05))
    return np.array(found)


def fleet_instance(
    seed: int,
    jobs: int,
    load: float = 0.6,
    mix: float = MIX,
    *,
    clusters: int = CLUSTERS,
    hours: int = HOURS,
    step_h: float = 1.0,
) -> Fleet:
    """The fleet of a seed.

    Args:
        seed: of every draw.
        jobs: how many.
        load: GPU-hours that they take at speed 1 over those of the clusters. [-]
        mix: share of the jobs that may be suspended. [-]
        clusters: how many; hours: of the window; step_h: length of a slot. [h]
    """
    dice = np.random.default_rng(seed)
    slots = round((hours + TAIL_H) / step_h)
    intensity = grids(dice, clusters, slots, step_h)
    model = np.arange(clusters) % 2
    speed = np.array(SPEEDS)[model]
    holds = np.arange(clusters) // 2 % 2 == 0
    width = dice.choice(list(WIDTHS), jobs, p=list(WIDTHS.values()))
    takes = -(-width // NODE_GPUS) * NODE_GPUS
    median_h, spread, least_h, most_h = WORK_H
    slack_h = dice.uniform(*SLACK_H, jobs)
    work_h = np.round(np.clip(dice.lognormal(np.log(median_h), spread, jobs), least_h, most_h) * 60) / 60
    earliest_h = np.round(dice.uniform(0, 1, jobs) * (hours - work_h - slack_h) * 60) / 60
    rates = [_rates(intensity, model, share, holds) for share in DRAWS]
    pauses = _pauses(intensity, clusters)
    kind, may = dice.integers(len(DRAWS), size=jobs), dice.uniform(size=jobs) < mix
    share = dice.uniform(0.6, 1.4, clusters)
    needed = float((takes * work_h).sum()) / load / hours * share / (share * speed).sum()
    nodes = np.maximum(max(WIDTHS) // NODE_GPUS, np.round(needed / NODE_GPUS)).astype(np.int64)
    home = dice.choice(clusters, jobs, p=nodes * speed / (nodes * speed).sum())
    made = tuple(
        FleetJob(
            id=f"j{n:05}", gpus=int(width[n]), takes=np.full(clusters, takes[n]), work_h=float(work_h[n]),
            earliest_h=float(earliest_h[n]), deadline_h=float(earliest_h[n] + work_h[n] + slack_h[n]), speed=speed,
            rates=rates[kind[n]], home=int(home[n]), pauses=pauses if may[n] else None,
        )
        for n in range(jobs)
    )  # fmt: skip
    capacity = np.repeat((nodes * NODE_GPUS)[:, None], slots, axis=1)
    return Fleet(edges_h=np.arange(slots + 1) * step_h, capacity=capacity, holds=holds, jobs=made)


def _rates(intensity: Floats, model: Floats, share: float, holds: Floats) -> Rates:
    """Emissions of a GPU-hour of a job that draws a share of full power."""
    full = np.array(KW)[model][:, None] * intensity
    embodied = np.array(EMBODIED_G)[model][:, None]
    hold = np.where(holds[:, None], HOLD_SHARE * full + embodied, 0.0)
    return Rates(run=full * share + embodied, hold=hold)


def _pauses(intensity: Floats, clusters: int) -> Pauses:
    """What a suspend costs; a checkpoint travels six minutes to another cluster."""
    return Pauses(
        rules=Interruption(checkpoint_h=CHECKPOINT_H),
        restart_h=np.full(clusters, OVERHEAD_H - CHECKPOINT_H),
        move_h=np.where(np.eye(clusters, dtype=bool), 0.0, 0.1),
        move_g=np.broadcast_to(0.5 * intensity, (clusters, *intensity.shape)).copy(),
    )
