"""The three simple policies, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.lowest_carbon_region import LowestCarbonRegion
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.errors import Infeasible
from scheduler.ports import Policy
from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import problem, stretches, surface

NAN = float("nan")
RATES = {"home": [9.0, 9.0, 1.0, 1.0], "away": [5.0, 5.0, 5.0, 5.0], "dirty": [8.0, 8.0, 8.0, 8.0]}


def placed(policy: Policy, posed: Problem) -> tuple[tuple[str, float, float], ...]:
    """What the policy does."""
    return stretches(posed.surface, policy.place(posed))


def test_run_now_starts_at_once_at_home() -> None:
    """Whatever is cleaner elsewhere or later."""
    assert placed(RunNow(), problem(surface(RATES), 2)) == (("home", 0, 2),)


def test_run_now_waits_for_the_first_gap_that_is_long_enough() -> None:
    """An hour is free before the reservation, two behind it; the start need not lie on an edge."""
    on = surface(RATES, capacity={"home": [1, 0, 1, 1]})
    assert placed(RunNow(), problem(on, 2)) == (("home", 2, 4),)
    assert placed(RunNow(), problem(on, 0.5, earliest_h=0.25)) == (("home", 0.25, 0.75),)


def test_run_now_never_suspends() -> None:
    """Even where a suspend would be through earlier."""
    on = surface(RATES, capacity={"home": [1, 0, 1, 1]})
    assert placed(RunNow(), problem(on, 2, interruption=Interruption())) == (("home", 2, 4),)


def test_run_now_without_a_home_takes_the_only_cluster_or_refuses() -> None:
    """Home is a fact, never guessed."""
    only = problem(surface({"a": [1, 1]}), 1, home=None)
    assert placed(RunNow(), only) == (("a", 0, 1),)
    with pytest.raises(Infeasible) as caught:
        RunNow().place(problem(surface(RATES), 1, home=None))
    assert caught.value.hint == "name a home among home, away, dirty, or choose the policy carbon-aware"


def test_run_now_too_late_says_by_how_much() -> None:
    """Home alone counts."""
    on = surface(RATES, capacity={"home": [0, 1, 1, 1]})
    with pytest.raises(Infeasible, match="on home by") as caught:
        RunNow().place(problem(on, 3.5, interruption=Interruption()))
    assert "extend the deadline by 30m" in caught.value.hint


def test_window_waits_at_home_for_the_cleanest_hours() -> None:
    """Two hours at 1 instead of 9; never elsewhere, never in pieces."""
    posed = problem(surface(RATES), 2, interruption=Interruption())
    assert placed(LowestCarbonWindow(), posed) == (("home", 2, 4),)


def test_window_refuses_what_home_cannot_do() -> None:
    """With the extension as the way out."""
    with pytest.raises(Infeasible) as caught:
        LowestCarbonWindow().place(problem(surface(RATES), 5))
    assert caught.value.hint == "extend the deadline by 1h, to 2026-03-01T05:00:00Z"


def test_region_goes_where_it_is_cleanest_over_the_run_and_starts_now() -> None:
    """Over the first two hours that is away; over four it is a tie with home, which wins."""
    on = surface(RATES)
    assert placed(LowestCarbonRegion(), problem(on, 2)) == (("away", 0, 2),)
    assert placed(LowestCarbonRegion(), problem(on, 4)) == (("home", 0, 4),)
    assert placed(LowestCarbonRegion(), problem(on, 1, earliest_h=2.5)) == (("home", 2.5, 3.5),)


def test_region_leaves_out_clusters_without_room_now() -> None:
    """The next cleanest is taken."""
    on = surface(RATES, capacity={"away": [0, 1, 1, 1]})
    assert placed(LowestCarbonRegion(), problem(on, 2)) == (("dirty", 0, 2),)


def test_region_waits_for_the_first_that_has_room_where_none_has() -> None:
    """Of two that are free at once, the cleaner."""
    on = surface(RATES, capacity={"home": [0, 0, 1, 1], "away": [0, 1, 1, 1], "dirty": [0, 1, 1, 1]})
    assert placed(LowestCarbonRegion(), problem(on, 2)) == (("away", 1, 3),)


def test_region_prefers_a_cluster_whose_intensity_is_known() -> None:
    """An unknown region is not a clean one; where all are unknown the least unknown is taken."""
    on = surface({"a": [NAN, 1.0], "b": [90.0, 90.0]})
    assert placed(LowestCarbonRegion(), problem(on, 1)) == (("b", 0, 1),)
    dark = surface({"a": [NAN, NAN], "b": [NAN, 90.0]})
    assert placed(LowestCarbonRegion(), problem(dark, 2)) == (("b", 0, 2),)


def test_region_refuses_where_no_cluster_has_room_in_time() -> None:
    """The way out is part of the error."""
    with pytest.raises(Infeasible) as caught:
        LowestCarbonRegion().place(problem(surface(RATES), 5))
    assert caught.value.hint.startswith("extend the deadline by 1h")


def test_objective_decides_between_regions() -> None:
    """Embodied counts in one objective and not in the other."""
    clean = surface({"a": [5.0], "b": [4.0]}, embodied=0.0)
    old = {line: g.copy() for line, g in clean.run_g.items()}
    old["embodied"][1] = 9.0
    on = replace(clean, run_g=old)
    assert placed(LowestCarbonRegion(), problem(on, 1)) == (("a", 0, 1),)
    assert placed(LowestCarbonRegion(), problem(on, 1, objective="operational")) == (("b", 0, 1),)
