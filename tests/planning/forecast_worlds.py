"""Invented zones to forecast: periodic days, weather that lasts, a provider with a bias."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.intensity import IntensitySeries, Provenance

Floats = NDArray[np.float64]

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROVIDER = Provenance(name="provider", licence="theirs", attribution="by them")


def after(days: float = 0, hours: float = 0) -> datetime:
    """The instant so long after the first hour."""
    return T0 + timedelta(days=days, hours=hours)


def usual_day() -> Floats:
    """A day with a dip at noon, 100 to 300 g/kWh."""
    return 200.0 + 100.0 * np.cos(2 * np.pi * np.arange(24) / 24)


def weather(days: int, seed: int = 0, spread: float = 20.0, lasts_h: float = 24.0) -> Floats:
    """The usual day with an anomaly that decays, shape [days, 24]."""
    rng = np.random.default_rng(seed)
    keep = np.exp(-1 / lasts_h)
    anomaly, found = 0.0, []
    for shock in rng.normal(0, spread * np.sqrt(1 - keep**2), 24 * days):
        anomaly = keep * anomaly + shock
        found.append(anomaly)
    return np.asarray(np.maximum(np.tile(usual_day(), days) + np.array(found), 1.0).reshape(days, 24))


def observed(values: Floats, zone: str = "FR", start: datetime = T0, step: timedelta = HOUR) -> IntensitySeries:
    """What was observed from `start` on."""
    return IntensitySeries(
        zone=zone,
        basis=DEFAULT_BASIS,
        start=start,
        step=step,
        g_per_kwh=values.reshape(-1),
        kind="observed",
        source=Provenance(name="meters", licence="open"),
    )


def issue(values: Floats | Sequence[float], issued_at: datetime, zone: str = "FR") -> IntensitySeries:
    """A provider's hourly forecast from the hour it is issued in."""
    return IntensitySeries(
        zone=zone,
        basis=DEFAULT_BASIS,
        start=issued_at.replace(minute=0),
        step=HOUR,
        g_per_kwh=np.asarray(values, dtype=np.float64),
        kind="forecast",
        source=PROVIDER,
        issued_at=issued_at,
    )
