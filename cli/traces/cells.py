"""Numbers in the cells of a trace, each refused by its name where it cannot be meant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

from scheduler.domain.errors import InvalidInput


def number(cells: Mapping[str, str], name: str) -> float:
    """A finite number of a cell."""
    text = cells.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput(f"{name} is {text!r}, not a number", hint="write it with a point, such as 1.5")
    return value


def hours(cells: Mapping[str, str], name: str) -> timedelta:
    """A cell of hours."""
    return _span(number(cells, name), 3600, name)


def minutes(cells: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    """A cell of minutes, the default where it is blank."""
    return _span(number(cells, name), 60, name) if cells.get(name) else default


def _span(value: float, unit_s: int, name: str) -> timedelta:
    """A time that is no longer than anyone means."""
    if name != "duration_hours" and value < 0:
        raise InvalidInput(f"{name} is {value:g}, below 0", hint="write 0 or more")
    if abs(value) * unit_s > timedelta(days=3650).total_seconds():
        raise InvalidInput(f"{name} is {value:g}, over ten years", hint="check the unit")
    return timedelta(seconds=value * unit_s)


def gpus_of(cells: Mapping[str, str]) -> int:
    """A whole number of GPUs."""
    value = number(cells, "gpus")
    if value < 1 or value != int(value):
        raise InvalidInput(f"gpus is {cells['gpus']!r}", hint="a job takes a whole number of GPUs, 1 or more")
    return int(value)


def ended_share(cells: Mapping[str, str]) -> float:
    """The share of its work at which a job ended by itself, 1 where the cell is blank. [-]"""
    if not cells.get("ended"):
        return 1.0
    value = number(cells, "ended")
    if not 0 < value <= 1:
        raise InvalidInput(f"ended is {value:g}", hint="write the share of its work that was done, over 0 and up to 1")
    return value


def power_w(cells: Mapping[str, str]) -> float | None:
    """The power of a GPU at work, None where the cell is blank. [W]"""
    if not cells.get("gpu_w"):
        return None
    value = number(cells, "gpu_w")
    if value <= 0:
        raise InvalidInput(f"gpu_w is {value:g}", hint="a power is over 0 W")
    return value
