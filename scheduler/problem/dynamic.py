"""The best placement with suspends and moves on the borders of the grid, exactly.

Partial plans are taken up in the order of the least that they can cost, which finds the optimum after a few dozen of
them where overheads keep good plans apart. Where thousands are as good, as on short slots with hardly any overhead, a
sweep over the borders carries all that could still become the best one: no other in its state has done more work for
less, and with the least that its rest can cost it stays under a ceiling, first just over the lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from scheduler.domain.units import G_PER_KG
from scheduler.problem.blind import without_forecast
from scheduler.problem.bound import Bound, bound
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.grid import grid
from scheduler.problem.labels import Labels, TooMany
from scheduler.problem.narrow import among
from scheduler.problem.network import Network, network
from scheduler.problem.prices import FREE, MOST_PRICES, finer_prices_g, first_prices_g
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.promising import promising
from scheduler.problem.search import Search
from scheduler.problem.settled import settled
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.sweep import Sweep

_TAKEN_UP = (100, 400)
"""Partial plans that the search by the best first may take up, with the first prices and with finer ones."""
_NEAR = 5
"""Prices that are kept for a search: those of the best bounds."""
_AROUND = np.array([0.96, 0.98, 1.0, 1.02, 1.04])
"""Prices of the sweeps, as multiples of the best one: a plan half done is worth another price than a whole one. [-]"""
_GAPS = (0.001, 0.002, 0.003, 0.0045, 0.007)
"""Shares over the lower bound at which the first ceilings lie. [-]"""
_BEAM = 40
"""Plans that a narrow sweep keeps at a border."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the search may remember: half a gigabyte, on ten clusters.

    Args:
        noted: segments that a sweep may note, and ways out of one border that it may look at. Past it the best plan of
            a narrow sweep is taken, with its bound. Plans of weeks in short slots with next to no overhead get there.
        cells: numbers in the tables of bounds. Where a limit of suspends makes more, the bounds leave it out and the
            search alone keeps it.
    """

    noted: int = 1_000_000
    cells: int = 10_000_000


MEMORY: Final = Memory()


def best_segments(problem: Problem, window: Draft | None, memory: Memory = MEMORY) -> Draft | None:
    """The cheapest placement with a suspend, or `window` where none is better; None where nothing fits.

    Args:
        problem: without unknown rates.
        window: the best placement in one piece, None where none fits.
        memory: what the search may remember; the plan of one that may remember no more has a bound.
    """
    rules, on = problem.interruption, grid(problem)
    if rules is None or on is None or rules.max_suspends == 0:
        return window
    rows = promising(problem, on, window)
    if rows is not None:
        return _among(problem, rows, window, memory)
    net = network(problem, on, rules)
    found = _search(problem, net, replace(rules, max_suspends=None, max_moves=None, max_resizes=None), window, memory)
    if found is not None and not _keeps(rules, problem, net, found):
        found = _search(problem, net, rules, window, memory)
    if found is None or found is window:
        return found
    return replace(settled(problem, on, found), bound_g=found.bound_g)


def _among(problem: Problem, rows: Ints, window: Draft | None, memory: Memory) -> Draft | None:
    """The best placement on some clusters, or `window`."""
    number = {row: at for at, row in enumerate(rows.tolist())}

    def renumbered(draft: Draft | None, number: Mapping[int, int]) -> Draft | None:
        """A draft by other numbers of the same clusters."""
        if draft is None:
            return None
        return replace(draft, stretches=tuple((number[row], start, end) for row, start, end in draft.stretches))

    found = best_segments(among(problem, rows), renumbered(window, number), memory)
    return renumbered(found, dict(enumerate(rows.tolist())))


def _keeps(rules: Interruption, problem: Problem, net: Network, draft: Draft) -> bool:
    """Whether a draft keeps the limits of suspends, moves and resizes."""
    rows = [row for row, _, _ in draft.stretches]
    resizes = sum(bool(net.resized[ways]) for ways in pairwise(rows))
    if problem.resumed_from is not None:
        rows = [problem.resumed_from, *rows]
    moves = sum(bool(net.moved[ways]) for ways in pairwise(rows))
    most = (rules.max_suspends, rules.max_moves, rules.max_resizes)
    counts = (draft.suspends, moves, resizes)
    return all(limit is None or count <= limit for count, limit in zip(counts, most, strict=True))


def _search(
    problem: Problem, net: Network, rules: Interruption, incumbent: Draft | None, memory: Memory
) -> Draft | None:
    """The optimum under `rules`: by the best first while few plans are near it, else by sweeps."""
    resumes, layers = _resumes(problem, net, rules), _layers(net, rules, memory)
    free = not net.grid.run_rate.any()
    tried_g = FREE if free else first_prices_g(net)
    for taken_up in _TAKEN_UP:
        bounds = bound(net, tried_g, layers)
        worth_g = _worth_g(bounds, resumes)
        least_g = float(worth_g.max())
        if not np.isfinite(least_g):
            return incumbent
        near = bounds.best(worth_g, _NEAR)
        if free:  # every plan costs the same, and only the borders can be gone through in order
            return Sweep(problem, net, near, rules, incumbent=incumbent).run(resumes)
        search = Search(problem, net, near, rules, least_g=least_g, incumbent=incumbent, most=taken_up)
        try:
            return search.run(resumes)
        except TooMany:
            incumbent, best_g = search.best, tried_g[int(worth_g.argmax())]
            tried_g = finer_prices_g(tried_g, worth_g)
    around = bound(net, best_g * _AROUND, layers)
    return _swept(problem, net, around, rules, least_g=least_g, incumbent=incumbent, resumes=resumes, memory=memory)


def _layers(net: Network, rules: Interruption, memory: Memory) -> int | None:
    """The suspends that the bounds count; None for none, where nobody limits them or the tables would be too large."""
    if rules.max_suspends is None:
        return None
    cells = len(net.grid.t_h) * (2 * len(net.speed) + len(net.row)) * (rules.max_suspends + 1) * MOST_PRICES
    return rules.max_suspends if cells <= memory.cells else None


def _swept(
    problem: Problem,
    net: Network,
    bounds: Bound,
    rules: Interruption,
    *,
    least_g: float,
    incumbent: Draft | None,
    resumes: tuple[Ints, Labels] | None,
    memory: Memory,
) -> Draft | None:
    """The optimum by sweeps under ceilings over a lower bound `least_g` [g]; a narrow one's best where memory ends."""
    most_g = np.inf if incumbent is None else incumbent.cost_g
    swept = partial(Sweep, problem, net, bounds, rules)
    try:
        for ceiling_g in [least_g * (1 + gap) for gap in _GAPS if least_g > 0]:
            if ceiling_g >= most_g * (1 - TIE):
                break
            found = swept(ceiling_g=ceiling_g, most=memory.noted).run(resumes)
            if found is not None:
                return found
            least_g = ceiling_g  # no plan is under it
        else:
            incumbent = swept(incumbent=incumbent, beam=_BEAM).run(resumes)
        return swept(incumbent=incumbent, most=memory.noted).run(resumes)
    except TooMany:
        best = swept(incumbent=incumbent, beam=_BEAM).run(resumes) or _soonest(problem, rules)
        return None if best is None else replace(best, bound_g=min(least_g, best.cost_g))


