"""Jobs that wait, planned together in a replay: what production's fleet planner gains, and whom it may not harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.errors import InvalidInput
from scheduler.ports import Policy
from scheduler.simulation.bill import bill
from scheduler.simulation.fates import Fates
from scheduler.simulation.forecasts import Forecasts, Perfect
from scheduler.simulation.job import Job
from scheduler.simulation.prices import Prices
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.reservations import Reservations
from scheduler.simulation.run import Run
from scheduler.simulation.table import US, US_PER_H, table_of
from scheduler.simulation.together import Together
from scheduler.simulation.together_exact import Exact
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import T0, cluster, pausing, request, series, world
from tests.simulation.test_replanning import Turning

HOUR_US = US_PER_H
PASSES = tuple(hour * US_PER_H for hour in (0, 5, 10, 16, 30))
DRAWN = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0.3, 7), st.sampled_from([1, 4, 8, 12, 16]), st.booleans()),
    min_size=2,
    max_size=8,
)


def requests(drawn: Sequence[tuple[float, float, int, bool]]) -> list[Request]:
    """Jobs in order of submission at any microsecond, some of which may be suspended."""
    made = [
        pausing(request(f"j{n}", at_h, hours, gpus=gpus, home=""), may=pauses)
        for n, (at_h, hours, gpus, pauses) in enumerate(drawn)
    ]
    return sorted(made, key=lambda one: one.submitted)


def together(
    on: World, jobs: Sequence[Request], passes: Sequence[int] = PASSES, told: Forecasts | None = None
) -> list[Run]:
    """What carbon-aware makes of jobs that it plans together."""
    return replay(on, jobs, CarbonAware(), told or Perfect(on.table), passes=passes, together=True)


def berlin(values: Sequence[float], gpus: int = 8) -> World:
    """A cluster with one intensity after another, the last one to the end of a week."""
    filled = [*values, *[values[-1]] * (168 - len(values))]
    return World([cluster("berlin", "DE", gpus)], table_of({"DE": series("DE", filled)}))


def rivals() -> tuple[World, list[Request]]:
    """The first job takes the cleanest hours; the second has no others that are clean, the first would have."""
    values = [*[500.0] * 4, *[400.0] * 164]
    values[6:8], values[14:16] = [10.0, 10.0], [12.0, 12.0]
    first = request("first", 0, 2, deadline=T0 + timedelta(hours=24))
    second = request("second", 0.5, 2, deadline=T0 + timedelta(hours=9))
    return berlin(values), [first, second]


def starts_h(runs: Sequence[Run]) -> list[float]:
    """When each run started. [h]"""
    return [run.start_us / US_PER_H for run in runs]


def test_a_job_makes_way_where_that_gains_in_sum() -> None:
    """One by one the second job runs in dirty hours; together the first waits for hours that are nearly as clean."""
    on, jobs = rivals()
    passes = [HOUR_US * hour for hour in range(24)]

    alone = replay(on, jobs, CarbonAware(), Perfect(on.table), passes=passes)

    assert 6.0 == starts_h(alone)[0]
    assert 4.0 == starts_h(alone)[1]
    assert [14.0, 6.0] == starts_h(together(on, jobs, passes))


def test_a_job_that_is_about_to_start_makes_no_way() -> None:
    """Five minutes before its start the first job stays, whatever the second would gain."""
    on, jobs = rivals()
    late = 6 * HOUR_US - HOUR_US // 12

    runs = together(on, [jobs[0], replace(jobs[1], deadline=T0 + timedelta(hours=9))], [0, late])

    assert 6.0 == starts_h(runs)[0]


def test_a_gain_that_is_worth_no_change_changes_nothing() -> None:
    """What two jobs that were planned at an earlier pass would gain by a change is under 0.05 kg and 2 %."""
    values = [400.0] * 168
    values[6:8], values[14:16] = [100.0, 100.0], [101.0, 101.0]
    on = berlin(values)
    jobs = [request("first", 0, 2), request("second", 0.5, 2)]
    passes = [HOUR_US * hour for hour in range(24)]
    turned = np.array([values])
    turned[0, 14:16] = 99.5

    kept = together(on, jobs, passes, Turning(np.array([values]), turned, 3))

    assert sorted(starts_h(kept)) == [6.0, 14.0]
    assert starts_h(kept) == starts_h(together(on, jobs, passes))


def test_one_job_that_waits_has_the_plan_that_it_would_have_alone() -> None:
    """Without another there is nothing to plan together, and no more is solved."""
    on, one = world(), pausing(request(hours=7))

    assert replay(on, [one], CarbonAware(), Perfect(on.table), passes=PASSES) == together(on, [one])


def test_a_job_that_asks_for_a_least_saving_is_left_to_itself() -> None:
    """As in production it is moved by no other: its hours stay taken."""
    on, jobs = rivals()
    jobs[0] = replace(jobs[0], min_saving_pct=5.0)

    runs = together(on, [*jobs, request("third", 0.6, 1)], [HOUR_US * hour for hour in range(24)])

    assert 6.0 == starts_h(runs)[0]


def test_who_was_admitted_late_is_planned_alone_and_stays_late_by_nobody() -> None:
    """The cluster is full until behind its deadline; others that wait move round it, and it is no later for them."""
    on = berlin([400.0, 300.0, 200.0])
    full = request("full", 0, 9, deadline=T0 + timedelta(hours=9))
    tight = request("tight", 1, 2, deadline=T0 + timedelta(hours=4))
    others = [request(f"o{n}", 1.5, 3) for n in range(3)]

    runs = together(on, [full, tight, *others], [HOUR_US * hour for hour in range(24)])

    assert [False, True, False, False, False] == [run.late_at_admission for run in runs]
    assert 11 * HOUR_US == runs[1].finish_us


@settings(max_examples=10, deadline=None)
@given(drawn=DRAWN, paused=st.sampled_from(["off", "held"]), error=st.sampled_from([0.0, 0.4]), turns=st.booleans())
def test_no_gpu_is_given_twice_and_nobody_is_late_for_another(
    drawn: list[tuple[float, float, int, bool]], paused: str, error: float, *, turns: bool
) -> None:
    """At each instant all that runs and is held fits, and with true durations who was to be on time is."""
    on = world(paused_nodes=paused)
    jobs = Fates(seed=3, duration_error=error).of(requests(drawn))
    clouded = Turning(on.table.g_per_kwh[:, ::-1].copy(), on.table.g_per_kwh, 13)

    runs = together(on, jobs, told=clouded if turns else None)

    spans = [
        (*each, on.takes(each[0], job.gpus))
        for job, run in zip(jobs, runs, strict=True)
        for each in (*run.stretches, *run.held)
    ]
    for row, place in enumerate(on.clusters):
        used = [sum(g for r, s, e, g in spans if r == row and s <= at < e) for _, at, _, _ in spans]
        assert max(used) <= place.gpus
    for job, run in zip(jobs, runs, strict=True):
        restart_us = job.restart // US
        done_us = [max(0, end - start - (restart_us if n else 0)) for n, (_, start, end) in enumerate(run.stretches)]
        assert run.start_us >= on.table.us(job.submitted)
        assert abs(sum(done_us) - job.length // US) <= 2 * len(run.stretches)
        assert error or run.late_at_admission or run.finish_us <= on.table.us(job.deadline)


@settings(max_examples=5, deadline=None)
@given(drawn=DRAWN)
def test_the_same_jobs_come_to_the_same(drawn: list[tuple[float, float, int, bool]]) -> None:
    """The search ends by its tries, never by time."""
    on, jobs = world(), requests(drawn)

    assert together(on, jobs) == together(world(), jobs)


@settings(max_examples=10, deadline=None)
@given(drawn=DRAWN)
def test_the_sum_is_no_worse_than_one_by_one(drawn: list[tuple[float, float, int, bool]]) -> None:
    """Jobs that came before one pass, with what came known: but for the 1 % of a turn and the 0.5 % of the spread."""
    on, jobs = world(), requests([(at_h / 5, hours, gpus, pauses) for at_h, hours, gpus, pauses in drawn])
    at_us = [4 * HOUR_US]

    alone, joined = (
        bill(on, jobs, runs).total_kg.sum()
        for runs in (replay(on, jobs, CarbonAware(), Perfect(on.table)), together(on, jobs, at_us))
    )

    assert joined <= alone * 1.015 + 1e-9


@pytest.mark.parametrize("policy", [RunNow(), LowestCarbonWindow()])
def test_policies_that_place_one_job_at_a_time_do_as_before(policy: Policy) -> None:
    """What cannot be placed together is placed one by one."""
    on, jobs = rivals()

    found = [replay(on, jobs, policy, Perfect(on.table), passes=PASSES, together=each) for each in (False, True)]

    assert found[0] == found[1]


def test_without_passes_there_is_nothing_to_plan_together() -> None:
    """It is refused, with what to say beside it."""
    on, jobs = rivals()

    with pytest.raises(InvalidInput, match="planned together when plans are made again"):
        replay(on, jobs, CarbonAware(), Perfect(on.table), together=True)


def held(on: World, number: int, job: Request, start_us: int) -> Job:
    """A job that waits for a start."""
    made = Job.of(number, job, 0, on.table.us(job.deadline))
    made.stretches = [(0, start_us, start_us + made.expected_us)]
    return made


def test_where_somebody_would_be_late_each_is_planned_alone() -> None:
    """Two jobs that hold the same GPUs, and of which one alone can be through in time, are no fleet."""
    on = berlin([400.0])
    jobs = [held(on, n, request(f"j{n}", 0, 2, deadline=T0 + timedelta(hours=3.5)), HOUR_US) for n in range(2)]
    prices, taken = Prices(on, 0, Perfect(on.table).course(0, 4)), Reservations(on)
    for job in jobs:
        taken.take(job.request, job.stretches)

    found = Together(on, CarbonAware(), taken).planned(jobs, 60_000_000, prices)

    assert {} == found
    assert [0, 0] == [job.solves for job in jobs]


def test_a_place_is_put_on_the_instant_that_its_hours_were_rounded_from() -> None:
    """A start that lies a microsecond inside of another run begins where that ends."""
    on = berlin([400.0])
    taken, end_us = Reservations(on), 3 * HOUR_US + 1_234_567
    taken.take(request("runs"), [(0, 0, end_us)])
    job = held(on, 0, request("waits"), 20 * HOUR_US)

    found = Exact(taken, np.array([0, end_us]), 0).fitted([job], [[(0, end_us - 1, end_us - 1 + 3 * HOUR_US)]])

    assert {0: [(0, end_us, end_us + 3 * HOUR_US)]} == found


def test_where_rounding_leaves_no_room_everybody_stays_and_nothing_is_taken() -> None:
    """Two jobs on the same GPUs are no plan, and what was free is free again."""
    on = berlin([400.0])
    taken = Reservations(on)
    jobs = [held(on, n, request(f"j{n}"), (10 + 5 * n) * HOUR_US) for n in range(2)]
    rough = [[(0, 2 * HOUR_US, 5 * HOUR_US)]] * 2

    assert Exact(taken, np.array([0]), 0).fitted(jobs, rough) is None
    assert taken.has_room(jobs[0].request, [(0, 0, 168 * HOUR_US)])
