"""The fence beside a checkpoint: whoever finds a higher number there than its own stops.

Each number has a file of its own, which nobody else writes. Who claims a fence writes his file first and looks at the
others' then, so of two that come at once at least one sees the other, on storages too that cannot compare and swap.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent.carbonsched_place_v1 import Place

PREFIX = "carbonsched-fence."
PROBE = "carbonsched-clock"  # written to learn the storage's own time
FRESH_INTERVALS = 2  # a fence renewed within so many of its intervals is somebody's
COARSE_S = 1.0  # S3 tells times to the second


class Fence:
    """The fence of one attempt.

    Args:
        number: from the scheduler's store, higher for a later attempt.
        every_s: time between two renewals [s]; others judge by it how fresh the fence is.
    """

    def __init__(self, where: Place, number: int, every_s: float) -> None:
        self._where, self._number, self._every_s = where, number, every_s

    def renew(self) -> bool:
        """Claim the fence, or keep it; False where a higher one stands: it is to be released then. Raises OSError."""
        self._write("held")
        return not any(number > self._number for number in standing(self._where))

    def blocked(self) -> bool:
        """Whether a lower fence may still have a training: not released, renewed not long ago. Raises OSError."""
        lower = {number: at for number, at in standing(self._where).items() if number < self._number}
        held = [(lower[number], every_s) for number, every_s in map(self._held, lower) if every_s is not None]
        if not held:
            return False
        self._where.write(PROBE, b"")
        now = self._where.written()[PROBE]
        return any(now - at <= FRESH_INTERVALS * every_s + COARSE_S for at, every_s in held)

    def tidy(self) -> None:
        """Remove the fences of attempts that this one has waited for. Raises OSError."""
        for number in standing(self._where):
            if number < self._number:
                self._where.remove(f"{PREFIX}{number}")

    def release(self) -> None:
        """Say that the training is over. Raises OSError."""
        self._write("released")

    def _held(self, number: int) -> tuple[int, float | None]:
        """A number and how often its holder renews it [s], None where it is released or nobody runs under it."""
        said = self._where.read(f"{PREFIX}{number}")
        if said is None:
            return number, None
        try:
            claim = json.loads(said)
            return number, float(claim["every_s"]) if claim.get("state") == "held" else None
        except (ValueError, KeyError, AttributeError, TypeError):
            return number, self._every_s  # whatever wrote that may run

    def _write(self, state: str) -> None:
        """Write the own file."""
        claim = {"state": state, "every_s": self._every_s}
        self._where.write(f"{PREFIX}{self._number}", json.dumps(claim).encode())


def standing(where: Place) -> dict[int, float]:
    """The fences that stand, each with when it was renewed. [s since 1970] Raises OSError."""
    return {
        int(name[len(PREFIX) :]): at
        for name, at in where.written().items()
        if name.startswith(PREFIX) and name[len(PREFIX) :].isdigit()
    }


def raise_to(where: Place, number: int) -> bool:
    """See that no training of a lower number goes on; False where a higher one stood already. Raises OSError."""
    there = standing(where)
    if any(other > number for other in there):
        return False
    if number not in there:
        where.write(f"{PREFIX}{number}", json.dumps({"state": "raised"}).encode())
    return True
