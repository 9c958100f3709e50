"""The planner on published cases: what shifting saves with perfect foresight, and what pauses cost that nobody planned.

    python benchmarks/published.py --data FOLDER

FOLDER holds `average_lifecycle_2022_14zones.csv.gz`, hourly averages of 2022 by zone (Electricity Maps, as published
with the decarbonization-potential study); it does not ship with the project. Savings are ratios of sums over all
arrivals, of the emissions of electricity alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from intensity_sources.csv_file import CsvFile
from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.suspend_resume_free import SuspendResumeFree
from policies.wait_awhile import WaitAwhile
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.emissions import Line
from scheduler.ports import Policy
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats, Surface

ORIGIN = datetime(2022, 1, 1, tzinfo=UTC)
FILE = "average_lifecycle_2022_14zones.csv.gz"
SHIFTED: Mapping[str, tuple[float, ...]] = {
    "DE": (20.7, 21.5, 23.6, 34.5),
    "FR": (14.8, 15.8, 25.7, 32.4),
    "CA-ON": (44.7, 46.5, 44.6, 65.6),
    "GB": (19.6, 20.5, 33.5, 41.5),
}
"""Expected of a window and of cheapest slots, for 6 h with 24 h of slack and for 24 h with 168 h. [%]"""
RESTARTED: Mapping[str, tuple[float, float]] = {
    "FR": (7.1, -1.2), "DE": (9.4, 6.2), "GB": (11.1, 5.8), "CA-QC": (1.3, -8.8),
}  # fmt: skip
"""Expected with an hour of restart, of the plan that counts it and of the one that does not. [%]"""
NEAR_POINTS, NEAR_POINTS_RESTARTED = 0.1, 0.2
SLACK_H, LATE_ROOM_H = 24, 48


def posed(intensity: Floats, work_h: int, slack_h: int, restart_h: float) -> Problem:
    """A job on one cluster that draws a kilowatt-hour an hour, from the first of these hours on."""
    zeros = np.zeros((1, len(intensity)))
    run_g: dict[Line, Floats] = dict.fromkeys(RUN_LINES, zeros) | {"dynamic": intensity[None, :]}
    surface = Surface(
        origin=ORIGIN, clusters=("home",), edges_h=np.arange(len(intensity) + 1.0), run_g=run_g,
        hold_g=dict.fromkeys(HOLD_LINES, zeros), holds=np.array([False]),
        capacity=np.ones(zeros.shape, dtype=np.int64), speed=np.ones(1), restart_h=np.array([restart_h]),
        move_h=np.zeros((1, 1)), move_g=np.zeros((1, 1, len(intensity))),
    )  # fmt: skip
    return Problem(
        surface=surface, gpus=1, work_h=work_h, earliest_h=0.0, deadline_h=work_h + slack_h, home=0,
        interruption=Interruption(),
    )  # fmt: skip


def saving_pct(
    year: Floats, arrivals: Iterable[int], policy: Policy, *, work_h: int, slack_h: int, restart_h: float = 0.0
) -> tuple[float, float]:
    """What a policy saves against starting at once, and the share of jobs that it finishes late. [%], [%]"""
    emitted_kg = now_kg = 0.0
    late = count = 0
    for hour in arrivals:
        problem = posed(year[hour : hour + work_h + slack_h + LATE_ROOM_H], work_h, slack_h, restart_h)
        placement = policy.place(problem)
        emitted_kg += price(problem, placement).emissions.operational
        now_kg += float(year[hour : hour + work_h].sum()) / 1000
        late += problem.surface.hour(placement.finish) > problem.deadline_h + 1e-6
        count += 1
    return 100 * (1 - emitted_kg / now_kg), 100 * late / count


def row(zone: str, case: str, wanted: float, found: float, near: float) -> bool:
    """Print one comparison; whether it is near enough."""
    agrees = abs(found - wanted) <= near
    print(f"{zone:6} {case:52} {wanted:6.1f} {found:7.2f}  {'agrees' if agrees else 'DIFFERS'}", flush=True)
    return agrees


def main() -> None:
    """Print a row a case; exit 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {FILE}")
    path = parser.parse_args().data / FILE
    if not path.exists():
        sys.exit(f"there is no {path}: --data names the folder that holds it")
    table = CsvFile(path)
    years = {
        zone: table.series(zone, DEFAULT_BASIS, table.start, table.end).g_per_kwh for zone in {*SHIFTED, *RESTARTED}
    }
    print("zone   case                                              expected % found %")
    agree = True
    for zone, wanted in SHIFTED.items():
        cases = [
            (work, slack, policy)
            for work, slack in ((6, 24), (24, 168))
            for policy in (LowestCarbonWindow(), WaitAwhile())
        ]
        for (work_h, slack_h, policy), expected in zip(cases, wanted, strict=True):
            found, _ = saving_pct(years[zone], range(672, 8424, 3), policy, work_h=work_h, slack_h=slack_h)
            agree &= row(zone, f"{policy.name}, {work_h} h + {slack_h} h", expected, found, NEAR_POINTS)
    for zone, wanted in RESTARTED.items():
        for policy, expected in zip((CarbonAware(), SuspendResumeFree()), wanted, strict=True):
            found, late = saving_pct(years[zone], range(0, 8664, 12), policy, work_h=24, slack_h=SLACK_H, restart_h=1.0)
            case = f"{policy.name}, 24 h + 24 h, restart 1 h, late {late:.0f} %"
            agree &= row(zone, case, expected, found, NEAR_POINTS_RESTARTED)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
