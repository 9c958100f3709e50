"""Points that carry their names: each name stands where it covers no point and no other name, or nowhere.

Where everything lies is reckoned in pixels before it is drawn, so the axes have the domain and the room given here.
Names keep away from lines too; the first ones lie over one rather than nowhere. A name without room is left out of the
drawing; the table under it holds all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from scheduler.reporting.charts import ACCENT, FONT_PX, INK, RULE, Row, Spec, axis, chart, is_phone

_HEIGHT_PX: Final = 360
_LEFT_PX: Final = 58
"""Room for the figures and the title of the axis to the left. [px]"""
_BELOW_PX: Final = 46
_EDGE_PX: Final = 12
_ROOM: Final = 0.08
"""How far the axes go beyond the outermost points, and under 0. [-]"""
_EM: Final = 0.64
"""Mean width of a letter over its height, of a wide font. [-]"""
_POINT_PX: Final = 5.0
_GAP_PX: Final = 9.0
_STEP_PX: Final = 10.0
"""Between the places of a line that names keep away from. [px]"""
_PLACES: Final = (
    ("left", 1.0, 0.0), ("right", -1.0, 0.0), ("center", 0.0, -1.4), ("center", 0.0, 1.4),
    ("left", 0.7, -1.3), ("right", -0.7, -1.3), ("left", 0.7, 1.3), ("right", -0.7, 1.3),
)  # fmt: skip
"""How a name is aligned at its point, and its distance from it in gaps: across, down."""
_FIRST: Final = 1
"""Names up to this rank lie over a line where there is no other place."""
_Box = tuple[float, float, float, float]
"""Left, top, right, bottom. [px]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A point of a drawing.

    Args:
        x, y: where it is; low, high: ends of what was drawn, the same as y where it is one draw.
        label: its name, and shorter ones to take where that has no room; empty for none.
        tone: a colour of the page; line: which line it is on, empty for none.
        rank: who is named first where there is no room for all.
    """

    x: float
    y: float
    low: float
    high: float
    label: tuple[str, ...]
    tone: str
    line: str
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Where figures lie on a drawing. [px]"""

    first: float
    last: float
    least: float
    most: float
    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point."""
        across = (x - self.first) / (self.last - self.first) * self.width
        return across, (self.most - y) / (self.most - self.least) * self.height


def scatter(width_px: int, spots: Sequence[Spot], across: str, up: str) -> Spec:
    """Points with their names, those of a line joined, both axes from an honest 0."""
    frame = _frame(width_px, spots)
    x = {
        "field": "x", "type": "quantitative", "scale": {"domain": [frame.first, frame.last], "nice": False},
        "axis": axis(across, grid=False, tickCount=4 if is_phone(width_px) else 8, labelOverlap="greedy",
                     labelSeparation=8),
    }  # fmt: skip
    figures = axis(up, grid=True, gridColor=RULE, tickCount=5, minExtent=_LEFT_PX - 20, maxExtent=_LEFT_PX - 20)
    y = {
        "field": "y", "type": "quantitative", "axis": figures,
        "scale": {"domain": [frame.least, frame.most], "nice": False},
    }  # fmt: skip
    tone = {"field": "tone", "type": "nominal", "scale": None, "legend": None}
    font_px = _font_px(width_px)
    text = {
        "type": "text", "fill": INK, "fontSize": font_px, "baseline": "middle",
        "align": {"expr": "datum.align"}, "dx": {"expr": "datum.dx"}, "dy": {"expr": "datum.dy"},
    }  # fmt: skip
    layer: list[Spec] = [
        {
            "transform": [{"filter": "datum.line !== ''"}],
            "mark": {"type": "line", "stroke": ACCENT, "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y, "detail": {"field": "line"}, "order": {"field": "x", "type": "quantitative"}},
        },
        {
            "transform": [{"filter": "datum.low < datum.high"}],
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": tone},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": tone},
        },
        {"mark": text, "encoding": {"x": x, "y": y, "text": {"field": "label"}}},
    ]
    return chart(width_px, height_px=_HEIGHT_PX, rows=_rows(spots, frame, font_px), layer=layer)


def _font_px(width_px: int) -> int:
    """The height of a name. [px]"""
    return FONT_PX - 2 if is_phone(width_px) else FONT_PX


def _frame(width_px: int, spots: Sequence[Spot]) -> _Frame:
    """Axes that hold 0 and every point, with room around."""
    across = [0.0, *(each.x for each in spots)]
    up = [0.0, *(each.low for each in spots), *(each.high for each in spots)]
    wide, high = (max(across) - min(across)) or 1.0, (max(up) - min(up)) or 1.0
    return _Frame(
        first=min(across) - (_ROOM * wide if min(across) < 0 else 0.0),
        last=max(across) + _ROOM * wide if any(across) else 1.0,
        least=min(up) - _ROOM * high,
        most=max(up) + _ROOM * high,
        width=width_px - _LEFT_PX - _EDGE_PX,
        height=_HEIGHT_PX - _BELOW_PX,
    )


def _rows(spots: Sequence[Spot], frame: _Frame, font_px: int) -> list[Row]:
    """The points as the data of their chart, each with its name where that has room."""
    taken, lines = list(_points(spots, frame)), list(_lines(spots, frame))
    placed: dict[int, Row] = {}
    for n in sorted(range(len(spots)), key=lambda n: spots[n].rank):
        name = _placed(spots[n], frame, font_px, taken, lines)
        if name is None and spots[n].rank <= _FIRST:
            name = _placed(spots[n], frame, font_px, taken, [])
        placed[n] = name or {"label": "", "align": "left", "dx": 0.0, "dy": 0.0}
    return [
        {
            "x": each.x,
            "y": each.y,
            "low": each.low,
            "high": each.high,
            "tone": each.tone,
            "line": each.line,
            **placed[n],
        }
        for n, each in enumerate(spots)
    ]


def _placed(spot: Spot, frame: _Frame, font_px: int, taken: list[_Box], lines: Sequence[_Box]) -> Row | None:
    """The longest of a point's names that has room, in the first place that has; its room is taken from then on."""
    x, y = frame.at(spot.x, spot.y)
    for label in spot.label:
        wide = _EM * font_px * len(label)
        for align, right, down in _PLACES:
            dx, dy = right * _GAP_PX, down * _GAP_PX
            left = x + dx - {"left": 0.0, "center": wide / 2, "right": wide}[align]
            box = (left, y + dy - 0.6 * font_px, left + wide, y + dy + 0.6 * font_px)
            inside = box[0] >= 0 and box[2] <= frame.width and box[1] >= 0 and box[3] <= frame.height
            if inside and not any(_meet(box, each) for each in (*taken, *lines)):
                taken.append(box)
                return {"label": label, "align": align, "dx": dx, "dy": dy}
    return None


def _points(spots: Sequence[Spot], frame: _Frame) -> Iterator[_Box]:
    """The room of the points and of what was drawn around them."""
    for each in spots:
        x, low = frame.at(each.x, each.low)
        _, high = frame.at(each.x, each.high)
        yield x - _POINT_PX, high - _POINT_PX, x + _POINT_PX, low + _POINT_PX


def _lines(spots: Sequence[Spot], frame: _Frame) -> Iterator[_Box]:
    """The room of the lines, in small steps."""
    for name in dict.fromkeys(each.line for each in spots if each.line):
        joined = sorted((frame.at(each.x, each.y) for each in spots if each.line == name), key=lambda each: each[0])
        for (x, y), (to_x, to_y) in pairwise(joined):
            steps = max(1, round(max(abs(to_x - x), abs(to_y - y)) / _STEP_PX))
            for n in range(1, steps):
                at_x, at_y = x + (to_x - x) * n / steps, y + (to_y - y) * n / steps
                yield at_x - 2, at_y - 2, at_x + 2, at_y + 2


def _meet(one: _Box, other: _Box) -> bool:
    """Whether two boxes share any room."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
