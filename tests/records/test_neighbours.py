"""Jobs on one node: what is observed of a pause, and that no host is given out more than once."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.records.accounts import account
from scheduler.records.attempts import Attempt
from scheduler.records.gather import JobHistory
from scheduler.records.neighbours import beside
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run

NODE = make_cluster(node={"cpus": 64})
GRID = {"FR": make_series("FR", [100.0] * 200)}


def on_node(job_id: str, *attempts: Attempt, gpus: int = 1, cpus: float | None = None) -> JobHistory:
    """A job of which every attempt was on one node."""
    placed = [replace(each, node="n1", sid=f"cs-{job_id}-s{n}-a1") for n, each in enumerate(attempts)]
    return make_history(placed, job=make_job(gpus=gpus, cpus=cpus), job_id=job_id)


def test_another_job_on_the_node_ends_a_pause() -> None:
    """The first that comes after the pause began; the job itself coming back is no other."""
    paused = on_node("a", run(NODE, 0, 1, ended_by="plan"), run(NODE, 5, 6))
    other = on_node("b", run(NODE, 0.5, 2), run(NODE, 3, 4))
    found, _ = beside([paused, other])
    assert [at(3), None] == [each.taken_at for each in found.attempts]


def test_a_pause_beside_which_nobody_came_stays_as_declared() -> None:
    """Another node, or another time, says nothing."""
    paused = on_node("a", run(NODE, 0, 1, ended_by="plan"))
    elsewhere = make_history([replace(run(NODE, 2, 3), node="n2", sid="b")], job_id="b")
    assert beside([paused, elsewhere])[0].attempts[0].taken_at is None


def test_jobs_whose_shares_come_to_more_than_the_node_are_cut_in_proportion() -> None:
    """All CPUs to one and seven GPUs to the other: 1 and 7/8 become 8/15 and 7/15 while both are there."""
    first = on_node("a", run(NODE, 0, 2, gpus=1), gpus=1, cpus=64)
    second = on_node("b", run(NODE, 1, 3, gpus=7), gpus=7)
    one, two = beside([first, second])
    shares = []
    for history in (one, two):
        ((start, end, share),) = history.attempts[0].crowded
        assert (at(1), at(2)) == (start, end)
        shares.append(share)
    assert [8 / 15, 7 / 15] == pytest.approx(shares)


def test_jobs_that_fit_a_node_together_are_left_as_they_are() -> None:
    """Half and half is one node."""
    jobs = [on_node(name, run(NODE, 0, 2, gpus=4), gpus=4) for name in "ab"]
    assert jobs == beside(jobs)


stays = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0.1, 20), st.integers(1, 8), st.none() | st.floats(1, 64)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=80)
@given(stays=stays)
def test_two_jobs_on_one_node_never_sum_to_more_than_the_node(
    stays: list[tuple[float, float, int, float | None]],
) -> None:
    """Of its host, whatever they ask for and however they overlap."""
    jobs = [
        on_node(f"j{n}", run(NODE, start, start + length, gpus=gpus), gpus=gpus, cpus=cpus)
        for n, (start, length, gpus, cpus) in enumerate(stays)
    ]
    told = beside(jobs)
    carried = [account(each.row.job, each.attempts, GRID) for each in told]
    host_kwh = sum(made.it_energy_kwh - made.gpu_energy_kwh for made in carried)
    moments = sorted({moment for start, length, *_ in stays for moment in (start, start + length)})
    taken_h = sum(
        last - first
        for first, last in itertools.pairwise(moments)
        if any(start <= first and last <= start + length for start, length, *_ in stays)
    )
    assert host_kwh <= 1.6 * taken_h * (1 + 1e-9) + 1e-9
