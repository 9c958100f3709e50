"""A plan that binds up to the next decision: when that has come it is made again before anything is launched."""

from __future__ import annotations

from datetime import timedelta

from scheduler.domain.instant import format_instant
from scheduler.domain.placement import Placement
from scheduler.execution.placed import Placed
from tests.execution.engine_world import FIRST, START, NewWorld, World, document, stretch


def decided(world: World, start_h: float, next_h: float, *, write: bool) -> None:
    """What the policy decides next, in the store at once or when it is asked."""
    made = document(Placement(segments=(stretch("one", start_h, start_h + 3),)))
    made["next_decision"] = format_instant(START + timedelta(hours=next_h))
    if write:
        with world.store.writing() as tx:
            tx.add_plan("abcdefgh", world.clock.at, made)
    else:
        placed = Placed(plan=None, document=made)  # type: ignore[arg-type]  # the engine stores the document only
        world.engine.placer.better = lambda *_given, **_more: placed  # type: ignore[method-assign]  # the fake's own


def test_a_wait_ends_with_another_decision(new_world: NewWorld) -> None:
    """At one it decides to wait until two, at two to run: nothing is launched before."""
    world = new_world(stretch("one", 1, 4))
    decided(world, 1, 1, write=True)
    decided(world, 2, 2, write=False)
    world.at(0.5)
    world.at(1)
    assert [] == world.one.started
    decided(world, 2, 3, write=False)
    world.at(2)
    world.at(2.01)
    assert [FIRST] == world.one.started


def test_a_decision_to_run_is_launched_while_it_holds(new_world: NewWorld) -> None:
    """The next decision lies ahead, so the plan binds."""
    world = new_world(stretch("one", 0, 3))
    decided(world, 0, 1, write=True)
    world.at(0.01)
    assert [FIRST] == world.one.started


def test_a_start_that_found_no_room_until_then_is_decided_anew(new_world: NewWorld) -> None:
    """The hour is over, and another rate holds."""
    world = new_world(stretch("one", 0, 3))
    decided(world, 0, 0.05, write=True)
    decided(world, 5, 5, write=False)
    world.one.free = 0
    world.at(0.01)
    world.one.free = 8
    world.at(0.06)
    assert [] == world.one.started


def test_a_reservation_far_ahead_is_decided_on_again_all_the_same(new_world: NewWorld) -> None:
    """What others hold put its start off until five; by the next decision an earlier one is free."""
    world = new_world(stretch("one", 5, 8))
    decided(world, 5, 0.5, write=True)
    decided(world, 0.5, 1.5, write=False)
    world.at(0.4)
    assert [] == world.one.started
    world.at(0.5)
    world.at(0.51)
    assert [FIRST] == world.one.started
