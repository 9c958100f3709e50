"""What a cluster keeps from planned jobs: its reserve, its closed hours, runs over its walltime."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.elastic import Elastic
from policies.run_now import RunNow
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import Infeasible
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.problem.assemble import Assembled, assemble
from scheduler.problem.candidates import NoCandidate
from scheduler.problem.closed import others_beyond
from scheduler.problem.feasible import violations
from tests.planning.worlds import T0, at, cluster, flat, job, series

GRID = {"FR": series("FR", [90, 80, 70, 60, 50, 40, 30, 20] * 12)}


def shut(start_h: float, end_h: float, gpus: int | None = None) -> dict[str, object]:
    """A calendar that closes the cluster, or some GPUs, between two hours."""
    closure = {"since": at(start_h).isoformat(), "until": at(end_h).isoformat()}
    return {"closed": [closure if gpus is None else {**closure, "gpus": gpus}]}


def posed(on: Cluster, one: Job, **more: object) -> Assembled:
    """The problem of a job that came at midnight, with a day of time."""
    return assemble(one.model_copy(update={"deadline": timedelta(hours=24)}), [on], GRID, T0, **more)  # type: ignore[arg-type]  # fields by name


def why_not(on: Cluster, one: Job, **more: object) -> str:
    """Why a cluster is rejected, empty where it is not."""
    try:
        posed(on, one, **more)
    except NoCandidate as exc:
        return exc.rejected[0].reason
    return ""


def test_a_reserve_is_never_given_to_planned_jobs() -> None:
    """At no time is more free than what is left."""
    room = posed(cluster(reserve=4), job(gpus=8)).problem.surface.capacity
    assert {12} == set(room.ravel().tolist())


@pytest.mark.parametrize(
    ("reserve", "changes", "reason"),
    [
        (8, {"gpus": 8}, ""),
        (9, {"gpus": 8}, "it keeps 9 of its 16 GPUs back, which leaves 7, not 8"),
        (16, {"gpus": 1}, "it keeps 16 of its 16 GPUs back, which leaves 0, not 1"),
        (1, {"gpus": 4, "exclusive": True}, ""),
        (4, {"gpus": 12, "launch": "ray"}, "it keeps 4 of its 16 GPUs back, which leaves 8 in whole nodes, not 12"),
    ],
)
def test_a_job_wider_than_what_is_not_kept_back_is_rejected(
    reserve: int, changes: dict[str, object], reason: str
) -> None:
    """With the reason; one wider than a node shares no node with what is kept back."""
    assert reason == why_not(cluster(reserve=reserve), job(**changes))


def test_where_all_keep_too_much_back_the_error_says_so() -> None:
    """The widest is named with what it keeps."""
    with pytest.raises(NoCandidate) as refused:
        posed(cluster(reserve=10), job(gpus=8))
    assert "paris, the widest it may use, has 2 x 8, 10 of them kept back" in refused.value.message


def test_closed_hours_are_no_room_and_split_slots() -> None:
    """From the instant on, not from the next slot."""
    surface = posed(cluster(calendar=shut(2.25, 5.5)), job()).problem.surface
    at_h = dict(zip(surface.edges_h[:-1].tolist(), surface.capacity[0].tolist(), strict=True))
    assert {2.0: 16, 2.25: 0, 3.0: 0, 5.0: 0, 5.5: 16, 6.0: 16}.items() <= at_h.items()


def test_what_is_closed_adds_up_beside_reserve_and_reservations_and_never_goes_below_none() -> None:
    """Two closures are of different GPUs, and none of them of those kept back."""
    two = {"closed": [*shut(1, 3, 4)["closed"], *shut(2, 4, 4)["closed"]]}  # type: ignore[misc]  # lists
    held = [Segment(cluster="paris", start=at(0), end=at(6), gpus=2)]
    surface = posed(cluster(calendar=two, reserve=4), job(gpus=1), reservations=held).problem.surface
    at_h = dict(zip(surface.edges_h[:-1].tolist(), surface.capacity[0].tolist(), strict=True))
    assert [10, 6, 2, 6, 10, 10, 12] == [at_h[hour] for hour in range(7)]
    wide = posed(cluster(calendar=shut(1, 3)), job(gpus=1), reservations=held).problem.surface.capacity
    assert 0 == wide.min()


def test_a_wide_job_shares_no_node_with_what_is_closed() -> None:
    """Four closed GPUs of sixteen leave it one whole node, and a job within a node twelve GPUs."""
    on = cluster(calendar=shut(0, 24, 4))
    wide = posed(on, job(gpus=16, launch="ray")).problem.surface.capacity[0, 0]
    assert (8, 12) == (wide, posed(on, job(gpus=8)).problem.surface.capacity[0, 0])


@pytest.mark.parametrize(
    ("changes", "progress", "reason"),
    [
        ({"duration": "6h"}, 0.0, ""),
        ({"duration": "7h"}, 0.0, "its walltime is 6h, and the run takes 7h; runs are not cut to fit it"),
        ({"duration": "7h"}, 0.5, ""),
        ({"duration": "5h50m", "interruptible": {"restart": "9m", "checkpoint": "1m"}}, 0.0, ""),
        (
            {"duration": "5h50m", "interruptible": {"restart": "9m", "save": "periodic", "every": "10m"}},
            0.0,
            "its walltime is 6h, and the run takes 6h4m, its restart and checkpoint included",
        ),
        ({"duration": {"A100": "7h", "H100": "3h"}}, 0.0, "its walltime is 6h, and the run takes 7h"),
    ],
)
def test_a_run_over_the_walltime_is_rejected(changes: dict[str, object], progress: float, reason: str) -> None:
    """What is left of it counts, on the cluster's own GPUs; one that pauses counts what no stretch of it is over."""
    assert why_not(cluster(walltime="6h"), job(**changes), progress=progress).startswith(reason)
    assert bool(reason) == bool(why_not(cluster(walltime="6h"), job(**changes), progress=progress))


