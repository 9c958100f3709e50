"""Prices of an hour of work at which the bounds are tried."""

from __future__ import annotations

import numpy as np

from scheduler.problem.network import Network
from scheduler.problem.surface import Floats

FREE = np.zeros(1)
"""Where running costs nothing, work is worth nothing."""
_LEVELS = 24
"""Prices tried where overheads are left out."""
_SPREAD = np.array([0.95, 1.0, 1.025, 1.05, 1.08, 1.12, 1.2, 1.5])
"""Prices of a first pass, as multiples of the best of those: overheads make an hour of work dearer, seldom cheaper."""
_FINER = 9
"""Prices between the neighbours of the best one, in a second pass."""
MOST_PRICES = max(len(_SPREAD), _FINER)
"""Prices of one pass at most."""


def first_prices_g(net: Network) -> Floats:
    """Prices near the one at which the cheapest slots just do the work. [g/h]

    Notes:
        Without overheads the bound is W lambda - sum of max(0, lambda speed - rate) over each slot's best cluster;
        it is concave in lambda, so the best of a few quantiles of the rates is near its maximum.
    """
    on, speed, step_h = net.grid, net.speed[:, None], np.diff(net.grid.t_h)
    rate = np.where(on.room, on.run_rate, np.inf)
    paid_g = np.sort((on.run_rate / speed)[on.room & (on.run_rate > 0)])
    level_g = paid_g[np.linspace(0, len(paid_g) - 1, _LEVELS).astype(np.int64)]

    def worth_g(number: int) -> float:
        """The bound at one of the levels. [g]"""
        gain = (level_g[number] * speed - rate).max(axis=0)
        return float(level_g[number] * net.work_h - np.maximum(gain, 0.0) @ step_h)

    low, high = 0, _LEVELS - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if worth_g(middle) < worth_g(middle + 1) else (low, middle)
    return np.asarray(level_g[low] * _SPREAD)


def finer_prices_g(tried_g: Floats, worth_g: Floats) -> Floats:
    """Prices around the one of the highest `worth_g` [g], as far as its neighbours. [g/h]"""
    best = int(worth_g.argmax())
    low, high = tried_g[max(0, best - 1)], tried_g[min(len(tried_g) - 1, best + 1)]
    halves = np.linspace(low, tried_g[best], _FINER // 2 + 1), np.linspace(tried_g[best], high, _FINER // 2 + 1)
    return np.unique(np.concatenate(halves))
