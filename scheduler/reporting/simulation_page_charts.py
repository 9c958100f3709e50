"""The drawings of a replay's page: carbon against delay and cost, by zone and class of job, and the queue over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from scheduler.domain.instant import format_instant
from scheduler.reporting.charts import (
    ACCENT,
    FONT_PX,
    INK,
    MUTED,
    RULE,
    ZONES,
    Figure,
    Row,
    Spec,
    axis,
    chart,
    figure,
    is_phone,
)
from scheduler.reporting.charts_bars import Bar, bars
from scheduler.reporting.language import ENGLISH
from scheduler.reporting.simulation_figures import Point, PolicyFigures, SettingFigures, front
from scheduler.reporting.tables import table

_SCATTER_PX: Final = 360
_LINES_PX: Final = 260
_ROOM: Final = 1.08
"""How far the axis goes beyond the last point. [-]"""
_MIDDLE: Final = 0.45
"""From here on names stand to the left of their points. [-]"""
_LIMIT: Final = 0.44
"""Longest name, as a share of the drawing's width. [-]"""
_LABELS: Final = 12
"""More points than this are not all labelled: only those on the front are."""


def against_delay(found: Sequence[Point]) -> Figure:
    """Saving against mean wait, a point a policy and setting, the front as a line."""
    best = front(found)
    rows = [
        {
            "x": each.wait_h, "y": each.saving_pct, "name": _named(setting, each), "front": (setting, each) in best,
            "label": _label((setting, each), best, found), "tone": ACCENT if (setting, each) in best else MUTED,
        }
        for setting, each in found
        if each.wait_h is not None and each.saving_pct is not None
    ]  # fmt: skip
    said = "; ".join(
        f"{_named(setting, each)} saves {ENGLISH.number(each.saving_pct or 0)} % and waits "
        f"{ENGLISH.number(each.wait_h or 0)} h"
        for setting, each in best
    )
    shown = [
        (
            _named(setting, each),
            _figure(each.wait_h),
            _figure(each.saving_pct),
            "yes" if (setting, each) in best else "",
        )
        for setting, each in found
    ]
    return figure(
        "Carbon against delay",
        f"Nothing beats these in both: {said}." if best else "Nothing was compared.",
        lambda width_px: _scatter(width_px, rows, "mean wait [h]", "saved of run-now [%]", line=True),
        table("Saving and delay", ["policy"], ["wait [h]", "saved [%]", "on the front"], shown),
        ENGLISH,
    )


def against_cost(found: Sequence[Point]) -> Figure | None:
    """Saving against cost; None where no price is known of any policy."""
    known = [
        (setting, each, each.cost) for setting, each in found if each.cost is not None and each.saving_pct is not None
    ]
    if not known:
        return None
    rows = [
        {"x": cost, "y": each.saving_pct, "name": _named(setting, each), "front": False, "tone": ACCENT,
         "label": _named(setting, each) if len(known) <= _LABELS else ""}
        for setting, each, cost in known
    ]  # fmt: skip
    cheapest = min(known, key=lambda each: each[2])
    shown = [
        (_named(setting, each), ENGLISH.number(cost, 4), _figure(each.saving_pct)) for setting, each, cost in known
    ]
    return figure(
        "Carbon against cost",
        f"{_named(*cheapest[:2])} costs least, {ENGLISH.number(cheapest[2], 4)} at the prices of the cluster files.",
        lambda width_px: _scatter(
            width_px, rows, "cost [price of the cluster files]", "saved of run-now [%]", line=False
        ),
        table("Saving and cost", ["policy"], ["cost", "saved [%]"], shown),
        ENGLISH,
    )


