"""A fleet plan made by placing the jobs that are hardest to place first, with prices that follow what is left.

After each part of the jobs the prices are found again for the others, on the room and the starts that are left: so
they tell where a gap is worth filling (diving with a Lagrangian; Wolsey, Integer Programming, 2nd ed. 2020, ch. 10).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from scheduler.planning.fleet.ascent import Ascent
from scheduler.planning.fleet.dual import Dual, Left, best_windows, forever, usage, window_usage
from scheduler.planning.fleet.integral import integral
from scheduler.planning.fleet.placing import Market, Placing
from scheduler.planning.fleet.windows import Windows
from scheduler.problem.surface import Floats, Ints

STAGES: Final = 12
_ROUNDS: Final = 15
_STEP: Final = 0.05
"""First step of a price between two stages, as a share of the mean rate. [-]"""
_NEAR: Final = 0.3
"""Starts dearer than the least by more than this share are left out while prices are found again. [-]"""


def dive(dual: Dual, order: Ints, *, stages: int = STAGES, step: float = _STEP, left: Left = forever) -> Placing | None:
    """Every job placed, None where one finds no place; where time runs out prices stay as they are.

    Args:
        dual: the jobs, and prices to begin with.
        order: numbers of the jobs as they are placed.
        stages: how many times prices are looked at; early ones are shorter.
        step: first step of a price at each. [-]
        left: whether there is time.
    """
    placing, price, on = Placing(dual), dual.price, _near(dual)
    cuts = np.unique((len(order) * np.linspace(0.0, 1.0, stages + 1) ** 1.5).astype(np.int64))
    waiting = np.ones(len(order), np.bool_)
    for number, (first, last) in enumerate(pairwise(cuts)):
        if number and left():
            on = on.only(waiting)
            on = on.only(waiting, on.fitting(placing.room))
            price = _repriced(placing, on, price, step)
        market = Market(dual, price)
        for job in order[first:last].tolist():
            place = placing.cheapest(job, market)
            if place is None:
                return None
            placing.put(job, place)
            waiting[job] = False
    return placing


def hardest_first(dual: Dual, starved: Ints, noise: Floats | float = 0.0) -> Ints:
    """The jobs by how hard they are to place: those that starve, by submission, then by priority, long and wide ones.

    Args:
        dual: whose jobs.
        starved: numbers of the jobs for which carbon is no matter of order any more.
        noise: added to the logarithm of the size. [-]
    """
    size = np.array([np.log(job.work_h) + 0.5 * np.log(max(1, job.takes.max())) for job in dual.jobs]) + noise
    priority = np.array([job.priority for job in dual.jobs])
    rank = np.zeros(len(dual.jobs))
    rank[starved] = np.arange(len(starved)) - len(starved)
    return np.lexsort((-size, -priority, rank)) if len(dual.jobs) else np.zeros(0, np.int64)


def _near(dual: Dual) -> Windows:
    """The starts that are not much dearer than each job's least at the prices: others hardly ever become that."""
    on, prices = dual.windows, dual.prices
    least_g, _ = best_windows(on, prices)
    most_g = np.repeat(least_g * (1 + _NEAR), np.diff(on.first))
    return on.only(np.ones(len(dual.jobs), np.bool_), on.priced_g(prices) <= most_g)


def _repriced(placing: Placing, on: Windows, price: Floats, step: float) -> Floats:
    """The prices for the jobs that have starts in `on`, in the room that is left. [g/GPU-h]"""
    dual, fleet = placing.dual, placing.fleet
    placed = [(job, place) for job, place in zip(placing.jobs, placing.places, strict=True) if place is not None]
    room = dual.open - usage(fleet, placed)

    def value(price: Floats) -> tuple[float, Floats]:
        """The value at a price, and the room that is taken then."""
        least_g, window = best_windows(on, integral(fleet.edges_h, price))
        return float(least_g[window >= 0].sum() - (price * room).sum()), window_usage(fleet, on, window)

    return Ascent(room=room, scale_g=dual.scale_g, step=step).run(price, value, _ROUNDS, forever)[1]
