"""The best placement with suspends and moves on the borders of the grid, exactly.

Partial plans are taken up in the order of the least that they can cost, which finds the optimum after a few dozen of
them where overheads keep good plans apart. Where thousands are as good, as on short slots with hardly any overhead, a
sweep over the borders carries all that could still become the best one: no other in its state has done more work for
less, and with the least that its rest can cost it stays under a ceiling, first just over the lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from scheduler.problem.bound import Bound, bound
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.grid import grid
from scheduler.problem.labels import Labels
from scheduler.problem.narrow import among
from scheduler.problem.network import Network, network
from scheduler.problem.prices import FREE, finer_prices_g, first_prices_g
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.promising import promising
from scheduler.problem.search import Search, TooMany
from scheduler.problem.settled import settled
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.sweep import Sweep

_TAKEN_UP = (100, 400, 2000)
"""Partial plans that the search by the best first may take up, with the first prices and with finer and finer ones."""
_NEAR = 5
"""Prices that are kept for a search: those of the best bounds."""
_GAPS = (0.0005, 0.001, 0.002, 0.004, 0.008)
"""Shares over the lower bound at which the first ceilings lie. [-]"""
_BEAM = 40
"""Plans that a narrow sweep keeps at a border."""


def best_segments(problem: Problem, window: Draft | None) -> Draft | None:
    """The cheapest placement with a suspend, or `window` where none is better; None where nothing fits.

    Args:
        problem: without unknown rates.
        window: the best placement in one piece, None where none fits.
    """
    rules, on = problem.interruption, grid(problem)
    if rules is None or on is None or rules.max_suspends == 0:
        return window
    rows = promising(problem, on, window)
    if rows is not None:
        return _among(problem, rows, window)
    net = network(problem, on, rules)
    found = _search(problem, net, replace(rules, max_suspends=None, max_moves=None, max_resizes=None), window)
    if found is not None and not _keeps(rules, problem, net, found):
        found = _search(problem, net, rules, window)
    return found if found is None or found is window else settled(problem, on, found)


def _among(problem: Problem, rows: Ints, window: Draft | None) -> Draft | None:
    """The best placement on some clusters, or `window`."""
    number = {row: at for at, row in enumerate(rows.tolist())}

    def renumbered(draft: Draft | None, number: Mapping[int, int]) -> Draft | None:
        """A draft by other numbers of the same clusters."""
        if draft is None:
            return None
        return replace(draft, stretches=tuple((number[row], start, end) for row, start, end in draft.stretches))

    found = best_segments(among(problem, rows), renumbered(window, number))
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


def _search(problem: Problem, net: Network, rules: Interruption, incumbent: Draft | None) -> Draft | None:
    """The optimum under `rules`: by the best first while few plans are near it, else by sweeps."""
    resumes = _resumes(problem, net, rules)
    free = not net.grid.run_rate.any()
    tried_g = FREE if free else first_prices_g(net)
    for taken_up in _TAKEN_UP:
        bounds = bound(net, tried_g, rules.max_suspends)
        worth_g = _worth_g(bounds, resumes)
        least_g = float(worth_g.max())
        if not np.isfinite(least_g):
            return incumbent
        near = bounds.best(worth_g, _NEAR)
        if free:  # every plan costs the same, and only the borders can be gone through in order
            return Sweep(problem, net, near, rules, incumbent=incumbent).run(resumes)
        try:
            return Search(problem, net, near, rules, least_g=least_g, incumbent=incumbent, most=taken_up).run(resumes)
        except TooMany:
            tried_g = finer_prices_g(tried_g, worth_g)
    return _swept(problem, net, near, rules, least_g=least_g, incumbent=incumbent, resumes=resumes)


def _swept(
    problem: Problem,
    net: Network,
    bounds: Bound,
    rules: Interruption,
    *,
    least_g: float,
    incumbent: Draft | None,
    resumes: tuple[Ints, Labels] | None,
) -> Draft | None:
    """The optimum by sweeps under ceilings over a lower bound `least_g` [g]."""
    most_g = np.inf if incumbent is None else incumbent.cost_g
    for ceiling_g in (least_g * (1 + gap) for gap in _GAPS if least_g > 0):
        if ceiling_g >= most_g * (1 - TIE):
            break
        found = Sweep(problem, net, bounds, rules, ceiling_g=ceiling_g).run(resumes)
        if found is not None:
            return found
    else:
        incumbent = Sweep(problem, net, bounds, rules, incumbent=incumbent, beam=_BEAM).run(resumes)
    return Sweep(problem, net, bounds, rules, incumbent=incumbent).run(resumes)


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
        by_price = bounds.fresh.min(axis=(0, 1))
    else:
        border, labels = resumes
        rest_g = bounds.wait[border, labels.state, bounds.left(labels.suspends)]
        by_price = (rest_g + labels.cost_g[:, None]).min(axis=0, initial=np.inf)
    return np.asarray(by_price + bounds.work_h * bounds.price_g)
