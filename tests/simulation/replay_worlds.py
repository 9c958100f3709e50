"""Small invented worlds to replay in: two clusters of one hardware, a week of hours, jobs by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.problem.problem import Interruption
from scheduler.simulation.request import Request
from scheduler.simulation.table import Table, table_of
from scheduler.simulation.world import World

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 168


def cluster(name: str, zone: str, gpus: int = 16, paused_nodes: str = "off") -> Cluster:
    """A cluster of nodes of 8 GPUs."""
    return Cluster.from_mapping(
        {
            "name": name,
            "zone": zone,
            "gpus": gpus,
            "source": "a test",
            "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
            "lifetime_years": 6,
            "pue": 1.2,
            "paused_nodes": paused_nodes,
        },
        what="a test",
    )


def series(zone: str, values: Sequence[float]) -> IntensitySeries:
    """Hours from midnight."""
    return IntensitySeries(
        zone=zone,
        basis=DEFAULT_BASIS,
        start=T0,
        step=timedelta(hours=1),
        g_per_kwh=np.array(values, dtype=np.float64),
        kind="observed",
        source=Provenance(name="a test"),
    )


def wavy(zone: str, mean: float, swing: float, hours: int = HOURS) -> IntensitySeries:
    """A day that comes again with a little of everything in it."""
    hour = np.arange(hours)
    values = mean + swing * np.sin(hour / 24 * 2 * np.pi) + swing / 3 * np.sin(hour * 1.7)
    return series(zone, values.tolist())


def table(hours: int = HOURS) -> Table:
    """Two zones, one of them clean."""
    return table_of({"FR": wavy("FR", 60, 30, hours), "DE": wavy("DE", 400, 150, hours)})


def world(*, gpus: int = 16, paused_nodes: str = "off", hours: int = HOURS) -> World:
    """A cluster in each of them."""
    places = [cluster("paris", "FR", gpus, paused_nodes), cluster("berlin", "DE", gpus, paused_nodes)]
    return World(places, table(hours))


def request(job_id: str = "a", at_h: float = 0.0, hours: float = 3.0, **changes: object) -> Request:
    """A job of 8 GPUs at home in Berlin with a day of slack, with changes."""
    submitted, length = T0 + timedelta(hours=at_h), timedelta(hours=hours)
    fields: dict[str, object] = {
        "job_id": job_id,
        "submitted": submitted,
        "length": length,
        "gpus": 8,
        "deadline": submitted + length + timedelta(hours=24),
        "home": "berlin",
    }
    return Request(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def pausing(one: Request, *, may: bool = True, restart_h: float = 0.2) -> Request:
    """The same job where it may be suspended."""
    return replace(one, interruption=Interruption(), restart=timedelta(hours=restart_h)) if may else one
