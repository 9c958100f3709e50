"""A job, clusters and intensities become a problem: rates, room, the window, and why clusters are left out."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from scheduler.domain.basis import Basis
from scheduler.domain.errors import BasisMismatch, Infeasible, InvalidInput
from scheduler.domain.placement import Segment
from scheduler.problem.learnt import learnt_from
from scheduler.problem.surface import RUN_LINES
from scheduler.problem.ways import way_g
from tests.planning.between_two import GRID, PARIS, made
from tests.planning.worlds import H100, SHARED, T0, at, cluster, flat, job, series


def test_rates_of_the_worked_case() -> None:
    """At 33 g/kWh, 800 GPU-hours of the worked case make 19.008 kg of electricity and 8.2818 kg of hardware."""
    surface = made(grid={"FR": flat("FR", 33)}, clusters=[PARIS]).problem.surface
    kg = {line: float(surface.run_g[line][0, 0]) * 800 / 1000 for line in RUN_LINES}
    assert {
        "dynamic": pytest.approx(329.6 * 0.033, rel=1e-12),
        "idle_running": pytest.approx(150.4 * 0.033, rel=1e-12),
        "facility": pytest.approx(96.0 * 0.033, rel=1e-12),
        "embodied": pytest.approx(0.8 * 462_500 / (6 * 8760 * 0.85), rel=1e-12),
    } == kg
    assert 27.289851553 == pytest.approx(sum(kg.values()), rel=1e-9)


def test_rows_and_window() -> None:
    """Rows are the clusters in the order given; hour 0 is now; work, earliest and deadline are hours from it."""
    problem = made(job(deadline="20h", earliest_start="2h"), now=at(0.5)).problem
    assert ("paris", "montreal") == problem.surface.clusters
    assert 0 == problem.home
    assert (4.0, 2.0, 20.0) == (problem.work_h, problem.earliest_h, problem.deadline_h)
    assert {2.0, 20.0} <= set(problem.surface.edges_h.tolist())
    assert [0.0, 0.5, 1.5, 2.0, 2.5] == problem.surface.edges_h[:5].tolist()


def test_intensity_is_integrated_over_slots_of_mixed_steps() -> None:
    """Slots are cut by the finest zone; an hourly zone gives each quarter its hour's value."""
    fine = series("FR", [10, 20, 30, 40] * 4, step=timedelta(minutes=15))
    found = made(job(deadline="4h"), grid={"FR": fine, "CA-QC": series("CA-QC", [7, 8, 9, 10])})
    assert 17 == len(found.problem.surface.edges_h)
    assert [10, 20, 30, 40] == found.g_per_kwh[0, :4].tolist()
    assert [7, 7, 7, 7, 8] == found.g_per_kwh[1, :5].tolist()


def test_beyond_the_table_the_intensity_is_unknown_and_the_deadline_stands() -> None:
    """A table of three hours neither shortens a deadline of ten nor says anything of the rest."""
    found = made(job(deadline="10h"), [PARIS], grid={"FR": series("FR", [1, 2, 3])})
    assert [0, 1, 2, 3, 10] == found.problem.surface.edges_h.tolist()
    assert [False, False, False, True] == np.isnan(found.g_per_kwh[0]).tolist()
    assert np.isnan(found.problem.surface.run_g["dynamic"][0, 3])
    assert 10 == found.problem.deadline_h


def test_levels_take_the_corners_of_hardware_and_intensity() -> None:
    """A range stated by neither cluster nor source is 15 % of the intensity; a stated one is used."""
    low, high = (made(level=level, clusters=[PARIS]).g_per_kwh[0, 0] for level in ("low", "high"))
    assert (51.0, 69.0) == pytest.approx((low, high))
    stated = {"FR": flat("FR", 60, low=np.full(500, 50.0), high=np.full(500, 61.0))}
    ends = [float(made(level=level, clusters=[PARIS], grid=stated).g_per_kwh[0, 0]) for level in ("low", "high")]
    assert [50.0, 61.0] == ends
    wide = cluster(pue={"low": 1.0, "central": 1.2, "high": 1.4})
    facility = [
        float(made(level=level, clusters=[wide]).problem.surface.run_g["facility"][0, 0]) for level in ("low", "high")
    ]
    assert [0.0, 0.6 * 69 * 0.4] == pytest.approx(facility)


