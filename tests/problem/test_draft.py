"""The tie rule, and the way from hours to instants."""

from __future__ import annotations

from datetime import timedelta

from scheduler.problem.draft import Draft, is_tie, preferred
from tests.surfaces import ORIGIN, problem, surface

POSED = problem(surface({"z": [1] * 9, "a": [1] * 9, "b": [1] * 9}), 2, home=0)
HOME, A, B = range(3)


def draft(cost_g: float, *stretches: tuple[int, float, float]) -> Draft:
    """A draft of stretches."""
    return Draft(cost_g=cost_g, stretches=stretches)


def test_the_cheapest_wins() -> None:
    """However late."""
    late, early = draft(1.0, (A, 6, 8)), draft(1.1, (A, 0, 2))
    assert preferred(POSED, [early, late]) is late


def test_costs_that_differ_by_rounding_tie() -> None:
    """A part in a thousand million is rounding; ten are not."""
    assert is_tie(1.0, 1.0 + 0.9e-9)
    assert not is_tie(1.0, 1.0 + 1e-8)
    assert is_tie(0.0, 0.0)


def test_of_ties_the_first_to_finish_wins_then_fewer_suspends_then_home_then_name() -> None:
    """One after the other."""
    ranked = [
        draft(1.0, (B, 0, 2)),
        draft(1.0, (HOME, 1, 3)),
        draft(1.0, (A, 1, 3)),
        draft(1.0, (B, 1, 3)),
        draft(1.0, (HOME, 0, 1), (HOME, 2, 3)),
        draft(1.0, (HOME, 2, 4)),
    ]
    for place, best in enumerate(ranked):
        assert preferred(POSED, reversed(ranked[place:])) is best


def test_of_nothing_nothing_is_preferred() -> None:
    """None, no error."""
    assert preferred(POSED, []) is None


def test_hours_become_instants_to_the_microsecond() -> None:
    """A third of an hour is 20 minutes."""
    made = draft(1.0, (HOME, 0.0, 1 / 3), (A, 2.0, 2.5)).placement(POSED)
    assert [(s.cluster, s.start - ORIGIN, s.end - ORIGIN, s.gpus) for s in made.segments] == [
        ("z", timedelta(0), timedelta(minutes=20), 1),
        ("a", timedelta(hours=2), timedelta(hours=2, minutes=30), 1),
    ]
