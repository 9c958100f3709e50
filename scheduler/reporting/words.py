"""What every report says in the same words: its limits, and why a figure is not there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scheduler.domain.said import Said
from scheduler.records import comparison
from scheduler.records.attempts import Attempt

LIMITS: Final = (
    Said("Boards of GPUs are metered where a meter was; all else, hosts always, is modelled from stated powers."),
    Said("Where over 5 % of the emissions rest on provisional intensities, no headline of a reduction is given."),
    Said("On average intensities a difference is an allocated one; only on a marginal signal is it called avoided."),
    Said("Leakage is not counted: others may take up the clean hours and the room that a shifted job leaves or takes."),
    Said("Not counted: water, minerals, networks, storage, cooling water, end of life, and the work of people."),
    Said("Not an offset, and not to be deducted from scope 1, 2 or 3; there is no settled standard for shifting load."),
)
"""What a reader must know, printed with every report."""

NO_MARGINAL: Final = comparison.NO_MARGINAL
NO_HEADLINE: Final = Said("provisional: the intensities are not settled")
NOTHING_RAN: Final = Said("nothing ran")
NO_JOBS: Final = Said("no jobs were submitted in this period")
NOTHING_COMPARED: Final = Said("no job of these can be compared")
CUTS_JOBS: Final = Said("this grouping cuts jobs, and a range or a difference belongs to whole ones")
NO_PLAN_PRICE: Final = Said("a part of the plan has no intensity")
HINDSIGHT_UNASKED: Final = Said("not worked out here: carbonsched report --job does")
NO_HEAD_W: Final = Said("the cluster file states no head_w: its head nodes are not in its energy")
NO_ZONE_INTENSITY: Final = Said("its zone has no intensity")
NO_CUT_OFF: Final = Said("its intensities were given, and not read as of an instant")
NOT_ENDED: Final = Said("it has not ended")
INDISTINGUISHABLE: Final = Said("no figure is given of what cannot be told from nothing")
FROM_THE_FIRST: Final = Said("from the first job on")
UP_TO_NOW: Final = Said("up to when the report was made")


def share_text(share: float) -> str:
    """A share in percent, cut and not rounded: 94.99 % is not 95. [-]"""
    return f"{cut_percent(share):g} %"


def cut_percent(share: float) -> float:
    """The same as a number with one decimal. [%]"""
    return math.floor(1000 * share + _DUST) / 10


_DUST: Final = 1e-9
"""What floating point may lack of a round figure."""


def traffic_text(attempts: Sequence[Attempt]) -> str:
    """What attempts had from storages that are not mounted, and sent there; empty where there was none."""
    seen = [each.traffic for each in attempts if each.traffic is not None]
    if not seen:
        return ""
    return Said(
        "{read:.3g} GB read in {read_s:.0f} s, {written:.3g} GB written in {written_s:.0f} s, {requests} requests",
        read=sum(t.read_bytes for t in seen) / 1e9,
        read_s=sum(t.read_s for t in seen),
        written=sum(t.written_bytes for t in seen) / 1e9,
        written_s=sum(t.written_s for t in seen),
        requests=sum(t.read_requests + t.written_requests for t in seen),
    )
