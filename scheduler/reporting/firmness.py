"""How firm a comparison is: by the intensities of its own signal, on the side where more of it is provisional."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.domain.intensity import IntensitySeries
from scheduler.records.comparison import Comparison, sides_kg
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import HomeRun
from scheduler.records.settlement import Standing, Status, status_of
from scheduler.records.settlement_share import provisional_share


def firmness(
    history: JobHistory, run: HomeRun, made: Comparison, standings: Mapping[str, Standing]
) -> tuple[float, Status]:
    """The share of what is compared that rests on provisional intensities [-], and the status.

    Args:
        history: what it did; run: what would have happened.
        made: the comparison of the two.
        standings: zone -> how firm its intensity is.
    """
    would_kg, did_kg = made.sides_kg

    def would(settled: Mapping[str, IntensitySeries]) -> float:
        """What would have been emitted on other intensities. [kg]"""
        return sides_kg(history, run, settled)[0]

    def did(settled: Mapping[str, IntensitySeries]) -> float:
        """What was. [kg]"""
        return sides_kg(history, run, settled)[1]

    reserved = [moment for each in history.attempts for moment in each.reserved]
    there, here = ({each.cluster.zone for each in side} for side in (run.pieces, history.attempts))
    shares = (
        provisional_share(standings, there, run.reserved, would_kg, would),
        provisional_share(standings, here, (min(reserved), max(reserved)), did_kg, did),
    )
    share = max(each for each, _ in shares)
    return share, status_of(share, final=all(final for _, final in shares))
