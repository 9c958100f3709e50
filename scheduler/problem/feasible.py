"""Whether a placement keeps every constraint of its problem; each breach is a sentence with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scheduler.domain.instant import format_instant
from scheduler.domain.placement import Placement, Segment
from scheduler.problem.pauses import Pause, pauses_of
from scheduler.problem.pricing import touched
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats


def violations(problem: Problem, placement: Placement) -> tuple[str, ...]:
    """Every constraint that `placement` breaks, none where it is feasible.

    A segment's `[start, end)` is all its occupied time: a resumed one starts with the restart, one that is
    suspended ends with the checkpoint, and neither makes progress.
    """
    unknown = [s.cluster for s in placement.segments if s.cluster not in problem.surface.clusters]
    if unknown:
        return tuple(f"{cluster} is not a cluster of this problem" for cluster in unknown)
    told = _Told.of(problem, placement)
    checks = (_width, _time, _room, _borders, _work, _gaps, _limits)
    return tuple(breach for check in checks for breach in check(problem, placement, told))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Told:
    """A placement in rows and hours, worked out once for all checks.

    Args:
        rows: of its segments; start_h, end_h: of each, shape [K]. [h]
        pauses: between them.
    """

    rows: list[int]
    start_h: Floats
    end_h: Floats
    pauses: tuple[Pause, ...]

    @classmethod
    def of(cls, problem: Problem, placement: Placement) -> _Told:
        """That of a placement on clusters of the problem."""
        surface = problem.surface
        return cls(
            rows=[surface.index(segment.cluster) for segment in placement.segments],
            start_h=np.array([surface.hour(segment.start) for segment in placement.segments]),
            end_h=np.array([surface.hour(segment.end) for segment in placement.segments]),
            pauses=pauses_of(problem, placement),
        )


def _width(problem: Problem, placement: Placement, told: _Told) -> Iterator[str]:
    """Every segment has the job's width, or another one that it can run at there."""
    for row, segment in zip(told.rows, placement.segments, strict=True):
        if problem.speed_at(row, segment.gpus) is None:
            others = "".join(f" or {width.gpus}" for width in problem.widths)
            yield f"{_name(segment)} has {segment.gpus} GPUs, not {problem.gpus}{others}"


def _time(problem: Problem, placement: Placement, told: _Told) -> Iterator[str]:
    """Nothing starts before the earliest start or ends after the deadline."""
    surface = problem.surface
    if told.start_h[0] < problem.earliest_h - INSTANT_TOLERANCE_H:
        earliest = format_instant(surface.instant(problem.earliest_h))
        yield f"{_name(placement.segments[0])} starts before the earliest start {earliest}"
    if told.end_h[-1] > problem.deadline_h + INSTANT_TOLERANCE_H:
        deadline = format_instant(surface.instant(problem.deadline_h))
        yield f"{_name(placement.segments[-1])} ends after the deadline {deadline}"


def _room(problem: Problem, placement: Placement, told: _Told) -> Iterator[str]:
    """At every instant each cluster has the GPUs that are occupied or held there."""
    surface = problem.surface
    widths = [segment.gpus for segment in placement.segments]
    spans = list(zip(told.rows, told.start_h.tolist(), told.end_h.tolist(), widths, strict=True))
    spans += [(p.left, p.start_h, p.end_h, p.gpus) for p in told.pauses if p.held]
    for row, start_h, end_h, gpus in spans:
        cluster = surface.clusters[row]
        if start_h < surface.edges_h[0] - INSTANT_TOLERANCE_H or end_h > surface.edges_h[-1] + INSTANT_TOLERANCE_H:
            yield f"{cluster} is used outside the hours of the surface, which end at {surface.edges_h[-1]:g} h"
        slots = touched(surface, start_h, end_h)
        free = surface.capacity[row, slots]
        if (free < gpus).any():
            first = slots.start + int(np.argmax(free < gpus))
            at = format_instant(surface.instant(max(start_h, float(surface.edges_h[first]))))
            yield f"{cluster} has {free.min()} of {gpus} GPUs free at {at}"


