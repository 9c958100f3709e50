"""Near-equal starts spread by a seed, so that schedulers with one forecast do not all start at one instant.

Where room is full its price spreads the jobs; this is for the others. A job on room without a price may start so much
dearer as is near-equal, each start with a handicap drawn for it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.planning.fleet.costs import room_price_g
from scheduler.planning.fleet.fleet import Place
from scheduler.planning.fleet.placing import Market, Placing

NEAR: Final = 0.005
"""Costs nearer than this share are near-equal [-]; this project's choice."""


def spread(placing: Placing, dice: np.random.Generator, near: float = NEAR) -> float:
    """Move first starts in one piece on free room among those that are near-equal; what that costs. [g]"""
    dual = placing.dual
    priced = Market(dual, dual.price)
    before_g = placing.cost_g
    for number, job in enumerate(placing.jobs):
        place = placing.places[number]
        alone = place is not None and len(place.taken) == 1 and job.incumbent is None
        if place is None or not alone or room_price_g(job, place, priced.prices) > 0:
            continue
        some = dual.windows.of(number)
        cost_g = dual.windows.cost_g[some]
        handicapped_g = cost_g * (1 + near * dice.uniform(size=len(cost_g)))
        row, takes = place.taken[0][0], int(job.takes[place.taken[0][0]])
        close = np.flatnonzero(
            (cost_g <= place.cost_g * (1 + near))
            & (dual.windows.row[some] == row)
            & (priced.window_g[some] <= cost_g * (1 + near))
        )
        if not len(close):
            continue
        placing.remove(number)
        on = dual.windows
        fits = placing.room.fits(row, takes, on.start_h[some][close], on.end_h[some][close])
        found: Place = place
        if fits.any():
            open_ = close[fits]
            found = on.place(some.start + int(open_[handicapped_g[open_].argmin()]))
        placing.put(number, found)
    return placing.cost_g - before_g