def test_reservations_that_meet_leave_room_between_them_however_they_were_rounded() -> None:
    """One begins a microsecond before the other ends: no instant has both, and a run beside them has its room."""
    late, early = at(2), at(2) - timedelta(microseconds=1)
    taken = [
        Segment(cluster="paris", start=at(0), end=late, gpus=10),
        Segment(cluster="paris", start=early, end=at(4), gpus=10),
    ]
    surface = made(job(deadline="4h"), reservations=taken).problem.surface
    assert 6 == surface.capacity[0].min()


def test_reservations_take_room_from_edge_to_edge() -> None:
    """Another job from 1.25 h to 2.5 h leaves half of Paris in between, and cuts the slots there."""
    taken = [Segment(cluster="paris", start=at(1.25), end=at(2.5), gpus=12)]
    surface = made(job(deadline="4h"), reservations=taken).problem.surface
    assert [0, 1, 1.25, 2, 2.5, 3, 4] == surface.edges_h.tolist()
    assert [16, 16, 4, 4, 16, 16] == surface.capacity[0].tolist()
    assert [16] * 6 == surface.capacity[1].tolist()


def test_room_is_never_negative() -> None:
    """Reservations beyond the cluster leave nothing, not less."""
    taken = [Segment(cluster="paris", start=T0, end=at(9), gpus=12)] * 2
    assert {0} == set(made(reservations=taken).problem.surface.capacity[0].tolist())


def test_an_exclusive_job_pays_for_whole_nodes() -> None:
    """Six GPUs of a node of eight: host, idle floor and hardware of all eight, the work of six."""
    shared, alone = job(gpus=6), job(gpus=6, exclusive=True)
    one, other = (made(each, [PARIS]).problem.surface.run_g for each in (shared, alone))
    intensity_kg = 0.060
    assert 6 * (337 + 75) * intensity_kg == pytest.approx(6 * one["dynamic"][0, 0])
    assert (6 * 337 + 600) * intensity_kg == pytest.approx(6 * other["dynamic"][0, 0])
    assert (8 * 63 + 1000) * intensity_kg == pytest.approx(6 * other["idle_running"][0, 0])
    assert 8 / 6 == pytest.approx(other["embodied"][0, 0] / one["embodied"][0, 0])


def test_an_exclusive_job_finds_whole_nodes_only() -> None:
    """With four GPUs of sixteen taken, one node of eight is left to it."""
    taken = [Segment(cluster="paris", start=T0, end=at(9), gpus=4)]
    surface = made(job(gpus=6, exclusive=True), [PARIS], reservations=taken).problem.surface
    assert {8} == set(surface.capacity[0].tolist())


@pytest.mark.parametrize(
    ("state", "embodied", "idle"),
    [("held", True, True), ("idle", False, True), ("off", False, False), ("backfilled", False, False)],
)
def test_paused_nodes_cost_what_their_cluster_says(state: str, *, embodied: bool, idle: bool) -> None:
    """Held nodes cost energy and hardware, idle ones energy, the others nothing."""
    surface = made(clusters=[cluster(paused_nodes=state)]).problem.surface
    assert idle == bool(surface.holds[0])
    assert embodied == (surface.hold_g["embodied"][0, 0] > 0)
    assert idle == (surface.hold_g["idle_held"][0, 0] > 0)
    assert idle == (surface.hold_g["facility"][0, 0] > 0)


