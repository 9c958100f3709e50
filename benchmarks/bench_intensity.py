"""How long a year of five-minute figures of ten zones takes to be parsed, kept and read back, and what a mean costs.

The answers are made up, in the form of WattTime's, whose rows are the finest in use: 32 days a request. What is timed
begins with the text of an answer, and ends with a series in hand; the time is the processor's, which is that of the
clock where nothing else runs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from intensity_sources.points import Label, observed_series, together
from intensity_sources.watttime_rows import Want, parse_historical
from scheduler.domain.basis import Basis
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import Subject
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store

START = datetime(2025, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)
STEP = timedelta(minutes=5)
CHUNK = timedelta(days=32)
ZONES = tuple(f"Z{number}" for number in range(10))
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
LIMIT_S = 5.0
"""Most that all of it may take. [s]"""
MEANS = 10_000


def answers(zone: str) -> Iterator[bytes]:
    """The texts of a year's answers for a zone."""
    random = np.random.default_rng(ZONES.index(zone))
    first = START
    while first < END:
        count = (min(first + CHUNK, END) - first) // STEP
        values = random.integers(700, 1300, size=count)
        rows = [
            {
                "point_time": f"{first + i * STEP:%Y-%m-%dT%H:%M:%S}+00:00", "value": float(value),
                "last_updated": f"{first + i * STEP + CHUNK:%Y-%m-%dT%H:%M:%S}+00:00", "imputed_data_used": False,
            }
            for i, value in enumerate(values.tolist())
        ]  # fmt: skip
        meta = {"region": zone, "signal_type": "co2_moer", "units": "lbs_co2_per_mwh", "data_point_period_seconds": 300}
        yield json.dumps({"data": rows, "meta": meta | {"model": {"date": "2025-01-01"}, "warnings": []}}).encode()
        first += CHUNK


def parsed(zone: str, texts: list[bytes]) -> IntensitySeries:
    """The series that the answers tell."""
    want = Want(region=zone, signal="co2_moer")
    points = together([parse_historical(json.loads(text), want).points for text in texts])
    label = Label(
        source="watttime", zone=zone, basis=MARGINAL, step=STEP, credit=Provenance(name="WattTime"),
        retrieved_at=END,
    )  # fmt: skip
    return observed_series(points, label, START, END)


def timed(what: str, work: Callable[[], object]) -> float:
    """How long a piece of work takes, said. [s]"""
    began = time.process_time()
    work()
    took = time.process_time() - began
    print(f"{what:<40}{took:8.2f} s")
    return took


def main() -> None:
    """Parse, keep, read; then means over windows of every length."""
    texts = {zone: list(answers(zone)) for zone in ZONES}
    points = len(ZONES) * ((END - START) // STEP)
    size_mb = sum(len(text) for each in texts.values() for text in each) / 1e6
    print(f"{len(ZONES)} zones, {points:,} points, {size_mb:.0f} MB of answers")
    found: dict[str, IntensitySeries] = {}
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
        kept = KeptIntensities(open_store(StateFolder(Path(folder) / "state")))

        def subject(zone: str) -> Subject:
            return Subject(source="watttime", zone=zone, basis=MARGINAL)

        total = timed("parsed", lambda: found.update({zone: parsed(zone, texts[zone]) for zone in ZONES}))
        total += timed("kept", lambda: [kept.keep(subject(zone), found[zone], at=END) for zone in ZONES])
        read: dict[str, IntensitySeries | None] = {}
        total += timed("read back", lambda: read.update({z: kept.history(subject(z), START, END) for z in ZONES}))
        size = (Path(folder) / "state" / "carbonsched.db").stat().st_size
    series = read["Z0"]
    assert series is not None  # noqa: S101  # it was kept above
    assert all(np.array_equal(found[zone].g_per_kwh, read[zone].g_per_kwh) for zone in ZONES)  # type: ignore[union-attr]  # noqa: S101  # as above
    print(f"{'in all':<40}{total:8.2f} s, {size / points:.1f} bytes a point")
    timed("the first mean of a series", lambda: series.mean_over(START, END))
    each = timed(
        f"{MEANS:,} means over up to a year",
        lambda: [series.mean_over(START + i * STEP, END - i * STEP) for i in range(MEANS)],
    )
    print(f"{'a mean':<40}{1e6 * each / MEANS:8.1f} us")
    sys.exit(total > LIMIT_S)


if __name__ == "__main__":
    main()
