"""The policy threshold: it sees the current rate and the past, waits hour by hour, and is never late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.threshold import Threshold
from scheduler.domain.errors import Infeasible
from scheduler.domain.placement import Placement
from scheduler.problem.blind import seen, without_forecast
from scheduler.problem.exact import cheapest
from scheduler.problem.feasible import violations
from scheduler.problem.narrow import at_home
from scheduler.problem.problem import Interruption, Past, Problem
from tests.problem.strategies import small_problem
from tests.surfaces import problem, stretches, surface

WEEK = [100.0 + 3 * (hour % 100) for hour in range(700)]
"""Rates from 100 to 397, so that the 5th and the 95th percentile are 115 and 382."""


def posed(now_rate: float, work: float = 2, deadline: float = 12, **given: object) -> Problem:
    """A job at home with four weeks of past, decided on at a current rate; the next decision comes in an hour."""
    past = Past(run_rate=np.array([given.pop("before", WEEK)], dtype=float), now_rate=np.array([now_rate]), next_h=1.0)
    on = surface({"home": [7.0] * 12}, restart=0.25)
    return problem(on, work, deadline, past=past, **({"interruption": Interruption()} | given))


def placed(asked: Problem) -> tuple[tuple[str, float, float], ...]:
    """What it decides, seeing no more than it says it needs."""
    return stretches(asked.surface, Threshold().place(seen(asked, Threshold.needs)))


@pytest.mark.parametrize(("rate", "start"), [(150, 0), (165, 0), (170, 1), (390, 1)])
def test_it_runs_while_the_rate_is_low_by_its_past_and_waits_an_hour_otherwise(rate: float, start: float) -> None:
    """B = 382 / 4: lo = (sqrt(95.5^2 + 4 x 115 x 382) - 95.5) / 2 = 167.

    The wait ends at the next decision, whatever comes behind.
    """
    assert placed(posed(rate)) == (("home", start, start + 2),)


@pytest.mark.parametrize(("rate", "start"), [(220, 0), (260, 0), (265, 1)])
def test_a_running_job_stays_where_one_that_waits_would_not_start(rate: float, start: float) -> None:
    """Up to lo + B = 262.6; a pause is followed by a restart."""
    asked = posed(rate, running=True, resumed_from=0)
    assert placed(asked) == (("home", start, start + 2.25),)


def test_it_waits_no_longer_than_its_deadline_lets_it() -> None:
    """At any rate it runs where the work would not fit behind the next decision."""
    assert placed(posed(390, work=11.5)) == (("home", 0, 11.5),)
    assert placed(posed(390, work=11)) == (("home", 1, 12),)


def test_a_job_in_one_piece_starts_at_the_root_of_the_bounds() -> None:
    """sqrt(115 x 382) is 209: it will run through whatever comes."""
    assert placed(posed(200, interruption=None)) == (("home", 0, 2),)
    assert placed(posed(215, interruption=None)) == (("home", 1, 3),)
    assert placed(posed(200, interruption=Interruption(max_suspends=0))) == (("home", 0, 2),)


@pytest.mark.parametrize("before", [[float("nan")] * 700, [200.0] * 23, [0.0] * 700])
def test_with_too_little_past_it_runs_at_once(before: Sequence[float]) -> None:
    """Under a day is known, or no rate is over 0: there are no bounds to go by."""
    assert placed(posed(390, before=before)) == (("home", 0, 2),)


def test_without_a_current_rate_it_runs_at_once() -> None:
    """What is not known is no reason to wait."""
    assert placed(posed(float("nan"))) == (("home", 0, 2),)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_decides_the_same_when_the_future_is_altered(seed: int) -> None:
    """The rates to come are not in its problem, and it looks at none; its decision hangs on the past."""
    dice = Random(seed)
    asked = with_past(small_problem(dice, gaps=True, slots=6), dice)
    altered = {line: np.flip(rate, axis=1) * 3 + 1 for line, rate in asked.surface.run_g.items()}
    other = replace(asked, surface=replace(asked.surface, run_g=altered))
    assert answer(seen(asked, Threshold.needs)) == answer(seen(other, Threshold.needs)) == answer(asked)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_is_feasible_whenever_anything_at_home_is(seed: int) -> None:
    """In one piece where that fits, in pieces where only those do."""
    dice = Random(seed)
    asked = with_past(small_problem(dice, gaps=True, slots=6), dice)
    found = answer(asked)
    try:
        possible = cheapest(without_forecast(at_home(asked))) is not None
    except Infeasible:
        possible = False
    assert possible == (found is not None)
    assert found is None or violations(asked, found) == ()


def with_past(asked: Problem, dice: Random) -> Problem:
    """The problem with a past and a current rate."""
    count = len(asked.surface.clusters)
    rates = np.array([[dice.uniform(1, 20) for _ in range(48)] for _ in range(count)])
    now = np.array([dice.uniform(1, 20) for _ in range(count)])
    return replace(asked, past=Past(run_rate=rates, now_rate=now, next_h=dice.choice([0.2, 0.5, 1.0])))


def answer(asked: Problem) -> Placement | None:
    """What it decides, None where nothing fits."""
    try:
        return Threshold().place(asked)
    except Infeasible:
        return None


def test_what_a_policy_does_not_ask_for_is_removed() -> None:
    """The forecast, the past, or both."""
    asked = posed(200)
    assert seen(asked, {"forecast", "history"}) is asked
    assert seen(asked, {"forecast"}).past is None
    assert not seen(asked, {"history"}).run_rate.any()
    assert seen(asked, {"history"}).past is asked.past
