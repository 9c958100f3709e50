"""Prices of an hour of work, and of a suspend where they are limited, at which the bounds are tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.network import Network
from scheduler.problem.surface import Floats, Ints

_LEVELS = 24
"""Prices of work tried where overheads are left out."""
_SPREAD = np.array([0.8, 0.95, 1.0, 1.02, 1.04, 1.07, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0])
"""Prices of a first pass, as multiples of the best of those: overheads make an hour of work dearer, seldom cheaper."""
_WIDE = np.array([0.75, 0.9, 0.97, 1.0, 1.05, 1.1, 1.2, 1.4])
"""The same where suspends are priced too."""
_SUSPEND_H = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
"""Prices of a suspend, in hours of work at their price. [h]"""
_FINER = 9
"""Prices between the neighbours of the best one, in a second pass."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """What is paid instead of required.

    Args:
        work_g: lambda, shape [K]. [g per hour of work]
        suspend_g: mu, shape [K]. [g per suspend]
    """

    work_g: Floats
    suspend_g: Floats

    @property
    def counted(self) -> bool:
        """Whether suspends have a price."""
        return bool(self.suspend_g[-1] > 0 or self.suspend_g.any())

    def take(self, which: Ints | NDArray[np.bool_]) -> Prices:
        """Some of them."""
        return Prices(work_g=self.work_g[which], suspend_g=self.suspend_g[which])


FREE = Prices(work_g=np.zeros(1), suspend_g=np.zeros(1))
"""Where running costs nothing, work is worth nothing."""


def first_prices(net: Network, *, suspends: bool) -> Prices:
    """Prices near those at which the cheapest slots just do the work; of suspends too where `suspends` says so."""
    work_g = _work_price(net)
    if not suspends:
        return Prices(work_g=work_g * _SPREAD, suspend_g=np.zeros(len(_SPREAD)))
    return _all_of(work_g * _WIDE, work_g * _SUSPEND_H)


def finer_prices(tried: Prices, worth_g: Floats) -> Prices:
    """Prices around the one of the highest `worth_g`, as far as its neighbours: the bound is concave in them."""
    best = int(worth_g.argmax())
    work_g = _between(tried.work_g, float(tried.work_g[best]))
    return _all_of(
        work_g, _between(tried.suspend_g, float(tried.suspend_g[best]))[::2] if tried.counted else np.zeros(1)
    )


def _between(values: Floats, best: float) -> Floats:
    """Evenly spaced values from the one below `best` to the one above, `best` among them."""
    known = np.unique(values)
    at = int(np.searchsorted(known, best))
    low, high = known[max(0, at - 1)], known[min(len(known) - 1, at + 1)]
    return np.unique(
        np.concatenate([np.linspace(low, best, _FINER // 2 + 1), np.linspace(best, high, _FINER // 2 + 1)])
    )


def _all_of(work_g: Floats, suspend_g: Floats) -> Prices:
    """Every price of work with every price of a suspend."""
    work, suspend = np.meshgrid(work_g, suspend_g)
    return Prices(work_g=work.ravel(), suspend_g=suspend.ravel())


def _work_price(net: Network) -> float:
    """The price of an hour of work at which slots without overheads just do the work. [g/h]"""
    on = net.grid
    paid = (on.run_rate / net.speed[:, None])[on.room]
    price_g = np.quantile(paid[paid > 0], np.linspace(0.0, 1.0, _LEVELS))
    gain = price_g[:, None, None] * net.speed[:, None] - on.run_rate
    used = np.where(on.room, np.maximum(gain, 0.0), 0.0).max(axis=1) @ np.diff(on.t_h)
    return float(price_g[int((price_g * net.work_h - used).argmax())])
