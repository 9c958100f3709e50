"""The timeline of a job: the intensity of its zones, where it ran, and the road not taken.

The line of a zone is thick where the job ran in it and dashed where it would have run; under the lines each cluster
has a bar of its own, so that the picture can be read without its colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from scheduler.domain.instant import format_instant, hours_between
from scheduler.domain.intensity import IntensitySeries
from scheduler.reporting.charts import FONT_PX, INK, ZONES, Row, Spec, axis, is_phone
from scheduler.reporting.language import Language

Use = Literal["run", "overhead", "hold", "home"]
Part = Literal["observed", "forecast", "run", "home"]
Window = tuple[datetime, datetime]

_LINES_PX: Final = 190
_BAR_PX: Final = 26
_LEFT_PX: Final = (136, 106)
"""Room for names and figures to the left: on a page, on a phone. [px]"""
_LETTER_PX: Final = 9.6
"""Width of a letter of a zone's name, at most. [px]"""
_LINE_PX: Final = 17.0
"""Least distance between the names of two lines. [px]"""
_MOST_POINTS: Final = 600
"""More steps than this on one line are thinner than a pixel; then each step shown is the mean of several."""
_SHORT_H: Final = 0.2
"""Under this the axis names seconds. [h]"""
_LONG_H: Final = 60.0
"""From here on it names days, not hours. [h]"""
_UNIT_PX: Final = 16
"""Height of the unit over its axis. [px]"""
_PAD_PX: Final = 10
"""Between the names and the edge. [px]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The grid of a zone around a job: what came, and what was expected when the job was accepted.

    Args:
        forecast: None where the plan read what accounts read, or nothing is known of it.
    """

    zone: str
    observed: IntensitySeries
    forecast: IntensitySeries | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A stretch on a cluster: running, reserved around a run, held in a pause, or what would have been at home."""

    cluster: str
    zone: str
    start: datetime
    end: datetime
    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What both views of a timeline share: where they lie, when, and in which colours."""

    width_px: int
    inner_px: float
    window: Window
    tones: Mapping[str, str]
    lang: Language

    @property
    def time(self) -> Spec:
        """The scale of time."""
        domain = [format_instant(end) for end in self.window]
        return {"type": "temporal", "scale": {"type": "utc", "domain": domain, "nice": False}}

    @property
    def left_px(self) -> int:
        """Room to the left. [px]"""
        return _LEFT_PX[is_phone(self.width_px)]


def timeline(width_px: int, traces: Sequence[Trace], stays: Sequence[Stay], window: Window, lang: Language) -> Spec:
    """The lines of the zones over the bars of the clusters, on one axis of time."""
    right_px = 20 + _LETTER_PX * max((len(trace.zone) for trace in traces), default=0)
    frame = _Frame(
        width_px=width_px,
        inner_px=width_px - _LEFT_PX[is_phone(width_px)] - right_px,
        window=window,
        tones={trace.zone: ZONES[n % len(ZONES)] for n, trace in enumerate(traces)},
        lang=lang,
    )
    views = [_lines(frame, traces, stays)] if traces else []
    return {
        "vconcat": [*views, _bars(frame, stays)],
        "spacing": 10,
        "autosize": {"type": "pad"},
        "padding": {"left": 0, "right": 10 if traces else right_px, "top": 2, "bottom": 4},
    }


def road_name(cluster: str, lang: Language) -> str:
    """The name of the road not taken."""
    return lang("home: {cluster}", cluster=cluster)


def _lines(frame: _Frame, traces: Sequence[Trace], stays: Sequence[Stay]) -> Spec:
    """Intensity by zone, marked where the job ran and would have run."""
    rows = [row for trace in traces for row in _points(frame, trace.observed, frame.window, "observed")]
    rows += [row for t in traces if t.forecast for row in _points(frame, t.forecast, frame.window, "forecast")]
    series = {trace.zone: trace.observed for trace in traces}
    for n, stay in enumerate(stays):
        if stay.zone in series and (stay.use == "run" or stay.use == "home"):  # noqa: PLR1714  # so that mypy sees it
            rows += _points(frame, series[stay.zone], (stay.start, stay.end), stay.use, n)
    most = max((float(str(row["g"])) for row in rows), default=0.0) * 1.1 or 1.0
    room_px = frame.left_px - _PAD_PX
    x = {"field": "t", **frame.time, "axis": {**_clock(frame), "labels": False, "title": None}}
    y = {
        "field": "g",
        "type": "quantitative",
        "scale": {"domain": [0, most], "nice": False},
        "axis": axis(
            frame.lang("g CO2e/kWh"),
            tickCount=4,
            minExtent=room_px,
            maxExtent=room_px,
            titleAngle=0,
            titleAlign="left",
            titleAnchor="end",
            titleX=-room_px,
            titleY=-_UNIT_PX,
        ),
    }
    lines: Spec = {
        "data": {"values": rows},
        "mark": {"type": "line", "interpolate": "step-after", "clip": True},
        "encoding": {
            "x": x,
            "y": y,
            "detail": {"field": "piece", "type": "nominal"},
            "color": _TONE,
            "strokeWidth": {"field": "thick", **_AS_SAID},
            "strokeDash": {"field": "dash", **_AS_SAID},
        },
    }
    return {
        "width": frame.inner_px,
        "height": _LINES_PX,
        "layer": [lines, _zone_names(frame, traces, most)],
    }


