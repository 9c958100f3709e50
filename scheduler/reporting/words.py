"""What every report says in the same words: its limits, and why a figure is not there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scheduler.records.attempts import Attempt

LIMITS: Final = (
    "Energy is modelled from stated powers, not metered; the range shown carries the stated ranges of the figures.",
    "Intensities are provisional until the grid's data are settled, so no headline of a reduction is given.",
    "On average intensities a difference is an allocated one; 'avoided' needs a marginal signal, which is absent.",
    "Not counted: water, minerals, networks, storage, cooling water, end of life, and the work of people.",
    "Not an offset, and not to be deducted from scope 1, 2 or 3; there is no settled standard for shifting load.",
)
"""What a reader must know, printed with every report."""

NO_MARGINAL: Final = "no marginal signal was given, and nothing is called avoided on an average one"
NO_HEADLINE: Final = "provisional: the intensities are not settled"
NOTHING_RAN: Final = "nothing ran"
NOTHING_COMPARED: Final = "no job of these can be compared"
NO_PLAN_PRICE: Final = "a part of the plan has no intensity"
NOT_ENDED: Final = "it has not ended"
INDISTINGUISHABLE: Final = "no figure is given of what cannot be told from nothing"
FROM_THE_FIRST: Final = "from the first job on"
UP_TO_NOW: Final = "up to when the report was made"


def share_text(share: float) -> str:
    """A share in percent, cut and not rounded: 94.99 % is not 95. [-]"""
    return f"{math.floor(1000 * share + _DUST) / 10:g} %"


_DUST: Final = 1e-9
"""What floating point may lack of a round figure."""


def traffic_text(attempts: Sequence[Attempt]) -> str:
    """What attempts had from storages that are not mounted, and sent there; empty where there was none."""
    seen = [each.traffic for each in attempts if each.traffic is not None]
    if not seen:
        return ""
    read = f"{sum(t.read_bytes for t in seen) / 1e9:.3g} GB read in {sum(t.read_s for t in seen):.0f} s"
    written = f"{sum(t.written_bytes for t in seen) / 1e9:.3g} GB written in {sum(t.written_s for t in seen):.0f} s"
    return f"{read}, {written}, {sum(t.read_requests + t.written_requests for t in seen)} requests"
