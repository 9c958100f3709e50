"""What the rest of a plan costs at least, from every border and state, by pricing work instead of requiring it.

With a price of lambda grams for an hour of work, the cheapest way to go on, whatever work it does, follows from
one backward pass over the network (Lagrangian relaxation of the work constraint; Geoffrion, Math. Programming
Study 2, 1974). Several prices are passed at once and the best of them counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.problem.network import Network
from scheduler.problem.surface import Floats, Ints

PRICES = 12
"""Prices of one pass; a second pass refines them around the best."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bound:
    """Lower bounds by border, state and price.

    Args:
        price_g: lambda, shape [K]. [g per hour of work]
        work_h: work of the whole job. [h]
        run: cost less the value of work from a segment that may be suspended, plus what its cluster has cost and
            less what it has done since the first border, shape [N+1, C, K]. [g]
        wait: the same from a wait, plus what waiting has accrued since the first border, shape [N+1, 3C, K]. [g]
    """

    price_g: Floats
    work_h: float
    run: Floats
    wait: Floats

    def lowest_g(self, table: Floats, cost_g: Floats, progress_h: Floats) -> Floats:
        """The least total of labels whose cost and progress are relative as those of their rows of a table. [g]"""
        by_price = table + cost_g[..., None] + (self.work_h - progress_h)[..., None] * self.price_g
        return np.asarray(by_price.max(axis=-1))


def bound(net: Network, border: Ints, wait: Ints, cost_g: Floats) -> tuple[Bound, float]:
    """Bounds that are tight where the job starts, from waits at borders with their costs; and the bound there. [g]"""
    prices = _first_prices(net)
    made = _pass(net, prices)
    least = _at_start(made, border, wait, cost_g)
    best = int(least.argmax())
    around = prices[max(best - 1, 0) : best + 2]
    if len(around) < 2 or not np.isfinite(least[best]):
        return made, float(least[best])
    made = _pass(net, np.linspace(around[0], around[-1], PRICES))
    return made, float(_at_start(made, border, wait, cost_g).max())


def _at_start(made: Bound, border: Ints, wait: Ints, cost_g: Floats) -> Floats:
    """The bound on the whole job at each price, shape [K]. [g]"""
    return np.asarray((made.wait[border, wait] + cost_g[:, None] + made.work_h * made.price_g).min(axis=0))


def _first_prices(net: Network) -> Floats:
    """What an hour of work costs in the slots that can be used, and above, for plans that pay overheads. [g/h]"""
    on = net.grid
    paid = (on.run_rate / net.speed[:, None])[on.room]
    if paid.size == 0:
        return np.zeros(1)
    levels = np.quantile(paid, np.linspace(0.0, 1.0, PRICES - 2))
    return np.unique(np.append(levels, levels[-1] * np.array([1.5, 4.0])))


def _pass(net: Network, price_g: Floats) -> Bound:
    """The backward pass."""
    on, count = net.grid, len(net.speed)
    borders, prices = len(on.t_h), len(price_g)
    value = net.speed[:, None] * price_g
    reduced = on.run_g.T[:, :, None] - on.t_h[:, None, None] * value
    restart_g = net.restart_h[:, None] * value[net.row]
    run = np.full((borders, count, prices), np.inf)
    wait = np.full((borders, 3 * count, prices), np.inf)
    ends = reduced[-1]
    for e in range(borders - 2, -1, -1):
        room = on.room[:, e, None]
        ends = np.minimum(reduced[e], np.where(room, ends, np.inf))
        begun = np.minimum(ends[net.row], run[net.matures[:, e], net.row]) - reduced[e][net.row] + restart_g
        begun = np.where(net.startable[:, e, None], begun, np.inf) + net.accrued_g[:, e, None]
        wait[e] = np.minimum(begun, np.where(net.lasts[:, e, None], wait[e + 1], np.inf))
        way = net.transfer_g[:, :, e] - net.accrued_g[net.target, e]
        resumed = (way[:, :, None] + wait[net.arrives[:, :, e], net.target]).min(axis=1)
        suspended = reduced[e] + net.checkpoint_h * value + resumed
        run[e] = np.minimum(suspended, np.where(room, run[e + 1], np.inf))
    return Bound(price_g=price_g, work_h=net.work_h, run=run, wait=wait)
