"""Small invented worlds to plan in: the cluster of the worked case, a job on it, and series from midnight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.job import Job

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NAN = float("nan")
SHARED = [{"name": "s3", "uri": "s3://x"}]
H100 = {"model": "H100", "tdp_w": 700, "idle_w": 70, "embodied_kg": 164}


def at(hour_h: float) -> datetime:
    """The instant so many hours after midnight."""
    return T0 + timedelta(hours=hour_h)


def cluster(name: str = "paris", zone: str = "FR", **changes: object) -> Cluster:
    """The cluster of the worked case, 0.72 kWh and 10.3523 g a GPU-hour, with changes."""
    data: dict[str, object] = {
        "name": name,
        "zone": zone,
        "gpus": 16,
        "source": "a test",
        "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
        "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        "lifetime_years": 6,
        "pue": 1.2,
        "paused_nodes": "off",
    }
    return Cluster.from_mapping(data | changes, what="a test")


def job(**changes: object) -> Job:
    """A job of 8 GPUs for 4 hours at home in Paris, with changes."""
    data: dict[str, object] = {"name": "train", "entrypoint": "true", "gpus": 8, "duration": "4h", "home": "paris"}
    return Job.from_mapping(data | changes, what="a test")


def series(zone: str, values: Sequence[float], **changes: object) -> IntensitySeries:
    """An hourly series from midnight."""
    fields: dict[str, object] = {
        "zone": zone,
        "basis": DEFAULT_BASIS,
        "start": T0,
        "step": timedelta(hours=1),
        "g_per_kwh": np.array(values),
        "kind": "forecast",
        "source": Provenance(name="a test"),
    }
    return IntensitySeries(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def flat(zone: str, g: float = 33.0, hours: int = 500, **changes: object) -> IntensitySeries:
    """Hours of one intensity."""
    return series(zone, [g] * hours, **changes)
