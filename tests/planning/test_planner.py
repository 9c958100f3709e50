"""Plans: the price of a placement beside its baseline, every other answer, and what a reader must know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import pytest

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Emissions
from scheduler.domain.errors import UnknownName
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement, Segment
from scheduler.planning.plan import NoPlan, Plan
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from scheduler.ports import Need, Policy
from scheduler.problem.problem import Problem
from tests.planning.worlds import NAN, SHARED, T0, at, cluster, flat, job, series

POLICIES: Mapping[str, Policy] = {
    policy.name: policy for policy in (RunNow(), LowestCarbonRegion(), LowestCarbonWindow(), CarbonAware())
}
EMBODIED_G = 462_500 / (6 * 8760 * 0.85)
"""Of the worked case's hardware. [g/GPU-h]"""
PARIS, MONTREAL = cluster(), cluster("montreal", "CA-QC")
GRID = {"FR": flat("FR", 60), "CA-QC": flat("CA-QC", 30)}


class Stubborn:
    """Places as it was told to, whatever the problem says, and keeps what it was shown."""

    name: ClassVar[str] = "stubborn"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast"})

    def __init__(self, *segments: Segment) -> None:
        """Where it places."""
        self._placement = Placement(segments=segments)
        self.seen: list[Problem] = []

    def place(self, problem: Problem) -> Placement:
        """The placement it was told."""
        self.seen.append(problem)
        return self._placement


class Blindfolded(Stubborn):
    """The same, asking for no forecast."""

    name: ClassVar[str] = "blindfolded"
    needs: ClassVar[frozenset[Need]] = frozenset()


def asked(the_job: Job | None = None, given: list[Cluster] | None = None, **options: object) -> Situation:
    """The situation of a job between Paris and Montreal at midnight."""
    fields: dict[str, object] = {
        "job": the_job or job(),
        "clusters": given or [PARIS, MONTREAL],
        "intensity": GRID,
        "now": T0,
    }
    return Situation(**(fields | options))  # type: ignore[arg-type]  # fields by name


def planned(situation: Situation, policy: str | None = None, policies: Mapping[str, Policy] = POLICIES) -> Plan:
    """A plan that there is."""
    found = make_plan(situation, policies, policy)
    assert isinstance(found, Plan), found
    return found


def refused(situation: Situation, policy: str | None = None) -> NoPlan:
    """The reason why there is none."""
    found = make_plan(situation, POLICIES, policy)
    assert isinstance(found, NoPlan)
    return found


def segments(plan: Plan) -> list[tuple[str, float, float]]:
    """Cluster, start and end of each segment. [h]"""
    hour = timedelta(hours=1)
    return [(s.cluster, (s.start - T0) / hour, (s.end - T0) / hour) for s in plan.chosen.placement.segments]


def emissions(plan: Plan) -> Emissions:
    """Central emissions that are known."""
    assert plan.chosen.emissions is not None
    return plan.chosen.emissions


def test_the_worked_case_as_a_plan() -> None:
    """8 GPUs for 100 h at 33 g/kWh: 19.008 kg of electricity and 8.282 of hardware, 27.290 kg."""
    plan = planned(asked(job(duration="100h"), [PARIS], intensity={"FR": flat("FR", 33)}))
    assert [("paris", 0, 100)] == segments(plan)
    found = emissions(plan)
    assert 0.0 == found.idle_held == found.overhead == found.transfer
    assert (329.6 * 0.033, 150.4 * 0.033, 96 * 0.033, 0.8 * EMBODIED_G) == pytest.approx(
        (found.dynamic, found.idle_running, found.facility, found.embodied), rel=1e-9
    )
    assert 27.289851553 == pytest.approx(found.total, rel=1e-9)