def test_a_width_at_which_the_run_is_over_the_walltime_is_no_choice() -> None:
    """Four hours on 8 GPUs are eight on 4."""
    elastic = {"min_gpus": 4, "max_gpus": 16, "speedup": {4: 0.5, 8: 1.0, 16: 1.8}}
    one = job(elastic=elastic, interruptible=True, launch="ray")
    found = {
        limit: [each.gpus for each in posed(cluster(walltime=limit), one).problem.widths] for limit in ("7h", "8h")
    }
    assert {"7h": [16], "8h": [4, 16]} == found
    placed = Elastic().place(posed(cluster(walltime="7h"), one).problem)
    assert all(each.end - each.start <= timedelta(hours=7) for each in placed.segments)


@settings(max_examples=60, deadline=None)
@given(
    closed=st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 6), st.sampled_from([None, 4, 8])), max_size=3),
    reserve=st.sampled_from([0, 4, 8]), walltime=st.sampled_from([None, "3h", "5h"]),
    hours=st.floats(0.5, 6), pauses=st.booleans(),
)  # fmt: skip
def test_no_plan_touches_what_is_kept(
    closed: list[tuple[float, float, int | None]], reserve: int, walltime: str | None, hours: float, *, pauses: bool
) -> None:
    """At every instant of every stretch there is room beside closures and reserve, and none is over the walltime."""
    calendar = {"closed": [each for start, span, gpus in closed for each in shut(start, start + span, gpus)["closed"]]}  # type: ignore[attr-defined]  # a list
    on = cluster(calendar=calendar, reserve=reserve, walltime=walltime)
    one = job(duration=f"{hours * 3600:.0f}s", interruptible={"restart": "6m", "checkpoint": "1m"} if pauses else False)
    for policy in (CarbonAware(), RunNow()):
        try:
            problem = posed(on, one).problem
            placed = policy.place(problem)
        except Infeasible:
            continue
        assert () == violations(problem, placed)
        for stretch in placed.segments:
            assert on.walltime is None or stretch.end - stretch.start <= on.walltime
            for start_h, span_h, gpus in closed:
                beside = reserve + (gpus or 16) + 8 <= 16
                assert beside or stretch.end <= at(start_h) or stretch.start >= at(start_h + span_h)


def test_others_fill_first_what_is_kept_for_them() -> None:
    """Nine in use beside a reserve of four: one more than kept while four are closed too, five after that."""
    on = cluster(reserve=4, calendar=shut(0, 0.5, 4))
    found = [(each.start, each.end, each.gpus) for each in others_beyond(on, 9, at(0), at(1))]
    assert [(at(0), at(0.5), 1), (at(0.5), at(1), 5)] == found
    assert [] == others_beyond(on, 4, at(0), at(1))


def test_a_job_that_fits_nowhere_for_closed_hours_is_told_what_helps() -> None:
    """The way out names closed hours beside reservations."""
    on = cluster(calendar=shut(1, 23))
    problem = assemble(job(deadline="24h"), [on], {"FR": flat("FR")}, T0).problem
    with pytest.raises(Infeasible) as refused:
        CarbonAware().place(problem)
    assert "hours in which clusters are closed" in refused.value.hint
