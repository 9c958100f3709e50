"""How long a year of five-minute figures of ten zones takes to be parsed, kept and read back, and what a mean costs.

The answers are made up, in the forms of WattTime, 32 days a request, and of Electricity Maps, 240 rows a request. What
is timed begins with the text of an answer, and ends with a series in hand; the time is the processor's, which is that
of the clock where nothing else runs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from intensity_sources.electricity_maps_rows import Ask, parse_rows
from intensity_sources.points import Label, Points, observed_series, together
from intensity_sources.watttime_rows import Want, parse_historical
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import Subject
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store

START = datetime(2025, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)
STEP = timedelta(minutes=5)
CHUNK = timedelta(days=32)
MAPS_CHUNK = 240 * STEP
ZONES = tuple(f"Z{number}" for number in range(10))
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
LIMIT_S = 5.0
"""Most that all of it may take. [s]"""
MEANS = 10_000


def watttime_answers(zone: str) -> Iterator[bytes]:
    """The texts of a year's answers for a zone, as WattTime writes them."""
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


def maps_answers(zone: str) -> Iterator[bytes]:
    """The same as Electricity Maps writes them."""
    random = np.random.default_rng(ZONES.index(zone))
    first = START
    while first < END:
        count = (min(first + MAPS_CHUNK, END) - first) // STEP
        rows = [
            {
                "zone": zone, "carbonIntensity": value, "datetime": f"{first + i * STEP:%Y-%m-%dT%H:%M:%S}.000Z",
                "updatedAt": f"{first + i * STEP + CHUNK:%Y-%m-%dT%H:%M:%S}.{i:03}Z",
                "createdAt": f"{first + i * STEP - CHUNK:%Y-%m-%dT%H:%M:%S}.000Z", "emissionFactorType": "lifecycle",
                "flowTraced": True, "isEstimated": False, "estimationMethod": None,
            }
            for i, value in enumerate(random.integers(10, 900, size=count).tolist())
        ]  # fmt: skip
        yield json.dumps({"zone": zone, "data": rows, "temporalGranularity": "5_minutes"}).encode()
        first += MAPS_CHUNK


def watttime_points(zone: str, text: bytes) -> Points:
    """The rows of one answer of WattTime."""
    return parse_historical(json.loads(text), Want(region=zone, signal="co2_moer")).points


def maps_points(zone: str, text: bytes) -> Points:
    """The rows of one answer of Electricity Maps."""
    return parse_rows(json.loads(text), Ask(zone=zone, basis=DEFAULT_BASIS, granularity="5_minutes")).points


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a provider writes, and what reads that."""

    source: str
    basis: Basis
    answers: Callable[[str], Iterator[bytes]]
    points: Callable[[str, bytes], Points]


FORMS = (
    Form(source="watttime", basis=MARGINAL, answers=watttime_answers, points=watttime_points),
    Form(source="electricity-maps", basis=DEFAULT_BASIS, answers=maps_answers, points=maps_points),
)


def parsed(form: Form, zone: str, texts: list[bytes]) -> IntensitySeries:
    """The series that the answers tell."""
    label = Label(
        source=form.source, zone=zone, basis=form.basis, step=STEP, credit=Provenance(name=form.source),
        retrieved_at=END,
    )  # fmt: skip
    return observed_series(together([form.points(zone, text) for text in texts]), label, START, END)


def timed(what: str, work: Callable[[], object]) -> float:
    """How long a piece of work takes, said. [s]"""
    began = time.process_time()
    work()
    took = time.process_time() - began
    print(f"{what:<40}{took:8.2f} s")
    return took


def main() -> None:
    """Parse, keep, read, in each form; then means over windows of every length."""
    sys.exit(max([measured(form) for form in FORMS]) > LIMIT_S)


def measured(form: Form) -> float:
    """How long all of it takes in one form, said. [s]"""
    texts = {zone: list(form.answers(zone)) for zone in ZONES}
    points = len(ZONES) * ((END - START) // STEP)
    size_mb = sum(len(text) for each in texts.values() for text in each) / 1e6
    print(f"{form.source}: {len(ZONES)} zones, {points:,} points, {size_mb:.0f} MB of answers")
    found: dict[str, IntensitySeries] = {}
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
        kept = KeptIntensities(open_store(StateFolder(Path(folder) / "state")))

        def subject(zone: str) -> Subject:
            return Subject(source=form.source, zone=zone, basis=form.basis)

        total = timed("parsed", lambda: found.update({zone: parsed(form, zone, texts[zone]) for zone in ZONES}))
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
    return total


if __name__ == "__main__":
    main()
