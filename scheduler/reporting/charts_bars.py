"""Horizontal bars: masses side by side, and the steps from one mass to another; each bar carries its figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.reporting.charts import ACCENT, FONT_PX, INK, MUTED, RULE, WARM, Row, Spec, axis, chart, is_phone

_ROW_PX: Final = 34
_AXIS_PX: Final = 46
_ROOM: Final = (1.16, 1.62)
"""How far the axis goes beyond the longest bar, for its label: on a page, on a phone. [-]"""
_LABEL_PX: Final = (168, 112)
"""Room for the names of the bars: on a page, on a phone. [px]"""

_UNSEEN: Final = "\u200b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar from one figure to another, with what is written beside it.

    Args:
        start, end: of the bar; a plain one starts at 0.
        low, high: ends of its range, None where it has none.
        tone: a colour of the page.
    """

    name: str
    start: float = 0.0
    end: float
    label: str
    low: float | None = None
    high: float | None = None
    tone: str = ACCENT


def bars(width_px: int, parts: Sequence[Bar], unit: str, *, room_px: int | None = None) -> Spec:
    """Bars under each other on one axis, in the order given; with room for their names where the usual is too little.

    Args:
        room_px: for the names; None for the usual. [px]
    """
    rows = [_row(each, n) for n, each in enumerate(parts)]
    place = {"field": "name", "type": "nominal", "sort": None, "axis": _names(width_px, room_px)}
    along = {"type": "quantitative", "axis": _figures(width_px, unit), "scale": _scale(width_px, parts)}
    tone = {"field": "tone", "type": "nominal", "scale": None, "legend": None}
    layer: list[Spec] = [
        {
            "mark": {"type": "bar", "height": {"band": 0.56}},
            "encoding": {"y": place, "x": {"field": "start", **along}, "x2": {"field": "end"}, "color": tone},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 7, "fill": INK, "fontSize": FONT_PX},
            "encoding": {"y": place, "x": {"field": "label_at", **along}, "text": {"field": "label"}},
        },
    ]
    if any(each.low is not None for each in parts):
        layer.insert(1, _ranges(place, along))
    return chart(width_px, height_px=_ROW_PX * len(rows) + _AXIS_PX, rows=rows, layer=layer)


def steps(names: Sequence[str], changes: Sequence[float], labels: Sequence[str], *, total: str) -> list[Bar]:
    """The bars of a waterfall: each change from where the one before ended, and their sum last."""
    found, at = [], 0.0
    for name, change, label in zip(names, changes, labels[:-1], strict=True):
        tone = MUTED if change >= 0 else WARM
        found.append(Bar(name=name, start=at, end=at + change, label=label, tone=tone))
        at += change
    return [*found, Bar(name=total, end=at, label=labels[-1])]


def _row(bar: Bar, n: int) -> Row:
    """A bar as the data of its chart; what is not seen keeps two of one name apart."""
    ends = [bar.start, bar.end, *(end for end in (bar.low, bar.high) if end is not None)]
    return {
        "name": bar.name + _UNSEEN * n, "start": bar.start, "end": bar.end, "label": bar.label, "label_at": max(ends),
        "low": bar.low, "high": bar.high, "tone": bar.tone,
    }  # fmt: skip


def _ranges(place: Spec, along: Spec) -> Spec:
    """The range of each bar that has one, as a thin line over it."""
    return {
        "transform": [{"filter": "isValid(datum.low)"}],
        "mark": {"type": "rule", "stroke": INK, "strokeWidth": 1.5},
        "encoding": {"y": place, "x": {"field": "low", **along}, "x2": {"field": "high"}},
    }


def _names(width_px: int, room_px: int | None) -> Spec:
    """The axis of the names."""
    font_px = FONT_PX - 2 if room_px and is_phone(width_px) else FONT_PX
    room_px = room_px or _LABEL_PX[is_phone(width_px)]
    return {
        "title": None, "grid": False, "labelColor": INK, "labelLimit": room_px - 8, "minExtent": room_px,
        "maxExtent": room_px, "labelAlign": "left", "labelPadding": room_px, "labelFontSize": font_px,
    }  # fmt: skip


def _figures(width_px: int, unit: str) -> Spec:
    """The axis of the figures."""
    return axis(unit, grid=True, gridColor=RULE, tickCount=3 if is_phone(width_px) else 6)


def _scale(width_px: int, parts: Sequence[Bar]) -> Spec:
    """From 0, or the least figure under it, to the greatest with room for its label."""
    ends = [end for each in parts for end in (each.start, each.end, each.low, each.high) if end is not None]
    least, most = min(0.0, *ends), max(0.0, *ends)
    span = (most - least) or 1.0
    return {"domain": [least, least + span * _ROOM[is_phone(width_px)]], "nice": False}
