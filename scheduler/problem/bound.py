"""What the rest of a plan costs at least, from every border and state, by pricing work instead of requiring it.

With a price of lambda grams for an hour of work, and of mu for a suspend where they are limited, the cheapest way
to go on, whatever work it does, follows from one backward pass over the network (Lagrangian relaxation; Geoffrion,
Math. Programming Study 2, 1974). Several prices are passed at once and the best of them counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.network import Network
from scheduler.problem.prices import Prices
from scheduler.problem.surface import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bound:
    """Lower bounds by border, state and price.

    Args:
        prices: K of them.
        work_h: work of the whole job. [h]
        most_suspends: how many suspends a plan may have; counts only where they have a price.
        run: cost less the value of work from a segment that may be suspended to the end, plus what its cluster has
            cost and less what it has done since the first border, shape [N+1, C, K]. [g]
        leave: the same from one that is suspended at the border, shape [N+1, C, K]. [g]
        wait: the same from a wait, plus what waiting has accrued since the first border, shape [N+1, 2C, K]. [g]
        fresh: the same from a first start, shape [N+1, C, K]. [g]
    """

    prices: Prices
    work_h: float
    most_suspends: int
    run: Floats
    leave: Floats
    wait: Floats
    fresh: Floats

    def lowest_g(self, table: Floats, cost_g: Floats, progress_h: Floats, suspends: Ints) -> Floats:
        """The least total of labels whose cost and progress are relative as those of their rows of a table. [g]"""
        by_price = table + cost_g[..., None] + (self.work_h - progress_h)[..., None] * self.prices.work_g
        if self.prices.counted:
            by_price = by_price - (self.most_suspends - suspends)[..., None] * self.prices.suspend_g
        return np.asarray(by_price.max(axis=-1))

    def best(self, worth_g: Floats, count: int) -> Bound:
        """The same with the `count` prices of the highest `worth_g` only."""
        chosen = np.sort(np.argsort(-worth_g)[:count])
        return replace(
            self,
            prices=self.prices.take(chosen),
            run=self.run[..., chosen],
            leave=self.leave[..., chosen],
            wait=self.wait[..., chosen],
            fresh=self.fresh[..., chosen],
        )


def bound(net: Network, prices: Prices, most_suspends: int) -> Bound:
    """The bounds at each of `prices`.

    Notes:
        Backward over the borders e, with V the value of an hour of work on c:
        wait[e, x] = min(begin[e, x] + min(ends[e], run[first border of a suspend]), wait[e + 1, x]),
        leave[e, c] = save[e, c] + min over d of (way[e, c, d] + wait[arrival, d]), run[e] = min(leave[e], run[e + 1]).
        Nothing depends on a border nearer than the shortest segment, so as many are passed at once.
    """
    on, count, levels = net.grid, len(net.speed), len(prices.work_g)
    slots, rows = len(on.slot), np.arange(count)
    value_g = net.speed[:, None] * prices.work_g
    reduced = on.run_g.T[:, :, None] - on.t_h[:, None, None] * value_g
    shut = np.where(net.startable, 0.0, np.inf)[:, :, None] - reduced[:-1]
    accrued = net.accrued_g[:-1].reshape(slots, 2, count, 1)
    begin = (shut + net.restart_h[:, None] * value_g)[:, None] + accrued
    way = (net.transfer_g - net.accrued_g[:-1][:, net.target])[..., None] + prices.suspend_g
    save = reduced[:-1] + net.checkpoint_h * value_g
    stop, over = _bars(on.room.T, (slots, count, 1)), _bars(net.lasts, (slots, 2, count, 1))
    ends = reduced.copy()
    _carry(ends, stop, 0, slots)
    run, leave = np.full_like(ends, np.inf), np.full_like(ends, np.inf)
    wait = np.full((slots + 1, 2, count, levels), np.inf)
    ready, arrived = run.reshape(-1, levels), wait.reshape(-1, levels)
    mature, arrival = net.matures * count + rows, net.arrives * (2 * count) + net.target
    own = np.where(net.matures < slots, net.matures - np.arange(slots)[:, None], slots)
    at_once = max(1, int(own.min()))
    for last in range(slots, 0, -at_once):
        first = max(0, last - at_once)
        some = slice(first, last)
        begun = np.minimum(ready.take(mature[some], axis=0, mode="clip"), ends[some])
        np.add(begin[some], begun[:, None], out=wait[some])
        _carry(wait, over, first, last)
        resumed = arrived.take(arrival[some], axis=0, mode="clip")
        resumed += way[some]
        np.add(save[some], resumed.min(axis=2), out=leave[some])
        run[some] = leave[some]
        _carry(run, stop, first, last)
    fresh = np.full_like(run, np.inf)
    fresh[:-1] = np.minimum(ends[:-1], run[net.matures_fresh, rows]) + shut
    return Bound(
        prices=prices,
        work_h=net.work_h,
        most_suspends=most_suspends,
        run=run,
        leave=leave,
        wait=wait.reshape(slots + 1, 2 * count, levels),
        fresh=fresh,
    )


def _bars(goes_on: NDArray[np.bool_], shape: tuple[int, ...]) -> Floats | None:
    """What going on through the slot behind each border costs beside its rate: nothing, or inf; None for nothing."""
    return None if goes_on.all() else np.where(goes_on, 0.0, np.inf).reshape(shape)


def _carry(values: Floats, bars: Floats | None, first: int, last: int) -> None:
    """Let each border from `last` - 1 down to `first` go on to the next one where that is less."""
    if bars is None and last - first > 1:
        whole = values[first : last + 1]
        np.minimum.accumulate(whole[::-1], axis=0, out=whole[::-1])
        return
    for e in range(last - 1, first - 1, -1):
        after = values[e + 1] if bars is None else values[e + 1] + bars[e]
        np.minimum(values[e], after, out=values[e])
