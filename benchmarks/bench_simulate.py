"""The replay: how long it takes at three sizes, and how it grows, with what users pay in waiting beside it.

    python benchmarks/bench_simulate.py                      # an invented trace on an invented year
    python benchmarks/bench_simulate.py --jobs TRACE --clusters FOLDER --intensity-table TABLE [--tz Z] [--shift-to Y]

Jobs have 24 h of slack, homes by id, suspends from 2 h on with 10 min of restart, forecasts from history, and plans are
made again each hour. The first quarter, the first half and all of the jobs are replayed; times are of the processor,
since others may use the machine. An invented job is short mostly, so that few long ones make most of the GPU-hours, as
in Microsoft's clusters (Jeon et al., USENIX ATC 2019).
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from cli.simulate_case import Asked, Case, case_of
from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.ports import Policy
from scheduler.simulation.bill import bill
from scheduler.simulation.replay import replay
from scheduler.simulation.results import Replayed, compare

JOBS, DAYS = 8000, 60
START = datetime(2022, 3, 1, tzinfo=UTC)
MEDIAN_H, SPREAD, MOST_H = 0.25, 1.6, 200.0
WIDTHS, SHARES = (1, 2, 4, 8, 16), (0.9, 0.04, 0.03, 0.02, 0.01)
CLUSTER = """name: {name}
zone: {zone}
gpus: {gpus}
source: invented
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
lifetime_years: 6
pue: 1.2
paused_nodes: {paused}
"""
ZONES = {"US-MIDA-PJM": (96, 400, 60), "FR": (96, 60, 25), "CA-QC": (48, 30, 3)}
"""GPUs, mean and daily swing. [g/kWh]"""
AIM_S, AIM_RUN_NOW_S, AIM_MB = 120.0, 5.0, 2000.0
"""Of 82,247 jobs of the Philly trace on 640 GPUs."""


def invented(folder: Path, jobs: int, paused: str) -> Asked:
    """A trace, a table and clusters as files."""
    dice = np.random.default_rng(7)
    (folder / "clusters").mkdir()
    for zone, (gpus, _, _) in ZONES.items():
        text = CLUSTER.format(name=zone.lower(), zone=zone, gpus=gpus, paused=paused)
        (folder / "clusters" / f"{zone}.yaml").write_text(text, encoding="utf-8")
    hours = np.arange((DAYS + 60) * 24)
    columns = [
        mean
        + swing * np.sin(hours / 24 * 2 * np.pi)
        + swing / 2 * np.sin(hours / 97)
        + dice.normal(0, swing / 5, len(hours))
        for _, mean, swing in ZONES.values()
    ]
    times = [(START + timedelta(hours=int(hour))).isoformat() for hour in hours]
    rows = [
        f"{at},{','.join(f'{max(each, 1):.2f}' for each in row)}"
        for at, row in zip(times, zip(*columns, strict=True), strict=True)
    ]
    (folder / "grid.csv").write_text("\n".join([f"utc,{','.join(ZONES)}", *rows]) + "\n", encoding="utf-8")
    at_h = np.sort(dice.uniform(10 * 24, DAYS * 24, jobs))
    length_h = np.minimum(MEDIAN_H * np.exp(dice.normal(0, SPREAD, jobs)), MOST_H)
    width = dice.choice(WIDTHS, jobs, p=SHARES)
    lines = [
        f"j{n},{(START + timedelta(hours=round(at, 4))).isoformat()},{length:.4f},{gpus}"
        for n, (at, length, gpus) in enumerate(zip(at_h, length_h, width, strict=True))
    ]
    (folder / "trace.csv").write_text(
        "\n".join(["job_id,submit_time,duration_hours,gpus", *lines]) + "\n", encoding="utf-8"
    )
    return Asked(jobs=folder / "trace.csv", clusters=folder / "clusters", intensity_table=folder / "grid.csv")


def timed(case: Case, policy: Policy, count: int) -> tuple[Replayed, int]:
    """A replay of the first jobs, with the processor's time that it took, and the plans made. [s]"""
    jobs = case.requests[:count]
    began = time.process_time()
    runs = replay(case.world, jobs, policy, case.told, passes=case.passes)
    took_s = time.process_time() - began
    return Replayed.of(runs, bill(case.world, jobs, runs), took_s), sum(run.solves for run in runs)


def main() -> int:
    """Print a line a size, and how times grow; 1 where a time or the growth is over what is aimed at."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("jobs", "clusters", "intensity-table"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--tz", default="")
    parser.add_argument("--shift-to", default="")
    parser.add_argument("--paused", default="off", help="of the invented clusters: held, off, idle")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        own = invented(Path(name), JOBS, given.paused)
        read = Asked(jobs=given.jobs, clusters=given.clusters, intensity_table=given.intensity_table)
        asked = replace(
            read if given.jobs else own, forecasts="history", slack="24", interruptible_from="2h", restart="10m",
            replan="1h", tz=given.tz, shift_to=given.shift_to,
        )  # fmt: skip
        case = case_of(asked)
    case.told.course(24 * 8, 1)
    print(
        f"{'jobs':>7} {'run-now s':>10} {'carbon-aware s':>15} {'plans':>8} {'saved %':>8} {'missed':>7} {'wait h':>7}"
    )
    times, count = [], len(case.requests)
    for size in (count // 4, count // 2, count):
        now, _ = timed(case, RunNow(), size)
        aware, solves = timed(case, CarbonAware(), size)
        both = {"run-now": now, "carbon-aware": aware}
        made = compare(case.world.table, case.requests[:size], both, both, "run-now").outcomes[1]
        print(
            f"{size:>7,} {now.wall_s:>10.2f} {aware.wall_s:>15.2f} {solves:>8,} {made.saving_pct or 0:>8.2f} "
            f"{made.missed_deadlines:>7,} {made.mean_wait_h or 0:>7.2f}"
        )
        times.append((size, aware.wall_s, now.wall_s))
    (first, first_s, _), (last, last_s, now_s) = times[0], times[-1]
    grown = last_s / first_s / (last * math.log(last) / (first * math.log(first)))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"from the first to the last size {grown:.2f} x n log n; {peak_mb:,.0f} MB at most")
    fits = last_s <= AIM_S and now_s <= AIM_RUN_NOW_S and peak_mb <= AIM_MB
    return 0 if fits and grown <= 1.25 else 1  # noqa: PLR2004  # loads differ along a trace


if __name__ == "__main__":
    sys.exit(main())
