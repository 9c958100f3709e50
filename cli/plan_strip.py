"""The forecast as a strip: a row of blocks a zone, and under it the segments of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scheduler.problem.surface import INSTANT_TOLERANCE_H

if TYPE_CHECKING:
    from datetime import datetime

    from scheduler.planning.plan import Plan
    from scheduler.problem.surface import Floats

WIDTH: Final = 80
"""Columns of a terminal that nobody widened. [characters]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The characters of a strip.

    Args:
        levels: from the least to the most.
        unknown: where the intensity is not known.
        run: where a segment runs.
    """

    levels: str
    unknown: str
    run: str


BLOCKS: Final = Glyphs(levels="▁▂▃▄▅▆▇█", unknown="·", run="━")
PLAIN: Final = Glyphs(levels="_.-~=+*#", unknown="?", run="=")


def strip(plan: Plan, *, unicode: bool, width: int = WIDTH) -> list[str]:
    """The intensity of each candidate's zone from now to the deadline, each row on its own scale.

    Args:
        plan: what was decided.
        unicode: whether the output can show blocks; plain ASCII else.
        width: of the whole strip. [characters]
    """
    glyphs = BLOCKS if unicode else PLAIN
    rows = _zones(plan)
    label = max(len(name) for name in (*rows, *_used(plan)))
    ranges = {zone: _range(values) for zone, values in rows.items()}
    tail = max(len(text) for text in (*ranges.values(), "g/kWh"))
    columns = max(1, width - label - tail - 6)
    end_h = min(plan.assembled.problem.deadline_h, float(plan.assembled.problem.surface.edges_h[-1]))
    borders_h = np.linspace(0.0, end_h, columns + 1)
    lines = [f"  {'':{label}}  {_axis(plan, end_h, columns)}  {'g/kWh':>{tail}}"]
    for zone, values in rows.items():
        means = _means(plan.assembled.problem.surface.edges_h, values, borders_h)
        lines.append(f"  {zone:{label}}  {_bars(means, glyphs)}  {ranges[zone]:>{tail}}")
        lines += [
            f"  {cluster:{label}}  {_marks(plan, cluster, borders_h, glyphs)}".rstrip()
            for cluster in _used(plan)
            if plan.zones[cluster] == zone
        ]
    return lines


def _zones(plan: Plan) -> dict[str, Floats]:
    """Intensity of each candidate's zone in the slots of the window. [g/kWh]"""
    candidates = plan.assembled.ground.candidates
    return {cluster.zone: row for cluster, row in zip(candidates, plan.assembled.g_per_kwh, strict=False)}


def _used(plan: Plan) -> list[str]:
    """The clusters of the plan, each once, in order of time."""
    return list(dict.fromkeys(segment.cluster for segment in plan.chosen.placement.segments))


def _means(edges_h: Floats, values: Floats, borders_h: Floats) -> Floats:
    """Mean over each column of what is known of it, NaN where nothing is. [g/kWh]"""
    known = np.isfinite(values)
    lengths = np.diff(edges_h)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0) * lengths)])
    hours = np.concatenate([[0.0], np.cumsum(known * lengths)])
    grams, time = np.diff(np.interp(borders_h, edges_h, total)), np.diff(np.interp(borders_h, edges_h, hours))
    means: Floats = np.full(len(time), np.nan)
    np.divide(grams, time, out=means, where=time > INSTANT_TOLERANCE_H)
    return means


def _bars(means: Floats, glyphs: Glyphs) -> str:
    """A block a column; a flat row stays low."""
    known = means[np.isfinite(means)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    flat = high - low <= 1e-6 * high
    top = len(glyphs.levels) - 1
    height = [0.0 * mean if flat else (mean - low) / (high - low) * top for mean in means.tolist()]
    return "".join(glyphs.levels[round(h)] if np.isfinite(h) else glyphs.unknown for h in height)


def _marks(plan: Plan, cluster: str, borders_h: Floats, glyphs: Glyphs) -> str:
    """The columns in which a segment runs there; a short one still has its column."""
    surface = plan.assembled.problem.surface
    marks = [" "] * (len(borders_h) - 1)
    for segment in plan.chosen.placement.segments:
        if segment.cluster == cluster:
            first = int(np.searchsorted(borders_h, surface.hour(segment.start), side="right")) - 1
            last = int(np.searchsorted(borders_h, surface.hour(segment.end), side="left"))
            for column in range(min(first, len(marks) - 1), max(first + 1, min(last, len(marks)))):
                marks[column] = glyphs.run
    return "".join(marks)


def _range(values: Floats) -> str:
    """Least and most of a row. [g/kWh]"""
    known = values[np.isfinite(values)]
    if not known.size:
        return "unknown"
    low, high = float(known.min()), float(known.max())
    return f"{low:.4g}" if low == high else f"{low:.3g}-{high:.3g}"


def _axis(plan: Plan, end_h: float, columns: int) -> str:
    """The first and the last instant over the strip."""
    first, last = _moment(plan.now), _moment(plan.assembled.problem.surface.instant(end_h))
    gap = columns - len(first) - len(last)
    return f"{first}{' ' * gap}{last}" if gap > 0 else first[:columns].ljust(columns)


def _moment(moment: datetime) -> str:
    """Day and minute."""
    return moment.strftime("%m-%d %H:%M")


def encodable(encoding: str | None, texts: Sequence[str] = (BLOCKS.levels, BLOCKS.unknown, BLOCKS.run)) -> bool:
    """Whether an output of that encoding can show blocks."""
    try:
        "".join(texts).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
