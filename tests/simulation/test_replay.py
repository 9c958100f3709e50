"""A replay is the planner's own: alone a job gets the plan it would get, together no job gets GPUs twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.elastic import Elastic
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from policies.suspend_resume_free import SuspendResumeFree
from policies.threshold import Threshold
from policies.wait_awhile import WaitAwhile
from scheduler.domain.emissions import LINES
from scheduler.domain.errors import InvalidInput
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement
from scheduler.ports import Need, Policy
from scheduler.problem.assemble import assemble
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import History, Perfect
from scheduler.simulation.job import Job as Placed
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.results import Replayed, compare
from scheduler.simulation.run import Run
from scheduler.simulation.screening import screened
from scheduler.simulation.table import US
from scheduler.simulation.whole import best_whole
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import T0, cluster, pausing, request, series, table, world

ALL: tuple[Policy, ...] = (
    RunNow(), LowestCarbonRegion(), LowestCarbonWindow(), CarbonAware(), WaitAwhile(), SuspendResumeFree(),
)  # fmt: skip
JOBS = st.lists(
    st.tuples(st.floats(0, 40), st.floats(0.3, 9), st.sampled_from([1, 3, 4, 8, 12, 16]), st.booleans()),
    min_size=1,
    max_size=9,
)


def requests(drawn: Sequence[tuple[float, float, int, bool]]) -> list[Request]:
    """Jobs in order of submission, some of which may be suspended."""
    made = [
        pausing(request(f"j{n}", round(at_h, 2), round(hours, 2), gpus=gpus, home=""), may=pauses)
        for n, (at_h, hours, gpus, pauses) in enumerate(drawn)
    ]
    return sorted(made, key=lambda one: one.submitted)


def replays(on: World, jobs: Sequence[Request], policy: Policy) -> Replayed:
    """A policy's runs and their bill, with perfect forecasts."""
    runs = replay(on, jobs, policy, Perfect(on.table))
    return Replayed.of(runs, bill(on, jobs, runs), 0.0)


def planned(one: Request, policy: Policy, on: World) -> tuple[list[tuple[int, int, int]], dict[str, float]]:
    """What `plan` would decide for a job alone, in rows and microseconds, with its price by line."""
    duration_s = one.length.total_seconds()
    job = Job.from_mapping(
        {
            "name": one.job_id, "entrypoint": "true", "gpus": one.gpus, "duration": f"{duration_s:.6f}s",
            "home": one.home, "launch": "ray", "deadline": one.deadline.isoformat(),
            "interruptible": {"restart": f"{one.restart.total_seconds():.6f}s"} if one.interruption else False,
        },
        what="a test",
    )  # fmt: skip
    grid = {
        zone: series(zone, values.tolist()) for zone, values in zip(on.table.zones, on.table.g_per_kwh, strict=True)
    }
    until = one.deadline + timedelta(hours=12)
    problem = assemble(job, on.clusters, grid, one.submitted, until=until).problem
    placement = policy.place(problem)
    spans = [
        (on.names.index(each.cluster), on.table.us(each.start), on.table.us(each.end)) for each in placement.segments
    ]
    return spans, price(problem, placement).emissions.as_dict()


@settings(max_examples=60, deadline=None)
@given(
    at_h=st.floats(0, 60), hours=st.floats(0.2, 12), gpus=st.sampled_from([1, 8, 16]), pauses=st.booleans(),
    policy=st.sampled_from(ALL), paused=st.sampled_from(["off", "held", "idle"]),
)  # fmt: skip
def test_a_job_alone_gets_the_plan_that_plan_gives(
    at_h: float, hours: float, gpus: int, *, pauses: bool, policy: Policy, paused: str
) -> None:
    """The same segments to the microsecond, and the same kilograms by line."""
    on = world(paused_nodes=paused)
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3), gpus=gpus), may=pauses)
    expected, lines = planned(one, policy, on)

    [run] = replay(on, [one], policy, Perfect(on.table))
    done = replays(on, [one], policy)

    assert expected == list(run.stretches)
    found = dict(zip(LINES, done.bill.emissions_kg[0].tolist(), strict=True))
    assert [pytest.approx(lines[line], rel=1e-9, abs=1e-12) for line in LINES] == [found[line] for line in LINES]


