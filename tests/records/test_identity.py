"""Jobs, idle hardware and head nodes close with the cluster, by month."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries
from scheduler.records.accounts import account
from scheduler.records.gather import JobHistory
from scheduler.records.identity import Closing, Declaration, closings, declarations
from scheduler.records.neighbours import beside
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run
from tests.records.curves import metered

SMALL = make_cluster(gpus=16, node={"cpus": 64}, head_w=500)
GRID: Mapping[str, IntensitySeries] = {"FR": make_series("FR", [50.0, 100.0] * 1000)}
NODE_KW = 8 * 0.063 + 1.0
"""A node at rest."""


def declared(cluster: Cluster = SMALL, since_h: float = 0.0, until_h: float = 24.0) -> list[Declaration]:
    """One cluster for some hours."""
    return [Declaration(cluster=cluster, since=at(since_h), until=at(until_h))]


def closed(
    histories: Sequence[JobHistory], known: Sequence[Declaration] | None = None, *, intensity: bool = True
) -> list[Closing]:
    """The identity of some jobs."""
    accruals = [
        accrual
        for each in histories
        for accrual in account(each.row.job, each.attempts, GRID, paused_until=each.paused_until).accruals
    ]
    return closings(histories, accruals, known or declared(), GRID if intensity else {})


def test_an_idle_cluster_is_all_unallocated() -> None:
    """Two nodes and a head over a day, and what that emits with the facility's share."""
    (made,) = closed([])
    assert (24 * 2 * NODE_KW, 12.0) == pytest.approx((made.unallocated_kwh, made.head_kwh))
    assert (made.it_kwh, made.it_kwh * 1.2) == pytest.approx((made.parts_kwh, made.facility_kwh))
    assert (made.facility_kwh * 75 / 1000, 0.0) == pytest.approx((made.unallocated_kg, made.reserved_share))
    assert made.closes


def test_a_job_takes_its_part_and_the_rest_stays_nobodys() -> None:
    """Eight of sixteen GPUs for six of 24 hours."""
    (made,) = closed([make_history([run(SMALL, 0, 6)])])
    assert (6 * 4.8, 24 * 2 * NODE_KW - 6 * NODE_KW) == pytest.approx((made.jobs_kwh, made.unallocated_kwh))
    assert 6 * 8 / (24 * 16) == pytest.approx(made.reserved_share)
    assert made.closes


def test_a_metered_job_closes_as_a_modelled_one_does() -> None:
    """Its floor by its own meter too: what it drew above the declared one is the cluster's."""
    for floor_w in (None, 90.0):
        history = make_history([metered(run(SMALL, 1, 6, reserved=(0, 6)), [(5, 1.6)], idle_w=floor_w)])
        (made,) = closed([history])
        assert made.closes


def test_two_jobs_on_one_gpu_at_once_are_counted_once() -> None:
    """A lost job was reserved until its lease ran out, and another was there already: the overlap is taken off."""
    lost = make_history([run(SMALL, 0, 4, gpus=16, known_by="nothing")], job=make_job(gpus=16), job_id="a")
    other = make_history([run(SMALL, 2, 6, gpus=16)], job=make_job(gpus=16), job_id="b")
    (made,) = closed([lost, other])
    assert 2 * 2 * NODE_KW == pytest.approx(made.twice_kwh)
    assert 6 / 24 == pytest.approx(made.reserved_share)
    assert made.closes


def test_a_job_that_could_not_be_accounted_is_the_difference() -> None:
    """Its GPUs were reserved and nobody says what they drew: that much is not explained."""
    made = closings([make_history([run(SMALL, 0, 6)])], [], declared(), GRID)[0]
    assert 6 * NODE_KW == pytest.approx(made.difference_kwh)
    assert not made.closes


