"""Small surfaces and problems for tests; rates are given as one total and split over the lines in fixed shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from scheduler.domain.emissions import Line
from scheduler.domain.placement import Placement, Segment
from scheduler.problem.problem import Problem
from scheduler.problem.surface import Floats, Surface

ORIGIN = datetime(2026, 3, 1, tzinfo=UTC)
RUN_SHARES: Mapping[Line, float] = {"dynamic": 0.5, "idle_running": 0.25, "facility": 0.25}
HOLD_SHARES: Mapping[Line, float] = {"idle_held": 0.75, "facility": 0.25}

Row = float | Sequence[float]


def surface(
    rates: Mapping[str, Sequence[float]],
    *,
    edges: Sequence[float] | None = None,
    hold: Mapping[str, Row] | None = None,
    embodied: float = 0.0,
    capacity: Mapping[str, int | Sequence[int]] | None = None,
    speed: Mapping[str, float] | None = None,
    restart: float | Mapping[str, float] = 0.0,
    move_h: float | Sequence[Sequence[float]] = 0.0,
    move_g: float | Sequence[object] = 0.0,
) -> Surface:
    """A surface from operational rates by cluster and slot [g/GPU-h]; clusters named in `hold` hold paused nodes."""
    names = tuple(rates)
    run = np.array([rates[name] for name in names], dtype=float)
    shape = run.shape
    held = hold or {}
    kept = np.array([np.broadcast_to(held.get(name, 0.0), shape[1]) for name in names], dtype=float)
    holds = np.array([name in held for name in names])
    restarts = restart if isinstance(restart, Mapping) else dict.fromkeys(names, restart)
    return Surface(
        origin=ORIGIN,
        clusters=names,
        edges_h=np.array(edges if edges is not None else range(shape[1] + 1), dtype=float),
        run_g=_lines(run, RUN_SHARES) | {"embodied": np.full(shape, embodied)},
        hold_g=_lines(kept, HOLD_SHARES) | {"embodied": np.where(holds[:, None], embodied, np.zeros(shape))},
        holds=holds,
        capacity=np.array([np.broadcast_to((capacity or {}).get(name, 8), shape[1]) for name in names]),
        speed=np.array([(speed or {}).get(name, 1.0) for name in names]),
        restart_h=np.array([restarts.get(name, 0.0) for name in names]),
        move_h=np.broadcast_to(np.array(move_h, dtype=float), (shape[0], shape[0])).copy(),
        move_g=np.broadcast_to(np.array(move_g, dtype=float), (shape[0], *shape)).copy(),
    )


def problem(on: Surface, work: float, deadline: float | None = None, **given: object) -> Problem:
    """A problem of `work` hours on one GPU; home is the first cluster, the deadline the end of the surface."""
    defaults: dict[str, object] = {"gpus": 1, "earliest_h": 0.0, "home": 0}
    end = float(on.edges_h[-1]) if deadline is None else deadline
    return Problem(surface=on, work_h=work, deadline_h=end, **(defaults | given))  # type: ignore[arg-type]  # keywords of Problem, checked by it


def placement(on: Surface, *stretches: tuple[str, float, float], gpus: int = 1) -> Placement:
    """A placement from (cluster, start, end) in hours."""
    return Placement(
        segments=tuple(
            Segment(cluster=name, start=on.instant(start), end=on.instant(end), gpus=gpus)
            for name, start, end in stretches
        )
    )


def stretches(on: Surface, made: Placement) -> tuple[tuple[str, float, float], ...]:
    """The segments as (cluster, start, end) in hours, to a millisecond."""
    return tuple((s.cluster, round(on.hour(s.start), 6), round(on.hour(s.end), 6)) for s in made.segments)


def _lines(total: Floats, shares: Mapping[Line, float]) -> dict[Line, Floats]:
    """A total rate split over the lines."""
    return {line: total * share for line, share in shares.items()}