@settings(max_examples=40, deadline=None)
@given(drawn=JOBS, policy=st.sampled_from(ALL), paused=st.sampled_from(["off", "held"]))
def test_no_gpu_is_given_twice_at_any_instant(
    drawn: list[tuple[float, float, int, bool]], policy: Policy, paused: str
) -> None:
    """At every start and end of a run, what runs and what is held fits its cluster, in whole nodes if wider."""
    on, jobs = world(paused_nodes=paused), requests(drawn)
    runs = replay(on, jobs, policy, Perfect(on.table))
    spans = [(*each, on.takes(each[0], job.gpus)) for job, run in zip(jobs, runs, strict=True) for each in _all(run)]

    moments = sorted({at for _, start, end, _ in spans for at in (start, end)})

    for row, place in enumerate(on.clusters):
        used = [sum(g for r, s, e, g in spans if r == row and s <= at < e) for at in moments]
        assert max(used) <= place.gpus


def _all(run: Run) -> tuple[tuple[int, int, int], ...]:
    """All that a run occupies."""
    return (*run.stretches, *run.held)


@settings(max_examples=40, deadline=None)
@given(drawn=JOBS)
def test_each_run_does_its_work_and_starts_no_earlier_than_it_was_asked_for(
    drawn: list[tuple[float, float, int, bool]],
) -> None:
    """Stretches less a restart each, from the submission on, add up to the duration."""
    on, jobs = world(), requests(drawn)

    for job, run in zip(jobs, replay(on, jobs, CarbonAware(), Perfect(on.table)), strict=True):
        assert run.start_us >= on.table.us(job.submitted)
        occupied = sum(end - start for _, start, end in run.stretches)
        restarts = (len(run.stretches) - 1) * (job.restart // US)
        assert abs(occupied - restarts - job.length // US) <= len(run.stretches) + 1
        assert run.late_at_admission or run.finish_us <= on.table.us(job.deadline)


@settings(max_examples=30, deadline=None)
@given(drawn=JOBS)
def test_the_shortcut_of_run_now_is_the_policy(drawn: list[tuple[float, float, int, bool]]) -> None:
    """Started by the list of free GPUs, or placed by the policy on a problem: the same runs."""

    class Asked:
        """Run-now under another type, so that it is asked."""

        name: ClassVar[str] = "run-now"
        needs: ClassVar[frozenset[Need]] = RunNow.needs

        def place(self, problem: Problem) -> Placement:
            """As run-now does."""
            return RunNow().place(problem)

    jobs = [replace(one, deadline=one.deadline + timedelta(days=2)) for one in requests(drawn)]
    on = world()

    short = replay(on, jobs, RunNow(), Perfect(on.table))

    assert short == replay(on, jobs, Asked(), Perfect(on.table))


@settings(max_examples=15, deadline=None)
@given(drawn=JOBS)
def test_elastic_is_carbon_aware_for_jobs_of_one_width(drawn: list[tuple[float, float, int, bool]]) -> None:
    """And no job of a trace has another: so it is searched for as quickly, and with the same result."""
    on, jobs = world(), requests(drawn)

    elastic, aware = (replay(on, jobs, policy, Perfect(on.table)) for policy in (Elastic(), CarbonAware()))

    assert elastic == aware


@settings(max_examples=60, deadline=None)
@given(
    at_h=st.floats(0, 60), hours=st.floats(0.2, 12), restart_h=st.floats(0, 2), paused=st.sampled_from(["off", "held"])
)
def test_where_no_pause_can_pay_the_best_run_in_one_piece_is_the_optimum(
    at_h: float, hours: float, restart_h: float, paused: str
) -> None:
    """The short way is taken only where the policy itself decides the same."""
    on = world(paused_nodes=paused)
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3)), restart_h=round(restart_h, 2))
    first, deadline_us = on.table.us(one.submitted) // on.table.step_us, on.table.us(one.deadline)
    course = Perfect(on.table).course(first, -(-deadline_us // on.table.step_us) - first)
    left = Placed.of(0, one, 1, deadline_us).left(on.table.us(one.submitted), stopped=True)
    problem = on.problem(one, left, on.free(), course)

    assert best_whole(problem) in (None, CarbonAware().place(problem))


def test_a_pause_that_costs_more_than_it_can_save_needs_no_search() -> None:
    """Half a day of restart on a day that swings little; without any restart the question stays open."""
    on = world()
    found = []
    for restart_h in (12.0, 0.0):
        one = pausing(request(hours=6), restart_h=restart_h)
        left = Placed.of(0, one, 1, on.table.us(one.deadline)).left(on.table.us(one.submitted), stopped=True)
        problem = on.problem(one, left, on.free(), Perfect(on.table).course(0, 30))
        found.append(best_whole(problem))

    assert found[0] is not None
    assert found[1] is None


@settings(max_examples=40, deadline=None)
@given(at_h=st.floats(0, 60), hours=st.floats(0.2, 12), pauses=st.booleans())
def test_carbon_aware_alone_is_never_worse_than_run_now(at_h: float, hours: float, *, pauses: bool) -> None:
    """With perfect forecasts and free clusters."""
    on = world()
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3)), may=pauses)

    now, aware = replays(on, [one], RunNow()), replays(on, [one], CarbonAware())

    assert aware.bill.total_kg[0] <= now.bill.total_kg[0] * (1 + 1e-9)