def by_zone(setting: SettingFigures) -> Figure:
    """What each policy emitted in each zone, stacked."""
    zones = sorted({zone for each in setting.policies for zone in each.zones})
    rows = [
        {"name": each.name, "zone": zone, "kg": each.zones.get(zone, 0.0), "order": n}
        for each in setting.policies
        for n, zone in enumerate(zones)
    ]
    shown = [(each.name, *(ENGLISH.number(each.zones.get(zone, 0.0)) for zone in zones)) for each in setting.policies]
    most = max(setting.policies, key=lambda each: each.kg)
    return figure(
        "Emissions by zone",
        f"From {most.name} with {ENGLISH.kg(most.kg)} down to "
        f"{ENGLISH.kg(min(each.kg for each in setting.policies))}; all lines, embodied too.",
        lambda width_px: _stacked(width_px, rows, zones),
        table("Emissions by zone [kg CO2e]", ["policy"], zones, shown),
        ENGLISH,
    )


def by_class(setting: SettingFigures, policy: PolicyFigures, baseline: PolicyFigures) -> Figure:
    """What one policy saves of each class of jobs."""
    parts, shown = [], []
    said = (
        f"Of {ENGLISH.whole(setting.compared)} jobs, by the GPUs that they take and how long they run; beside each bar "
        f"the share of what the class emits under {baseline.name}."
    )
    for name, now in baseline.classes.items():
        mine = policy.classes[name]
        saved_kg = now.kg - mine.kg
        share = f"{ENGLISH.number(100 * saved_kg / now.kg)} %" if now.kg else "–"
        parts.append(Bar(name=name, end=saved_kg, label=share))
        shown.append(
            (name, ENGLISH.whole(now.jobs), ENGLISH.number(now.kg), ENGLISH.number(mine.kg),
             ENGLISH.number(now.wait_h), ENGLISH.number(mine.wait_h))
        )  # fmt: skip
    heads = [
        "jobs",
        f"{baseline.name} [kg]",
        f"{policy.name} [kg]",
        f"wait, {baseline.name} [h]",
        f"wait, {policy.name} [h]",
    ]
    return figure(
        f"What {policy.name} saves, by class of job",
        said,
        lambda width_px: bars(width_px, parts, "kg CO2e saved"),
        table("Classes of jobs", ["class"], heads, shown),
        ENGLISH,
    )


def queue(setting: SettingFigures, names: Sequence[str]) -> Figure:
    """GPUs that jobs wait for over time, of at most as many policies as there are colours."""
    chosen = [each for each in setting.policies if each.name in names][: len(ZONES)]
    tones = dict(zip([each.name for each in chosen], ZONES, strict=False))
    rows = [
        {"at": format_instant(at), "gpus": gpus, "name": each.name}
        for each in chosen
        for at, gpus in zip(setting.moments, each.waiting, strict=True)
    ]
    most = [(each.name, max(each.waiting, default=0.0)) for each in chosen]
    return figure(
        "The queue over time",
        "GPUs of jobs that were submitted and had not begun: at most "
        + ", ".join(f"{ENGLISH.whole(gpus)} under {name}" for name, gpus in most) + ".",
        lambda width_px: _lines(width_px, rows, tones),
        table("The longest queue", ["policy"], ["GPUs"], [(name, ENGLISH.whole(gpus)) for name, gpus in most]),
        ENGLISH,
    )  # fmt: skip


def _named(setting: str, policy: PolicyFigures) -> str:
    """A policy with its setting."""
    return f"{policy.name} ({setting})" if setting else policy.name


def _label(point: Point, best: Sequence[Point], found: Sequence[Point]) -> str:
    """What is written beside a point: all names where there are few, else those on the front; each place once."""
    here = [each for each in found if (each[1].wait_h, each[1].saving_pct) == (point[1].wait_h, point[1].saving_pct)]
    if here[0] != point or (len(found) > _LABELS and not any(each in best for each in here)):
        return ""
    names = list(dict.fromkeys(policy.name for _, policy in here))
    return ", ".join(names) if len(here) > 1 else _named(*point)


def _figure(value: float | None) -> str:
    """A number, a dash where there is none."""
    return "–" if value is None else ENGLISH.number(value)


