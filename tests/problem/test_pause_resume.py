"""The online thresholds against the offline optimum: never worse than the ratio that they promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.problem.pause_resume import Thresholds, thresholds


def online(rates: Sequence[float], units: int, pause: float, rule: Thresholds) -> float:
    """What the rule pays on a trace: it sees one slot at a time, and runs at any rate once it must."""
    paid, left, running, begun = 0.0, units, False, False
    for slot, rate in enumerate(rates):
        run = left > 0 and (len(rates) - slot <= left or rule.run(rate, running=running))
        if run:
            paid += rate + (pause if begun and not running else 0.0)
            left, begun = left - 1, True
        running = run
    assert left == 0
    return paid


def offline(rates: Sequence[float], units: int, pause: float) -> float:
    """The least that anyone can pay who knows the whole trace."""
    off = [0.0] + [math.inf] * units
    on = [math.inf] * (units + 1)
    for rate in rates:
        ran = [math.inf] * (units + 1)
        for done in range(units):
            ran[done + 1] = rate + min(on[done], off[done] + (pause if done else 0.0))
        off = [min(pair) for pair in zip(off, on, strict=True)]
        on = ran
    return min(on[units], off[units])


def test_without_a_price_of_pausing_it_is_the_root_of_the_bounds() -> None:
    """Both thresholds are sqrt(L U), and the ratio is sqrt(U / L)."""
    assert thresholds(least=100, most=400, pause=0, units=7) == Thresholds(start=200, stay=200, ratio=2)


def test_the_gap_between_the_thresholds_is_the_price_of_a_pause() -> None:
    """lo^2 + 30 lo = 100 x 400 has the root 185.57; staying is worth 40 more."""
    rule = thresholds(least=100, most=400, pause=40, units=4)
    assert 185.56 == pytest.approx(rule.start, abs=0.01)
    assert 40 == pytest.approx(rule.stay - rule.start)
    assert 400 / rule.start == pytest.approx(rule.ratio)
    assert (rule.start + 30) / 100 == pytest.approx(rule.ratio)


@pytest.mark.parametrize("pause", [300.0, math.inf])
def test_where_a_pause_costs_too_much_it_never_pauses(pause: float) -> None:
    """It promises then what any run without pauses does."""
    assert thresholds(least=100, most=400, pause=pause, units=4) == Thresholds(start=200, stay=math.inf, ratio=4)


def test_it_stays_between_the_thresholds_and_does_not_start_there() -> None:
    """A rate of 200 keeps a running job running and a paused one paused."""
    rule = thresholds(least=100, most=400, pause=40, units=4)
    assert rule.run(200, running=True)
    assert not rule.run(200, running=False)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_keeps_its_ratio_on_random_traces(seed: int) -> None:
    """Rates anywhere within the bounds, slack of any size."""
    dice = Random(seed)
    least, most = 1.0, dice.choice([1.0, 1.5, 4.0, 20.0])
    pause, units = dice.choice([0.0, 0.05, 0.4, 2.0, 30.0]), dice.randint(1, 6)
    rates = [dice.uniform(least, most) for _ in range(units + dice.randint(0, 14))]
    rule = thresholds(least=least, most=most, pause=pause, units=dice.choice([units, None]))
    assert online(rates, units, pause, rule) <= rule.ratio * offline(rates, units, pause) * (1 + 1e-9)


@pytest.mark.parametrize("any_length", [False, True])
@pytest.mark.parametrize(("most", "pause", "units"), list(product([3.0, 20.0], [0.0, 0.2, 0.9, 5.0], [1, 2, 3])))
def test_it_keeps_its_ratio_on_every_trace_of_an_adversary(
    most: float, pause: float, units: int, *, any_length: bool
) -> None:
    """All traces of up to seven slots of the rates at which the rule changes its mind, just under and just over."""
    rule = thresholds(least=1.0, most=most, pause=pause, units=None if any_length else units)
    edge = 1e-6
    near = {1.0, most, rule.start, rule.start + edge, rule.stay, rule.stay + edge}
    rates = sorted(rate for rate in near if 1.0 <= rate <= most)
    worst = max(
        online(trace, units, pause, rule) / offline(trace, units, pause)
        for length in range(units, 6 if len(rates) > 5 else 7)
        for trace in product(rates, repeat=length)
    )
    assert worst <= rule.ratio * (1 + 1e-4)


def test_the_ratio_is_met_where_pauses_are_free() -> None:
    """Passing over sqrt(L U) and a little until only U is left: no better ratio could be promised for this rule."""
    rule = thresholds(least=1, most=16, pause=0, units=1)
    trace = [rule.start + 1e-6, 16.0]
    assert rule.ratio == pytest.approx(online(trace, 1, 0, rule) / offline(trace, 1, 0), rel=1e-5)
