"""A job whose plan gives its segments different widths: each is launched at its own, and is told it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.execution.launching import WIDTH_ENV
from tests.execution.engine_world import FIRST, START, NewWorld, stretch

SECOND = "cs-abcdefgh-s2-a1"


@pytest.mark.parametrize("launch", ["script", "torchrun", "ray"])
def test_each_segment_is_launched_at_the_width_of_its_plan(new_world: NewWorld, launch: str) -> None:
    """Eight GPUs first, two later; whatever the kind, the ranks are as many and the training is told."""
    world = new_world(stretch("one", 0, 1), replace(stretch("two", 1, 2), gpus=2), launch=launch)
    world.at(0)
    world.at(0.5)
    world.at(1)
    world.one.end(FIRST, "stopped", START + timedelta(hours=1), reason="stopped", stop_received_unix=1.0, progress=0.5)
    world.at(1.01)
    world.at(1.02)
    assert [8, 2] == [segment.gpus for segment in world.segments]
    wide, narrow = world.one.launches[FIRST], world.two.launches[SECOND]
    assert [(8, 8, "8"), (2, 2, "2")] == [(each.gpus, each.ranks, each.env[WIDTH_ENV]) for each in (wide, narrow)]
    assert (0.0, 0.5) == (wide.progress, narrow.progress)


def test_a_resized_job_that_is_exclusive_reserves_whole_nodes_for_what_it_uses(new_world: NewWorld) -> None:
    """Two ranks on a node of eight that is theirs alone."""
    world = new_world(replace(stretch("one", 0, 1), gpus=2), launch="torchrun", exclusive=True)
    world.at(0)
    launch = world.one.launches[FIRST]
    assert (8, 2, "2", 1) == (launch.gpus, launch.ranks, launch.env[WIDTH_ENV], launch.nodes)