def test_a_job_over_the_turn_of_a_month_closes_in_both() -> None:
    """Each month with its own hours."""
    turn = 27 * 24.0
    made = closed([make_history([run(SMALL, turn - 3, turn + 5)])], declared(until_h=turn + 24))
    assert [3, 4] == [each.month.month for each in made]
    assert [3 * 4.8, 5 * 4.8] == pytest.approx([each.jobs_kwh for each in made])
    assert all(each.closes for each in made)


def test_a_cluster_counts_from_when_it_was_declared_and_as_what() -> None:
    """It grew at noon and was gone in the evening: its hours are weighed by what it was."""
    grown = SMALL.model_copy(update={"gpus": 32})
    seen = [(at(18), {}), (at(6), {"france": SMALL}), (at(12), {"france": grown}), (at(8), {"france": SMALL})]
    known = declarations(seen, now=at(48))
    assert [(SMALL, at(6), at(12)), (grown, at(12), at(18))] == [(d.cluster, d.since, d.until) for d in known]
    (made,) = closed([], known)
    assert 6 * 16 + 6 * 32 == pytest.approx(made.installed_gpu_h)


def test_what_is_declared_last_lasts_until_now() -> None:
    """Nobody said otherwise."""
    assert [at(48)] == [each.until for each in declarations([(at(6), {"france": SMALL})], now=at(48))]


def test_simulated_clusters_have_an_identity_of_their_own() -> None:
    """By their name: they are in no real cluster's sum."""
    lab = make_cluster("lab", simulated=True, gpus=8)
    known = [*declared(), *declared(lab)]
    made = closed([make_history([run(lab, 0, 6)], home=lab)], known)
    assert [("france", False), ("lab", True)] == [(each.cluster.name, each.cluster.simulated) for each in made]
    assert [0.0, 6 * 4.8] == pytest.approx([each.jobs_kwh for each in made])


def test_without_an_intensity_the_idle_kilograms_are_unknown() -> None:
    """Never 0."""
    (made,) = closed([], intensity=False)
    assert made.unallocated_kg is None


stays = st.lists(
    st.tuples(
        st.floats(0, 1500),
        st.floats(0.1, 400),
        st.integers(1, 8),
        st.none() | st.floats(1, 64),
        st.floats(0, 1),
        st.none() | st.floats(0.1, 3.2),
        st.sampled_from(["n1", "n2", ""]),
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(stays=stays)
def test_the_parts_are_the_cluster_and_never_more(
    stays: list[tuple[float, float, int, float | None, float, float | None, str]],
) -> None:
    """However jobs overlap, share nodes, straddle months and are metered: it closes, and no share is over 1."""
    histories = []
    for n, (start, length, gpus, cpus, boot, power, node) in enumerate(stays):
        attempt = run(
            SMALL, start + boot * length, start + length, reserved=(start, start + length), gpus=gpus, sid=f"s{n}"
        )
        placed = replace(attempt, node=node)
        known = placed if power is None else metered(placed, [(length, power)], gpus=gpus)
        histories.append(make_history([known], job=make_job(gpus=gpus, cpus=cpus), job_id=f"j{n}"))
    for made in closed(beside(histories), declared(until_h=2000)):
        assert made.closes
        assert 0 <= made.reserved_share <= 1 + 1e-12
        assert made.parts_kwh <= made.it_kwh * (1 + 1e-9)
        assert made.facility_kwh == pytest.approx(made.it_kwh * 1.2)
        assert min(made.unallocated_kwh, made.twice_kwh) >= -1e-9


@given(hours=st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_declared_time_is_never_counted_twice(hours: list[float]) -> None:
    """However many plans declare a cluster, its declarations do not overlap."""
    seen = [(at(hour), {"france": SMALL.model_copy(update={"gpus": 8 * (1 + n % 3)})}) for n, hour in enumerate(hours)]
    known = sorted(declarations(seen, now=at(101)), key=lambda each: each.since)
    assert all(one.until <= other.since for one, other in itertools.pairwise(known))
    total = sum(((each.until - each.since) for each in known), start=timedelta(0))
    assert total == at(101) - at(min(hours))
