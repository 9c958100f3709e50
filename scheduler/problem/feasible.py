"""Whether a placement keeps every constraint of its problem; each breach is a sentence with its numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scheduler.domain.instant import format_instant
from scheduler.domain.placement import Placement, Segment
from scheduler.problem.pauses import pauses_of
from scheduler.problem.pricing import overlap
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H


def violations(problem: Problem, placement: Placement) -> tuple[str, ...]:
    """Every constraint that `placement` breaks, none where it is feasible.

    A segment's `[start, end)` is all its occupied time: a resumed one starts with the restart, one that is
    suspended ends with the checkpoint, and neither makes progress.
    """
    unknown = [s.cluster for s in placement.segments if s.cluster not in problem.surface.clusters]
    if unknown:
        return tuple(f"{cluster} is not a cluster of this problem" for cluster in unknown)
    checks = (_width, _time, _room, _borders, _work, _gaps, _limits)
    return tuple(breach for check in checks for breach in check(problem, placement))


def _width(problem: Problem, placement: Placement) -> Iterator[str]:
    """Every segment has the job's width, or another one that it can run at there."""
    for segment in placement.segments:
        if problem.speed_at(problem.surface.index(segment.cluster), segment.gpus) is None:
            others = "".join(f" or {width.gpus}" for width in problem.widths)
            yield f"{_name(segment)} has {segment.gpus} GPUs, not {problem.gpus}{others}"


def _time(problem: Problem, placement: Placement) -> Iterator[str]:
    """Nothing starts before the earliest start or ends after the deadline."""
    surface = problem.surface
    if surface.hour(placement.start) < problem.earliest_h - INSTANT_TOLERANCE_H:
        earliest = format_instant(surface.instant(problem.earliest_h))
        yield f"{_name(placement.segments[0])} starts before the earliest start {earliest}"
    if surface.hour(placement.finish) > problem.deadline_h + INSTANT_TOLERANCE_H:
        deadline = format_instant(surface.instant(problem.deadline_h))
        yield f"{_name(placement.segments[-1])} ends after the deadline {deadline}"


def _room(problem: Problem, placement: Placement) -> Iterator[str]:
    """At every instant each cluster has the GPUs that are occupied or held there."""
    surface = problem.surface
    spans = [(surface.index(s.cluster), surface.hour(s.start), surface.hour(s.end), s.gpus) for s in placement.segments]
    spans += [(p.left, p.start_h, p.end_h, p.gpus) for p in pauses_of(problem, placement) if p.held]
    for row, start_h, end_h, gpus in spans:
        cluster = surface.clusters[row]
        if start_h < surface.edges_h[0] - INSTANT_TOLERANCE_H or end_h > surface.edges_h[-1] + INSTANT_TOLERANCE_H:
            yield f"{cluster} is used outside the hours of the surface, which end at {surface.edges_h[-1]:g} h"
        slots, _ = overlap(surface, start_h, end_h)
        free = surface.capacity[row, slots]
        if (free < gpus).any():
            first = slots.start + int(np.argmax(free < gpus))
            at = format_instant(surface.instant(max(start_h, float(surface.edges_h[first]))))
            yield f"{cluster} has {free.min()} of {gpus} GPUs free at {at}"


def _borders(problem: Problem, placement: Placement) -> Iterator[str]:
    """Suspends lie on an edge; so do the starts around them, or on hour 0 or the earliest start."""
    if placement.suspends == 0:
        return
    surface = problem.surface
    points = np.append(surface.edges_h, [0.0, problem.earliest_h])
    for segment in placement.segments:
        if np.abs(points - surface.hour(segment.start)).min() > INSTANT_TOLERANCE_H:
            yield f"{_name(segment)} starts between two edges"
    for segment in placement.segments[:-1]:
        if np.abs(surface.edges_h - surface.hour(segment.end)).min() > INSTANT_TOLERANCE_H:
            yield f"{_name(segment)} is suspended at {format_instant(segment.end)}, between two edges"


def _work(problem: Problem, placement: Placement) -> Iterator[str]:
    """Every segment makes progress, and together they do exactly the work."""
    done_h = 0.0
    for number, segment in enumerate(placement.segments):
        progress_h = progress_of(problem, placement, number)
        if progress_h <= 0:
            yield f"{_name(segment)} makes no progress"
        done_h += progress_h
    fastest = float(problem.surface.speed.max()) * max((width.speed for width in problem.widths), default=1.0)
    tolerance_h = 2 * INSTANT_TOLERANCE_H * len(placement.segments) * max(1.0, fastest)
    if abs(done_h - problem.work_h) > tolerance_h:
        yield f"the placement does {done_h:.9g} h of work, not {problem.work_h:.9g} h"


def progress_of(problem: Problem, placement: Placement, number: int) -> float:
    """Work that segment `number` does, in hours at speed 1. [h]"""
    surface, segment = problem.surface, placement.segments[number]
    row = surface.index(segment.cluster)
    useful_h = surface.hour(segment.end) - surface.hour(segment.start)
    if number > 0 or problem.resumed_from is not None:
        useful_h -= float(surface.restart_h[row])
    if number < placement.suspends and problem.interruption is not None:
        useful_h -= problem.interruption.checkpoint_h
    return useful_h * (problem.speed_at(row, segment.gpus) or 0.0)


def _gaps(problem: Problem, placement: Placement) -> Iterator[str]:
    """A checkpoint that moves has the time to travel."""
    surface = problem.surface
    for pause in pauses_of(problem, placement):
        needed_h = float(surface.move_h[pause.left, pause.joined]) if pause.moved else 0.0
        given_h = pause.end_h - pause.start_h
        if given_h < needed_h - INSTANT_TOLERANCE_H:
            way = f"{surface.clusters[pause.left]} to {surface.clusters[pause.joined]}"
            yield f"moving from {way} takes {needed_h:g} h, and the pause lasts {given_h:g} h"


def _limits(problem: Problem, placement: Placement) -> Iterator[str]:
    """No suspend that is not allowed, no segment that is too short."""
    rules = problem.interruption
    if rules is None:
        if placement.suspends:
            yield f"the job may not be suspended, and is {placement.suspends} times"
        rules = Interruption()
    moves = sum(pause.moved for pause in pauses_of(problem, placement))
    limits = (
        (placement.suspends, rules.max_suspends, "suspends"),
        (moves, rules.max_moves, "moves"),
        (placement.resizes, rules.max_resizes, "resizes"),
    )
    for count, most, word in limits:
        if most is not None and count > most:
            yield f"{count} {word}, at most {most} are allowed"
    for segment in placement.segments[:-1]:
        length_h = problem.surface.hour(segment.end) - problem.surface.hour(segment.start)
        if length_h < rules.min_segment_h - INSTANT_TOLERANCE_H:
            yield f"{_name(segment)} lasts {length_h:g} h, less than the {rules.min_segment_h:g} h of a segment"


def _name(segment: Segment) -> str:
    """The segment for a reader."""
    return f"the segment on {segment.cluster} from {format_instant(segment.start)}"
