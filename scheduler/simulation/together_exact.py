"""A fleet's places to the microsecond: its hours are rounded, and room is kept at every instant of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from scheduler.problem.surface import Ints
from scheduler.simulation.job import Job
from scheduler.simulation.reservations import Reservations
from scheduler.simulation.run import Stretch, split_at

_NEAR_US: Final = 8
"""The fleet planner rounds hours to the ninth digit and takes times nearer than that for one; twice that. [us]"""


class Exact:
    """Places beside what is reserved.

    Args:
        taken: by all others; it is the same again when a question is answered.
        edges: instants that places may start or end at, rising. [us]
        now_us: nothing starts before. [us]
    """

    def __init__(self, taken: Reservations, edges: Ints, now_us: int) -> None:
        self._taken, self._edges, self._now_us = taken, edges, now_us

    def fitted(self, jobs: Sequence[Job], rough: Sequence[list[Stretch]]) -> dict[int, list[Stretch]] | None:
        """All stretches of each job, by its number; None where one of them finds no room within a few microseconds.

        Args:
            jobs: that hold nothing behind now; rough: where each is to be then.
        """
        kept = [_is_near(split_at(job.stretches, self._now_us)[1], to) for job, to in zip(jobs, rough, strict=True)]
        order = sorted(range(len(jobs)), key=lambda at: (not kept[at], rough[at][0][1]))
        found: dict[int, list[Stretch]] = {}
        for at in order:
            job = jobs[at]
            whole = job.stretches if kept[at] else self._whole(job, rough[at])
            if whole is None or not self._taken.has_room(job.request, whole, self._now_us):
                break
            self._taken.take(job.request, whole, self._now_us)
            found[job.number] = whole
        for job in jobs:
            if job.number in found:
                self._taken.give(job.request, found[job.number], self._now_us)
        return found if len(found) == len(jobs) else None

    def _whole(self, job: Job, rough: list[Stretch]) -> list[Stretch] | None:
        """What a job has run and what it is to run, in time; None where there is no room for it."""
        before = split_at(job.stretches, self._now_us)[0]
        ahead = [(row, self._on(start), self._on(end)) for row, start, end in rough]
        for first_us in self._starts(job, before, ahead):
            row, _, end_us = ahead[0]
            moved = [(row, first_us, end_us), *ahead[1:]]
            whole = job.overheads.fitted([*before, *moved], job.expected_us)
            in_time = first_us >= self._now_us and whole[-1][2] <= job.deadline_us
            if in_time and self._taken.has_room(job.request, whole, self._now_us):
                return whole
        return None

    def _starts(self, job: Job, before: list[Stretch], ahead: list[Stretch]) -> list[int]:
        """When the first of some stretches may start: as it is; if alone, also by its end, deadline and room. [us]"""
        row, start_us, end_us = ahead[0]
        if len(ahead) > 1:
            return [start_us]
        length_us = job.overheads.fitted([*before, ahead[0]], job.expected_us)[-1][2] - start_us
        room_us = self._taken.earliest(row, max(self._now_us, start_us - _NEAR_US), length_us, job.request.gpus)
        starts = [start_us, end_us - length_us, min(start_us, job.deadline_us - length_us), room_us]
        return [each for each in starts if abs(each - start_us) <= 2 * _NEAR_US]

    def _on(self, at_us: int) -> int:
        """The edge that an instant is meant to be on, else itself. [us]"""
        at = int(self._edges.searchsorted(at_us))
        near = [int(edge) for edge in self._edges[max(0, at - 1) : at + 1] if abs(int(edge) - at_us) <= _NEAR_US]
        return min(near, key=lambda edge: abs(edge - at_us), default=at_us)


def _is_near(one: Sequence[Stretch], other: Sequence[Stretch]) -> bool:
    """Whether two plans are one but for rounding."""
    if len(one) != len(other):
        return False
    return all(
        a[0] == b[0] and abs(a[1] - b[1]) <= _NEAR_US and abs(a[2] - b[2]) <= _NEAR_US
        for a, b in zip(one, other, strict=True)
    )
