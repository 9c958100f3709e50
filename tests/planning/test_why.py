"""Why a plan is no better: its bound, what binds it, and what giving way would save, each by solving again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from cli.plan_why import why_lines
from policies.carbon_aware import CarbonAware
from policies.elastic import Elastic
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.placement import Segment
from scheduler.planning.document import as_json
from scheduler.planning.plan import Plan, Why
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from scheduler.planning.why import Least, least_of
from scheduler.ports import Policy
from scheduler.problem import promising
from scheduler.problem.exact import cheapest_known
from scheduler.problem.pricing import price
from tests.planning.worlds import NAN, T0, at, cluster, flat, job, series

POLICIES: Mapping[str, Policy] = {p.name: p for p in (RunNow(), LowestCarbonWindow(), CarbonAware(), Elastic())}
PARIS, MONTREAL = cluster(), cluster("montreal", "CA-QC")
DAYS = {"FR": series("FR", [60.0] * 12 + [20.0] * 60), "CA-QC": flat("CA-QC", 40, 72)}
GPU_H_KWH = 0.72
"""Of the worked case, so 32 GPU-hours are 23.04 kWh."""


def situation(**options: object) -> Situation:
    """Four hours from midnight that must be through before the grid gets clean."""
    fields: dict[str, object] = {
        "job": job(deadline="12h", allowed=["paris"]),
        "clusters": [PARIS, MONTREAL],
        "intensity": DAYS,
        "now": T0,
    }
    return Situation(**(fields | options))  # type: ignore[arg-type]  # fields by name


def plan_of(asked: Situation, policy: str | None = None, *, explain: bool = True) -> Plan:
    """A plan that there is."""
    found = make_plan(asked, POLICIES, policy, explain=explain)
    assert isinstance(found, Plan), found
    return found


def why_of(asked: Situation, policy: str | None = None) -> Why:
    """What it says of its limits."""
    found = plan_of(asked, policy).why
    assert found is not None
    return found


def saved(found: Why) -> dict[str, float | None]:
    """What each constraint would save. [kg]"""
    return {each.what: each.saving_kg for each in found.reliefs}


def test_the_exact_plan_is_its_own_bound() -> None:
    """Nothing is under it."""
    found = plan_of(situation())
    assert found.why is not None
    assert 0 == found.why.gap_kg == found.why.gap_pct
    assert found.chosen.emissions is not None
    assert found.chosen.emissions.total == pytest.approx(found.why.bound_kg)


def test_another_policy_says_how_far_from_that_it_is() -> None:
    """Waiting eight hours for 20 g/kWh would have saved 40 g x 23.04 kWh."""
    asked = situation(job=job(deadline="40h", allowed=["paris"]))
    assert GPU_H_KWH * 32 * 40 / 1000 == pytest.approx(why_of(asked, "run-now").gap_kg)


def test_one_more_day_and_one_more_cluster() -> None:
    """A day later 20 g/kWh instead of 60, in Montreal 40: 0.9216 and 0.4608 kg; both bind."""
    found = why_of(situation())
    assert {"one more day": 0.9216, "montreal": 0.4608} == pytest.approx(saved(found))
    assert ("deadline", "allowed clusters") == found.binding


def test_what_others_reserved_binds_where_it_is_in_the_way() -> None:
    """The clean hours are taken; without that the optimum would be in them."""
    taken = [Segment(cluster="paris", start=at(12), end=at(30), gpus=16)]
    asked = situation(job=job(deadline="30h", allowed=["paris"]), reservations=taken)
    assert {"capacity", "deadline", "allowed clusters"} == set(why_of(asked).binding)
    assert saved(why_of(asked))["all GPUs that others have reserved"] == pytest.approx(0.9216)


def test_a_closure_binds_where_it_is_in_the_way() -> None:
    """The clean hours are closed; without that the optimum would be in them."""
    closed = [{"since": at(12).isoformat(), "until": at(30).isoformat()}]
    shut = [cluster(calendar={"closed": closed}), MONTREAL]
    found = why_of(situation(job=job(deadline="30h", allowed=["paris"]), clusters=shut))
    assert "calendar" in found.binding
    assert saved(found)["all hours in which clusters are closed"] == pytest.approx(0.9216)


def test_what_does_not_bind_saves_nothing() -> None:
    """The clean hours are within reach, and Montreal is no better than they."""
    found = why_of(situation(job=job(deadline="40h", allowed=["paris"])))
    assert {"one more day": 0.0, "montreal": 0.0} == saved(found)
    assert () == found.binding


def test_hours_that_nobody_knows_are_no_proof() -> None:
    """The table ends with the deadline: whether the next day is cleaner is not known, until it is."""
    short = {"FR": flat("FR", 60, 12), "CA-QC": flat("CA-QC", 80, 12)}
    assert saved(why_of(situation(intensity=short)))["one more day"] is None
    assert saved(why_of(situation(intensity=short, beyond=DAYS)))["one more day"] == pytest.approx(0.9216)


def test_a_cluster_without_intensity_may_be_better_or_not() -> None:
    """Nobody knows, so nothing is said to be saved."""
    assert saved(why_of(situation(intensity={"FR": DAYS["FR"]})))["montreal"] is None


def test_a_plan_with_hours_without_intensity_has_no_bound() -> None:
    """What it emits is not known either."""
    found = why_of(situation(intensity={"FR": series("FR", [NAN] * 72), "CA-QC": DAYS["CA-QC"]}))
    assert Why(bound_kg=None, gap_kg=None, gap_pct=None, reliefs=()) == found


def test_the_bound_reaches_over_every_width_that_the_job_lists() -> None:
    """At its own width the plan is over it where another one emits less; the policy that may is optimal."""
    wide = job(
        deadline="12h",
        allowed=["paris"],
        elastic={"min_gpus": 4, "max_gpus": 8, "speedup": {4: 0.8, 8: 1.0}},
    )
    fixed, elastic = why_of(situation(job=wide)), why_of(situation(job=wide), "elastic")
    assert fixed.gap_kg is not None
    assert fixed.gap_kg > 0
    assert 0 == elastic.gap_kg


def test_it_is_said_to_machines_and_left_out_where_nobody_asked() -> None:
    """Numbers, names, and null."""
    told = as_json(plan_of(situation()))["why"]
    assert json.loads(json.dumps(told))["binding"] == ["deadline", "allowed clusters"]
    assert isinstance(told, dict)
    assert told["optimal"] is True
    assert as_json(plan_of(situation(), explain=False))["why"] is None


def test_a_home_that_only_the_file_implied_stays_home_where_more_is_allowed() -> None:
    """The only allowed cluster is the home; one more allowed makes no question of that."""
    asked = situation(job=job(deadline="12h", allowed=["paris"], home=None))
    assert saved(why_of(asked))["montreal"] == pytest.approx(0.4608)
    assert saved(why_of(replace(asked, allowed=("paris",))))["montreal"] == pytest.approx(0.4608)


def test_a_search_that_was_given_up_leaves_a_bound_and_no_optimum() -> None:
    """The bound counts then, and the words say that the gap is the most that it can be."""
    problem = situation().at("central").problem
    found = cheapest_known(problem)
    assert found is not None
    assert found.bound_g is None
    kg = price(problem, found.placement).emissions.total
    assert Least(kg=kg, reached=True) == least_of(problem, found)
    assert Least(kg=0.5, reached=False) == least_of(problem, replace(found, bound_g=500.0))
    given_up = Why(bound_kg=0.5, gap_kg=0.1, gap_pct=20.0, reliefs=(), reached=False)
    assert (
        "at most 0.100 kg (20.0 %) over the cheapest: no feasible placement is under 0.500 kg" in why_lines(given_up)[0]
    )


def test_more_clusters_than_are_all_combined_leave_a_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every hour known it is no matter of hours without intensity, and the plan says how far it can be."""
    monkeypatch.setattr(promising, "MOST_WAYS", 0)
    clusters = [cluster(f"paris{number}") for number in range(4)]
    found = plan_of(situation(clusters=clusters, job=job(deadline="20h", home="paris0", interruptible=True)))
    assert found.why is not None
    assert found.chosen.emissions is not None
    assert found.why.bound_kg is not None
    assert found.why.bound_kg <= found.chosen.emissions.total
    assert not found.why.reached
    assert {each.saving_kg for each in found.why.reliefs} == {None}
