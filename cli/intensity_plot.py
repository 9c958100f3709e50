"""A series as a plot of a few lines of text: bars from 0 upwards, the band of a forecast shaded around their ends.

A dozen lines of our own instead of a library: bars with a band, in ASCII where the output shows no more, need no more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HEIGHT: Final = 8
"""Lines of a plot. [lines]"""
WIDTH: Final = 80
"""Columns of a terminal that nobody widened. [characters]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shades:
    """The characters of a plot: sure, below the figure, above it, not known."""

    sure: str
    below: str
    above: str
    unknown: str


BLOCKS: Final = Shades(sure="█", below="▓", above="░", unknown="·")
PLAIN: Final = Shades(sure="#", below="=", above=":", unknown="?")


def plot(
    values: Floats,
    start: datetime,
    end: datetime,
    *,
    unicode: bool,
    low: Floats | None = None,
    high: Floats | None = None,
    width: int = WIDTH,
) -> list[str]:
    """The lines of a plot.

    Args:
        values: one a slot of equal length from `start` to `end`; NaN where unknown. [g/kWh]
        start: of the first slot; end: of the last.
        unicode: whether the output can show blocks.
        low: end of the band below; high: above. [g/kWh]
        width: of the whole plot. [characters]
    """
    shades = BLOCKS if unicode else PLAIN
    upper = values if high is None else high
    top = float(np.nanmax(upper)) if np.isfinite(upper).any() else 0.0
    label = max(len(f"{top:.0f}"), 5)
    columns = min(len(values), max(1, width - label - 4))
    lower = values if low is None else low
    bars = list(zip(*(_columns(each, columns) for each in (values, lower, upper)), strict=True))
    lines = []
    for line in range(HEIGHT, 0, -1):
        middle = top * (line - 0.5) / HEIGHT
        cells = "".join(_cell(middle, line == 1, bar, shades) for bar in bars)
        mark = f"{top:.0f}" if line == HEIGHT else f"{top / 2:.0f}" if line == HEIGHT // 2 else ""
        lines.append(f"{mark:>{label}} |{cells}")
    lines.append(f"{'g/kWh':>{label}} +{'-' * columns}")
    first, last = f"{start:%m-%d %H:%M}", f"{end:%m-%d %H:%M}"
    gap = columns - len(first) - len(last)
    lines.append(f"{'':{label}}  {first}{' ' * gap}{last}" if gap > 0 else f"{'':{label}}  {first}")
    return lines


def _columns(values: Floats, columns: int) -> Sequence[float]:
    """The mean of what is known in each column, NaN where nothing is. [g/kWh]"""
    borders = np.linspace(0, len(values), columns + 1).round().astype(int)
    parts = (values[first:last] for first, last in itertools.pairwise(borders))
    return [float(np.nanmean(part)) if np.isfinite(part).any() else float("nan") for part in parts]


def _cell(middle: float, lowest: bool, bar: tuple[float, ...], shades: Shades) -> str:
    """The character of a column at the height of `middle`, where the bar is a figure and its band. [g/kWh]"""
    value, low, high = bar
    if np.isnan(value):
        return shades.unknown if lowest else " "
    if middle <= min(low, value):
        return shades.sure
    if middle <= value:
        return shades.below
    if middle <= high:
        return shades.above
    return shades.sure if lowest else " "
