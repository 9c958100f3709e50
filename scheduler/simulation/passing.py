"""When plans are made again in a replay."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from scheduler.domain.duration import parse_duration
from scheduler.domain.errors import InvalidInput
from scheduler.simulation.forecasts import Forecasts, Issued, Perfect
from scheduler.simulation.table import US, US_PER_H, Table

NEVER: Final = "never"
ISSUE: Final = "issue"
_SHORTEST: Final = timedelta(minutes=5)


def passes_of(said: str, table: Table, forecasts: Forecasts, first_us: int) -> tuple[int, ...]:
    """The instants from the first submission on. [us]

    Args:
        said: `never`; `issue`, with each new forecast; or a duration, counted from the table's start.
        table: the grid; forecasts: what policies are told.
        first_us: the first submission. [us]

    Raises:
        InvalidInput: it is none of these, or under five minutes.
    """
    if said == NEVER or (said == ISSUE and isinstance(forecasts, Perfect)):
        return ()
    if said == ISSUE and isinstance(forecasts, Issued):
        return tuple(hour * US_PER_H for hour in forecasts.hours if first_us <= hour * US_PER_H < table.end_us)
    if said == ISSUE:
        return tuple(range(-(-first_us // US_PER_H) * US_PER_H, table.end_us, US_PER_H))
    every = parse_duration(said, what="--replan")
    if every < _SHORTEST:
        raise InvalidInput(f"--replan {said} is under five minutes", hint="write never, issue, or 1h")
    every_us = every // US
    return tuple(range(-(-first_us // every_us) * every_us, table.end_us, every_us))
