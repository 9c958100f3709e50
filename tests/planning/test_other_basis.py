"""A plan beside the other basis: two prices that never meet, and moves that the marginal one opposes are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pytest

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.run_now import RunNow
from scheduler.domain.basis import DEFAULT_BASIS, MARGINAL_BASIS
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.placement import Segment
from scheduler.planning.document import as_json
from scheduler.planning.plan import OtherBasis, Plan
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from scheduler.ports import Policy
from tests.planning.worlds import SHARED, T0, cluster, flat, job, series

POLICIES: Mapping[str, Policy] = {p.name: p for p in (RunNow(), LowestCarbonRegion(), CarbonAware())}
PARIS, MONTREAL, OSLO = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED), cluster("oslo", "NO")
AVERAGE = {"FR": series("FR", [60.0] * 6 + [50.0] * 30), "CA-QC": flat("CA-QC", 20, 36), "NO": flat("NO", 30, 36)}


def marginal(
    quebec: float = 458, norway: float = 100, france: Sequence[float] = (200.0,) * 36
) -> dict[str, IntensitySeries]:
    """Marginal rates."""
    on = {"basis": MARGINAL_BASIS}
    return {
        "FR": series("FR", france, **on),
        "CA-QC": flat("CA-QC", quebec, 36, **on),
        "NO": flat("NO", norway, 36, **on),
    }


def plan_of(policy: str | None = None, **options: object) -> Plan:
    """A plan of four hours at home in Paris."""
    fields: dict[str, object] = {
        "job": job(deadline="24h"),
        "clusters": [PARIS, MONTREAL],
        "intensity": AVERAGE,
        "other": marginal(),
        "now": T0,
    }
    found = make_plan(Situation(**(fields | options)), POLICIES, policy)  # type: ignore[arg-type]  # fields by name
    assert isinstance(found, Plan), found
    return found


def beside(plan: Plan) -> OtherBasis:
    """What it says of the other basis."""
    assert plan.other is not None
    return plan.other


def where(plan: Plan) -> tuple[str, float]:
    """The cluster and the start. [h]"""
    first = plan.chosen.placement.segments[0]
    return first.cluster, (first.start - T0).total_seconds() / 3600


@pytest.mark.parametrize("policy", ["carbon-aware", "lowest-carbon-region"])
def test_a_move_that_the_marginal_price_opposes_is_not_made(policy: str) -> None:
    """Quebec is cleaner on average and dirtier at the margin: the job stays, and shifts in time if its policy does."""
    plan = plan_of(policy)
    assert ("paris", 6.0 if policy == "carbon-aware" else 0.0) == where(plan)
    assert 1 == len(beside(plan).kept)
    assert any(w.startswith("not moved to CA-QC: on 'marginal direct n/a CO2'") for w in plan.warnings)


def test_it_is_made_where_that_is_allowed() -> None:
    """And the two signs are told: saved on one basis, more on the other."""
    plan = plan_of(allow_opposed=True)
    assert ("montreal", 0.0) == where(plan)
    saved = beside(plan).saving
    assert saved is not None
    assert saved.kg == pytest.approx(-32 * 0.72 * 0.258)
    assert any("the other way round on 'marginal direct n/a CO2'" in warning for warning in plan.warnings)
    assert plan.saving is not None
    assert plan.saving.kg > 0


def test_a_difference_within_the_interval_opposes_nothing() -> None:
    """210 against 200 g/kWh, each off by 15 %: nobody knows which is more."""
    plan = plan_of(other=marginal(quebec=210))
    assert ("montreal", 0.0) == where(plan)
    assert () == beside(plan).kept
    assert any("the other way round" in warning and "within its range" in warning for warning in plan.warnings)


def test_the_next_best_region_that_is_not_opposed_is_taken() -> None:
    """Quebec is opposed, Norway is not."""
    plan = plan_of(clusters=[PARIS, MONTREAL, OSLO])
    assert "oslo" == where(plan)[0]
    assert [True] == ["CA-QC" in line for line in beside(plan).kept]


def test_what_the_deadline_needs_is_done_all_the_same() -> None:
    """Home has no room, so the job is in Quebec and the plan says so."""
    plan = plan_of(reservations=[Segment(cluster="paris", start=T0, end=T0 + timedelta(hours=30), gpus=16)])
    assert "montreal" == where(plan)[0]
    assert () == beside(plan).kept


def test_a_job_whose_checkpoint_lies_there_is_not_moved_by_staying() -> None:
    """It resumes where it was."""
    asked = job(deadline="24h", interruptible=True)
    assert "montreal" == where(plan_of(job=asked, progress=0.5, resumed_from="montreal"))[0]


def test_a_plan_on_the_margin_has_the_average_beside_it_and_is_not_stopped_by_that() -> None:
    """Only the marginal price opposes a move."""
    plan = plan_of(intensity=marginal(quebec=100), other={**AVERAGE, "CA-QC": flat("CA-QC", 400, 36)})
    assert "montreal" == where(plan)[0]
    assert (MARGINAL_BASIS, DEFAULT_BASIS) == (plan.assembled.basis, beside(plan).basis)


def test_a_zone_without_a_marginal_figure_has_no_price_and_opposes_nothing() -> None:
    """Never a figure of another zone."""
    other = {zone: found for zone, found in marginal().items() if zone != "CA-QC"}
    plan = plan_of(other=other)
    assert "montreal" == where(plan)[0]
    assert "no intensity of CA-QC" == beside(plan).lacking
    assert beside(plan).chosen is None


def test_a_home_without_a_marginal_figure_leaves_the_plan_its_price() -> None:
    """There is nothing to compare it with, and that is said."""
    other = {zone: found for zone, found in marginal().items() if zone != "FR"}
    plan = plan_of(other=other)
    assert "montreal" == where(plan)[0]
    assert beside(plan).chosen is not None
    assert (None, None, "no intensity of FR") == (beside(plan).baseline, beside(plan).saving, beside(plan).lacking)


def test_the_two_prices_are_kept_apart() -> None:
    """Each is what its own basis alone makes of the placements, and machines read them under their names."""
    plan = plan_of(allow_opposed=True)
    alone = plan_of(intensity=marginal(), other=None, allow_opposed=True, policy="run-now")
    found = as_json(plan)
    told = found["other_basis"]
    assert isinstance(told, dict)
    assert "marginal direct n/a CO2" == told["basis"]
    assert alone.chosen.emissions is not None
    assert alone.chosen.emissions.total == pytest.approx(told["baseline_emissions_kg"]["total"])
    assert as_json(plan_of(other=None, allow_opposed=True))["emissions_kg"] == found["emissions_kg"]


def test_where_nothing_of_another_basis_is_at_hand_nothing_is_said() -> None:
    """Null, and no warning."""
    plan = plan_of(other=None)
    assert plan.other is None
    assert as_json(plan)["other_basis"] is None
    assert plan_of(other={}).other is None


def test_every_policy_plans_on_the_margin() -> None:
    """The same job on marginal rates."""
    rates = marginal(quebec=100, france=np.linspace(300, 200, 36).tolist())
    for policy in POLICIES:
        assert MARGINAL_BASIS == plan_of(policy, intensity=rates, other=None).assembled.basis