def test_durations_by_model_become_speeds() -> None:
    """With 4 h on the home's A100 and 2 h on H100 the H100 works twice as fast; the work is in home hours."""
    fast = cluster("oslo", "CA-QC", gpu=H100)
    problem = made(job(duration={"A100": "4h", "H100": "2h"}), [PARIS, fast]).problem
    assert [1.0, 2.0] == problem.surface.speed.tolist()
    assert (4.0, 4.0) == (problem.work_h, problem.deadline_h)


def test_power_by_model_is_used() -> None:
    """A measured power stands in for the nameplate, also per model."""
    rates = made(job(gpu_w={"A100": 263})).problem.surface.run_g["dynamic"]
    assert (200 + 75) / 1000 * 60 == pytest.approx(rates[0, 0])


def test_overheads_and_limits() -> None:
    """Checkpoint, restart, shortest segment and the limits reach the problem in hours; what is used up is gone."""
    said = {"checkpoint": "6m", "restart": "15m", "min_segment": "1h", "max_suspends": 3, "max_moves": 1}
    problem = made(job(interruptible=said), suspends_done=1, moves_done=2).problem
    rules = problem.interruption
    assert rules is not None
    assert (0.1, 1.0, 2, 0) == (rules.checkpoint_h, rules.min_segment_h, rules.max_suspends, rules.max_moves)
    assert [0.25, 0.25] == problem.surface.restart_h.tolist()
    assert made().problem.interruption is None


def test_periodic_saves_charge_the_work_lost() -> None:
    """A job that saves each half hour loses a quarter on average, and the save under way."""
    rules = made(job(interruptible={"save": "periodic", "every": "30m", "checkpoint": "3m"})).problem.interruption
    assert rules is not None
    assert 0.3 == pytest.approx(rules.checkpoint_h)


def test_a_checkpoint_travels_over_a_shared_storage() -> None:
    """With a common storage a move takes no time and half the electricity at each end; without, it cannot be."""
    here, there = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED)
    away = cluster("nice", "FR", storage=[{"name": "nfs", "path": "/x"}])
    surface = made(job(checkpoint={"gb": 100}), [here, there, away]).problem.surface
    assert [[0, 0, np.inf], [0, 0, np.inf], [np.inf, np.inf, 0]] == surface.move_h.tolist()
    assert 100 * 0.01 * 45 == pytest.approx(way_g(surface.move_g, 0, 1, 0))
    assert 0 == way_g(surface.move_g, 0, 0, 0)
    free = made(clusters=[here, there]).problem.surface.move_g
    assert 0 == way_g(free, np.array([0, 1]), np.array([1, 0]), 0).max()


def test_a_resumed_job_goes_on_where_its_checkpoint_can_be_read() -> None:
    """What is left is done at a place that shares its storage; the others say why not."""
    here, there = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED)
    found = made(job(deadline="20h"), [here, there, cluster("nice")], progress=0.25, resumed_from="montreal")
    assert (3.0, 1) == (found.problem.work_h, found.problem.resumed_from)
    assert ["shares no storage with montreal, where the checkpoint lies"] == [r.reason for r in found.rejected]


def test_a_checkpoint_can_leave_a_cluster_that_may_not_be_used_again() -> None:
    """The cluster it lies on keeps a row without room, so that the move away has its price."""
    here, there = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED)
    the_job = job(allowed="paris", checkpoint={"gb": 100}, deadline="20h")
    surface = made(the_job, [there, here], progress=0.5, resumed_from="montreal").problem.surface
    assert ("paris", "montreal") == surface.clusters
    assert {0} == set(surface.capacity[1].tolist())
    assert np.isnan(surface.run_g["dynamic"][1]).all()
    assert 45.0 == pytest.approx(way_g(surface.move_g, 1, 0, 0))