def _scatter(width_px: int, rows: Sequence[Row], across: str, up: str, *, line: bool) -> Spec:
    """Points with their names, those on the front joined."""
    ends = [float(str(row["x"])) for row in rows] or [0.0]
    first, last = min(0.0, *ends), (max(ends) or 1.0) * _ROOM
    scale = {"domain": [first, last], "nice": False}
    x = {"field": "x", "type": "quantitative", "axis": axis(across, grid=False), "scale": scale}
    y = {"field": "y", "type": "quantitative", "axis": axis(up, grid=True, gridColor=RULE, tickCount=5)}
    tone = {"field": "tone", "type": "nominal", "scale": None, "legend": None}
    joined: list[Spec] = [
        {
            "transform": [{"filter": "datum.front"}],
            "mark": {"type": "line", "stroke": ACCENT, "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y, "order": {"field": "x", "type": "quantitative"}},
        }
    ]
    layer: list[Spec] = [
        *(joined if line else []),
        {"mark": {"type": "point", "filled": True, "size": 70}, "encoding": {"x": x, "y": y, "color": tone}},
        *(_names(width_px, x, y, middle=first + (last - first) * _MIDDLE, right=right) for right in (False, True)),
    ]
    return chart(width_px, height_px=_SCATTER_PX, rows=rows, layer=layer)


def _names(width_px: int, x: Spec, y: Spec, *, middle: float, right: bool) -> Spec:
    """The names of the points, to the left of those in the right half and to the right of the others."""
    size_px = FONT_PX - 2 if is_phone(width_px) else FONT_PX
    beside = {"align": "right", "dx": -8} if right else {"align": "left", "dx": 8}
    return {
        "transform": [{"filter": f"datum.x {'>' if right else '<='} {middle!r}"}],
        "mark": {
            "type": "text", "dy": -7, "fill": INK, "fontSize": size_px, "limit": round(_LIMIT * width_px), **beside
        },
        "encoding": {"x": x, "y": y, "text": {"field": "label"}},
    }  # fmt: skip


def _stacked(width_px: int, rows: Sequence[Row], zones: Sequence[str]) -> Spec:
    """A bar a policy, a colour a zone."""
    names = len({str(row["name"]) for row in rows})
    room_px = 112 if is_phone(width_px) else 168
    head = {"title": None, "labelLimit": room_px - 8, "minExtent": room_px, "maxExtent": room_px, "labelAlign": "left",
            "labelPadding": room_px, "labelColor": INK, "grid": False}  # fmt: skip
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": None, "axis": head},
        "x": {"field": "kg", "type": "quantitative", "aggregate": "sum",
              "axis": axis("kg CO2e", grid=True, tickCount=4)},
        "color": {
            "field": "zone", "type": "nominal", "legend": _legend(width_px),
            "scale": {"domain": list(zones), "range": [ZONES[n % len(ZONES)] for n in range(len(zones))]},
        },
        "order": {"field": "order"},
    }  # fmt: skip
    layer = [{"mark": {"type": "bar", "height": {"band": 0.56}}, "encoding": encoding}]
    return chart(width_px, height_px=34 * names + 96, rows=rows, layer=layer)


def _lines(width_px: int, rows: Sequence[Row], tones: Mapping[str, str]) -> Spec:
    """A line a policy over time."""
    ends = 3 if is_phone(width_px) else 7
    encoding = {
        "x": {"field": "at", "type": "temporal", "scale": {"type": "utc"},
              "axis": axis("", grid=False, tickCount=ends)},
        "y": {"field": "gpus", "type": "quantitative", "axis": axis("GPUs waited for", grid=True, tickCount=4)},
        "color": {
            "field": "name", "type": "nominal", "legend": _legend(width_px),
            "scale": {"domain": list(tones), "range": list(tones.values())},
        },
    }  # fmt: skip
    layer = [{"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": encoding}]
    return chart(width_px, height_px=_LINES_PX, rows=rows, layer=layer)


def _legend(width_px: int) -> Spec:
    """A legend over the drawing."""
    return {
        "orient": "top", "title": None, "labelColor": INK, "labelFontSize": FONT_PX, "labelLimit": width_px // 2,
        "columns": 1 if is_phone(width_px) else 4, "symbolType": "square",
    }  # fmt: skip
