"""What a plan says of its own sureness: the end of forecasts, longer slots, clusters left aside."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.domain.intensity import IntensitySeries
from scheduler.planning.forecasting.outlook import forecast
from scheduler.planning.plan import Plan
from scheduler.planning.planner import make_plan
from scheduler.planning.provisional import forecast_end
from scheduler.planning.situation import Situation
from scheduler.ports import Policy
from scheduler.problem import promising
from tests.planning.worlds import NAN, T0, at, cluster, job, series

POLICIES: dict[str, Policy] = {"carbon-aware": CarbonAware(), "run-now": RunNow()}
HOURS = np.arange(40 * 24)
PAST = 200 + 80 * np.sin(HOURS * np.pi / 12)


def warnings(situation: Situation) -> str:
    """What the plan of a job warns of."""
    made = make_plan(situation, POLICIES)
    assert isinstance(made, Plan)
    return "\n".join(made.warnings)


def ten_days(intensity: IntensitySeries, **changes: object) -> Situation:
    """A job of ten days with two to spare."""
    long = job(duration="240h", deadline="288h", interruptible={"restart": "30m"}, **changes)
    return Situation(job=long, clusters=[cluster()], intensity={"FR": intensity}, now=T0)


def extended() -> IntensitySeries:
    """Two days by the provider, the rest by us."""
    history = series("FR", PAST.tolist(), start=T0 - timedelta(days=40), kind="observed")
    issued = series("FR", PAST[:48].tolist(), issued_at=T0)
    return forecast(history, T0, at(300), issues=[issued]).series


def test_a_ten_day_job_on_two_days_of_forecast_says_what_is_provisional() -> None:
    """Up to where the provider's word goes, though ours goes on to the deadline."""
    assert at(48) == forecast_end(extended())
    said = warnings(ten_days(extended()))
    assert "the forecast of FR goes to 2026-03-03T00:00:00Z, the plan to 2026-03-" in said
    assert "the rest is provisional" in said


def test_without_a_forecast_of_ours_the_end_is_where_figures_end() -> None:
    """The hours behind it have no price and serve to keep the deadline."""
    short = series("FR", [*PAST[:48].tolist(), *[NAN] * 252])
    said = warnings(ten_days(short))
    assert "the forecast of FR goes to 2026-03-03T00:00:00Z" in said
    assert "is unknown in 240 of the 288 h" in said


def test_a_plan_inside_the_forecast_is_not_provisional() -> None:
    """Nor is one on figures that were observed."""
    within = Situation(job=job(), clusters=[cluster()], intensity={"FR": extended()}, now=T0)
    assert "provisional" not in warnings(within)
    seen = series("FR", PAST[:300].tolist(), kind="observed")
    assert forecast_end(seen) is None
    assert "provisional" not in warnings(ten_days(seen))


def test_longer_slots_are_told_with_what_they_cost_at_most() -> None:
    """Minutes planned on 5 of them, as there are too many."""
    minutes = series("FR", np.repeat(PAST[:72], 60).tolist(), step=timedelta(minutes=1))
    posed = Situation(job=job(deadline="72h"), clusters=[cluster()], intensity={"FR": minutes}, now=T0)
    said = warnings(posed)
    assert "slots of 5m stand in for 1m; no plan on finer ones emits over " in said


def test_clusters_that_were_left_aside_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in one piece was tried on every one."""
    monkeypatch.setattr(promising, "MOST_WAYS", 48 * 3**2)
    places = [cluster(f"c{n}", home) for n, home in enumerate(["FR", "DE", "GB", "PL", "ES"])]
    grid = {place.zone: series(place.zone, PAST[:48].tolist()) for place in places}
    the_job = job(home="c0", deadline="48h", interruptible={"restart": "30m"})
    said = warnings(Situation(job=the_job, clusters=places, intensity=grid, now=T0))
    assert "of 5 clusters the 3 that promise most were combined in pieces" in said
