"""How long one plan takes, from the intensities to the price: the exact planner, and a window search beside cats.

The grids are invented: a day, a week and an hour-by-hour drift for each of ten zones, drawn from a seed. cats
(climate-aware-task-scheduler, `pip install climate-aware-task-scheduler`) searches windows on one zone; it is timed in
this process, on the same numbers, where it is installed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.job import Job
from scheduler.ports import Policy
from scheduler.problem.assemble import assemble
from scheduler.problem.pricing import Price, price

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = tuple(f"Z{number}" for number in range(10))
DAYS, WORK = 7, "72h"
GPU = {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150}
NODE = {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500}
PAUSES = {"checkpoint": "6m", "restart": "30m"}
INSTANCES = 25
TRIES = 3
"""Each instance is timed so often and the least counts: what else runs on the machine only adds."""
SHORT_TRIES = 25
"""The same for what takes under a millisecond, as often for each of the two."""


def grids(dice: np.random.Generator, step: timedelta) -> dict[str, IntensitySeries]:
    """Ten zones for the window, each of its own level, swing and drift."""
    count = int(timedelta(days=DAYS) / step)
    hour = np.arange(count) * (step / timedelta(hours=1))
    found = {}
    for zone in ZONES:
        level, day, week = dice.uniform(60, 600), dice.uniform(0.05, 0.3), dice.uniform(0.0, 0.1)
        drift = np.cumsum(dice.normal(0, 0.01, count)) * np.sqrt(step / timedelta(hours=1))
        shape = 1 + day * np.sin((hour - dice.uniform(0, 24)) * np.pi / 12) + week * np.sin(hour * np.pi / 84) + drift
        found[zone] = IntensitySeries(
            zone=zone, basis=DEFAULT_BASIS, start=NOW, step=step, g_per_kwh=level * np.maximum(shape, 0.05),
            kind="forecast", source=Provenance(name="invented"),
        )  # fmt: skip
    return found


def clusters(dice: np.random.Generator) -> list[Cluster]:
    """One in each zone; half of them hold the nodes of a paused job."""
    base = {"gpus": 64, "gpu": GPU, "node": NODE, "pue": 1.2, "storage": [{"name": "s3", "uri": "s3://checkpoints"}]}
    return [
        Cluster.from_mapping(
            base | {"name": zone.lower(), "zone": zone, "paused_nodes": str(dice.choice(["held", "off"]))},
            what="a benchmark",
        )
        for zone in ZONES
    ]


def job(**changes: object) -> Job:
    """72 hours of work on 8 GPUs in a week, suspended at a cost."""
    base: dict[str, object] = {"name": "train", "entrypoint": "true", "gpus": 8, "duration": WORK, "home": "z0"}
    return Job.from_mapping(
        base | {"deadline": f"{24 * DAYS}h", "checkpoint": {"gb": 50}} | changes, what="a benchmark"
    )


def once(policy: Policy, wanted: Job, places: list[Cluster], series: dict[str, IntensitySeries]) -> Price:
    """Surface, placement and price of one job."""
    problem = assemble(wanted, places, series, NOW).problem
    return price(problem, policy.place(problem))


def least_ms(call: Callable[[], object], tries: int = TRIES) -> float:
    """The least time of some tries. [ms]"""
    taken = []
    for _ in range(tries):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return 1e3 * min(taken)


def binding(places: list[Cluster], series: dict[str, IntensitySeries]) -> Job | None:
    """The job with one suspend less than it would like; None where it likes one at most."""
    liked = once(CarbonAware(), job(interruptible=PAUSES), places, series).suspends
    return job(interruptible={**PAUSES, "max_suspends": liked - 1}) if liked > 1 else None


def rows() -> Iterator[tuple[str, float, list[float]]]:
    """Each case with its aim and its times. [ms]"""
    for name, step, aims in (
        ("hourly", timedelta(hours=1), (5.0, 30.0)),
        ("5 min", timedelta(minutes=5), (150.0, 1500.0)),
    ):
        dice = np.random.default_rng(7)
        free, limited = [], []
        for _ in range(INSTANCES if step > timedelta(minutes=5) else INSTANCES // 5):
            series, places = grids(dice, step), clusters(dice)
            free.append(least_ms(lambda s=series, p=places: once(CarbonAware(), job(interruptible=PAUSES), p, s)))
            fewer = binding(places, series)
            if fewer is not None:
                limited.append(least_ms(lambda f=fewer, s=series, p=places: once(CarbonAware(), f, p, s)))
        yield f"exact, {name} slots", aims[0], free
        yield f"exact, {name} slots, its limit of suspends binds", aims[1], limited


def beside_cats() -> str:
    """The window policy on one zone of half hours, against cats on the same."""
    try:
        from cats.forecast import PointEstimate, WindowedForecast  # noqa: PLC0415  # it need not be there
    except ImportError:
        return "cats is not installed: no ratio"
    step = timedelta(minutes=30)
    dice = np.random.default_rng(7)
    series = {"Z0": grids(dice, step)["Z0"]}
    home = [place for place in clusters(dice) if place.zone == "Z0"]
    wanted, minutes = job(), 72 * 60
    points = [PointEstimate(float(g), NOW + step * n) for n, g in enumerate(series["Z0"].g_per_kwh)]
    ours_ms = least_ms(lambda: once(LowestCarbonWindow(), wanted, home, series), SHORT_TRIES)
    cats_ms = least_ms(lambda: min(WindowedForecast(points, minutes, start=NOW)), SHORT_TRIES)
    found = min(WindowedForecast(points, minutes, start=NOW))
    mine = once(LowestCarbonWindow(), wanted, home, series)
    problem = assemble(wanted, home, series, NOW).problem
    theirs = LowestCarbonWindow().place(problem)  # priced alike, from the start that cats names
    moved = type(theirs.segments[0])(
        cluster="z0", start=found.start, end=found.start + timedelta(minutes=minutes), gpus=8
    )
    other_kg = price(problem, type(theirs)(segments=(moved,))).emissions.total
    return (
        f"window: {ours_ms:.2f} ms, cats {cats_ms:.2f} ms, {cats_ms / ours_ms:.1f} x; "
        f"{mine.emissions.total:.4f} kg against {other_kg:.4f} kg from the start that cats names"
    )


def main() -> None:
    """Print a row a case."""
    for name, aim_ms, taken in rows():
        spread = f"{min(taken):.1f} to {max(taken):.1f} ms, {len(taken)} jobs" if taken else "no such job"
        middle = statistics.median(taken) if taken else float("nan")
        print(f"{name:50} median {middle:7.1f} ms ({spread}), wanted under {aim_ms:g} ms", flush=True)
    print(beside_cats())


if __name__ == "__main__":
    main()
