"""The drawings of one setting of a replay: emissions by zone, the saving by class of job, and the queue over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from scheduler.domain.instant import format_instant
from scheduler.reporting.charts import (
    ACCENT,
    FONT_PX,
    INK,
    MUTED,
    WARM,
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
from scheduler.reporting.language import Language
from scheduler.reporting.simulation_figures import JobClass, PolicyFigures, SettingFigures
from scheduler.reporting.simulation_figures_text import column, hours, percent
from scheduler.reporting.tables import Table, table

_STRIP_PX: Final = 92
"""Height of one policy's queue. [px]"""
_AXIS_PX: Final = 46
_EDGE_PX: Final = 14
_BY_DAYS: Final = timedelta(days=4)
"""Over longer times an axis tells days, under it hours too."""
_DAYS_FORM: Final = "%-d %b"
_HOURS_FORM: Final = "%-d %b %H:%M"
_MOST_COLUMNS: Final = 6
"""So many zones have a column each; with more the page would be too narrow."""
_NAMES_PX: Final = (186, 148)
"""Room for the names of policies and classes: on a page, on a phone. [px]"""
_TOTAL: Final = (1.24, 1.5)
"""How far the axis of stacked bars goes beyond the longest, for its label. [-]"""


def by_zone(setting: SettingFigures, lang: Language) -> Figure:
    """What each policy emitted in each zone, stacked: the biggest zones, and the others together."""
    zones = sorted(
        {zone for each in setting.policies for zone in each.zones},
        key=lambda zone: (-sum(each.zones.get(zone, 0.0) for each in setting.policies), zone),
    )
    most, least = (pick(setting.policies, key=lambda each: each.kg) for pick in (max, min))
    totals = column([each.kg for each in setting.policies], lang)
    return figure(
        lang("Emissions by zone"),
        lang("From {most} with {most_kg} down to {least} with {least_kg}; all lines, embodied too.",
             most=most.name, most_kg=lang.kg(most.kg), least=least.name, least_kg=lang.kg(least.kg)),
        lambda width_px: _stacked(width_px, setting.policies, _grouped(zones, lang), totals, lang),
        _zones(setting, zones, totals, lang),
        lang,
    )  # fmt: skip


def _zones(setting: SettingFigures, zones: Sequence[str], totals: Sequence[str], lang: Language) -> Table:
    """The figures of the drawing: a column a zone where they have room, else a row each."""
    caption = lang("Emissions by zone [kg CO2e]")
    kg = {zone: column([each.zones.get(zone, 0.0) for each in setting.policies], lang) for zone in zones}
    policies = [each.name for each in setting.policies]
    if len(zones) > _MOST_COLUMNS:
        rows = [(name, zone, kg[zone][n]) for n, name in enumerate(policies) for zone in zones]
        return table(caption, [lang("policy"), lang("zone")], [lang("kg CO2e")], rows)
    shown = [(name, *(kg[zone][n] for zone in zones), totals[n]) for n, name in enumerate(policies)]
    return table(caption, [lang("policy")], [*zones, lang.word("line", "total")], shown)


def by_class(setting: SettingFigures, policy: PolicyFigures, baseline: PolicyFigures, lang: Language) -> Figure:
    """What one policy saves of each class of jobs, and adds to others."""
    parts, shown = [], []
    for name, now in baseline.classes.items():
        mine, said = policy.classes[name], class_name(name, lang)
        saved_kg = now.kg - mine.kg
        share = lang("{percent} %", percent=percent(100 * saved_kg / now.kg if now.kg else None, lang))
        parts.append(Bar(name=said, end=saved_kg, label=share, tone=WARM if saved_kg < 0 else ACCENT))
        shown.append(
            (said, lang.whole(now.jobs), lang.number(now.kg), lang.number(mine.kg), hours(now.wait_h, lang),
             hours(mine.wait_h, lang))
        )  # fmt: skip
    heads = [
        lang("jobs"),
        *(lang("{policy} [kg CO2e]", policy=each.name) for each in (baseline, policy)),
        *(lang("wait, {policy} [h]", policy=each.name) for each in (baseline, policy)),
    ]
    jobs = lang.plural("{count} job", "{count} jobs", setting.compared)
    return figure(
        lang("What {policy} saves, by class of job", policy=policy.name),
        lang("{jobs}, by the GPUs that they take and how long they run; beside each bar its share of what the class "
             "emits under {baseline}. A bar to the left of 0 is emitted in addition.", jobs=jobs,
             baseline=baseline.name),
        lambda width_px: bars(width_px, parts, lang("kg CO2e less than {baseline}", baseline=baseline.name),
                              room_px=_NAMES_PX[is_phone(width_px)]),
        table(lang("Classes of jobs"), [lang("class")], heads, shown),
        lang,
    )  # fmt: skip


def queue(setting: SettingFigures, names: Sequence[str], lang: Language) -> Figure:
    """GPUs that jobs wait for over time, a strip a policy on one scale, in the order of the names."""
    chosen = [each for name in names if (each := setting.policy(name)) is not None]
    most = [(each.name, max(each.waiting, default=0.0)) for each in chosen]
    said = [lang("{count} under {policy}", count=lang.whole(gpus), policy=name) for name, gpus in most]
    return figure(
        lang("The queue over time"),
        lang("GPUs of jobs that were submitted and had not begun, for want of room or because they wait for cleaner "
             "hours: at most {most}.", most=lang.listed(said)),
        lambda width_px: _strips(width_px, setting, chosen, lang),
        table(lang("The longest queue"), [lang("policy")], ["GPU"], [(name, lang.whole(gpus)) for name, gpus in most]),
        lang,
    )  # fmt: skip


