"""Plans made again in a replay: what may change, what stays, and that nobody pays for another's gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from policies.threshold import Threshold
from scheduler.domain.errors import InvalidInput
from scheduler.ports import Policy
from scheduler.problem.surface import Floats
from scheduler.simulation.bill import bill
from scheduler.simulation.fates import Fates
from scheduler.simulation.forecasts import History, Perfect, Within
from scheduler.simulation.passing import passes_of
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.run import Run
from scheduler.simulation.table import US, US_PER_H, Table, table_of
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import T0, cluster, pausing, request, series, world

HOURLY = tuple(hour * US_PER_H for hour in range(168))
DRAWN = st.lists(
    st.tuples(st.floats(0, 30), st.floats(0.3, 7), st.sampled_from([1, 4, 8, 12, 16]), st.booleans()),
    min_size=2,
    max_size=8,
)
DECIDING: tuple[Policy, ...] = (CarbonAware(), LowestCarbonWindow(), Threshold())


class Turning:
    """Forecasts that say one thing before an hour, and another from it on.

    Args:
        first, then: what they say of every hour of the table, by zone. [g/kWh]
        hour: from which they say `then`.
    """

    name = "a test"

    def __init__(self, first: Floats, then: Floats, hour: int) -> None:
        self._first, self._then, self._hour = first, then, hour

    def course(self, first: int, count: int) -> Floats:
        """What is said at the start of hour `first`."""
        return (self._first if first < self._hour else self._then)[:, first : first + count]


def alone(values: Sequence[float], *, gpus: int = 8, paused: str = "off") -> World:
    """A cluster in Berlin with one intensity after another, the last one to the end of a week."""
    filled = [*values, *[values[-1]] * (168 - len(values))]
    return World([cluster("berlin", "DE", gpus, paused)], table_of({"DE": series("DE", filled)}))


def told(cheapest: int, depth: float = 100.0) -> Floats:
    """A flat week but for one hour."""
    flat = np.full((1, 168), 400.0)
    flat[0, cheapest] = depth
    return flat


def requests(drawn: Sequence[tuple[float, float, int, bool]]) -> list[Request]:
    """Jobs in order of submission, some of which may be suspended."""
    made = [
        pausing(request(f"j{n}", round(at_h, 2), round(hours, 2), gpus=gpus, home=""), may=pauses)
        for n, (at_h, hours, gpus, pauses) in enumerate(drawn)
    ]
    return sorted(made, key=lambda one: one.submitted)


def starts_h(runs: Sequence[Run]) -> list[float]:
    """When each run started. [h]"""
    return [run.start_us / US_PER_H for run in runs]


def test_a_forecast_that_moved_moves_a_plan_that_waits() -> None:
    """Hour 10 looked clean until hour 2; since then hour 5 does, and the job starts there after one more solve."""
    on = alone([400.0])
    forecasts = Turning(told(10), told(5), 2)

    [run] = replay(on, [request(hours=1)], CarbonAware(), forecasts, passes=HOURLY)

    assert (5.0, 2) == (run.start_us / US_PER_H, run.solves)
    assert [10.0] == starts_h(replay(on, [request(hours=1)], CarbonAware(), forecasts))


def test_a_gain_that_is_hardly_any_moves_nothing() -> None:
    """One per cent less an hour earlier is no reason to change a plan; it is not even solved again."""
    on = alone([400.0])
    then = told(10, 100)
    then[0, 5] = 99

    [run] = replay(on, [request(hours=1)], CarbonAware(), Turning(told(10, 100), then, 2), passes=HOURLY)

    assert (10.0, 1) == (run.start_us / US_PER_H, run.solves)


def test_a_start_within_ten_minutes_is_frozen() -> None:
    """News five minutes before a start come too late."""
    on = alone([400.0])
    one = request(hours=1)
    forecasts = Turning(told(10), told(15, 1.0), 9)

    [frozen] = replay(on, [one], CarbonAware(), forecasts, passes=(1, 10 * US_PER_H - US_PER_H // 12))
    [moved] = replay(on, [one], CarbonAware(), forecasts, passes=(1, 9 * US_PER_H))

    assert (10.0, 15.0) == (frozen.start_us / US_PER_H, moved.start_us / US_PER_H)


def test_what_ran_stays_and_a_running_job_pauses_where_that_is_worth_it() -> None:
    """Ten hours looked alike; at hour 3 those from 4 on turn out dirty, and what is left waits until they are over."""
    flat, turned = np.full((1, 168), 100.0), np.full((1, 168), 100.0)
    turned[0, 3], turned[0, 4:9] = 50.0, 900.0
    on = alone([100.0])

    [run] = replay(on, [pausing(request(hours=10))], CarbonAware(), Turning(flat, turned, 3), passes=HOURLY)

    assert [(0, 0, 4 * US_PER_H), (0, 9 * US_PER_H, 15 * US_PER_H + 12 * 60_000_000)] == list(run.stretches)


def test_what_follows_a_planned_suspend_is_planned_anew() -> None:
    """A job that runs up to a pause resumes where it has become clean meanwhile."""
    first, then = np.full((1, 168), 900.0), np.full((1, 168), 900.0)
    first[0, [0, 1, 20, 21, 22]], then[0, [0, 1, 10, 11, 12]] = 50.0, 50.0
    on = alone([100.0])

    [run] = replay(on, [pausing(request(hours=4))], CarbonAware(), Turning(first, then, 1), passes=HOURLY)

    assert [(0, 2), (10, 12)] == [(s // US_PER_H, e // US_PER_H) for _, s, e in run.stretches]


def test_who_fails_leaves_room_that_is_taken_up_by_the_next_pass() -> None:
    """The second job waits for the first; when that fails after an hour, it starts in a clean hour that is free now."""
    on = alone([400, 400, 100, 400])
    first = replace(request("a", hours=6), length=timedelta(hours=1), estimate=timedelta(hours=6), failed=True)
    second = request("b", at_h=0.2, hours=1)
    told_g = on.table.g_per_kwh

    kept = replay(on, [first, second], CarbonAware(), Turning(told_g, told_g, 0))
    again = replay(on, [first, second], CarbonAware(), Turning(told_g, told_g, 0), passes=HOURLY)

    assert [0.0, 6.0] == starts_h(kept)
    assert [0.0, 2.0] == starts_h(again)


def test_the_baseline_takes_up_what_comes_free_at_once() -> None:
    """First come, first served, without any pass: the next job starts when the one before turns out shorter."""
    on = alone([400.0])
    short = replace(request("a", hours=2), estimate=timedelta(hours=6))

    runs = replay(on, [short, request("b", at_h=0.5, hours=1)], RunNow(), Perfect(on.table))

    assert [0.0, 2.0] == starts_h(runs)


@pytest.mark.parametrize("policy", [RunNow(), CarbonAware()])
def test_an_overrun_is_not_killed_and_whoever_was_to_follow_waits(policy: Policy) -> None:
    """A job of six hours that was told as two keeps its GPUs; the next one starts behind it, on the same ones."""
    on = alone([400.0])
    long = replace(request("a", hours=6), estimate=timedelta(hours=2))

    first, second = replay(on, [long, request("b", at_h=0.5, hours=1)], policy, Perfect(on.table))

    assert (0, 6 * US_PER_H) == (first.start_us, first.finish_us)
    assert second.start_us >= first.finish_us


def test_a_policy_of_thresholds_decides_each_hour() -> None:
    """It waits through dirty hours that it sees only as they come, and runs in the clean ones, without any forecast."""
    day = [500.0] * 12 + [50.0] * 12
    on = World([cluster("berlin", "DE", 8)], table_of({"DE": series("DE", day * 7)}))
    one = pausing(request(at_h=72, hours=4))

    [run] = replay(on, [one], Threshold(), Perfect(on.table), passes=HOURLY)

    assert 84.0 == run.start_us / US_PER_H
    with pytest.raises(InvalidInput, match="decides again each hour"):
        replay(on, [one], Threshold(), Perfect(on.table))


@settings(max_examples=30, deadline=None)
@given(
    drawn=DRAWN, policy=st.sampled_from((RunNow(), *DECIDING)), paused=st.sampled_from(["off", "held"]),
    error=st.sampled_from([0.0, 0.4]), seed=st.integers(0, 5),
)  # fmt: skip
def test_no_gpu_is_given_twice_whatever_turns_out_otherwise(
    drawn: list[tuple[float, float, int, bool]], policy: Policy, paused: str, error: float, seed: int
) -> None:
    """With wrong durations, failures and a pass each hour: all that runs and is held fits at each instant."""
    on = world(paused_nodes=paused)
    jobs = Fates(seed=seed, duration_error=error, failures=error / 2).of(requests(drawn))

    runs = replay(on, jobs, policy, Perfect(on.table), passes=HOURLY)

    spans = [
        (*each, on.takes(each[0], job.gpus))
        for job, run in zip(jobs, runs, strict=True)
        for each in (*run.stretches, *run.held)
    ]
    for row, place in enumerate(on.clusters):
        moments = sorted({start for r, start, _, _ in spans if r == row})
        used = [sum(g for r, s, e, g in spans if r == row and s <= at < e) for at in moments]
        assert max(used, default=0) <= place.gpus


@settings(max_examples=25, deadline=None)
@given(drawn=DRAWN, policy=st.sampled_from(DECIDING), error=st.sampled_from([0.0, 0.4]), seed=st.integers(0, 5))
def test_every_run_does_its_own_work_and_who_was_to_be_on_time_is(
    drawn: list[tuple[float, float, int, bool]], policy: Policy, error: float, seed: int
) -> None:
    """Stretches less a restart each are the true duration; with true durations nobody admitted on time is late."""
    on = world()
    jobs = Fates(seed=seed, duration_error=error).of(requests(drawn))
    clouded = Turning(on.table.g_per_kwh[:, ::-1].copy(), on.table.g_per_kwh, 9)

    for job, run in zip(jobs, replay(on, jobs, policy, clouded, passes=HOURLY), strict=True):
        restart_us = job.restart // US
        done_us = [max(0, end - start - (restart_us if n else 0)) for n, (_, start, end) in enumerate(run.stretches)]
        assert run.start_us >= on.table.us(job.submitted)
        assert abs(sum(done_us) - job.length // US) <= 2 * len(run.stretches)
        assert error or run.late_at_admission or run.finish_us <= on.table.us(job.deadline)


@settings(max_examples=25, deadline=None)
@given(at_h=st.floats(0, 60), hours=st.floats(0.2, 12), pauses=st.booleans())
@example(at_h=4.0, hours=12.0, pauses=True)
def test_a_job_alone_with_perfect_forecasts_keeps_its_plan(at_h: float, hours: float, *, pauses: bool) -> None:
    """Nothing new comes, so passes change nothing, but where what is left in one piece may start off the slots."""
    on = world()
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3)), may=pauses)

    [never] = replay(on, [one], CarbonAware(), Perfect(on.table))
    [hourly] = replay(on, [one], CarbonAware(), Perfect(on.table), passes=HOURLY)

    never_kg, hourly_kg = bill(on, [one, one], [never, hourly]).total_kg
    assert never.stretches == hourly.stretches or (len(never.stretches) > 1 and hourly_kg < never_kg)


def test_a_plan_that_ends_behind_the_table_is_made_again_inside_it() -> None:
    """Late by then, a job moves up as soon as room comes free; nothing is asked of hours that nobody knows."""
    on = world(gpus=8, hours=40)
    on = World(on.clusters[1:], on.table)
    first = request("first", hours=20, estimate=timedelta(hours=30), deadline=T0 + timedelta(hours=20))
    others = [request(name, at_h, 8, deadline=T0 + timedelta(hours=8 + at_h)) for name, at_h in (("b", 1), ("c", 2))]
    runs = replay(on, [first, *others], CarbonAware(), Perfect(on.table), passes=HOURLY[:39])
    finish_h = [run.finish_us / US_PER_H for run in runs]
    assert [20, 28] == finish_h[:2]
    assert 36 <= finish_h[2] <= 40


def test_passes_are_of_hours_or_of_issues() -> None:
    """From the first submission on; nothing is issued where what comes is known."""
    on: Table = world(hours=240).table
    last = on.slots

    assert () == passes_of("never", on, Perfect(on), 0)
    assert () == passes_of("issue", on, Perfect(on), 0)
    assert tuple(h * US_PER_H for h in range(3, last)) == passes_of("issue", on, History(on), 2 * US_PER_H + 1)
    assert tuple(h * US_PER_H for h in range(4, last, 2)) == passes_of("2h", on, Perfect(on), 3 * US_PER_H)
    with pytest.raises(InvalidInput, match="under five minutes"):
        passes_of("1m", on, Perfect(on), 0)


def test_behind_the_horizon_the_past_goes_on() -> None:
    """Two days are believed; what is told of the third is what the history makes of it."""
    on = world(hours=400).table
    perfect, history = Perfect(on), History(on)

    seen = Within(perfect, history, 48).course(200, 72)

    assert seen[:, :48].tolist() == perfect.course(200, 48).tolist()
    assert seen[:, 48:].tolist() == history.course(200, 72)[:, 48:].tolist()


def test_room_given_back_is_billed_to_nobody() -> None:
    """A run that fails after an hour emits that hour alone."""
    on = alone([400.0])
    whole = request("a", hours=6)
    failed = replace(whole, length=timedelta(hours=1), estimate=timedelta(hours=6), failed=True)
    emitted = [
        bill(on, [one], replay(on, [one], CarbonAware(), Perfect(on.table))).total_kg[0] for one in (whole, failed)
    ]

    assert emitted[0] == pytest.approx(6 * emitted[1])
    assert on.table.start == T0