def _points(frame: _Frame, series: IntensitySeries, window: Window, part: Part, n: int = 0) -> Iterator[Row]:
    """The steps of a series inside a window; a gap ends one piece of the line and begins the next."""
    start, end = max(window[0], series.start), min(window[1], series.end)
    if end <= start:
        return
    first = (start - series.start) // series.step
    last = -((series.start - end) // series.step)
    every = -(-(last - first) // _MOST_POINTS)
    piece = 0
    for at in range(first, last, every):
        values = series.g_per_kwh[at : min(at + every, last)]
        known = values[~np.isnan(values)]
        if not known.size:
            piece += 1
            continue
        begins = max(start, series.start + at * series.step)
        ends = min(end, series.start + min(at + every, last) * series.step)
        g, key = round(float(known.mean()), 1), f"{part} {series.zone} {n} {piece}"
        for moment in (begins, ends):
            yield {
                "t": format_instant(moment), "g": g, "piece": key, "tone": frame.tones[series.zone], **_LOOKS[part],
            }  # fmt: skip


def _zone_names(frame: _Frame, traces: Sequence[Trace], most: float) -> Spec:
    """The name of each zone at the end of its line, moved apart where two would touch."""
    ends = sorted((_last(trace.observed, frame.window), trace.zone) for trace in traces)
    rows, floor = [], -np.inf
    for g, zone in ends:
        floor = max(g, floor + _LINE_PX * most / _LINES_PX)
        rows.append({"t": format_instant(frame.window[1]), "g": floor, "name": zone, "tone": frame.tones[zone]})
    return {
        "data": {"values": rows},
        "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 8, "fontWeight": 600, "clip": False},
        "encoding": {
            "x": {"field": "t", **frame.time},
            "y": {"field": "g", "type": "quantitative"},
            "text": {"field": "name"},
            "color": _TONE,
        },
    }


def _last(series: IntensitySeries, window: Window) -> float:
    """The last figure that is known inside a window, 0 where none is. [g/kWh]"""
    first = max(0, (window[0] - series.start) // series.step)
    values = series.g_per_kwh[first : max(0, -((series.start - window[1]) // series.step))]
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else 0.0


def _bars(frame: _Frame, stays: Sequence[Stay]) -> Spec:
    """A bar a cluster: full while running, pale while reserved or held, an outline for what would have been."""
    rows = [
        {
            "name": road_name(stay.cluster, frame.lang) if stay.use == "home" else stay.cluster,
            "from": format_instant(max(stay.start, frame.window[0])),
            "to": format_instant(min(stay.end, frame.window[1])),
            "tone": frame.tones.get(stay.zone, INK),
            **_BAR_LOOKS[stay.use],
        }
        for stay in stays
        if stay.start < frame.window[1] and stay.end > frame.window[0]
    ]
    names = list(dict.fromkeys(row["name"] for row in rows))
    room_px = frame.left_px - _PAD_PX
    y = {
        "field": "name",
        "type": "nominal",
        "sort": names,
        "scale": {"domain": names},
        "axis": {
            "title": None, "minExtent": room_px, "maxExtent": room_px, "labelLimit": room_px - 6, "labelColor": INK,
            "labelAlign": "left", "labelPadding": room_px, "labelFontSize": FONT_PX,
        },
    }  # fmt: skip
    x = {"field": "from", **frame.time, "axis": _clock(frame)}
    return {
        "width": frame.inner_px,
        "height": _BAR_PX * max(1, len(names)),
        "data": {"values": rows},
        "mark": {"type": "bar", "height": {"band": 0.5}, "filled": True},
        "encoding": {
            "y": y,
            "x": x,
            "x2": {"field": "to"},
            "fill": _TONE,
            "stroke": _TONE,
            "fillOpacity": {"field": "full", **_AS_SAID},
            "strokeWidth": {"field": "thick", **_AS_SAID},
            "strokeDash": {"field": "dash", **_AS_SAID},
        },
    }


def _clock(frame: _Frame) -> Spec:
    """The axis of time, in UTC: hours, or days where the timeline is long."""
    hours_h = hours_between(*frame.window)
    form = "%H:%M:%S" if hours_h < _SHORT_H else "%H:%M" if hours_h < _LONG_H else "%-d %b"
    return axis(
        frame.lang("UTC, from {start}", start=frame.lang.universal(frame.window[0])),
        format=form, grid=True, tickCount=3 if is_phone(frame.width_px) else 8, labelOverlap=True,
        labelFlush=False,
    )  # fmt: skip


_AS_SAID: Final[Spec] = {"type": "nominal", "scale": None, "legend": None}
_TONE: Final[Spec] = {"field": "tone", **_AS_SAID}
_SOLID: Final = [1, 0]
_LOOKS: Final[Mapping[Part, Row]] = {
    "observed": {"thick": 1.3, "dash": _SOLID},
    "forecast": {"thick": 1.4, "dash": [1.5, 3]},
    "home": {"thick": 2.6, "dash": [6, 4]},
    "run": {"thick": 5.5, "dash": _SOLID},
}
_BAR_LOOKS: Final[Mapping[Use, Row]] = {
    "hold": {"full": 0.0, "thick": 1.0, "dash": [2, 2]},
    "overhead": {"full": 0.35, "thick": 0.0, "dash": _SOLID},
    "run": {"full": 1.0, "thick": 0.0, "dash": _SOLID},
    "home": {"full": 0.0, "thick": 1.6, "dash": [6, 4]},
}
