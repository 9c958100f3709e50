"""How every chart of a report is drawn: as an SVG that follows the page's colours and needs no script.

Vega-Lite through vl-convert: a chart is a plain description, drawn without a display, a font cache or a home folder,
its text stays text, and its colours may be the page's CSS variables, so one drawing serves light, dark and paper.
An SVG cannot wrap its labels: each chart is drawn twice, for a page and for a phone, and the page shows one of the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import vl_convert

from scheduler.domain.errors import CarbonschedError
from scheduler.reporting.language import Language
from scheduler.reporting.tables import Table

Spec = Mapping[str, object]
Row = Mapping[str, object]

PAGE_PX: Final = 800
"""Width of a chart on a page, screen or A4. [px]"""
PHONE_PX: Final = 335
"""Width of a chart on a phone of 375 px, its margins apart. [px]"""
FONT_PX: Final = 13
INK: Final = "var(--ink)"
MUTED: Final = "var(--muted)"
RULE: Final = "var(--rule)"
ACCENT: Final = "var(--accent)"
WARM: Final = "var(--warm)"
PAPER: Final = "var(--paper)"
ZONES: Final = ("var(--z1)", "var(--z2)", "var(--z3)", "var(--z4)")
"""Colours of zones: told apart by every kind of colour vision, and each line carries its name besides."""
_FONT: Final = "system-ui, sans-serif"
_ROOT: Final = re.compile(r'<svg [^>]*viewBox="(?P<box>[^"]*)"[^>]*>')
_NO_ADDRESS: Final[list[str]] = []
"""A chart holds its data; nothing may be fetched for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """An SVG without its root: the box that it is seen through, and what is inside."""

    view_box: str
    inside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with everything that stands for it where it is not seen.

    Args:
        title: what it is of; says: what it shows, in a sentence or two, read out in its place.
        page, phone: the same chart at both widths.
        table: its figures.
    """

    title: str
    says: str
    page: Drawing
    phone: Drawing
    table: Table


def figure(title: str, says: str, spec: Callable[[int], Spec], table: Table, lang: Language) -> Figure:
    """A figure from what makes the chart's description for a width. [px]"""
    return Figure(
        title=title, says=says, page=_draw(spec(PAGE_PX), lang), phone=_draw(spec(PHONE_PX), lang), table=table
    )


def chart(width_px: int, *, height_px: int, rows: Sequence[Row], layer: Sequence[Spec]) -> Spec:
    """The description of one view, its axes and labels inside the width."""
    return {
        "width": width_px,
        "height": height_px,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": list(rows)},
        "layer": list(layer),
    }


def axis(title: str, **changes: object) -> Spec:
    """An axis with its unit in the title."""
    return {"title": title, **changes}


def is_phone(width_px: int) -> bool:
    """Whether a chart is drawn for a phone."""
    return width_px <= PHONE_PX


def _draw(spec: Spec, lang: Language) -> Drawing:
    """The drawing of a description."""
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **spec}
    svg = vl_convert.vegalite_to_svg(
        whole, allowed_base_urls=_NO_ADDRESS, format_locale=_numbers(lang), time_format_locale=_times(lang)
    )
    root = _ROOT.match(svg)
    if root is None:
        raise CarbonschedError("a chart came out as no SVG", hint="install the vl-convert-python of the extra 'report'")
    return Drawing(view_box=root["box"], inside=svg[root.end() : -len("</svg>")])


def _numbers(lang: Language) -> dict[str, object]:
    """How the language writes numbers, for the axes."""
    return {"decimal": lang.decimal, "thousands": lang.group, "grouping": [3], "currency": ["", ""]}


def _times(lang: Language) -> dict[str, object]:
    """How the language writes times, for the axes."""
    days = list(lang.days)
    return {
        "dateTime": "%d %B %Y %H:%M", "date": "%d %B %Y", "time": "%H:%M", "periods": ["", ""],
        "days": days, "shortDays": days, "months": list(lang.months), "shortMonths": list(lang.short_months),
    }  # fmt: skip


_AXIS: Final[Spec] = {
    "labelColor": MUTED, "titleColor": MUTED, "labelFontSize": FONT_PX - 1, "titleFontSize": FONT_PX - 1,
    "titleFontWeight": "normal", "labelFontWeight": "normal", "domain": False, "ticks": False, "gridColor": RULE,
    "gridOpacity": 1, "labelPadding": 6, "titlePadding": 8, "labelFont": _FONT, "titleFont": _FONT,
}  # fmt: skip
_CONFIG: Final[Spec] = {
    "aria": False,  # the drawing is one image with a text of its own; its parts would only be noise
    "background": "transparent",
    "font": _FONT,
    "padding": {"left": 0, "right": 12, "top": 2, "bottom": 6},
    "view": {"stroke": None},
    "axis": _AXIS,
    "mark": {"aria": False},
    "text": {"font": _FONT, "fontSize": FONT_PX, "fill": INK},
    "bar": {"cornerRadius": 1},
}