def _borders(problem: Problem, placement: Placement, told: _Told) -> Iterator[str]:
    """Suspends lie on an edge; so do the starts around them, or on hour 0 or the earliest start."""
    if placement.suspends == 0:
        return
    surface = problem.surface
    points = np.append(surface.edges_h, [0.0, problem.earliest_h])
    for number in _off(points, told.start_h):
        yield f"{_name(placement.segments[number])} starts between two edges"
    for number in _off(surface.edges_h, told.end_h[:-1]):
        segment = placement.segments[number]
        yield f"{_name(segment)} is suspended at {format_instant(segment.end)}, between two edges"


def _off(points_h: Floats, hours_h: Floats) -> list[int]:
    """Which times lie on none of some points."""
    apart_h = np.abs(points_h[:, None] - hours_h).min(axis=0)
    return [int(number) for number in np.flatnonzero(apart_h > INSTANT_TOLERANCE_H)]


def _work(problem: Problem, placement: Placement, told: _Told) -> Iterator[str]:
    """Every segment makes progress, and together they do exactly the work."""
    done_h = 0.0
    for number, segment in enumerate(placement.segments):
        progress_h = _progress_h(problem, placement, told, number)
        if progress_h <= 0:
            yield f"{_name(segment)} makes no progress"
        done_h += progress_h
    fastest = float(problem.surface.speed.max()) * max((width.speed for width in problem.widths), default=1.0)
    tolerance_h = 2 * INSTANT_TOLERANCE_H * len(placement.segments) * max(1.0, fastest)
    if abs(done_h - problem.work_h) > tolerance_h:
        yield f"the placement does {done_h:.9g} h of work, not {problem.work_h:.9g} h"


def _progress_h(problem: Problem, placement: Placement, told: _Told, number: int) -> float:
    """Work that segment `number` does, in hours at speed 1. [h]"""
    row = told.rows[number]
    useful_h = float(told.end_h[number] - told.start_h[number])
    if number > 0 or problem.resumed_from is not None:
        useful_h -= float(problem.surface.restart_h[row])
    if number < placement.suspends and problem.interruption is not None:
        useful_h -= problem.interruption.checkpoint_h
    return useful_h * (problem.speed_at(row, placement.segments[number].gpus) or 0.0)


def _gaps(problem: Problem, _placement: Placement, told: _Told) -> Iterator[str]:
    """A checkpoint that moves has the time to travel."""
    surface = problem.surface
    for pause in told.pauses:
        needed_h = float(surface.move_h[pause.left, pause.joined]) if pause.moved else 0.0
        given_h = pause.end_h - pause.start_h
        if given_h < needed_h - INSTANT_TOLERANCE_H:
            way = f"{surface.clusters[pause.left]} to {surface.clusters[pause.joined]}"
            yield f"moving from {way} takes {needed_h:g} h, and the pause lasts {given_h:g} h"


def _limits(problem: Problem, placement: Placement, told: _Told) -> Iterator[str]:
    """No suspend that is not allowed, no segment that is too short."""
    rules = problem.interruption
    if rules is None:
        if placement.suspends:
            yield f"the job may not be suspended, and is {placement.suspends} times"
        rules = Interruption()
    moves = sum(pause.moved for pause in told.pauses)
    limits = (
        (placement.suspends, rules.max_suspends, "suspends"),
        (moves, rules.max_moves, "moves"),
        (placement.resizes, rules.max_resizes, "resizes"),
    )
    for count, most, word in limits:
        if most is not None and count > most:
            yield f"{count} {word}, at most {most} are allowed"
    lengths_h = (told.end_h - told.start_h).tolist()[:-1]
    for segment, length_h in zip(placement.segments[:-1], lengths_h, strict=True):
        if length_h < rules.min_segment_h - INSTANT_TOLERANCE_H:
            yield f"{_name(segment)} lasts {length_h:g} h, less than the {rules.min_segment_h:g} h of a segment"


def _name(segment: Segment) -> str:
    """The segment for a reader."""
    return f"the segment on {segment.cluster} from {format_instant(segment.start)}"