def test_jobs_queue_at_home_and_a_short_one_fills_a_gap_that_delays_nobody() -> None:
    """First come first served with conservative backfill, on 16 GPUs."""
    on = world()
    jobs = [
        request("first", 0, 4, gpus=8),
        request("wide", 0.5, 2, gpus=16),
        request("short", 1, 3, gpus=8),
        request("long", 1, 4, gpus=8),
    ]

    starts = [run.start_us / 3.6e9 for run in replay(on, jobs, RunNow(), Perfect(on.table))]

    assert [0.0, 4.0, 1.0, 6.0] == starts


def test_a_job_wider_than_a_node_keeps_others_from_its_whole_nodes() -> None:
    """12 GPUs are two nodes of 8: nothing else runs beside them on 16, yet they pay for 12."""
    on = world()
    jobs = [request("wide", 0, 4, gpus=12), request("small", 0, 1, gpus=2)]

    done = replays(on, jobs, RunNow())

    assert [0.0, 4.0] == (done.start_us / 3.6e9).tolist()
    assert [48.0, 2.0] == done.bill.gpu_h.tolist()


def test_who_cannot_be_on_time_is_admitted_late_and_through_as_soon_as_can_be() -> None:
    """Both clusters are full until behind the deadline: the job is flagged, and starts with the first that is free."""
    on = world()
    full = [request("paris", 0, 6, gpus=16, home="paris"), request("berlin", 0, 9, gpus=16)]
    full = [replace(one, deadline=one.submitted + one.length) for one in full]
    tight = request("tight", 1, 2, gpus=16, deadline=T0 + timedelta(hours=4))

    aware, now = (replay(on, [*full, tight], policy, Perfect(on.table)) for policy in (CarbonAware(), RunNow()))

    hour_us = 3_600_000_000
    assert [False, False, True] == [run.late_at_admission for run in aware]
    assert ((0, 6 * hour_us, 8 * hour_us),) == aware[2].stretches
    assert ((1, 9 * hour_us, 11 * hour_us),) == now[2].stretches


def test_a_policy_that_plans_past_its_deadline_gets_no_gpu_that_another_holds() -> None:
    """Slots chosen as if restarts were free end behind what was looked at: with others there, it runs in one piece."""
    on = World([cluster("paris", "FR", 8)], table())
    jobs = [request("after", 0, 20, home="paris", deadline=T0 + timedelta(hours=50)), pausing(request("slots", 0, 9))]
    jobs = [jobs[0], replace(jobs[1], home="paris", deadline=T0 + timedelta(hours=33))]

    for policy in (SuspendResumeFree(), WaitAwhile()):
        runs = replay(on, jobs, policy, Perfect(on.table))
        spans = sorted((start, end) for run in runs for _, start, end in run.stretches)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        assert not any(
            run.late_at_admission and run.finish_us <= on.table.us(job.deadline)
            for run, job in zip(runs, jobs, strict=True)
        )


def test_run_now_saves_nothing_of_itself_and_savings_are_ratios_of_sums() -> None:
    """The baseline is its own measure; a job that is ten times another weighs ten times as much."""
    on = world(gpus=64)
    jobs = [request("small", 0, 1, gpus=1), request("large", 1, 10, gpus=8)]
    done = {policy.name: replays(on, jobs, policy) for policy in (RunNow(), CarbonAware())}

    now, aware = compare(on.table, jobs, done, done, "run-now").outcomes

    assert (0.0, 0.0) == (now.saving_pct, now.saving_operational_pct)
    before, after = (done[name].bill.total_kg.sum() for name in ("run-now", "carbon-aware"))
    assert pytest.approx(100 * (before - after) / before) == aware.saving_pct
    assert 100.0 == pytest.approx(aware.kept_pct)
    assert now.kept_pct is None


