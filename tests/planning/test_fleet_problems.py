"""Problems of single jobs as a fleet, and its places as their placements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from policies.carbon_aware import CarbonAware
from scheduler.domain.errors import InvalidInput
from scheduler.domain.placement import Placement
from scheduler.planning.fleet.planner import plan_fleet
from scheduler.planning.fleet.problems import Member, fleet_of, names_of, placement_of
from scheduler.ports import FleetPolicy
from scheduler.problem.exact import cheapest
from scheduler.problem.feasible import violations
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import placement, problem, surface

DIRTY_CLEAN = {"a": [900.0, 100.0, 100.0, 900.0], "b": [500.0, 500.0, 500.0, 500.0]}


def members(*problems: Problem, takes: int = 1) -> list[Member]:
    """Jobs that take so many GPUs anywhere."""
    return [
        Member(id=f"j{number}", problem=each, takes=dict.fromkeys(each.surface.clusters, takes))
        for number, each in enumerate(problems)
    ]


def together(problems: Sequence[Problem]) -> Sequence[Placement | None]:
    """The fleet's plan as the port has it."""
    listed = members(*problems)
    found = plan_fleet(fleet_of(listed))
    names = names_of(listed)
    return [
        placement_of(each.problem, found.places[each.id], names) if each.id in found.places else None for each in listed
    ]


def test_a_fleet_of_one_is_the_exact_planner() -> None:
    """Its placement keeps the constraints of its problem, and costs the same as the cheapest."""
    alone = problem(surface(DIRTY_CLEAN), 2.5, interruption=Interruption(), gpus=1)
    [made] = together([alone])
    best = cheapest(alone)
    assert made is not None
    assert best is not None
    assert () == violations(alone, made)
    assert price(alone, best).emissions.total == pytest.approx(price(alone, made).emissions.total)


def test_two_on_room_for_one_share_it() -> None:
    """One has the clean hours, the other the next best; alone both would be in the same place."""
    one = problem(surface(DIRTY_CLEAN, capacity={"a": 1, "b": 1}), 2.0)
    first, second = together([one, one])
    assert first is not None
    assert second is not None
    assert {"a", "b"} == {first.segments[0].cluster, second.segments[0].cluster}


def test_whole_nodes_are_what_is_taken() -> None:
    """A job of one GPU that takes a node of eight leaves none of the eight to another."""
    one = problem(surface(DIRTY_CLEAN, capacity={"a": 8, "b": 8}), 2.0)
    found = plan_fleet(fleet_of(members(one, one, takes=8)))
    rows = {place.stretches[0][0] for place in found.places.values()}
    assert {0, 1} == rows


def test_an_unknown_hour_is_used_only_to_keep_a_deadline() -> None:
    """The dear known hour goes first; where nothing else is left the unknown one does."""
    on = surface({"a": [float("nan"), 900.0, 900.0]})
    [known] = together([problem(on, 2.0)])
    [forced] = together([problem(on, 2.5)])
    assert known is not None
    assert forced is not None
    assert 1.0 == on.hour(known.start)
    assert 0.5 == on.hour(forced.start)


def test_a_reservation_is_known_to_the_fleet() -> None:
    """What a job holds is its incumbent, at the price of now."""
    on = surface(DIRTY_CLEAN)
    held = placement(on, ("b", 0.5, 2.5))
    [job] = fleet_of([replace(members(problem(on, 2.0))[0], held=held)]).jobs
    assert job.incumbent is not None
    assert ((1, 0.5, 2.5),) == job.incumbent.stretches
    assert job.incumbent.cost_g == pytest.approx(1000.0 * price(problem(on, 2.0), held).emissions.total)


def test_a_suspended_job_knows_where_its_checkpoint_is() -> None:
    """Its way to another cluster is in what it costs there."""
    on = surface(DIRTY_CLEAN, move_h=0.5, move_g=7.0)
    [job] = fleet_of(members(problem(on, 1.0, interruption=Interruption(), resumed_from=1))).jobs
    assert 1 == job.resumed_from
    assert job.pauses is not None
    assert (0.5, 7.0) == (job.pauses.move_h[1, 0], job.pauses.move_g[1, 0, 0])


def test_jobs_of_different_instants_are_no_fleet() -> None:
    """Neither are no jobs at all."""
    on = surface(DIRTY_CLEAN)
    other = replace(on, origin=on.instant(1.0))
    with pytest.raises(InvalidInput, match="different instants"):
        fleet_of(members(problem(on, 1.0), problem(other, 1.0)))
    with pytest.raises(InvalidInput, match="needs a job"):
        fleet_of([])


def test_carbon_aware_places_many_together() -> None:
    """All but a job that asks for a least saving, which is left to be placed alone."""
    policy = CarbonAware()
    one = problem(surface(DIRTY_CLEAN, capacity={"a": 1, "b": 1}), 2.0)
    asking = replace(one, min_saving_pct=5.0)
    assert isinstance(policy, FleetPolicy)
    first, none, second = policy.place_many([one, asking, one], together)
    assert none is None
    assert first is not None
    assert second is not None
    assert np.unique([first.segments[0].cluster, second.segments[0].cluster]).tolist() == ["a", "b"]


def test_a_job_s_own_deadline_cuts_nobody_else_s_hours() -> None:
    """Where nothing changes there is no border; where the rate does there is one, though it is a first start too."""
    hours = surface({"a": [1.0, 2.0, 3.0]})
    short = surface({"a": [1.0, 2.0]}, edges=[0.0, 1.0, 1.6])
    late = surface({"a": [1.0, 2.0, 2.0, 3.0]}, edges=[0.0, 1.0, 1.3, 2.0, 3.0])
    one = replace(problem(short, 1.0), deadline_h=1.6)
    other = replace(problem(late, 1.0), earliest_h=1.3)
    third = replace(problem(hours, 1.0), earliest_h=1.0)
    assert [0.0, 1.0, 2.0, 3.0] == fleet_of(members(one, other, third)).edges_h.tolist()
    assert [0.0, 1.0, 2.0, 3.0] == fleet_of(members(third)).edges_h.tolist()


def test_jobs_that_are_alike_share_their_rates() -> None:
    """What is summed up of a thousand like jobs is summed up once."""
    on = surface(DIRTY_CLEAN)
    first, second = fleet_of(members(problem(on, 1.0), problem(on, 2.0))).jobs
    assert first.rates is second.rates
