"""Whose turn it is in a fleet, what stays as it is, who is late, and how starts are spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.planning.fleet.admission import admitted
from scheduler.planning.fleet.costs import Costs
from scheduler.planning.fleet.dive import hardest_first
from scheduler.planning.fleet.dual import Dual
from scheduler.planning.fleet.fleet import Fleet, Place
from scheduler.planning.fleet.order import settle_order, starved
from scheduler.planning.fleet.placing import Placing
from scheduler.planning.fleet.planner import plan_fleet
from scheduler.planning.fleet.spread import NEAR, spread
from scheduler.planning.fleet.warm import Warm
from tests.planning.fleet_worlds import fits, fleet, job, pauses, rates

FLAT = rates([1000.0] * 8)


def at(on: Fleet, name: str, start: float, end: float, row: int = 0) -> Place:
    """One stretch of a job of a fleet."""
    each = next(each for each in on.jobs if each.id == name)
    return Costs(on).place(each, [(row, start, end)])


def placed(on: Fleet, *places: Place) -> Placing:
    """The jobs of a fleet at these places."""
    placing = Placing(Dual(on, Costs(on)))
    placing.put_all(enumerate(places))
    return placing


def test_a_job_that_finds_no_place_in_time_is_admitted_late_at_its_earliest() -> None:
    """Its deadline is then what was promised, and the others keep theirs."""
    on = fleet(job("a", FLAT, deadline_h=2.0), job("b", FLAT, deadline_h=3.0))
    found = plan_fleet(on)
    assert ("b",) == found.late
    assert (2.0, 4.0) == (found.places["b"].start_h, found.places["b"].finish_h)
    assert found.places["a"].finish_h <= 2.0
    assert found.bound_g == pytest.approx(found.cost_g, rel=1e-6)


def test_a_job_without_any_room_is_said_to_be_unplaced() -> None:
    """It counts neither in the cost nor in the bound."""
    on = fleet(job("a", FLAT), job("wide", FLAT, takes=np.array([2])))
    found = plan_fleet(on)
    assert ("wide",) == found.unplaced
    assert {"a"} == set(found.places)
    assert found.bound_g <= found.cost_g


def test_what_runs_or_starts_within_minutes_stays() -> None:
    """Though a cleaner hour is free, an incumbent that starts in under ten minutes is not moved."""
    falling = rates([9000.0, 9000.0, 9000.0, 10.0, 10.0, 10.0])
    on = fleet(job("soon", falling), job("later", falling), capacity=2)
    soon = replace(on.jobs[0], incumbent=at(on, "soon", 0.1, 2.1))
    later = replace(on.jobs[1], incumbent=at(on, "later", 0.5, 2.5))
    found = plan_fleet(replace(on, jobs=(soon, later)))
    assert 0.1 == found.places["soon"].start_h
    assert found.places["later"].start_h >= 3.0


def test_a_small_gain_moves_no_reservation() -> None:
    """One per cent less is not enough, and neither is a gain that its switching takes back."""
    slightly = rates([1000.0, 1000.0, 990.0, 990.0, 990.0])
    on = fleet(job("a", slightly), capacity=1)
    held = at(on, "a", 0.5, 2.5)
    assert held == plan_fleet(replace(on, jobs=(replace(on.jobs[0], incumbent=held),))).places["a"]
    clearly = rates([1000.0, 1000.0, 900.0, 900.0, 900.0])
    on = fleet(job("a", clearly), capacity=1)
    held = at(on, "a", 0.5, 2.5)
    assert held != plan_fleet(replace(on, jobs=(replace(on.jobs[0], incumbent=held),))).places["a"]
    costly = replace(on.jobs[0], incumbent=held, switch_g=500.0)
    assert held == plan_fleet(replace(on, jobs=(costly,))).places["a"]


def test_a_reservation_that_no_longer_fits_is_made_anew() -> None:
    """Its cluster has lost its room, so another hour is found beside those that still hold."""
    room = [[0, 0, 1, 1, 1, 1, 1, 1]]
    on = fleet(job("a", FLAT), job("b", FLAT), capacity=room)
    lost = replace(on.jobs[0], incumbent=at(on, "a", 0.5, 2.5))
    kept = replace(on.jobs[1], incumbent=at(on, "b", 2.0, 4.0))
    found = plan_fleet(replace(on, jobs=(lost, kept)))
    assert (2.0, 4.0) == (found.places["b"].start_h, found.places["b"].finish_h)
    assert found.places["a"].start_h >= 4.0
    assert not found.late


def test_nodes_that_are_kept_are_taken() -> None:
    """A suspended job that keeps its nodes leaves no room there until it resumes."""
    dear = rates([9000.0, 9000.0, 9000.0, 100.0, 100.0, 100.0], hold=0.001)
    held = job("held", dear, work_h=1.5, resumed_from=0, pauses=pauses(1, 6))
    on = fleet(held, job("other", dear, work_h=1.0, deadline_h=2.0), holds=True)
    found = plan_fleet(on)
    assert fits(on, found.places)
    assert ("other",) == found.late
    assert (0, 0.0, 3.0) in found.places["held"].taken


def test_an_equal_job_that_came_later_does_not_overtake() -> None:
    """Two of one size: the one submitted first has the first start, where that costs nothing."""
    on = fleet(job("first", FLAT), job("second", FLAT))
    placing = placed(on, at(on, "first", 2.0, 4.0), at(on, "second", 0.0, 2.0))
    assert 1 == settle_order(placing)
    assert [0.0, 2.0] == [place.start_h for place in placing.places if place is not None]
    assert 0 == settle_order(placing)


def test_it_may_overtake_for_more_than_a_per_cent() -> None:
    """The later one's rates make the exchange dearer by more than 1 %, so it stays, unless the first starves."""
    early, late = rates([1000.0, 1000.0, 1000.0, 1000.0]), rates([100.0, 100.0, 1000.0, 1000.0])
    on = fleet(job("first", early), job("second", late))
    places = at(on, "first", 2.0, 4.0), at(on, "second", 0.0, 2.0)
    assert 0 == settle_order(placed(on, *places))
    waited = replace(on, jobs=(replace(on.jobs[0], waited_h=500.0), on.jobs[1]))
    assert 1 == settle_order(placed(waited, *places))


