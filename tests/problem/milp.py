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
    clusters, slots = each = rates.shape
    line = (slots,)
    p = Programme(
        on=each, part=each, start=each, first=each, at=each, last=line, moved=line, begun=line, left=line, held=line
    )
    for s in range(slots):
        add_slot(p, s, clusters)
        for c in range(clusters):
            add_cluster_slot(p, c, s)
    part, start, first, moved, held = (p.at[name] for name in ("part", "start", "first", "moved", "held"))
    for once in (p.at["last"], first):
        p.add(*((1, variable) for variable in once.ravel().tolist()), low=1, high=1)
    work = [(speed[c], part[c, s]) for c in range(clusters) for s in range(slots)]
    for c in range(clusters):
        lost_h = (restart_h + checkpoint_h) * speed[c]
        work += [(-lost_h, variable) for variable in start[c]] + [(lost_h, variable) for variable in first[c]]
    p.add(*work, low=work_h, high=work_h)
    if most_suspends is not None:
        p.add(*((1, variable) for variable in start.ravel().tolist()), high=most_suspends + 1)
    cost = {int(part[c, s]): float(rates[c, s]) for c in range(clusters) for s in range(slots)}
    cost |= {int(moved[s]): move_g for s in range(slots)}
    if hold is not None:
        cost |= {int(held[s]): float(hold[s]) for s in range(slots)}
    return p.minimum(cost, np.concatenate([part.ravel(), held]))


def add_slot(p: Programme, s: int, clusters: int) -> None:
    """At most one cluster runs, none behind the last slot; what is neither before nor behind the run is held."""
    on, at, last, begun, left = (p.at[name] for name in ("on", "at", "last", "begun", "left"))
    running = [(1.0, on[c, s]) for c in range(clusters)]
    p.add(*running, high=1)
    p.add(*((1.0, at[c, s]) for c in range(clusters)), low=1, high=1)
    p.add(*running, *((1, last[t]) for t in range(s)), high=1)
    if s:
        p.add((1, begun[s]), (-1, begun[s - 1]), low=0)
        p.add((1, left[s - 1]), (-1, left[s]), low=0)
    p.add((1, p.at["held"][s]), (-1, begun[s]), (-1, left[s]), *running, low=-1)


def add_cluster_slot(p: Programme, c: int, s: int) -> None:
    """Slots are full but for the last; a start is a slot behind an empty one, the first has none before."""
    on, part, start, first, at = (p.at[name] for name in ("on", "part", "start", "first", "at"))
    before = [(1.0, on[c, s - 1])] if s else []
    earlier = [(1.0, variable) for variable in on[:, :s].ravel().tolist()]
    p.add((1, on[c, s]), (-1, at[c, s]), high=0)
    p.add((1, part[c, s]), (-1, on[c, s]), high=0)
    p.add((1, part[c, s]), (-1, on[c, s]), (1, p.at["last"][s]), low=0)
    p.add((1, start[c, s]), (-1, on[c, s]), *before, low=0)
    p.add((1, start[c, s]), (-1, on[c, s]), high=0)
    p.add((1, start[c, s]), *before, high=1)
    p.add((1, first[c, s]), (-1, start[c, s]), high=0)
    p.add(*earlier, (on.shape[1], first[c, s]), high=on.shape[1])
    if s:
        p.add((1, p.at["moved"][s]), (-1, at[c, s]), (1, at[c, s - 1]), low=0)
    p.add((1, p.at["begun"][s]), (-1, on[c, s]), low=0)
    p.add((1, p.at["left"][s]), (-1, on[c, s]), low=0)
