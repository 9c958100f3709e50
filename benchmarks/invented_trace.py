"""What the replay's benchmarks replay: the trace, clusters and table that they are given, or invented ones.

An invented job is short mostly, so that few long ones make most of the GPU-hours, as in Microsoft's clusters (Jeon et
al., USENIX ATC 2019).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from cli.replays.case import Asked, Case, case_of

DAYS = 60
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


def parser_of(text: str) -> argparse.ArgumentParser:
    """The options that say what is replayed."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    for name in ("jobs", "clusters", "intensity-table"):
        parser.add_argument(f"--{name}", type=Path, help="your own; invented where left out")
    parser.add_argument("--tz", default="", help="time zone of a trace that states none")
    parser.add_argument("--shift-to", default="", help="date or year that the trace is moved to")
    parser.add_argument("--paused", default="off", help="of the invented clusters: held, off, idle")
    return parser


def case_asked(given: argparse.Namespace, jobs: int) -> Case:
    """What the options name, with a day of slack, suspends from 2 h on and plans made again each hour.

    Args:
        given: of `parser_of`.
        jobs: to invent where no trace is given.
    """
    with tempfile.TemporaryDirectory() as name:
        own = invented(Path(name), jobs, given.paused)
        read = Asked(jobs=given.jobs, clusters=given.clusters, intensity_table=given.intensity_table)
        asked = replace(
            read if given.jobs else own, forecasts="history", slack="24", interruptible_from="2h", restart="10m",
            replan="1h", tz=given.tz, shift_to=given.shift_to,
        )  # fmt: skip
        return case_of(asked)


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
