"""Who makes replays: one port, so that a sweep comes to the same here, on this machine's cores and on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Protocol

from cli.replays.work import Order
from scheduler.simulation.results import Replayed

Far = Callable[[Order, int, float], None]
"""Is told now and then of a replay that is being made how many jobs it has placed, and in what time. [s]"""
Making = Generator[tuple[Order, Replayed], None, None]
"""Replays as they are done."""


class Crew(Protocol):
    """Makes replays beside each other."""

    @property
    def width(self) -> int:
        """How many it makes at once."""

    def made(self, orders: Sequence[Order], far: Far) -> Making:
        """Each replay as soon as it is done, in any order; whenever the iteration ends, nothing goes on behind it.

        Raises:
            CarbonschedError: whoever makes them is gone, or a replay cannot be made.
        """


class Alone:
    """This process, one replay after the other."""

    width = 1

    def made(self, orders: Sequence[Order], far: Far) -> Making:
        """Each replay in turn."""
        for order in orders:
            yield order, order.made(partial(far, order))
