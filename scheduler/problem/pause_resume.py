"""When to run and when to pause, slot by slot, where nobody says what the next slots cost.

Two thresholds: a paused job starts at or under the lower, a running one stays up to the higher, and the gap between
them is what a pause costs, so that a small wobble of the grid pauses nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What decides in each slot.

    Args:
        start: a job that does not run starts at this rate or under. [the unit of the rate]
        stay: a job that runs goes on at this rate or under. [the same]
        ratio: it never pays more than this times the offline optimum, see `thresholds`. [-]
    """

    start: float
    stay: float
    ratio: float

    def run(self, rate: float, *, running: bool) -> bool:
        """Whether to run in a slot at this rate."""
        return rate <= (self.stay if running else self.start)


def thresholds(*, least: float, most: float, pause: float, units: int | None = None) -> Thresholds:
    """The thresholds for slots of work at rates within known bounds.

    Args:
        least: L, no slot is cheaper; over 0.
        most: U, no slot is dearer.
        pause: B, what one suspend and its resume cost together, infinite where they are not allowed.
        units: k, slots of work in all, None for any number: what counts for a rule that is made again as work is done.
            They are run at any rate once no more slots than work are left.

    Notes:
        start = lo, stay = lo + B with lo > 0 the root of lo^2 + B' lo = L U, B' = B (k - 1) / k, or B;
        ratio = max(U / lo, 1 + B / L), and U / lo = (lo + B') / L by the choice of lo.
        Where all work is done before it must be, every unit costs at most lo + B, the first lo: k lo + (k - 1) B
        against k L. Where the last units had to run, they cost at most U each, and the optimum runs the same slots or
        as many that were passed over, at over lo each: U / lo. Of the units before, one that a pause follows costs
        x + B where the optimum, in the same slot or in one that was passed over, pays at least min(x, lo): it started
        at x <= lo, so 1 + B / L; every other costs at most lo + B against min(x, lo), which is under the two.
        Where that is no better than U / L, which every run without pauses has, it never pauses and starts at the
        root of L U, the best threshold for one unit (El-Yaniv et al., Algorithmica 30, 2001,
        DOI 10.1007/s00453-001-0003-0).
        After the double threshold of Lechowicz et al., The Online Pause and Resume Problem, POMACS 7(3) 2023,
        DOI 10.1145/3626776. Theirs fall with the units done; these stay, for what is proved here does not count on a
        cheap slot coming more than once.
    """
    whole = most / least
    if math.isfinite(pause):
        often = pause if units is None else pause * (units - 1) / units
        start = (math.sqrt(often**2 + 4 * least * most) - often) / 2
        ratio = max(most / start, 1 + pause / least)
        if ratio < whole:
            return Thresholds(start=start, stay=start + pause, ratio=ratio)
    return Thresholds(start=math.sqrt(least * most), stay=math.inf, ratio=whole)