def test_a_plan_beside_its_baseline() -> None:
    """In Montreal 32 GPU-hours of 0.72 kWh cost 21.6 g less each; hardware costs the same in both places."""
    plan = planned(asked())
    assert [("montreal", 0, 4)] == segments(plan)
    assert plan.baseline is not None
    assert plan.saving is not None
    assert [Segment(cluster="paris", start=T0, end=at(4), gpus=8)] == list(plan.baseline.placement.segments)
    home_kg = 32 * (43.2 + EMBODIED_G) / 1000
    assert 0.6912 == pytest.approx(plan.saving.kg, rel=1e-9)
    assert 0.6912 == pytest.approx(plan.saving.operational_kg, rel=1e-9)
    assert 100 * 0.6912 / home_kg == pytest.approx(plan.saving.pct, rel=1e-9)
    assert 50.0 == pytest.approx(plan.saving.operational_pct, rel=1e-9)


def test_low_and_high_price_the_same_placement() -> None:
    """Without a stated range of the intensity, electricity moves by 15 % either way and hardware stays."""
    plan = planned(asked())
    low, high = plan.chosen.emissions_at("low"), plan.chosen.emissions_at("high")
    assert low is not None
    assert high is not None
    assert 0.85 * emissions(plan).operational == pytest.approx(low.operational)
    assert 1.15 * emissions(plan).operational == pytest.approx(high.operational)
    assert emissions(plan).embodied == low.embodied == high.embodied
    wide = planned(asked(given=[cluster(lifetime_years={"low": 4, "central": 6, "high": 6}), MONTREAL]), "run-now")
    found = wide.chosen.emissions_at("high")
    assert found is not None
    assert 1.5 * 32 * EMBODIED_G / 1000 == pytest.approx(found.embodied)


def test_a_partial_hour_is_integrated() -> None:
    """A run of 90 minutes from 00:30 takes half of the first hour and all of the next."""
    grid = {"FR": series("FR", [10, 100, 1000, 1000])}
    plan = planned(asked(job(duration="90m"), [PARIS], intensity=grid, now=at(0.5)), "run-now")
    assert [("paris", 0.5, 2)] == segments(plan)
    assert 8 * 0.72 * (0.5 * 10 + 100) / 1000 == pytest.approx(emissions(plan).operational, rel=1e-12)


def test_a_window_starts_between_two_edges_where_that_is_cheapest() -> None:
    """A run of 90 minutes beside a cheap hour ends with it, so it starts at half past."""
    grid = {"FR": series("FR", [50, 40, 10, 60, 70])}
    plan = planned(asked(job(duration="90m", deadline="5h"), [PARIS], intensity=grid))
    assert [("paris", 1.5, 3)] == segments(plan)
    assert 8 * 0.72 * (0.5 * 40 + 10) / 1000 == pytest.approx(emissions(plan).operational, rel=1e-12)