def test_it_may_overtake_where_the_first_would_lose_its_time() -> None:
    """The place of the later one lies before the first may start."""
    on = fleet(job("first", FLAT, earliest_h=1.0), job("second", FLAT))
    assert 0 == settle_order(placed(on, at(on, "first", 2.0, 4.0), at(on, "second", 0.0, 2.0)))


def test_who_waited_too_long_has_the_first_turn_in_order_of_submission() -> None:
    """Size and priority are for the others."""
    jobs = (
        job("long", FLAT, work_h=6.0), job("urgent", FLAT, priority=1), job("old", FLAT, work_h=0.5, waited_h=200.0),
        job("older", FLAT, waited_h=300.0),
    )  # fmt: skip
    dual = Dual(fleet(*jobs, capacity=4), Costs(fleet(*jobs, capacity=4)))
    order = hardest_first(dual, starved(jobs, 168.0))
    assert ["old", "older", "urgent", "long"] == [jobs[number].id for number in order]


def test_near_equal_starts_are_spread_by_the_seed_and_nearly_free() -> None:
    """Jobs alike on room that nobody else wants start at many hours, each within half a per cent."""
    jobs = tuple(job(f"j{number}", FLAT, work_h=1.0) for number in range(6))
    on = fleet(*jobs, capacity=9)
    starts = [[place.start_h for place in plan_fleet(on, seed=seed).places.values()] for seed in (1, 2)]
    assert len(set(starts[0])) > 2
    assert starts[0] != starts[1]
    placing = placed(on, *(at(on, each.id, 0.0, 1.0) for each in jobs))
    before_g = placing.cost_g
    assert 0 <= spread(placing, np.random.default_rng(0)) <= NEAR * before_g


def test_one_job_is_not_spread() -> None:
    """Alone it starts where the exact planner has it."""
    assert 0.0 == plan_fleet(fleet(job("a", FLAT)), seed=5).places["a"].start_h


def test_prices_go_on_where_the_hours_are_the_same() -> None:
    """Two hours later the same slots have the same prices; on other borders they are not the same prices."""
    warm = Warm(edges_h=np.arange(5.0), price=np.array([[1.0, 2.0, 3.0, 4.0]])).after(2.0)
    price, same = warm.on(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]))
    assert [[2.0, 3.0, 4.0, 0.0]] == price.tolist()
    assert same
    assert not warm.on(np.array([-1.0, 1.0, 2.0]))[1]


def test_admission_keeps_what_holds_and_adds_in_order() -> None:
    """The first to come chooses first; nobody who is in is moved for it."""
    falling = rates([5000.0, 5000.0, 10.0, 10.0])
    on = fleet(job("a", falling), job("b", falling))
    got = admitted(on, Dual(on, Costs(on)))
    assert (2.0, 0.0) == (got.places["a"].start_h, got.places["b"].start_h)
    assert on is got.fleet


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"work_h": 0.0}, "needs GPUs and work"),
        ({"earliest_h": -1.0}, "before the moment of decision"),
        ({"running": True}, "holds no reservation"),
        ({"resumed_from": 0}, "says nothing of its pauses"),
    ],
)
def test_a_job_that_cannot_be_posed_is_refused(changes: dict[str, object], said: str) -> None:
    """The message names the job."""
    with pytest.raises(InvalidInput, match=said):
        job("a", FLAT, **changes)


def test_a_fleet_that_cannot_be_meant_is_refused() -> None:
    """Twice the same id, another shape, an unknown rate, borders out of order."""
    one = job("a", FLAT)
    with pytest.raises(InvalidInput, match="same id"):
        fleet(one, one)
    with pytest.raises(InvalidInput, match="not on the"):
        fleet(one, job("b", rates([1.0])))
    with pytest.raises(InvalidInput, match="unknown"):
        fleet(job("a", rates([1.0, float("nan"), 1.0])))
    with pytest.raises(InvalidInput, match="rising"):
        replace(fleet(one), edges_h=np.zeros(9))
    with pytest.raises(InvalidInput, match="start after"):
        replace(fleet(one), edges_h=np.arange(1.0, 10.0))


def test_a_fleet_without_jobs_has_a_plan() -> None:
    """It costs nothing, and no fleet costs less."""
    found = plan_fleet(replace(fleet(job("a", FLAT)), jobs=()))
    assert ({}, 0.0, 0.0) == (found.places, found.cost_g, found.bound_g)


def test_a_search_with_heat_gives_the_best_set_that_it_saw() -> None:
    """However dear the changes that it makes on its way, the set costs no more than a cold search's start."""
    dice = np.random.default_rng(4)
    graded = [rates(dice.uniform(100, 900, 8).tolist()) for _ in range(4)]
    on = fleet(*(job(f"j{n}", graded[n], work_h=float(n % 2 + 1), deadline_h=8.0) for n in range(4)))
    start, searched = plan_fleet(on, tries=0, gap=0.0), plan_fleet(on, tries=400, gap=0.0)
    assert searched.cost_g <= start.cost_g
    assert fits(on, searched.places)
    assert searched.bound_g <= searched.cost_g * (1 + 1e-9)
