"""What all jobs of a replay hold: stretches that they run, and pauses in which their nodes are kept."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.simulation.capacity import Capacity
from scheduler.simulation.request import Request
from scheduler.simulation.run import Stretch, held_between
from scheduler.simulation.world import World


class Reservations:
    """The clusters' GPUs in time.

    Args:
        world: the clusters.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.free: list[Capacity] = world.free()

    def forget(self, before_us: int) -> None:
        """Drop what has passed. [us]"""
        for capacity in self.free:
            capacity.forget(before_us)

    def take(self, request: Request, stretches: Sequence[Stretch], from_us: int | None = None) -> None:
        """Reserve what a job takes, from an instant on where one is given. [us]"""
        for row, start_us, end_us in self._spans(stretches, from_us):
            self.free[row].take(start_us, end_us, self._world.takes(row, request.gpus))

    def give(self, request: Request, stretches: Sequence[Stretch], from_us: int) -> None:
        """Give back what it reserved behind an instant. [us]"""
        for row, start_us, end_us in self._spans(stretches, from_us):
            self.free[row].give(start_us, end_us, self._world.takes(row, request.gpus))

    def has_room(self, request: Request, stretches: Sequence[Stretch], from_us: int | None = None) -> bool:
        """Whether everything that a run takes is free: a policy that keeps no deadline may run on past what it saw."""
        return all(
            self.free[row].fits(start_us, end_us, self._world.takes(row, request.gpus))
            for row, start_us, end_us in self._spans(stretches, from_us)
        )

    def earliest(self, row: int, from_us: int, length_us: int, gpus: int) -> int:
        """The first instant from which a cluster has room for the whole length. [us]"""
        return self.free[row].earliest(from_us, length_us, self._world.takes(row, gpus))

    def _spans(self, stretches: Sequence[Stretch], from_us: int | None) -> list[Stretch]:
        """All that is occupied and held, behind an instant alone where one is given."""
        spans = [*stretches, *held_between(stretches, self._world.holds)] if len(stretches) > 1 else list(stretches)
        if from_us is None:
            return spans
        return [(row, max(start, from_us), end) for row, start, end in spans if end > from_us]
