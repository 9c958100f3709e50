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
from scheduler.lifecycle.model import GpuHour, embodied_g_per_gpu_h, gpu_hour, opposite, transfer_g
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


def job_gpu_hour(
    job: Job, cluster: Cluster, level: Level, gpus: int | None = None, *, hosts: float | None = None
) -> GpuHour:
    """What an hour of one of the job's GPUs draws and embodies, with its share of the node.

    Args:
        job: what runs.
        cluster: where.
        level: corner of the uncertain figures.
        gpus: how many it is resized to, None for its own number.
        hosts: nodes' worth of host that it carries, None for the greater of its GPUs' share and its CPUs'.

    Notes:
        An exclusive job reserves k = width / gpus as many GPUs as it uses. Each of its own then carries k times the
        idle floor and the making of a GPU, and m = hosts x node.gpus / gpus of a GPU's share of the host, where
        hosts = max(width / node.gpus, cpus / node.cpus); only the GPU's own work is not multiplied:
        dynamic = run_w - gpu.idle_w + m (node.host_w - node.idle_w) / node.gpus;
        idle = k gpu.idle_w + m node.idle_w / node.gpus.
    """
    hour = gpu_hour(cluster, job.gpu_power_w(cluster), level)
    node, used = cluster.node, gpus or job.gpus
    share = width_on(job, cluster, gpus) / used
    carried = (host_share(job, cluster, gpus) if hosts is None else hosts) * node.gpus / used
    if share == carried == 1:
        return hour
    at_rest_kwh, host_idle_kwh = cluster.gpu.idle_w.at(level) / W_PER_KW, node.idle_w.at(level) / node.gpus / W_PER_KW
    host_kwh = node.host_w.at(level) / node.gpus / W_PER_KW - host_idle_kwh
    host_g = embodied_g_per_gpu_h(
        hardware_kg=node.embodied_kg.at(level) / node.gpus,
        lifetime_years=cluster.lifetime_years.at(opposite(level)),
        lifetime_use=cluster.lifetime_use.at(opposite(level)),
    )
    return replace(
        hour,
        dynamic_kwh=hour.dynamic_kwh + (carried - 1) * host_kwh,
        idle_kwh=share * at_rest_kwh + carried * host_idle_kwh,
        embodied_g=share * (hour.embodied_g - host_g) + carried * host_g,
    )


def host_share(job: Job, cluster: Cluster, gpus: int | None = None) -> float:
    """Nodes' worth of host that is the job's: by its GPUs or by its CPUs, whichever is more. [nodes]"""
    node = cluster.node
    by_gpus = width_on(job, cluster, gpus) / node.gpus
    return max(by_gpus, job.cpus / node.cpus) if job.cpus is not None and node.cpus is not None else by_gpus


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
