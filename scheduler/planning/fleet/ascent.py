"""Prices that rise where too much room is taken: subgradients with memory, in steps that shrink.

Each price has a step of its own, scaled with how its excess went before (the moments of Kingma and Ba, Adam, ICLR
2015): room that is always full needs long steps, room that is sometimes full short ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.problem.surface import Floats

FIRST_STEP: Final = 0.4
"""Step of a price that starts at nothing, as a share of the mean rate. [-]"""
_LAST: Final = 0.01
"""The last step, as a share of the first. [-]"""
_FIRST, _SECOND, _DAMP = 0.8, 0.95, 0.2
"""Memory of the direction and of its square, and what keeps small ones small. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ascent:
    """How prices are raised.

    Args:
        room: GPU-hours that are there, shape [C, S]. [GPU-h]
        scale_g: mean rate of the jobs. [g/GPU-h]
        step: the first, as a share of it. [-]
    """

    room: Floats
    scale_g: float
    step: float

    def run(
        self, price: Floats, value: Callable[[Floats], tuple[float, Floats]], rounds: int, left: Callable[[], bool]
    ) -> tuple[float, Floats]:
        """The best value of some rounds and its price, from `price` on. [g], [g/GPU-h]

        Args:
            price: to start with, shape [C, S]. [g/GPU-h]
            value: of a price, and the room that is taken at it.
            rounds: at most so many.
            left: whether there is time.
        """
        whole = np.maximum(self.room, self.room.max(initial=0.0) / 50)
        best_g, best = -np.inf, price
        mean, square = np.zeros_like(price), np.zeros_like(price)
        for number in range(1, rounds + 1):
            value_g, used = value(price)
            if value_g > best_g:
                best_g, best = value_g, price
            if not left():
                break
            over = (used - self.room) / whole
            mean = _FIRST * mean + (1 - _FIRST) * over
            square = _SECOND * square + (1 - _SECOND) * over**2
            direction = mean / (1 - _FIRST**number) / (np.sqrt(square / (1 - _SECOND**number)) + _DAMP)
            price = np.maximum(price + self.step * self.scale_g * _LAST ** (number / rounds) * direction, 0.0)
        return best_g, best
