"""What a GPU-hour of one job emits on each cluster in each slot, and what moving its checkpoint does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Line
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import W_PER_KW
from scheduler.lifecycle.model import GpuHour, gpu_hour, transfer_g
from scheduler.problem.candidates import width_on
from scheduler.problem.slots import slot_means
from scheduler.problem.surface import HOLD_LINES, Floats, Ints
from scheduler.problem.ways import Ends, Ways


def row_intensity(
    cluster: Cluster, intensity: Mapping[str, IntensitySeries], start: datetime, edges_us: Ints, level: Level
) -> Floats:
    """Mean intensity of a cluster's zone over each slot at one corner of its range; NaN where unknown. [g/kWh]"""
    series = intensity.get(cluster.zone)
    if series is None:
        return np.full(len(edges_us) - 1, np.nan)
    return slot_means(series, series.at_level(level), start, edges_us)


def job_gpu_hour(job: Job, cluster: Cluster, level: Level, gpus: int | None = None) -> GpuHour:
    """What an hour of one of the job's GPUs draws and embodies, with its share of the node.

    Args:
        job: what runs.
        cluster: where.
        level: corner of the uncertain figures.
        gpus: how many it is resized to, None for its own number.

    Notes:
        An exclusive job reserves k = width / gpus as many GPUs as it uses. Each of its own then carries k times
        the idle floor, the hardware and the host's share; only the GPU's own work is not multiplied:
        dynamic = run_w - gpu.idle_w + k (node.host_w - node.idle_w) / node.gpus.
    """
    hour = gpu_hour(cluster, job.gpu_power_w(cluster), level)
    share = width_on(job, cluster, gpus) / (gpus or job.gpus)
    if share == 1:
        return hour
    node = cluster.node
    host_kwh = (node.host_w.at(level) - node.idle_w.at(level)) / node.gpus / W_PER_KW
    return replace(
        hour,
        dynamic_kwh=hour.dynamic_kwh + (share - 1) * host_kwh,
        idle_kwh=hour.idle_kwh * share,
        embodied_g=hour.embodied_g * share,
    )


def hold_lines(cluster: Cluster, hour: GpuHour, g_per_kwh: Floats) -> dict[Line, Floats]:
    """What a paused job's nodes emit there, by what the cluster does with them. [g/GPU-h]

    Held nodes are the job's: idle energy and hardware. Idle ones are nobody's hours but still draw. Nodes that are
    off or filled by others cost the job nothing.
    """
    lines = hour.holding(g_per_kwh)
    if not cluster.holds_paused:
        return {line: np.zeros_like(g_per_kwh) for line in HOLD_LINES}
    if cluster.paused_nodes == "idle":
        lines["embodied"] = np.zeros_like(g_per_kwh)
    return lines


def moves(job: Job, rows: Sequence[Cluster], g_per_kwh: Floats, level: Level) -> tuple[Floats, Ways]:
    """Time and emissions of a checkpoint's way from each cluster to each, shapes [C, C] and [C, C, S]. [h], [g]

    A shared storage is mounted at both ends, so nothing waits for a copy; the bytes travel all the same.
    """
    numbers: dict[str, int] = {}
    disk = np.array(
        [-1 if row.saves_on is None else numbers.setdefault(row.saves_on.name, len(numbers)) for row in rows]
    )
    shared = (disk[:, None] == disk) & (disk >= 0)
    np.fill_diagonal(shared, val=True)
    move_h = np.where(shared, 0.0, np.inf)
    if job.checkpoint.gb > 0:
        return move_h, Ends(end_g=transfer_g(job.checkpoint.gb, g_per_kwh, 0.0, level))
    return move_h, np.broadcast_to(0.0, (len(rows), *g_per_kwh.shape))
