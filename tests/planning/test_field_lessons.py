"""What other carbon-aware schedulers were seen to do wrong, and no test of another room looks at."""

from __future__ import annotations

import pytest

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.job import Job
from scheduler.planning.plan import Plan
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from tests.planning.worlds import T0, at, cluster, job, series

POLICIES = {each.name: each for each in (RunNow(), LowestCarbonRegion(), LowestCarbonWindow(), CarbonAware())}


def planned(of: Job, hours: list[float]) -> Plan:
    """A job's plan in Paris, on so many hours of a forecast."""
    situation = Situation(job=of, clusters=[cluster()], intensity={"FR": series("FR", hours)}, now=T0)
    found = make_plan(situation, POLICIES, None)
    assert isinstance(found, Plan), found
    return found


def test_a_job_is_not_refused_for_being_longer_than_the_forecast() -> None:
    """Three weeks on two days of forecast are planned in time, and said to be of unknown emissions."""
    plan = planned(job(duration="504h", deadline="528h"), [60.0] * 48)
    assert plan.chosen.placement.finish <= at(528)
    assert plan.chosen.coverage <= 48 / 504
    assert plan.chosen.emissions is None
    assert "of the plan's GPU-hours have no intensity" in plan.warnings[0]


def test_the_end_of_a_forecast_draws_nobody() -> None:
    """What lies behind it is not taken for clean: of all starts whose hours are known the best is chosen."""
    plan = planned(job(duration="4h", deadline="48h"), [60.0] * 8 + [50.0] * 8 + [70.0] * 8)
    assert at(8) <= plan.chosen.placement.start
    assert plan.chosen.placement.finish <= at(16)
    assert 1.0 == plan.chosen.coverage


def test_the_baseline_may_not_start_before_the_job_may() -> None:
    """The dirty hours before an earliest start save nothing: both begin behind them."""
    plan = planned(job(earliest_start="3h", deadline="12h"), [900.0] * 3 + [60.0] * 12)
    assert plan.baseline is not None
    assert plan.saving is not None
    assert at(3) == plan.baseline.placement.start
    assert 0.0 == pytest.approx(plan.saving.kg, abs=1e-12)


def test_a_job_that_names_no_policy_is_planned_by_its_emissions() -> None:
    """What nobody asked for by name is the optimum, not the baseline."""
    plan = planned(job(deadline="12h"), [60.0] * 4 + [20.0] * 8)
    assert "carbon-aware" == plan.policy
    assert at(4) <= plan.chosen.placement.start
