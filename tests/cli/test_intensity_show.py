"""The hours that `carbonsched intensity show` prints: what each is said to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cli.intensity_show import Hours, between
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.intensity import IntensitySeries, Kind, Provenance
from scheduler.domain.joining import joined

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HALF = timedelta(minutes=30)


def half_hours(kind: Kind, *values: float) -> IntensitySeries:
    """Figures of half-hours from the start of the day."""
    return IntensitySeries(
        zone="GB", basis=DEFAULT_BASIS, start=T0, step=HALF, kind=kind, source=Provenance(name=f"the {kind}"),
        g_per_kwh=np.array(values), issued_at=T0 if kind == "forecast" else None,
    )  # fmt: skip


def test_an_hour_of_two_parts_is_said_to_be_the_less_sure_one() -> None:
    """An hour that is half observed and half forecast was not observed."""
    nan = float("nan")
    parts = [half_hours("observed", 1, 1, 1, nan, nan, nan), half_hours("forecast", 2, 2, 2, 2, 2, 2)]
    hours = Hours(start=T0, means=np.array([1.0, 1.5, 2.0]), series=joined(parts))
    origins = [hours.origin(hour) for hour in range(3)]
    assert ["observed", "forecast", "forecast"] == [origin.kind for origin in origins if origin]
    assert ["the observed", "the forecast", "the forecast"] == [origin.source.name for origin in origins if origin]
    assert hours.origin(4) is None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-03-01", "2026-03-02", (T0, T0 + timedelta(days=1))),
        ("2026-03-01", "2026-03-01T06:30:00+01:00", (T0, T0 + timedelta(hours=6))),
        (None, "2026-03-02", (T0, T0 + timedelta(days=1))),
        ("2026-03-01T00:20:00Z", None, (T0, T0 + timedelta(days=1, hours=12))),
    ],
)
def test_a_date_alone_is_its_midnight(first: str | None, last: str | None, expected: tuple[datetime, datetime]) -> None:
    """UTC, as everything that is printed; a time of day needs its zone as ever."""
    assert expected == between(first, last, T0 + timedelta(hours=12, minutes=20))
