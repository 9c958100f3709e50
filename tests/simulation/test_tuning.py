"""Choosing among outcomes: limits as people write them, the least that keeps them, and what breaks them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.domain.emissions import Emissions
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.simulation.results import Outcome
from scheduler.simulation.tuning import best, broken, objective_of, parse_limit

BASE = Outcome(
    policy="a", failed=0, solves=0, completed=10, missed_deadlines=0, late_at_admission=0,
    emissions=Emissions(dynamic=5.0, embodied=5.0), saving_pct=0.0, saving_operational_pct=0.0, kept_pct=None,
    mean_wait_h=2.0, mean_start_delay_h=1.0, suspends=3, gpu_hours=80.0, wall_s=0.1,
)  # fmt: skip
LEAN = replace(BASE, emissions=Emissions(dynamic=2.0, embodied=5.0), mean_wait_h=8.0)
LATE = replace(BASE, emissions=Emissions(dynamic=1.0, embodied=9.5), missed_deadlines=1)


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("mean_wait<2h", False),
        ("mean_wait<=2h", True),
        ("mean_wait < 121m", True),
        ("misses=0", True),
        ("suspends<3", False),
        ("late_at_admission<=0", True),
        ("mean_start_delay<61m", True),
    ],
)
def test_a_limit_holds_where_its_figure_does(text: str, *, keeps: bool) -> None:
    """Times in any unit, counts as they are."""
    limit = parse_limit(text)
    assert keeps is limit.keeps(BASE)
    assert keeps is (broken(BASE, [limit]) == [])


def test_a_figure_that_is_not_there_keeps_no_limit() -> None:
    """Nothing completed is no short wait."""
    assert not parse_limit("mean_wait<6h").keeps(replace(BASE, mean_wait_h=None))


def test_what_breaks_a_limit_is_told_with_its_figure() -> None:
    """As it was written."""
    assert ["mean_wait<6h (it is 8)"] == broken(LEAN, [parse_limit("mean_wait<6h"), parse_limit("misses=0")])


@pytest.mark.parametrize(
    "text",
    [
        "mean_wait",
        "mean_wait>6h",
        "mean_wait<6",
        "misses<few",
        "",
        "misses==0",
        "misses=nan",
        "misses<inf",
        "misses<-1",
    ],
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    """With an example."""
    with pytest.raises(InvalidInput):
        parse_limit(text)


def test_an_unknown_figure_or_objective_is_named_with_those_there_are() -> None:
    """As a typo is."""
    with pytest.raises(UnknownName, match="mean_wit"):
        parse_limit("mean_wit<6h")
    with pytest.raises(UnknownName, match="money"):
        objective_of("money")


@pytest.mark.parametrize(
    ("objective", "limits", "expected"),
    [
        ("carbon", [], "lean"),
        ("operational", [], "late"),
        ("operational", ["misses=0"], "lean"),
        ("carbon", ["mean_wait<6h"], "base"),
        ("wait", [], "base"),
        ("carbon", ["suspends<1"], None),
    ],
)
def test_the_least_that_keeps_the_limits_is_chosen(objective: str, limits: list[str], expected: str | None) -> None:
    """None where nothing keeps them; of equal ones the first."""
    outcomes = {"base": BASE, "lean": LEAN, "late": LATE, "again": BASE}
    assert expected == best(outcomes, objective_of(objective), [parse_limit(text) for text in limits])


def test_what_has_no_wait_is_the_worst_of_waits() -> None:
    """It is never chosen for waiting least."""
    outcomes = {"none": replace(BASE, mean_wait_h=None), "some": BASE}
    assert "some" == best(outcomes, objective_of("wait"), [])
