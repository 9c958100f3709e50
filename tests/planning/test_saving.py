"""The difference to the baseline: its share, its range, and whether it is more than what nobody knows."""

from __future__ import annotations

import numpy as np
import pytest

from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.domain.intensity import IntensitySeries
from scheduler.planning.plan import Plan, Saving
from scheduler.planning.planner import make_plan
from scheduler.planning.saving import less_kg
from scheduler.planning.situation import Situation
from tests.planning.worlds import T0, cluster, flat, job, series

PARIS, MONTREAL = cluster(), cluster("montreal", "CA-QC")
HARDWARE_KG = 32 * 462_500 / (6 * 8760 * 0.85) / 1000


def saved(grid: dict[str, IntensitySeries], **changes: object) -> Saving:
    """The saving of the exact optimum between Paris and Montreal beside run-now in Paris."""
    clusters = [each for each in (PARIS, MONTREAL) if each.zone in grid]
    situation = Situation(job=job(**changes), clusters=clusters, intensity=grid, now=T0)
    plan = make_plan(situation, {"run-now": RunNow(), "carbon-aware": CarbonAware()})
    assert isinstance(plan, Plan)
    assert plan.saving is not None
    return plan.saving


def test_a_move_between_zones_of_like_intensity_is_no_gain() -> None:
    """33 and 31 g/kWh, each known to 15 %: a central difference whose sign nobody knows."""
    found = saved({"FR": flat("FR", 33), "CA-QC": flat("CA-QC", 31)})
    assert 32 * 0.72 * 2 / 1000 == pytest.approx(found.kg)
    assert not found.distinguishable
    half_kg = 32 * 0.72 * 0.15 * np.hypot(33, 31) / 1000
    assert (found.kg - half_kg, found.kg + half_kg) == pytest.approx((found.low_kg, found.high_kg))


def test_a_move_to_a_much_cleaner_zone_is_one() -> None:
    """600 beside 30 g/kWh: no error of 15 % turns that around."""
    found = saved({"FR": flat("FR", 600), "CA-QC": flat("CA-QC", 30)})
    assert found.distinguishable
    assert found.low_kg > 0


def test_a_wait_within_one_zone_is_as_sure_as_its_sign() -> None:
    """An error of the zone's level moves both sides alike, so the saving scales with it and keeps its sign."""
    found = saved({"FR": series("FR", [50] * 4 + [45] * 4)}, deadline="8h")
    assert 32 * 0.72 * 5 / 1000 == pytest.approx(found.kg)
    assert (0.85 * found.kg, 1.15 * found.kg) == pytest.approx((found.low_kg, found.high_kg))
    assert found.distinguishable


def test_a_trifle_is_no_effect() -> None:
    """Under half a percent of the baseline no meter would see it."""
    found = saved({"FR": series("FR", [50] * 4 + [49.8] * 4)}, deadline="8h")
    assert found.kg > 0
    assert not found.distinguishable


def test_a_stated_range_is_used_by_zone() -> None:
    """Montreal known exactly and Paris to 10 %: only Paris's error counts."""
    sure = flat("CA-QC", 30, low=np.full(500, 30.0), high=np.full(500, 30.0))
    wide = flat("FR", 60, low=np.full(500, 54.0), high=np.full(500, 66.0))
    found = saved({"FR": wide, "CA-QC": sure})
    step_kg = 32 * 0.72 * 6 / 1000
    assert (found.kg - step_kg, found.kg + step_kg) == pytest.approx((found.low_kg, found.high_kg))


def test_shares_of_all_lines_and_of_electricity() -> None:
    """Halving the intensity halves the operational part and leaves the hardware."""
    found = saved({"FR": flat("FR", 60), "CA-QC": flat("CA-QC", 30)})
    assert 50.0 == pytest.approx(found.operational_pct)
    assert 100 * 0.6912 / (1.3824 + HARDWARE_KG) == pytest.approx(found.pct)


def test_a_share_of_nothing_is_unknown() -> None:
    """A baseline without electricity emissions has no operational share."""
    found = saved({"FR": flat("FR", 0)})
    assert (None, 0.0) == (found.operational_pct, found.kg)
    assert not found.distinguishable


def test_what_differs_by_rounding_alone_saves_nothing() -> None:
    """Hours summed in another order are no effect, nor its sign."""
    assert less_kg(0.1 + 0.2, 0.3) == less_kg(0.3, 0.1 + 0.2) == 0.0
    assert less_kg(2.0, 1.5) == 0.5
