"""What a forecast keeps of a saving, solved for all arrivals at once, is what the solvers that plan jobs find."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from scheduler.domain.placement import Placement
from scheduler.planning.forecasting.kept import SPAN_H, replanned, slots, windows, with_restarts
from scheduler.problem.assemble import assemble
from scheduler.problem.exact import cheapest, cheapest_window
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from tests.planning.forecast_worlds import Floats
from tests.planning.worlds import T0, cluster, job, series


def courses(seed: int, count: int) -> tuple[Floats, Floats]:
    """Forecasts and what came, not alike, for one zone."""
    rng = np.random.default_rng(seed)
    came = 100.0 + 80.0 * rng.random((1, count, SPAN_H))
    return np.round(came + rng.normal(0, 20, came.shape), 3), came


def problem(course: Floats, interruptible: object) -> Problem:
    """The job of the measure, one GPU, priced by its electricity alone."""
    the_job = job(
        gpus=1, duration="24h", deadline="48h", interruptible=interruptible, objective="operational", home="paris"
    )
    return assemble(the_job, [cluster()], {"FR": series("FR", course.tolist())}, T0).problem


def per_hour(placement: Placement | None, came: Floats) -> float:
    """What a placement emits on what came, by the hour of work at 1 g/kWh."""
    assert placement is not None
    now = problem(np.ones(SPAN_H), interruptible=False)
    start = cheapest_window(now)
    assert start is not None
    unit_kg = price(now, start).emissions.operational
    return price(problem(came, interruptible=True), placement).emissions.operational / unit_kg


@pytest.mark.parametrize("seed", range(6))
def test_slots_are_the_solvers_optimum(seed: int) -> None:
    """The sum of the cheapest hours, where nothing is lost by a suspend."""
    course, came = courses(seed, 1)
    plan = cheapest(problem(course[0, 0], interruptible=True))
    best = cheapest(problem(came[0, 0], interruptible=True))
    found = slots(course, came)
    assert per_hour(plan, came[0, 0]) == pytest.approx(float(found.realised[0, 0]))
    assert per_hour(best, came[0, 0]) == pytest.approx(float(found.clairvoyant[0, 0]))


@pytest.mark.parametrize("seed", range(6))
def test_windows_are_the_solvers_optimum(seed: int) -> None:
    """Any instant may begin one, and a whole hour does as well."""
    course, came = courses(seed, 1)
    found = windows(course, came)
    plan, best = (cheapest_window(problem(each[0, 0], interruptible=False)) for each in (course, came))
    assert per_hour(plan, came[0, 0]) == pytest.approx(float(found.realised[0, 0]))
    assert per_hour(best, came[0, 0]) == pytest.approx(float(found.clairvoyant[0, 0]))


@pytest.mark.parametrize("seed", range(8))
def test_plans_with_restarts_are_the_solvers_optimum(seed: int) -> None:
    """Half an hour of restart, three suspends at most, the end at any instant."""
    course, came = courses(seed, 1)
    rules = {"restart": "30m", "max_suspends": 3}
    found = with_restarts(course, came)
    plan, best = (cheapest(problem(each[0, 0], interruptible=rules)) for each in (course, came))
    assert per_hour(best, came[0, 0]) == pytest.approx(float(found.clairvoyant[0, 0]))
    assert per_hour(plan, came[0, 0]) == pytest.approx(float(found.realised[0, 0]))


def test_solving_many_is_solving_each() -> None:
    """Arrivals do not meet."""
    course, came = courses(9, 5)
    together = with_restarts(course, came)
    alone = [with_restarts(course[:, [n]], came[:, [n]]).realised[0, 0] for n in range(5)]
    assert np.allclose(alone, together.realised[0])


def test_who_knows_what_comes_keeps_everything() -> None:
    """Whatever the plan."""
    _, came = courses(1, 4)
    arrivals = np.array([0, 3, 9, 21])
    hours = np.concatenate([came[0, 0], came[0, 0]])
    same = np.stack([hours[a : a + SPAN_H] for a in arrivals])[None]
    midnights = {24: hours[None, 24:72], 48: hours[None, 48:96]}
    for found in (slots(same, same), windows(same, same), with_restarts(same, same)):
        assert 100.0 == pytest.approx(float(found.kept_zone_pct()))
    again = replanned(same, same, arrivals, midnights)
    assert 100.0 == pytest.approx(float(again.kept_zone_pct()))


def test_a_new_issue_at_midnight_moves_what_is_left() -> None:
    """By hand: what has run by midnight has run, and what is left goes where the new issue says."""
    course = np.concatenate([np.full(24, 10.0), np.full(24, 20.0)])[None, None]
    came = np.concatenate([np.full(24, 30.0), np.full(24, 5.0)])[None, None]
    told = replanned(course, came, np.array([0]), {24: np.full((1, 48), 5.0)})
    assert 30.0 == told.realised[0, 0]
    first_day_dear = np.concatenate([np.arange(48.0, 36.0, -1), np.zeros(36)])
    late = replanned(course, came, np.array([12]), {24: first_day_dear[None], 48: np.zeros((1, 48))})
    assert (12 * 30 + 12 * 5) / 24 == late.realised[0, 0]


def test_kept_is_the_ratio_of_sums_of_percentages() -> None:
    """By hand: 10 of 20 % in one zone and 1 of 2 % in another are half, however much either emits."""
    course, came = courses(2, 3)
    found = slots(course, came)
    two = slots(np.concatenate([course, course]), np.concatenate([came, came * 7]))
    assert float(found.kept_zone_pct()) == pytest.approx(float(two.kept_zone_pct()))
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 1.0]])
    one = 100 * (found.now[0, 0] - found.realised[0, 0]) / (found.now[0, 0] - found.clairvoyant[0, 0])
    assert float(found.kept_zone_pct(weights)[0]) == pytest.approx(float(one))


def test_the_span_is_the_job_and_its_slack() -> None:
    """A day of work in two."""
    assert timedelta(hours=SPAN_H) == 2 * timedelta(days=1)
