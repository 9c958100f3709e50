"""Which jobs two replays place otherwise, to the hours of their pauses, and what others hold instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from policies.carbon_aware import CarbonAware
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.otherwise import otherwise
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.results import Replayed
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import pausing, request, world


def aware(on: World, jobs: Sequence[Request]) -> Replayed:
    """What carbon-aware makes of some jobs."""
    runs = replay(on, jobs, CarbonAware(), Perfect(on.table))
    return Replayed.of(runs, bill(on, jobs, runs), 0.0)


def test_pauses_at_other_hours_are_another_placement() -> None:
    """Start, end, cluster and the number of suspends are alike, and yet what is emitted is not."""
    on, jobs = world(), [pausing(request(hours=16), restart_h=0.0)]
    one = aware(on, jobs)
    assert int(one.suspends[0]) > 0
    shifted = one.spans.copy()
    shifted[0, 3] -= US_PER_H // 2
    shifted[1, 2] -= US_PER_H // 2
    bill = replace(one.bill, emissions_kg=one.bill.emissions_kg * 1.1)
    (found,) = otherwise(on, jobs, one, replace(one, spans=shifted, bill=bill))
    assert found.why.startswith("pauses at other hours, ")
    assert [] == otherwise(on, jobs, one, replace(one, spans=one.spans.copy()))


def test_what_ends_as_another_begins_is_no_use_at_once() -> None:
    """Two jobs one behind the other in a cluster of their width leave it never over-full."""
    on, jobs = world(gpus=8), [request("a", hours=2), request("b", hours=2), request("c", hours=4)]
    one = aware(on, jobs)
    base = np.array([[0, 0, 0, 2 * US_PER_H, 0], [1, 0, 2 * US_PER_H, 4 * US_PER_H, 0], [2, 1, 0, 4 * US_PER_H, 0]])
    rows = np.array([0, 0, 1])
    other = replace(one, row=rows, spans=base, start_us=base[:, 2], finish_us=base[:, 3])
    here = replace(other, row=np.array([0, 0, 0]), start_us=other.start_us + 4 * US_PER_H)
    found = {each.job_id: each for each in otherwise(on, jobs, here, other)}
    assert not found["c"].taken
    now = replace(here, start_us=other.start_us)
    assert {each.job_id: each.taken for each in otherwise(on, jobs, now, other)} == {"c": True}
