"""The same problem as a mixed-integer programme, on uniform slots and without the solvers of the product.

Slot variables by cluster c and slot s: `on` (occupied), `part` (the share of it), `start`, `first`; by slot `last`
(the work ends in it), `begun` and `left` (some slot before, some behind is occupied). `at` says where the
checkpoint is, and its changes are the moves.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]  # scipy ships no types

from scheduler.problem.surface import Floats, Ints


class Programme:
    """Variables by name, constraints as they are added."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self.at: dict[str, Ints] = {}
        count = 0
        for name, shape in shapes.items():
            self.at[name] = np.arange(count, count + int(np.prod(shape))).reshape(shape)
            count += int(np.prod(shape))
        self.count = count
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def add(self, *terms: tuple[float, int], low: float = -np.inf, high: float = np.inf) -> None:
        """Low <= sum of coefficient x variable <= high."""
        row: dict[int, float] = {}
        for coefficient, variable in terms:
            row[int(variable)] = row.get(int(variable), 0.0) + coefficient
        self.rows.append((row, low, high))

    def minimum(self, cost: dict[int, float], continuous: Ints) -> float | None:
        """The least cost, None where nothing is feasible."""
        matrix = np.zeros((len(self.rows), self.count))
        for number, (row, _, _) in enumerate(self.rows):
            for variable, coefficient in row.items():
                matrix[number, variable] = coefficient
        weights = np.zeros(self.count)
        for variable, weight in cost.items():
            weights[int(variable)] = weight
        whole = np.ones(self.count)
        whole[continuous] = 0
        limits = LinearConstraint(matrix, [r[1] for r in self.rows], [r[2] for r in self.rows])
        found = milp(weights, constraints=limits, bounds=Bounds(0, 1), integrality=whole, options={"mip_rel_gap": 0})
        return float(found.fun) if found.success else None


def least_g(
    rates: Floats,
    hold: Floats | None,
    work_h: float,
    *,
    restart_h: float,
    checkpoint_h: float,
    move_g: float,
    speed: Floats,
    most_suspends: int | None = None,
) -> float | None:
    """The least cost of `work_h` hours on hourly slots; `hold` holds nodes of a single cluster. [g]"""
    clusters, slots = rates.shape
    each = (clusters, slots)
    p = Programme(on=each, part=each, start=each, first=each, at=each, last=(slots,), moved=(slots,), begun=(slots,),
                  left=(slots,), held=(slots,))  # fmt: skip
    on, part, start, first, at = (p.at[name] for name in ("on", "part", "start", "first", "at"))
    last, moved, begun, left, held = (p.at[name] for name in ("last", "moved", "begun", "left", "held"))
    for s in range(slots):
        p.add(*((1, on[c, s]) for c in range(clusters)), high=1)
        p.add(*((1, at[c, s]) for c in range(clusters)), low=1, high=1)
        p.add(*((1, on[c, s]) for c in range(clusters)), *((1, last[t]) for t in range(s)), high=1)
        for c in range(clusters):
            p.add((1, on[c, s]), (-1, at[c, s]), high=0)
            p.add((1, part[c, s]), (-1, on[c, s]), high=0)
            p.add((1, part[c, s]), (-1, on[c, s]), (1, last[s]), low=0)
            before = [(1.0, on[c, s - 1])] if s else []
            p.add((1, start[c, s]), (-1, on[c, s]), *before, low=0)
            p.add((1, start[c, s]), (-1, on[c, s]), high=0)
            p.add((1, start[c, s]), *before, high=1)
            p.add((1, first[c, s]), (-1, start[c, s]), high=0)
            earlier = [(1.0, on[d, t]) for d in range(clusters) for t in range(s)]
            p.add(*earlier, (slots, first[c, s]), high=slots)
            if s:
                p.add((1, moved[s]), (-1, at[c, s]), (1, at[c, s - 1]), low=0)
            p.add((1, begun[s]), (-1, on[c, s]), low=0)
            p.add((1, left[s]), (-1, on[c, s]), low=0)
        if s:
            p.add((1, begun[s]), (-1, begun[s - 1]), low=0)
            p.add((1, left[s - 1]), (-1, left[s]), low=0)
        p.add((1, held[s]), (-1, begun[s]), (-1, left[s]), *((1, on[c, s]) for c in range(clusters)), low=-1)
    p.add(*((1, variable) for variable in last.tolist()), low=1, high=1)
    p.add(*((1, variable) for variable in first.ravel().tolist()), low=1, high=1)
    work = []
    for c in range(clusters):
        for s in range(slots):
            lost_h = restart_h + checkpoint_h
            work += [(speed[c], part[c, s]), (-lost_h * speed[c], start[c, s]), (lost_h * speed[c], first[c, s])]
    p.add(*work, low=work_h, high=work_h)
    if most_suspends is not None:
        p.add(*((1, variable) for variable in start.ravel().tolist()), high=most_suspends + 1)
    cost = {int(part[c, s]): float(rates[c, s]) for c in range(clusters) for s in range(slots)}
    cost |= {int(moved[s]): move_g for s in range(slots)}
    if hold is not None:
        cost |= {int(held[s]): float(hold[s]) for s in range(slots)}
    return p.minimum(cost, np.concatenate([part.ravel(), held]))