def test_a_checkpoint_in_a_zone_without_intensity_leaves_at_a_price_nobody_knows() -> None:
    """The move can be, its emissions are unknown."""
    here, there = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED)
    the_job = job(checkpoint={"gb": 100}, deadline="20h")
    found = made(the_job, [here, there], grid={"FR": GRID["FR"]}, progress=0.5, resumed_from="montreal")
    assert [("montreal", "no intensity for zone CA-QC")] == [(r.cluster, r.reason) for r in found.rejected]
    assert np.isnan(way_g(found.problem.surface.move_g, 1, 0, 0))
    assert 0 == found.problem.surface.move_h[1, 0]


@pytest.mark.parametrize(
    ("changes", "options", "deadline_h"),
    [
        ({}, {}, 4.0),
        ({}, {"default_slack": timedelta(hours=3)}, 7.0),
        ({"default_slack": "2h"}, {"default_slack": timedelta(hours=3)}, 6.0),
        ({"deadline": "10h"}, {"default_slack": timedelta(hours=3)}, 10.0),
        ({"deadline": "2026-03-01T09:30:00+01:00"}, {}, 8.5),
        ({"earliest_start": "3h"}, {}, 7.0),
        ({"deadline": "10h"}, {"submitted_at": T0 - timedelta(hours=1)}, 9.0),
        ({}, {"default_slack": timedelta(hours=3), "submitted_at": T0 - timedelta(hours=2)}, 5.0),
    ],
)
def test_deadlines(changes: dict[str, object], options: dict[str, object], deadline_h: float) -> None:
    """Stated from submission or as a time; absent it is the run at home and the slack, after the earliest start."""
    assert deadline_h == made(job(**changes), **options).problem.deadline_h


def test_the_margin_takes_no_more_than_the_slack() -> None:
    """Half an hour is kept free of two; a job without slack keeps its whole time."""
    margin = timedelta(minutes=30)
    assert 5.5 == made(job(deadline="6h"), deadline_margin=margin).problem.deadline_h
    assert 4.0 == made(job(deadline="250m"), deadline_margin=margin).problem.deadline_h
    assert 4.0 == made(deadline_margin=margin).problem.deadline_h


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"deadline": "2026-02-28T21:00:00Z"}, "lies 3h before now", "2026-03-01T04:00:00Z"),
        ({"deadline": "2026-03-01T00:00:00Z"}, "lies at now", "2026-03-01T04:00:00Z"),
        ({"deadline": "2h", "earliest_start": "3h"}, "lies 1h before the earliest start", "2026-03-01T07:00:00Z"),
    ],
)
def test_a_deadline_that_has_passed_is_infeasible(changes: dict[str, object], message: str, hint: str) -> None:
    """The error says by how much, and the first deadline that would do."""
    with pytest.raises(Infeasible) as caught:
        made(job(**changes))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_job_without_duration_needs_past_runs() -> None:
    """What was learnt stands in; nothing learnt is an error that says what to write."""
    assert 3.0 == made(job(duration=None), learnt=learnt_from({"A100": [timedelta(hours=3)]})).problem.work_h
    with pytest.raises(InvalidInput, match="no duration") as caught:
        made(job(duration=None))
    assert "duration: 12h" in caught.value.hint


def test_bases_never_meet() -> None:
    """A direct series beside a life-cycle one is refused, not compared."""
    direct = flat("CA-QC", 1, basis=Basis(boundary="direct"))
    with pytest.raises(BasisMismatch):
        made(grid={"FR": flat("FR"), "CA-QC": direct})


def test_no_intensity_at_all_is_refused() -> None:
    """An empty grid names what is missing."""
    with pytest.raises(InvalidInput, match="no intensity of any zone"):
        made(grid={})


def test_progress_is_a_share_that_leaves_work() -> None:
    """A finished job cannot be placed."""
    with pytest.raises(InvalidInput, match="progress of 1"):
        made(progress=1.0)


def test_the_surface_can_reach_past_the_deadline() -> None:
    """For the price of a late run; the deadline stays an edge."""
    problem = made(until=at(6)).problem
    assert (4.0, 6.0) == (problem.deadline_h, float(problem.surface.edges_h[-1]))
    assert 4.0 in problem.surface.edges_h
