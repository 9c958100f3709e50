"""What clusters keep from all jobs holds in a replay at every instant, under every policy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.run_now import RunNow
from policies.wait_awhile import WaitAwhile
from scheduler.domain.cluster import Cluster
from scheduler.ports import Policy
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.run import Stretch
from scheduler.simulation.screening import screened
from scheduler.simulation.table import US_PER_H, table_of
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import T0, cluster, pausing, request, series, table

HOUR = timedelta(hours=1)
POLICIES: tuple[Policy, ...] = (RunNow(), LowestCarbonRegion(), CarbonAware(), WaitAwhile())


def limited(name: str, zone: str, **changes: object) -> Cluster:
    """A cluster of two nodes of 8 GPUs, with changes."""
    return Cluster.from_mapping(cluster(name, zone).model_dump(exclude_defaults=True) | changes, what="a test")


def shut(start_h: float, end_h: float, **more: object) -> dict[str, object]:
    """A calendar that closes a cluster between two hours."""
    closed = {"since": (T0 + start_h * HOUR).isoformat(), "until": (T0 + end_h * HOUR).isoformat(), **more}
    return {"closed": [closed]}


def berlin(**changes: object) -> World:
    """One cluster, on the dirty grid."""
    return World([limited("berlin", "DE", **changes)], table())


def hours(on: World, jobs: list[Request], policy: Policy) -> list[list[tuple[float, float]]]:
    """When each job runs. [h]"""
    runs = replay(on, jobs, policy, Perfect(on.table))
    return [[(start / US_PER_H, end / US_PER_H) for _, start, end in run.stretches] for run in runs]


def test_run_now_waits_until_a_closure_is_over() -> None:
    """Its three hours do not fit before it; it starts at the instant it ends, be that between two slots."""
    assert [[(4.25, 7.25)]] == hours(berlin(calendar=shut(2.5, 4.25)), [request()], RunNow())


def test_part_of_a_cluster_may_be_closed() -> None:
    """One job of 8 GPUs fits beside 8 that are closed, the next one waits for it."""
    found = hours(berlin(calendar=shut(1, 5, gpus=8)), [request("a"), request("b")], RunNow())
    assert [[(0, 3)], [(3, 6)]] == found


def test_a_reserve_is_given_to_nobody() -> None:
    """Two jobs of 8 GPUs on 16, of which 8 are kept back, run one after the other."""
    assert [[(0, 3)], [(3, 6)]] == hours(berlin(reserve=8), [request("a"), request("b")], RunNow())


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_what_runs_on_into_a_closure_is_not_killed(policy: Policy) -> None:
    """It was to be through in time and was not; whoever comes then waits until it opens."""
    on = berlin(calendar=shut(4, 6))
    slow = request(hours=5, estimate=3 * HOUR, deadline=T0 + 5 * HOUR)
    assert [[(0, 5)], [(6, 7)]] == hours(on, [slow, request("b", 4.5, 1, deadline=T0 + 7 * HOUR)], policy)


@pytest.mark.parametrize(
    ("changes", "job", "expected"),
    [
        ({"reserve": 9}, {}, ("too_wide", "it takes 8 GPUs, and berlin, the widest, has 16, 9 of them kept back")),
        ({"walltime": "2h"}, {}, ("too_long", "its run of 3h is longer than the walltime of every cluster that is")),
        ({"walltime": "3h"}, {}, None),
    ],
)
def test_jobs_that_no_cluster_takes_are_left_out_with_the_reason(
    changes: dict[str, object], job: dict[str, object], expected: tuple[str, str] | None
) -> None:
    """For all policies alike."""
    kept, left = screened(berlin(**changes), [request(**job)])  # type: ignore[arg-type]  # fields by name
    assert ([] if expected is None else [expected[0]]) == [each.why for each in left]
    assert bool(kept) == (expected is None)
    assert expected is None or left[0].reason.startswith(expected[1])


def test_a_job_that_its_home_does_not_take_is_left_out_with_the_reason() -> None:
    """Too wide, or too long with its restart, for the home that it names, though another would take it."""
    places = [limited("berlin", "DE", reserve=12, walltime="10h"), limited("paris", "FR", walltime="3h")]
    on = World(places, table())
    jobs = [request("wide"), pausing(request("long", gpus=4, home="paris"))]
    assert [
        "it takes 8 GPUs, and its home berlin has 16, 12 of them kept back",
        "its run of 3h, restart and checkpoint counted, is longer than the walltime 3h of its home paris",
    ] == [each.reason for each in screened(on, jobs)[1]]


def test_a_home_by_id_is_one_that_takes_the_job() -> None:
    """No id leads where it is too wide or too long."""
    places = [limited("berlin", "DE", reserve=12), limited("paris", "FR", walltime="2h"), limited("lyon", "FR")]
    on = World(places, table())
    assert {"lyon"} == {on.names[on.home(request(f"j{number}", home=""))] for number in range(40)}


def test_alone_beside_a_closure_a_job_gets_the_exact_plan() -> None:
    """A pause that saves one percent is found, as beside nobody; it is not sought where others are in the way."""
    values = [100.0, 103.0, 100.0, *[200.0] * 30]
    on = World([limited("berlin", "DE", calendar=shut(10, 12))], table_of({"DE": series("DE", values)}))
    one = pausing(request(hours=2, deadline=T0 + 24 * HOUR), restart_h=0)
    assert [[(0, 1), (2, 3)]] == hours(on, [one], CarbonAware())


def test_a_cluster_is_bare_where_nobody_holds_anything_of_it() -> None:
    """One GPU that another holds tells, beside a closure of part of the cluster and a reserve of part of a node too."""
    on = berlin(reserve=4, calendar=shut(2, 4, gpus=4))
    [free] = on.free()
    hour = US_PER_H
    assert on.rooms.is_bare(0, free, 0, 9 * hour)
    free.take(3 * hour, 5 * hour, 1)
    seen = {
        span: on.rooms.is_bare(0, free, span[0] * hour, span[1] * hour) for span in ((0, 3), (0, 4), (3, 4), (5, 9))
    }
    assert {(0, 3): True, (0, 4): False, (3, 4): False, (5, 9): True} == seen


@settings(max_examples=20, deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.floats(0, 40), st.floats(0.3, 9), st.sampled_from([1, 4, 8, 12]), st.booleans()),
        min_size=1, max_size=8,
    ),
    closures=st.lists(st.tuples(st.floats(0, 40), st.floats(0.1, 9), st.sampled_from([None, 4, 8])), max_size=3),
    reserve=st.sampled_from([0, 1, 4]), policy=st.sampled_from(POLICIES),
    passes=st.sampled_from([(), tuple(range(0, 168 * US_PER_H, US_PER_H))]),
)  # fmt: skip
def test_at_no_instant_do_jobs_take_what_is_kept(
    drawn: list[tuple[float, float, int, bool]],
    closures: list[tuple[float, float, int | None]],
    reserve: int,
    policy: Policy,
    passes: tuple[int, ...],
) -> None:
    """Reserve, closures and jobs together are never more than there is, wide jobs on whole nodes."""
    closed = [
        shut(start, start + span, **({} if gpus is None else {"gpus": gpus}))["closed"][0]  # type: ignore[index]  # a list
        for start, span, gpus in closures
    ]
    keeps = {"reserve": reserve, "calendar": {"closed": closed}}
    on = World([limited("berlin", "DE", **keeps), limited("paris", "FR", paused_nodes="held")], table())
    made = [
        pausing(request(f"j{number}", round(at_h, 2), round(length, 2), gpus=gpus), may=may)
        for number, (at_h, length, gpus, may) in enumerate(drawn)
    ]
    jobs, _ = screened(on, [request("last", 100), *made])
    runs = replay(on, jobs, policy, Perfect(on.table), passes=passes)
    spans: list[tuple[Stretch, int]] = [
        (span, on.takes(span[0], job.gpus))
        for job, run in zip(jobs, runs, strict=True)
        for span in (*run.stretches, *run.held)
        if span[0] == 0
    ]
    begins = [on.table.us(T0 + start * HOUR) for start, _, _ in closures]
    for at_us in [*begins, *(start_us for (_, start_us, _), _ in spans)]:
        kept = sum(
            16 if gpus is None else gpus
            for start, span, gpus in closures
            if on.table.us(T0 + start * HOUR) <= at_us < on.table.us(T0 + (start + span) * HOUR)
        )
        taken = sum(takes for (_, start, end), takes in spans if start <= at_us < end)
        assert taken == 0 or taken <= 16 - reserve - kept
