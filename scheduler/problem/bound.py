"""What the rest of a plan costs at least, from every border and state, by pricing work instead of requiring it.

With a price of lambda grams for an hour of work, the cheapest way to go on, whatever work it does, follows from
one backward pass over the network (Lagrangian relaxation of the work constraint; Geoffrion, Math. Programming
Study 2, 1974). Several prices are passed at once and the best of them counts. A limit of suspends is kept exactly,
by a layer for each number that is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.network import Network
from scheduler.problem.surface import Floats, Ints

Count = TypeVar("Count", int, Ints)
_MOST_AT_ONCE: Final = 4_000_000
"""Numbers that are looked at together, so that memory stays bounded: 32 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bound:
    """Lower bounds by border, state, suspends left and price.

    Args:
        price_g: lambda, shape [K]. [g per hour of work]
        work_h: work of the whole job. [h]
        most: suspends that a plan may have, 0 where they are not limited: there is one layer then, and J = most + 1.
        run: cost less the value of work from a segment that may be suspended to the end, plus what its cluster has
            cost and less what it has done since the first border, shape [N+1, C, J, K]. [g]
        leave: the same from one that is suspended at the border, shape [N+1, C, J, K]. [g]
        wait: the same from a wait, plus what waiting has accrued since the first border, shape [N+1, X, J, K]. [g]
        fresh: the least of the same over every first start, with all suspends left, shape [K]. [g]
    """

    price_g: Floats
    work_h: float
    most: int
    run: Floats
    leave: Floats
    wait: Floats
    fresh: Floats

    def left(self, suspends: Count) -> Count:
        """The layer of a plan that had so many suspends; a plan that had too many has none of its own."""
        return self.most - suspends if self.most else 0 * suspends

    def lowest_g(self, table: Floats, cost_g: Floats, progress_h: Floats) -> Floats:
        """The least total of labels whose cost and progress are relative as those of their rows of a table. [g]"""
        by_price = table + cost_g[..., None] + (self.work_h - progress_h)[..., None] * self.price_g
        return np.asarray(by_price.max(axis=-1))

    def lowest_of_one_g(self, table: Floats, cost_g: float, progress_h: float) -> Floats:
        """The same of one label on many rows. [g]"""
        return np.asarray((table + (cost_g + (self.work_h - progress_h) * self.price_g)).max(axis=-1))

    def best(self, worth_g: Floats, count: int) -> Bound:
        """The same with the `count` prices of the highest `worth_g` only."""
        chosen = np.sort(np.argsort(-worth_g)[:count])
        tables = {name: getattr(self, name)[..., chosen] for name in ("run", "leave", "wait", "fresh")}
        return replace(self, price_g=self.price_g[chosen], **tables)


def bound(net: Network, price_g: Floats, most: int | None) -> Bound:
    """The bounds at each of `price_g` [g/h], with at most `most` suspends, None for any number.

    Notes:
        Backward over the borders e, with j suspends left and V the value of an hour of work on c:
        wait[e, x, j] = min(begin[e, x] + min(ends[e], run[first border of a suspend, j]), wait[e + 1, x, j]),
        leave[e, c, j] = save[e, c] + min over d of (way[e, c, d] + wait[arrival, d, j - 1]),
        run[e, c, j] = min(leave[e, c, j], run[e + 1, c, j]).
        Nothing depends on a border nearer than the shortest segment, so as many are passed at once.
    """
    on, count, layers = net.grid, len(net.speed), 1 if most is None else most + 1
    slots, waits, rows, shape = len(on.slot), len(net.row), np.arange(count), (layers, len(price_g))
    value_g = net.speed[:, None, None] * price_g
    reduced = on.run_g.T[:, :, None, None] - on.t_h[:, None, None, None] * value_g
    shut = np.where(net.startable, 0.0, np.inf)[:, :, None, None] - reduced[:-1]
    begin = (shut + net.restart_h[:, None, None] * value_g)[:, net.row] + net.accrued_g[:-1, :, None, None]
    accrued = net.accrued_g[:-1][:, net.target.T]
    way = (net.transfer_g.transpose(0, 2, 1) - accrued)[..., None, None]  # the row resumed on comes first: the least
    save = reduced[:-1] + net.checkpoint_h * value_g  # over it is then taken along whole rows
    stop, over = _bars(on.room.T, (slots, count, 1, 1)), _bars(net.lasts, (slots, waits, 1, 1))
    ends = reduced.copy()
    _carry(ends, reduced[:-1], stop, 0, slots)
    run = np.full((slots + 1, count, *shape), np.inf)
    leave, wait = np.full_like(run, np.inf), np.full((slots + 1, waits, *shape), np.inf)
    wait[:-1] = begin + ends[:-1, net.row]
    ready, arrived = run.reshape(-1, *shape), wait.reshape(-1, *shape)
    mature, arrival = net.matures * count + rows, (net.arrives * waits + net.target).transpose(0, 2, 1).copy()
    mature = mature[:, net.row]
    own = np.where(net.matures < slots, net.matures - np.arange(slots)[:, None], slots)
    at_once = max(1, min(int(own.min()), _MOST_AT_ONCE // (count * count * layers * len(price_g))))
    for last in range(slots, 0, -at_once):
        first = max(0, last - at_once)
        some = first if at_once == 1 else slice(first, last)  # views with a dimension less are quicker
        begun = ready.take(mature[some], axis=0, mode="clip")
        begun += begin[some]
        np.minimum(begun, wait[some], out=begun)
        _carry(wait, begun, over, first, last)
        resumed = arrived.take(arrival[some], axis=0, mode="clip")
        resumed += way[some]
        least = np.minimum.reduce(resumed, axis=-4)
        if most is None:
            np.add(save[some], least, out=leave[some])
        else:
            np.add(save[some], least[..., :-1, :], out=leave[some][..., 1:, :])
        _carry(run, leave[some], stop, first, last)
    fresh = np.minimum(ends[:-1], run[net.matures_fresh, rows][:, :, -1:]) + shut
    return Bound(
        price_g=price_g, work_h=net.work_h, most=most or 0, run=run, leave=leave,
        wait=wait, fresh=fresh.min(axis=(0, 1, 2)),
    )  # fmt: skip


def _bars(goes_on: NDArray[np.bool_], shape: tuple[int, ...]) -> Floats | None:
    """What going on through the slot behind each border costs beside its rate: nothing, or inf; None for nothing."""
    return None if goes_on.all() else np.where(goes_on, 0.0, np.inf).reshape(shape)


def _carry(values: Floats, own: Floats, bars: Floats | None, first: int, last: int) -> None:
    """The less of each border's own value and that of the next one it can go on to, from `last` - 1 to `first`."""
    if last - first == 1:
        np.minimum(own, values[last] if bars is None else values[last] + bars[first], out=values[first:last])
        return
    values[first:last] = own
    if bars is None:
        whole = values[first : last + 1]
        np.minimum.accumulate(whole[::-1], axis=0, out=whole[::-1])
    else:
        for e in range(last - 1, first - 1, -1):
            np.minimum(values[e], values[e + 1] + bars[e], out=values[e])