def class_name(name: JobClass, lang: Language) -> str:
    """What a class of jobs is called."""
    width, length = name
    return lang("{width}, {length}", width=lang.word("class", width), length=lang.word("class", length))


def _grouped(zones: Sequence[str], lang: Language) -> Mapping[str, tuple[str, ...]]:
    """The zones of each colour: one each where there are colours enough, else the smallest in one of their own."""
    if len(zones) <= len(ZONES):
        return {zone: (zone,) for zone in zones}
    shown, others = zones[: len(ZONES)], tuple(zones[len(ZONES) :])
    said = lang.plural("{count} other zone", "{count} other zones", len(others))
    return {**{zone: (zone,) for zone in shown}, said: others}


def _stacked(
    width_px: int,
    policies: Sequence[PolicyFigures],
    groups: Mapping[str, tuple[str, ...]],
    totals: Sequence[str],
    lang: Language,
) -> Spec:
    """A bar a policy, a colour a zone, the whole of it written at its end."""
    rows: list[Row] = [
        {"name": each.name, "zone": name, "order": n, "kg": sum(each.zones.get(zone, 0.0) for zone in zones),
         "all": each.kg, "label": totals[m] if n == 0 else ""}
        for m, each in enumerate(policies)
        for n, (name, zones) in enumerate(groups.items())
    ]  # fmt: skip
    most = max((each.kg for each in policies), default=0.0) or 1.0
    place = {"field": "name", "type": "nominal", "sort": None, "axis": _names(width_px)}
    along = {
        "type": "quantitative", "scale": {"domain": [0, most * _TOTAL[is_phone(width_px)]], "nice": False},
        "axis": axis(lang("kg CO2e"), grid=True, tickCount=2 if is_phone(width_px) else 5),
    }  # fmt: skip
    colours = [*ZONES, MUTED][: len(groups)]
    tone = {
        "field": "zone", "type": "nominal", "legend": _legend(width_px),
        "scale": {"domain": list(groups), "range": colours},
    }  # fmt: skip
    layer: list[Spec] = [
        {
            "mark": {"type": "bar", "height": {"band": 0.56}},
            "encoding": {"y": place, "x": {"field": "kg", "aggregate": "sum", "stack": "zero", **along}, "color": tone,
                         "order": {"field": "order"}},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 7, "fill": INK, "fontSize": FONT_PX},
            "encoding": {"y": place, "x": {"field": "all", **along}, "text": {"field": "label"}},
        },
    ]  # fmt: skip
    legend_px = 24 * -(-len(groups) // _legend_columns(width_px))
    return chart(width_px, height_px=34 * len(policies) + 52 + legend_px, rows=rows, layer=layer)


def _strips(width_px: int, setting: SettingFigures, chosen: Sequence[PolicyFigures], lang: Language) -> Spec:
    """Under each other, one scale for all, each with its name over it."""
    rows: list[Row] = [
        {"at": format_instant(at), "gpus": gpus, "n": n}
        for n, each in enumerate(chosen)
        for at, gpus in zip(setting.moments, each.waiting, strict=True)
    ]
    most = max((max(each.waiting, default=0.0) for each in chosen), default=0.0) or 1.0
    spans = setting.moments[-1] - setting.moments[0] if setting.moments else timedelta(0)
    form = _DAYS_FORM if spans > _BY_DAYS else _HOURS_FORM
    strips = []
    for n, each in enumerate(chosen):
        last = n == len(chosen) - 1
        times = axis("UTC" if last else "", grid=False, tickCount=3 if is_phone(width_px) else 7, labels=last,
                     labelOverlap="greedy", labelSeparation=8, labelFlush=False, labelBound=24, labelPadding=12,
                     format=form)  # fmt: skip
        strips.append(_strip(width_px, n, lang("{policy} [GPU]", policy=each.name), times, most))
    return {"data": {"values": rows}, "vconcat": strips, "spacing": 14}


def _strip(width_px: int, n: int, title: str, times: Spec, most: float) -> Spec:
    """The queue of one policy."""
    figures = axis("", grid=True, tickCount=2, minExtent=_AXIS_PX, maxExtent=_AXIS_PX)
    up = {"domain": [0, most], "nice": False}
    return {
        "transform": [{"filter": f"datum.n === {n}"}],
        "title": {
            "text": title, "anchor": "start", "frame": "group", "fontSize": FONT_PX, "color": INK,
            "fontWeight": "normal", "offset": 4,
        },
        "width": width_px - _AXIS_PX - _EDGE_PX,
        "height": _STRIP_PX,
        "mark": {"type": "area", "color": ACCENT},
        "encoding": {
            "x": {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": times},
            "y": {"field": "gpus", "type": "quantitative", "scale": up, "axis": figures},
        },
    }  # fmt: skip


def _names(width_px: int) -> Spec:
    """The axis of the policies' names."""
    room_px = _NAMES_PX[is_phone(width_px)]
    return {
        "title": None, "labelLimit": room_px - 6, "minExtent": room_px, "maxExtent": room_px, "labelAlign": "left",
        "labelPadding": room_px, "labelColor": INK, "labelFontSize": FONT_PX - 2 * is_phone(width_px), "grid": False,
    }  # fmt: skip


def _legend_columns(width_px: int) -> int:
    """How many names of a legend stand beside each other."""
    return 1 if is_phone(width_px) else 4


def _legend(width_px: int) -> Spec:
    """A legend over the drawing."""
    return {
        "orient": "top", "title": None, "labelColor": INK, "labelFontSize": FONT_PX, "labelLimit": width_px // 2,
        "columns": _legend_columns(width_px), "symbolType": "square", "columnPadding": 18,
    }  # fmt: skip
