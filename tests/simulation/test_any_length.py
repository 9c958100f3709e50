"""A replay has no shortest and no longest job, and counts from wherever its table begins."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from policies.wait_awhile import WaitAwhile
from scheduler.ports import Policy
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.replay import replay
from scheduler.simulation.table import US
from tests.simulation.replay_worlds import pausing, request, world

HOURS = 1200
LENGTHS_H = (1 / 3600, 90 / 3600, 960.0)


@pytest.mark.parametrize(
    "policy",
    [RunNow(), LowestCarbonRegion(), LowestCarbonWindow(), CarbonAware(), WaitAwhile()],
    ids=lambda one: one.name,
)
def test_a_second_and_forty_days_are_replayed_alike(policy: Policy) -> None:
    """Each does its work in time and has a price."""
    on = world(hours=HOURS)
    jobs = [pausing(request(f"j{n}", n * 5.5, hours)) for n, hours in enumerate(LENGTHS_H)]

    runs = replay(on, jobs, policy, Perfect(on.table))

    for job, run in zip(jobs, runs, strict=True):
        restarts = (len(run.stretches) - 1) * job.restart
        occupied = sum(end - start for _, start, end in run.stretches) * US
        assert timedelta(0) == pytest.approx(occupied - restarts - job.length, abs=timedelta(milliseconds=1))
        assert run.finish_us <= on.table.us(job.deadline)
    assert np.isfinite(bill(on, jobs, runs).total_kg).all()