def test_zones_of_mixed_steps_meet_in_one_plan() -> None:
    """5, 15, 30 and 60 minute zones: the plan finds the cheap five minutes and prices them as they are."""
    fives = [100.0] * 24
    fives[13] = 1.0
    steps = {"SE-SE3": 15, "DE": 30, "CA-QC": 60}
    grid = {zone: series(zone, [90.0] * (120 // m), step=timedelta(minutes=m)) for zone, m in steps.items()}
    grid["FR"] = series("FR", fives, step=timedelta(minutes=5))
    clusters = [PARIS, MONTREAL, cluster("ulm", "DE"), cluster("lund", "SE-SE3")]
    plan = planned(asked(job(duration="5m", deadline="2h"), clusters, intensity=grid))
    assert (at(65 / 60), at(70 / 60)) == (plan.chosen.placement.start, plan.chosen.placement.finish)
    assert 8 / 12 * 0.72 * 1.0 / 1000 == pytest.approx(emissions(plan).operational, rel=1e-6)


def test_the_deadline_is_inclusive() -> None:
    """A run that ends at the deadline keeps it; a millisecond less is refused."""
    assert [("montreal", 0, 4)] == segments(planned(asked(job(deadline="4h"))))
    tight = refused(asked(job(deadline="2026-03-01T03:59:59.999Z")))
    assert "extend the deadline by 1s, to 2026-03-01T04:00:00.999000Z" == tight.relax[0]


def test_a_suspended_plan_is_priced_with_its_overheads() -> None:
    """Two cheap hours an hour apart: 15 minutes of restart and 15 of checkpoint are run as well."""
    grid = {"FR": series("FR", [10, 1000, 1000, 10, 1000, 1000])}
    split = job(duration="90m", deadline="6h", interruptible={"checkpoint": "15m", "restart": "15m"})
    plan = planned(asked(split, [PARIS], intensity=grid))
    assert [("paris", 0, 1), ("paris", 3, 4)] == segments(plan)
    assert 8 * 2 * 0.72 * 10 / 1000 == pytest.approx(emissions(plan).operational, rel=1e-12)


def test_a_move_carries_its_checkpoint() -> None:
    """10 GB take 0.1 kWh, half at each end's intensity when they leave."""
    grid = {"FR": series("FR", [10, 1000, 1000]), "CA-QC": series("CA-QC", [500, 10, 20])}
    here, there = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED)
    moving = job(duration="2h", deadline="3h", interruptible=True, checkpoint={"gb": 10})
    plan = planned(asked(moving, [here, there], intensity=grid))
    assert [("paris", 0, 1), ("montreal", 1, 2)] == segments(plan)
    assert 0.1 * 0.5 * (1000 + 10) / 1000 == pytest.approx(emissions(plan).transfer, rel=1e-12)


def test_policies_that_need_no_forecast_see_none() -> None:
    """Such a policy is handed zeros, and its placement is priced on the true intensities all the same."""
    here = Segment(cluster="paris", start=T0, end=at(4), gpus=8)
    blind, seeing = Blindfolded(here), Stubborn(here)
    for policy in (blind, seeing):
        plan = planned(asked(), policy.name, {**POLICIES, policy.name: policy})
        assert 32 * 43.2 / 1000 == pytest.approx(emissions(plan).operational)
    assert 0.0 == blind.seen[0].run_rate.max()
    assert 0.0 < seeing.seen[0].run_rate.min()


def test_a_placement_that_breaks_a_constraint_is_no_feasible_plan() -> None:
    """A plug-in that starts too late is shown with what it breaks."""
    late = Stubborn(Segment(cluster="paris", start=at(2), end=at(6), gpus=8))
    plan = planned(asked(job(deadline="5h")), "stubborn", {**POLICIES, "stubborn": late})
    assert not plan.feasible
    assert "ends after the deadline 2026-03-01T05:00:00Z" in plan.warnings[0]


def test_alternatives_are_the_feasible_others() -> None:
    """Every other policy that keeps the constraints is there with its total and end, in order of name."""
    breaking = Stubborn(Segment(cluster="paris", start=at(2), end=at(6), gpus=8))
    plan = planned(asked(), None, {**POLICIES, "stubborn": breaking})
    assert ["lowest-carbon-region", "lowest-carbon-window", "run-now"] == [o.policy for o in plan.alternatives]
    assert plan.baseline is not None
    assert plan.baseline.emissions is not None
    assert plan.baseline.emissions.total == plan.alternatives[-1].total_kg
    assert at(4) == plan.alternatives[-1].finish


def test_candidates_show_the_best_of_each_cluster() -> None:
    """Mean intensity, price and end of the best uninterrupted run, also where the plan goes elsewhere."""
    grid = {"FR": series("FR", [60] * 4 + [50] * 4), "CA-QC": flat("CA-QC", 30)}
    plan = planned(asked(job(deadline="8h"), intensity=grid))
    paris, montreal = plan.candidates
    assert ("paris", "FR", 50.0) == (paris.cluster, paris.zone, paris.mean_g_per_kwh)
    assert 30.0 == montreal.mean_g_per_kwh
    assert paris.best is not None
    assert at(8) == paris.best.placement.finish


def test_a_cluster_without_room_is_a_candidate_without_a_run() -> None:
    """Where others hold the GPUs the whole time, nothing fits there."""
    taken = [Segment(cluster="paris", start=T0, end=at(4), gpus=16)]
    plan = planned(asked(reservations=taken))
    assert plan.candidates[0].best is None
    assert plan.baseline is None
    assert "no baseline: run-now has no placement on the home paris" in plan.warnings[0]
    assert plan.saving is None


def test_a_home_that_is_not_allowed_is_still_the_baseline() -> None:
    """The job would have used its home, so that is what the plan is compared with."""
    plan = planned(asked(allowed=("montreal",)))
    assert plan.baseline is not None
    assert plan.saving is not None
    assert "paris" == plan.baseline.placement.segments[0].cluster
    assert 0.6912 == pytest.approx(plan.saving.kg)
    assert "run-now" not in [other.policy for other in plan.alternatives]


def test_a_home_that_cannot_run_the_job_leaves_no_baseline() -> None:
    """Without a baseline there is no saving, and the plan says why."""
    plan = planned(asked(job(data={"countries": ["CA"]})))
    assert (None, None) == (plan.baseline, plan.saving)
    assert "its country FR is not among data.countries (CA)" in plan.warnings[0]


def test_hours_without_intensity_have_no_price() -> None:
    """A deadline that needs them is kept, and the plan's emissions and saving are unknown."""
    grid = {"FR": series("FR", [60, NAN, NAN, 60])}
    plan = planned(asked(given=[PARIS], intensity=grid))
    assert [("paris", 0, 4)] == segments(plan)
    assert plan.chosen.emissions is None
    assert 0.5 == plan.chosen.coverage
    assert plan.saving is None
    assert "50 % of the plan's GPU-hours have no intensity: its emissions are unknown" == plan.warnings[0]
    assert "the intensity of FR is unknown in 2 of the 4 h up to the deadline" in plan.warnings[1]


def test_hours_without_intensity_are_left_alone_where_others_do() -> None:
    """With slack the plan lies in the hours that are known, and has a price."""
    grid = {"FR": series("FR", [60, NAN, 60, 60, 60, 60])}
    plan = planned(asked(job(deadline="6h"), [PARIS], intensity=grid))
    assert [("paris", 2, 6)] == segments(plan)
    assert 1.0 == plan.chosen.coverage
    assert plan.saving is None


def test_an_impossible_deadline_says_what_to_relax() -> None:
    """By how much the deadline has to move, what other policies do, and which clusters are left out."""
    taken = [Segment(cluster="paris", start=T0, end=at(2), gpus=16)]
    found = refused(asked(job(deadline="5h"), reservations=taken, allowed=("paris", "montreal")), "run-now")
    assert "run-now" == found.policy
    assert any("extend the deadline by 1h, to 2026-03-01T06:00:00Z" in way for way in found.relax)
    assert "policy carbon-aware finishes at 2026-03-01T04:00:00Z" in found.relax
    nowhere = refused(asked(job(deadline="3h"), allowed=("paris",)))
    assert "extend the deadline by 1h, to 2026-03-01T04:00:00Z" in nowhere.relax
    assert "montreal: not among the allowed clusters (paris)" in nowhere.relax


def test_no_candidate_is_no_plan_with_every_reason() -> None:
    """Where no cluster can take the job the reasons are what to relax."""
    found = refused(asked(job(gpus=64, launch="torchrun")))
    said = "no cluster can run train: it takes 64 GPUs, and paris, the widest it may use, has 2 x 8"
    assert said == found.message
    assert ["paris", "montreal"] == [each.cluster for each in found.rejected]
    assert "paris: it has 16 GPUs at most, the job takes 64" in found.relax


def test_a_passed_deadline_is_no_plan() -> None:
    """The first deadline that would do is the way out."""
    found = refused(asked(job(deadline="2026-02-28T00:00:00Z")))
    assert "lies 1d before now" in found.message
    assert ("move the deadline to 2026-03-01T04:00:00Z or later",) == found.relax


def test_an_unknown_policy_is_refused() -> None:
    """With the names there are."""
    with pytest.raises(UnknownName, match="unknown policy 'greenest'") as caught:
        make_plan(asked(), POLICIES, "greenest")
    assert "carbon-aware" in caught.value.hint


def test_the_jobs_policy_decides_unless_another_is_asked() -> None:
    """The file's word, then the caller's."""
    assert "run-now" == planned(asked(job(policy="run-now"))).policy
    assert "carbon-aware" == planned(asked(job(policy="run-now")), "carbon-aware").policy
