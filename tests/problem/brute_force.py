"""Every placement of a small problem, written naively: nothing of the solvers, only the price and the rules."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.domain.placement import Placement, Segment
from scheduler.problem.feasible import violations
from scheduler.problem.pricing import Price, price
from scheduler.problem.problem import Problem

SECOND_H = 1 / 3600
Stretch = tuple[str, float, float, int]


def feasible_placements(problem: Problem) -> Iterator[Placement]:
    """Every placement on the edges, and those in one piece that start or end on one."""
    surface, rules = problem.surface, problem.interruption
    edges = [float(edge) for edge in surface.edges_h]
    points = sorted({*edges, 0.0, problem.earliest_h})
    checkpoint_h = rules.checkpoint_h if rules else 0.0
    widths = [problem.gpus, *(width.gpus for width in problem.widths)]
    every = [(row, gpus, problem.speed_at(row, gpus)) for row in range(len(surface.clusters)) for gpus in widths]
    ways = [(row, gpus, speed) for row, gpus, speed in every if speed is not None]

    def restart_h(row: int, depth: int) -> float:
        """Time before progress in a segment that comes after `depth` others. [h]"""
        return float(surface.restart_h[row]) if depth or problem.resumed_from is not None else 0.0

    def extend(done: list[Stretch], left_h: float) -> Iterator[Placement]:
        """Every way to do what is left behind the segments `done`."""
        after = done[-1][2] if done else problem.earliest_h
        for row, gpus, speed in ways:
            name = surface.clusters[row]
            for start in points:
                if start < after or (done and (name, start, gpus) == (done[-1][0], after, done[-1][3])):
                    continue
                loading = restart_h(row, len(done))
                yield _placed(problem, *done, (name, start, start + loading + left_h / speed, gpus))
                for end in edges if rules else []:
                    progress = (end - start - loading - checkpoint_h) * speed
                    if end > start and 0 < progress < left_h - SECOND_H:
                        yield from extend([*done, (name, start, end, gpus)], left_h - progress)

    def pieces() -> Iterator[Placement]:
        """In one piece, starting or ending where a rate or a limit changes."""
        for row, gpus, speed in ways:
            name = surface.clusters[row]
            length = restart_h(row, 0) + problem.work_h / speed
            ends = [start + length for start in points] + edges + [problem.deadline_h, problem.deadline_h - 0.07]
            if problem.resumed_from is not None:
                ends.append(float(surface.move_h[problem.resumed_from, row]) + length)
            for end in ends:
                if 0 <= end - length < end < float("inf"):
                    yield _placed(problem, (name, end - length, end, gpus))

    for made in (*pieces(), *extend([], problem.work_h)):
        if not violations(problem, made):
            yield made


def _placed(problem: Problem, *stretches: Stretch) -> Placement:
    """A placement from (cluster, start, end, GPUs) in hours."""
    on = problem.surface
    return Placement(
        segments=tuple(
            Segment(cluster=name, start=on.instant(start), end=on.instant(end), gpus=gpus)
            for name, start, end, gpus in stretches
        )
    )


def brute_force(problem: Problem) -> Price | None:
    """The best price: least unpriced GPU-hours first, then least of the objective; None where nothing is feasible."""
    prices = [price(problem, made) for made in feasible_placements(problem)]
    if not prices:
        return None
    least = min(p.unpriced_gpu_h for p in prices)
    allowed = least + (SECOND_H * problem.gpus if least > SECOND_H else 0.0)
    return min(
        (p for p in prices if p.unpriced_gpu_h <= allowed + 1e-9), key=lambda p: p.objective_kg(problem.objective)
    )
