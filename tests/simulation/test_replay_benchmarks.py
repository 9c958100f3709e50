"""The benchmarks of the replay: what others say is priced by our bill, and sizes grow under one load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.bench_simulate import Size, growth, repeated, thinned
from benchmarks.peer_replay import Starts, at_their_starts, planned, queued, starts_of, unlimited
from benchmarks.peers import HOUR, Ask, Cats, Question
from cli.replays.case import Case
from policies.run_now import RunNow
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.request import Request
from scheduler.simulation.table import US_PER_H, table_of
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import T0, cluster, request, series, world

ON = world()


@dataclass(frozen=True, slots=True)
class Later:
    """A peer that starts every job some hours later."""

    hours: float
    name: str = "later"

    def ask(self, question: Question) -> Ask:
        """The same for all."""
        return lambda: question.now + self.hours * HOUR


def case(on: World, jobs: Sequence[Request]) -> Case:
    """A case of some jobs."""
    told = Perfect(on.table)
    return Case(world=on, requests=list(jobs), left=(), told=told, passes=(), notes=())


def said(hours: float, jobs: Sequence[Request]) -> Starts:
    """What that peer says of some jobs."""
    return starts_of(Later(hours), ON, jobs, Perfect(ON.table))


def test_a_start_of_a_peer_is_priced_and_what_it_refuses_starts_at_once() -> None:
    """A job that is told to wait for five hours does so; one that is refused waits for nothing."""
    jobs = [request("a", 1, 3), request("b", 2, 11)]
    starts = said(5, jobs).refused(np.array([False, True]), np.array([1, 2]) * US_PER_H)

    made = at_their_starts(ON, jobs, starts)

    assert [5.0, 0.0] == made.wait_h.tolist()
    moved = planned(ON, [request("a", 6, 3), jobs[1]], RunNow(), Perfect(ON.table))
    assert moved.kg.tolist() == pytest.approx(made.kg.tolist())
    assert [False, False] == made.late.tolist()
    assert 0.0 == starts.took_s[1]


def test_no_other_is_asked_about_hours_that_nobody_knows() -> None:
    """A gap ahead ends the comparison, with the job's name."""
    on = World(ON.clusters, table_of({zone: series(zone, [60.0] * 20 + [np.nan] * 148) for zone in ("FR", "DE")}))
    with pytest.raises(SystemExit, match="job a has hours ahead that nobody knows"):
        starts_of(Later(1), on, [request("a", 1, 3)], Perfect(on.table))


def test_who_is_told_one_start_queues_for_the_room_there_is() -> None:
    """Two jobs of 16 GPUs on 16: the first submitted goes first, the other behind it, late where its slack is over."""
    jobs = [request("a", 0, 9, gpus=16), request("b", 1, 9, gpus=16)]
    starts = said(20, jobs)
    assert [20.0, 20.0] == at_their_starts(ON, jobs, starts).wait_h.tolist()
    made = queued(ON, jobs, starts)
    assert [20.0, 28.0] == made.wait_h.tolist()
    assert [False, True] == made.late.tolist()


def test_without_limit_of_room_nobody_waits() -> None:
    """Ten jobs of whole clusters at one time."""
    jobs = [request(f"j{n}", 1, 3, gpus=16) for n in range(10)]
    assert {0.0} == set(planned(unlimited(ON), jobs, RunNow(), Perfect(ON.table)).wait_h.tolist())


@pytest.mark.parametrize(("length_h", "start_h"), [(2.0, 5.0), (48.0, 3.0)])
def test_cats_answers_in_its_own_terms(length_h: float, start_h: float) -> None:
    """The hours with the lowest mean of joined points."""
    pytest.importorskip("cats.forecast")
    hours = [90.0, 90, 90, 90, 50, 20, 20, 10, 95] + [85.0] * 80
    length = timedelta(hours=length_h)
    question = Question(now=T0, latest=T0 + 8 * HOUR, length=length, first=T0, g_per_kwh=hours)
    assert T0 + start_h * HOUR == Cats().ask(question)()


def test_sizes_beside_each_other_are_parts_of_the_jobs_on_as_much_of_the_gpus() -> None:
    """Each keeps its home; a job too wide for a quarter of it is in no size."""
    places = [cluster("paris", "FR", 64), cluster("berlin", "DE", 32)]
    jobs = [request(f"j{n:02}", n, 3, gpus=8, home="") for n in range(20)]
    wide = request("wide", 3, 3, gpus=16, home="berlin")

    sizes = list(thinned(case(World(places, ON.table), [*jobs, wide])))

    assert [5, 10, 20] == [len(size.requests) for size in sizes]
    assert [[16, 8], [32, 16], [64, 32]] == [[each.gpus for each in size.world.clusters] for size in sizes]
    whole = {each.job_id: each.home for each in sizes[-1].requests}
    assert all(whole[each.job_id] == each.home for each in sizes[0].requests)


def test_sizes_one_after_another_are_a_week_again_and_again() -> None:
    """The week with the middle number of jobs, at the same hours of each week that follows."""
    hours = 24 * 7 * 12
    table = table_of({zone: series(zone, [60.0] * hours) for zone in ("FR", "DE")})
    on = World(ON.clusters, table)
    weeks = ((0, 1), (168, 3), (336, 2))
    jobs = [request(f"{start}-{n}", start + 10 * n, 3) for start, count in weeks for n in range(count)]

    sizes = list(repeated(case(on, jobs)))

    assert [4, 8, 16] == [len(size.requests) for size in sizes]
    at_h = [on.table.us(each.submitted) / US_PER_H for each in sizes[0].requests]
    assert [0.0, 10.0, 168.0, 178.0] == at_h
    assert 16 == len({each.job_id for each in sizes[-1].requests})


def test_growth_is_told_in_times_n_log_n() -> None:
    """Twice the time for twice the jobs is a little less than n log n, four times is nearly twice of it."""
    now, aware = growth([Size(jobs=1000, now_s=1, aware_s=1), Size(jobs=2000, now_s=2, aware_s=4)])
    due = 2 * np.log(2000) / np.log(1000)
    assert (2 / due, 4 / due) == pytest.approx((now, aware))