def _soonest(problem: Problem, rules: Interruption) -> Draft | None:
    """The draft that is through first, for a deadline that a narrow sweep finds no way to keep."""
    blind = without_forecast(problem)
    on = grid(blind)
    first = None if on is None else _search(blind, network(blind, on, rules), rules, None, MEMORY)
    if first is None:
        return None
    cost_kg = price(problem, first.placement(problem)).objective_kg(problem.objective)
    return replace(first, cost_g=G_PER_KG * cost_kg)


def _resumes(problem: Problem, net: Network, rules: Interruption) -> tuple[Ints, Labels] | None:
    """How a job that was suspended before hour 0 can go on: the border at which it has arrived, and its wait."""
    came_from, rows = problem.resumed_from, np.arange(len(net.speed))
    if came_from is None:
        return None
    moves = net.moved[came_from].astype(np.int64)
    travel_h = np.where(moves, problem.surface.move_h[came_from], 0.0)
    border = np.searchsorted(net.grid.t_h, travel_h - INSTANT_TOLERANCE_H)
    cost_g, none = net.transfer_g[0, came_from], np.zeros_like(rows)
    keep = (border < len(net.grid.slot)) & np.isfinite(cost_g)
    if rules.max_moves is not None:
        keep &= moves <= rules.max_moves
    labels = Labels(
        state=net.target[came_from],
        progress_h=np.zeros(len(rows)),
        cost_g=cost_g,
        suspends=none,
        moves=moves,
        resizes=none,
        start=none,
        parent=none - 1,
    )
    return border[keep], labels.take(keep)


def _worth_g(bounds: Bound, resumes: tuple[Ints, Labels] | None) -> Floats:
    """The least that any plan costs by each of the prices, inf where there is none. [g]"""
    if resumes is None:
        by_price = bounds.fresh
    else:
        border, labels = resumes
        rest_g = bounds.wait[border, labels.state, bounds.left(labels.suspends)]
        by_price = (rest_g + labels.cost_g[:, None]).min(axis=0, initial=np.inf)
    return np.asarray(by_price + bounds.work_h * bounds.price_g)
