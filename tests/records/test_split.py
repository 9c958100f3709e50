"""Planned against realised, in parts that add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.problem.assemble import assemble
from scheduler.problem.exact import cheapest
from scheduler.problem.pricing import price
from scheduler.records.accounts import account, total_kg
from scheduler.records.attempts import Attempt, EndedBy
from scheduler.records.gather import JobHistory
from scheduler.records.split import Split, planned_attempts, split
from tests.records.cases import at, make_cluster, make_history, make_job, make_plan, make_series, run
from tests.records.curves import metered

FRANCE, QUEBEC = make_cluster(), make_cluster("quebec", "CA-QC")
GRID = {"FR": make_series("FR", [100.0, 200.0] * 40), "CA-QC": make_series("CA-QC", [30.0] * 80)}


def history_of(attempts: Sequence[Attempt], planned: Sequence[tuple[str, float, float]]) -> JobHistory:
    """A job that was planned from hour to hour on clusters, and did something."""
    made = make_history(attempts, home=FRANCE, clusters=[QUEBEC])
    return replace(made, planned=make_plan([FRANCE, QUEBEC], planned))


def planned_kg(history: JobHistory, grid: dict[str, IntensitySeries]) -> float:
    """What its plan would have said on a forecast."""
    promised = planned_attempts(history.planned.placement, history.clusters)
    return account(history.row.job, promised, grid).central.total


def of(history: JobHistory, forecast: dict[str, IntensitySeries] | None = None) -> Split:
    """The split of a job that was planned on a forecast, by default on what came."""
    real = account(history.row.job, history.attempts, GRID).central.total
    return split(history, GRID, planned_kg=planned_kg(history, forecast or GRID), realised_kg=real)


def parts(made: Split) -> tuple[float, float, float, float]:
    """Its four parts."""
    return made.forecast_kg, made.duration_kg, made.power_kg, made.overhead_kg


def test_a_job_that_came_as_planned_has_no_error() -> None:
    """Forecast, length, power and nothing around it: every part is 0."""
    assert (0.0, 0.0, 0.0, 0.0) == pytest.approx(parts(of(history_of([run(FRANCE, 0, 4)], [("france", 0, 4)]))))


def test_a_forecast_that_was_too_low_is_the_forecasts_error_alone() -> None:
    """80 % of what came: the rest of the operational emissions of the planned run."""
    low = {zone: make_series(zone, list(series.g_per_kwh * 0.8)) for zone, series in GRID.items()}
    history = history_of([run(FRANCE, 0, 4)], [("france", 0, 4)])
    made = of(history, low)
    operational = account(history.row.job, history.attempts, GRID).central.operational
    assert (0.2 * operational, 0.0, 0.0, 0.0) == pytest.approx(parts(made))


def test_a_run_that_took_longer_is_the_durations_error() -> None:
    """Two hours more than planned, priced as they were."""
    made = of(history_of([run(FRANCE, 0, 6)], [("france", 0, 4)]))
    more = account(make_history([]).row.job, [run(FRANCE, 4, 6)], GRID).central.total
    assert (0.0, more, 0.0, 0.0) == pytest.approx(parts(made))


def test_a_meter_at_half_of_the_nameplate_is_the_powers_error() -> None:
    """1.6 instead of 3.2 kW over four hours at 600 g in all and a PUE of 1.2."""
    made = of(history_of([metered(run(FRANCE, 0, 4), [(4, 1.6)])], [("france", 0, 4)]))
    assert (0.0, 0.0, -1.6 * 600 / 1000 * 1.2, 0.0) == pytest.approx(parts(made))


def test_a_boot_and_work_done_twice_are_overhead() -> None:
    """An hour of pending, and an attempt that the infrastructure made vain."""
    vain = run(FRANCE, 0, 1, ended_by="infrastructure")
    made = of(history_of([vain, run(FRANCE, 2, 6, reserved=(1, 6))], [("france", 2, 6)]))
    assert (0.0, 0.0, 0.0) == pytest.approx(parts(made)[:3])
    assert made.difference_kg == pytest.approx(made.overhead_kg)
    assert made.overhead_kg > 0


def test_a_move_that_was_planned_and_came_is_no_error() -> None:
    """Its checkpoint travels on both sides."""
    attempts = [run(FRANCE, 0, 2, ended_by="plan"), run(QUEBEC, 3, 5)]
    made = history_of(attempts, [("france", 0, 2), ("quebec", 3, 5)])
    moved = replace(made, row=replace(made.row, job=make_job(checkpoint={"gb": 100})))
    assert (0.0, 0.0, 0.0, 0.0) == pytest.approx(parts(of(moved)), abs=1e-12)


def test_a_zone_without_intensity_has_no_split() -> None:
    """Where it was planned to run is needed as well as where it ran."""
    history = history_of([run(FRANCE, 0, 4)], [("quebec", 0, 4)])
    with pytest.raises(NotCovered, match="CA-QC"):
        split(history, {"FR": GRID["FR"]}, planned_kg=1.0, realised_kg=1.0)


ENDS: tuple[EndedBy, ...] = ("plan", "infrastructure")
clusters = st.sampled_from([FRANCE, QUEBEC])
lengths = st.tuples(clusters, st.floats(0.2, 8), st.floats(0, 3), st.floats(0, 1), st.none() | st.floats(0.3, 4))


@settings(max_examples=60)
@given(
    ran=st.lists(lengths, min_size=1, max_size=4),
    planned=st.lists(st.tuples(clusters, st.floats(0.2, 8), st.floats(0.1, 3)), min_size=1, max_size=4),
    off=st.floats(0.5, 1.5),
    ended=st.sampled_from(ENDS),
)
def test_the_parts_add_up_to_the_difference_whatever_happened(
    ran: list[tuple[Cluster, float, float, float, float | None]],
    planned: list[tuple[Cluster, float, float]],
    off: float,
    ended: EndedBy,
) -> None:
    """Exactly, but for the rounding of sums."""
    attempts, start = [], 0.0
    for cluster, length, pause, boot, power in ran:
        booted = start + boot
        reserved = (start, booted + length)
        attempt = run(cluster, booted, booted + length, reserved=reserved, ended_by=ended)
        attempts.append(attempt if power is None else metered(attempt, [(length, power)]))
        start += boot + length + pause
    placed, at_h = [], 0.0
    for cluster, length, pause in planned:
        placed.append((cluster.name, at_h, at_h + length))
        at_h += length + pause
    forecast = {zone: make_series(zone, list(series.g_per_kwh * off)) for zone, series in GRID.items()}
    made = of(history_of(attempts, placed), forecast)
    assert sum(parts(made)) == pytest.approx(made.difference_kg, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    france=st.lists(st.floats(10, 500), min_size=48, max_size=48),
    quebec=st.lists(st.floats(10, 500), min_size=48, max_size=48),
    paused=st.sampled_from(["held", "idle", "off"]),
    gb=st.sampled_from([0.0, 200.0]),
)
def test_what_the_planner_promised_is_what_the_account_makes_of_it(
    france: list[float], quebec: list[float], paused: str, gb: float
) -> None:
    """Suspends, moves, kept nodes and copies: where the grid does what was forecast, no error is left in the split."""
    storage = [{"name": "shared", "path": "/data"}]
    here = make_cluster(paused_nodes=paused, storage=storage)
    there = make_cluster("quebec", "CA-QC", paused_nodes=paused, storage=storage)
    seen = {"FR": make_series("FR", france), "CA-QC": make_series("CA-QC", quebec)}
    pauses = {"checkpoint": "6m", "restart": "12m"}
    job = make_job(duration="9h", deadline="40h", home="france", interruptible=pauses, checkpoint={"gb": gb})
    problem = assemble(job, [here, there], seen, at(0)).problem
    placement = cheapest(problem)
    assert placement is not None
    promised = planned_attempts(placement, {"france": here, "quebec": there})
    assert price(problem, placement).emissions.total == pytest.approx(total_kg(job, promised, seen, data_at=None))