def test_sums_go_over_the_jobs_that_every_policy_completed() -> None:
    """A job that only carbon-aware gets through before the table ends counts as completed there, and in no sum."""
    on = world(hours=48)
    jobs = [request("a", 40, 5, gpus=16), request("b", 40, 4, gpus=16)]
    jobs = [replace(one, deadline=T0 + timedelta(hours=48)) for one in jobs]
    done = {"run-now": replays(on, jobs, RunNow()), "carbon-aware": replays(on, jobs, CarbonAware())}

    made = compare(on.table, jobs, done, done, "run-now")

    assert [1, 2] == [outcome.completed for outcome in made.outcomes]
    assert 1 == made.compared
    assert pytest.approx(80.0) == made.outcomes[0].gpu_hours


def test_a_gap_of_the_table_leaves_its_jobs_out_of_every_sum() -> None:
    """An hour nobody measured is not filled: the run through it has no price."""
    values = table().g_per_kwh.copy()
    values[:, 2] = np.nan
    on = World([cluster("berlin", "DE"), cluster("paris", "FR")], replace(table(), g_per_kwh=values))
    jobs = [request("through", 0, 5), request("after", 5, 2)]
    done = {"run-now": replays(on, jobs, RunNow())}

    made = compare(on.table, jobs, done, done, "run-now")

    assert (2, 1) == (made.outcomes[0].completed, made.compared)
    assert np.isnan(done["run-now"].bill.total_kg).tolist() == [True, False]


def test_a_policy_without_a_forecast_of_the_future_decides_the_same_when_the_future_is_altered() -> None:
    """Forecasts from history look at nothing behind the hour of the decision."""
    first, other = table(240), table(240)
    altered = other.g_per_kwh.copy()
    altered[:, 200:] = altered[:, 200:][:, ::-1] * 3
    worlds = [World(world().clusters, one) for one in (first, replace(other, g_per_kwh=altered))]
    jobs = [request("early", 2.5, 3), pausing(request("late", 199.5, 3))]

    runs = [replay(on, jobs, CarbonAware(), History(on.table)) for on in worlds]

    assert runs[0] == runs[1]


def test_a_policy_that_decides_again_and_again_is_refused() -> None:
    """It would be shown deciding once, which it does not."""
    on = world()

    with pytest.raises(InvalidInput, match="decides again"):
        replay(on, [request()], Threshold(), Perfect(on.table))


def test_what_cannot_be_replayed_is_named_with_its_reason() -> None:
    """Wider than any cluster, or not inside the table."""
    on = world()
    jobs = [
        request("wide", gpus=17),
        request("before", -1),
        request("behind", 160, 6),
        request("good", 5),
        request("earlier", 1),
    ]

    kept, left = screened(on, jobs)

    assert ["earlier", "good"] == [one.job_id for one in kept]
    assert [("wide", "too_wide"), ("before", "out_of_table"), ("behind", "out_of_table")] == [
        (one.job_id, one.why) for one in left
    ]


def test_a_home_that_is_not_there_is_an_error() -> None:
    """It names the job and the clusters that there are."""
    with pytest.raises(InvalidInput, match="no cluster 'rome'") as told:
        world().home(request(home="rome"))

    assert "paris" in told.value.hint


def test_homes_by_id_follow_the_clusters_sizes_and_the_seed() -> None:
    """In proportion to their GPUs, the same for the same seed."""
    places = [cluster("paris", "FR", 24), cluster("berlin", "DE", 8)]
    jobs = [request(f"j{n}", home="") for n in range(2000)]
    homes = [[World(places, table(), seed).home(one) for one in jobs] for seed in (0, 0, 1)]

    assert homes[0] == homes[1] != homes[2]
    assert 0.70 < homes[0].count(0) / 2000 < 0.80
    assert {0} == {World(places, table()).home(replace(one, gpus=16)) for one in jobs}


def test_forecasts_from_history_need_whole_hours() -> None:
    """Another step is refused, not resampled behind one's back."""
    with pytest.raises(InvalidInput, match="hourly"):
        History(replace(table(), step_us=900_000_000))
