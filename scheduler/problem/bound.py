"""What the rest of a plan costs at least, from every border and state, by pricing work instead of requiring it.

With a price of lambda grams for an hour of work, the cheapest way to go on, whatever work it does, follows from
one backward pass over the network (Lagrangian relaxation of the work constraint; Geoffrion, Math. Programming
Study 2, 1974). Several prices are passed at once and the best of them counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.problem.network import Network
from scheduler.problem.surface import Floats

_LEVELS = 48
"""Prices of work tried where overheads are left out."""
_SPREAD = np.array([0.7, 0.85, 0.93, 0.97, 1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0, 3.0, 6.0])
"""Prices of a pass, as multiples of the best of those: overheads make an hour of work dearer, seldom cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bound:
    """Lower bounds by border, state and price.

    Args:
        price_g: lambda, shape [K]. [g per hour of work]
        work_h: work of the whole job. [h]
        run: cost less the value of work from a segment that may be suspended to the end, plus what its cluster has
            cost and less what it has done since the first border, shape [N+1, C, K]. [g]
        wait: the same from a wait, plus what waiting has accrued since the first border, shape [N+1, 2C, K]. [g]
        fresh: the same from a first start, shape [N+1, C, K]. [g]
    """

    price_g: Floats
    work_h: float
    run: Floats
    wait: Floats
    fresh: Floats

    def lowest_g(self, table: Floats, cost_g: Floats, progress_h: Floats) -> Floats:
        """The least total of labels whose cost and progress are relative as those of their rows of a table. [g]"""
        by_price = table + cost_g[..., None] + (self.work_h - progress_h)[..., None] * self.price_g
        return np.asarray(by_price.max(axis=-1))


def bound(net: Network) -> Bound:
    """Bounds that are tight near the start of the job."""
    price_g = _work_price(net) * _SPREAD if net.grid.run_rate.any() else np.zeros(1)
    on, count = net.grid, len(net.speed)
    borders = len(on.t_h)
    value = net.speed[:, None] * price_g
    reduced = on.run_g.T[:, :, None] - on.t_h[:, None, None] * value
    stop = np.where(on.room.T, 0.0, np.inf)[:, :, None]
    over = np.where(net.lasts, 0.0, np.inf)[:, :, None]
    shut = np.where(net.startable, 0.0, np.inf)[:, :, None] - reduced[:-1]
    begin = (shut + net.restart_h[:, None] * value)[:, net.row] + net.accrued_g[:-1, :, None]
    way = (net.transfer_g - net.accrued_g[:-1][:, net.target])[..., None]
    save = reduced + net.checkpoint_h * value
    run = np.full((borders, count, len(price_g)), np.inf)
    wait = np.full((borders, 2 * count, len(price_g)), np.inf)
    ends = np.empty_like(run)
    ends[-1] = reduced[-1]
    rows = np.arange(count)
    for e in range(borders - 2, -1, -1):
        ends[e] = np.minimum(reduced[e], ends[e + 1] + stop[e])
        begun = np.minimum(ends[e], run[net.matures[e], rows])
        wait[e] = np.minimum(begun[net.row] + begin[e], wait[e + 1] + over[e])
        resumed = (wait[net.arrives[e], net.target] + way[e]).min(axis=1)
        run[e] = np.minimum(save[e] + resumed, run[e + 1] + stop[e])
    fresh = np.full_like(run, np.inf)
    fresh[:-1] = np.minimum(ends[:-1], run[net.matures_fresh, rows]) + shut
    return Bound(price_g=price_g, work_h=net.work_h, run=run, wait=wait, fresh=fresh)


def _work_price(net: Network) -> float:
    """The price of an hour of work at which slots without overheads just do the work. [g/h]"""
    on = net.grid
    paid = (on.run_rate / net.speed[:, None])[on.room]
    price_g = np.quantile(paid[paid > 0], np.linspace(0.0, 1.0, _LEVELS))
    gain = price_g[:, None, None] * net.speed[:, None] - on.run_rate
    used = np.where(on.room, np.maximum(gain, 0.0), 0.0).max(axis=1) @ np.diff(on.t_h)
    return float(price_g[int((price_g * net.work_h - used).argmax())])
