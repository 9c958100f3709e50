"""Small problems of every shape, for laws and for the comparison with brute force.

They are drawn from one seed: drawn value by value, most rates come out equal and most optima in one piece.
"""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import strategies as st

from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import problem, surface

NAN, NEVER = float("nan"), float("inf")


def small_problems(*, gaps: bool = False, slots: int = 6) -> st.SearchStrategy[Problem]:
    """Up to three clusters and `slots` slots, with every constraint that the planner knows."""
    return st.integers(0, 2**32 - 1).map(lambda seed: small_problem(Random(seed), gaps=gaps, slots=slots))


def small_problem(dice: Random, *, gaps: bool, slots: int) -> Problem:
    """One of them."""
    names = ("a", "b", "c")[: dice.choice([1, 2, 2, 3])]
    count = dice.randint(3, slots - (len(names) > 2))
    steps = [dice.choice([0.25, 0.5, 1.0, 1.0, 1.5]) for _ in range(count)]
    rates = {name: [float(dice.choice([0, 1, 2, 5, 9, 20])) for _ in steps] for name in names}
    if gaps:
        rates = {name: [NAN if dice.random() < 0.3 else rate for rate in row] for name, row in rates.items()}
    held = [name for name in names if dice.random() < 0.5]
    travels = [[dice.choice([0.0, 0.0, 0.25, 1.0, NEVER]) for _ in names] for _ in names]
    on = surface(
        rates,
        edges=[0.0, *np.cumsum(steps)],
        hold={name: [rate * dice.choice([0.0, 0.1, 0.5]) for rate in rates[name]] for name in held},
        embodied=dice.choice([0.0, 0.5]),
        capacity={name: [dice.choice([2, 2, 2, 2, 2, 1, 0]) for _ in steps] for name in names},
        speed={name: dice.choice([1.0, 1.0, 0.8, 1.5]) for name in names},
        restart={name: dice.choice([0.0, 0.0, 0.1, 0.3]) for name in names},
        move_h=travels,
        move_g=[[[dice.choice([0.0, 0.0, 1.0, NAN if gaps else 3.0]) for _ in steps] for _ in names] for _ in names],
    )
    rules = Interruption(
        checkpoint_h=dice.choice([0.0, 0.0, 0.1]),
        min_segment_h=dice.choice([0.0, 0.0, 0.6, 1.0]),
        max_suspends=dice.choice([None, None, None, 0, 1, 2]),
        max_moves=dice.choice([None, None, None, 0, 1]),
    )
    end = sum(steps)
    return problem(
        on,
        round(dice.uniform(0.2, 0.8) * end, 1),
        end - dice.choice([0.0, 0.0, 0.2]),
        gpus=dice.choice([1, 1, 2]),
        earliest_h=dice.choice([0.0, 0.0, 0.0, 0.3, 0.5]),
        home=dice.choice([None, *range(len(names))]),
        interruption=dice.choice([rules, rules, rules, rules, None]),
        resumed_from=dice.choice([None, None, None, *range(len(names))]),
        objective=dice.choice(["lifecycle", "operational"]),
    )
