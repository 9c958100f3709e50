"""`carbonsched intensity forecast ZONE`: the hours ahead with their band, and how such forecasts did before."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.intensity import Floats, IntensitySeries
from scheduler.execution.freshness import whole_hour
from scheduler.planning.forecasting.outlook import Outlook, forecast
from scheduler.planning.forecasting.scenarios import Skill, band, scenarios, skill

if TYPE_CHECKING:
    from cli.settings import Settings

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_PATHS: Final = 400
"""Paths that the band is read from."""
_SEED: Final = 20260301
"""Makes the band the same again."""
MOST_H: Final = 168
"""Furthest that is looked ahead: beyond a week there is nothing but a usual day. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What is shown of a forecast.

    Args:
        low, high: the 5 % and the 95 % quantile of each hour; None where too few past errors are known. [g/kWh]
        skills: how such forecasts did before, by lead.
        notes: which sources were passed over, and why.
    """

    series: IntensitySeries
    values: Floats
    low: Floats | None
    high: Floats | None
    skills: tuple[Skill, ...]
    notes: tuple[str, ...]


def read_forecast(
    values: Settings, zone: str, hours: int, *, basis: str | None, table: str | None, now: str | None
) -> Shown:
    """The forecast of a zone from the sources of the settings; of a table, from what it holds up to `now`.

    Raises:
        NotCovered: no source knows anything; says why of each.
    """
    from cli import wiring
    from cli.plan import table_of

    if not 1 <= hours <= MOST_H:
        raise InvalidInput(f"--hours {hours} is not from 1 to {MOST_H}", hint="leave it out for two days")
    grid = wiring.grid(values, basis=basis)
    moment = parse_instant(now, what="--now") if now else wiring.now()
    end = whole_hour(moment) + hours * _HOUR
    file = table_of(values, table, basis)
    reference = grid.reference(file)
    if file is not None:
        past = grid.observed(reference, [zone], moment - timedelta(weeks=26), moment)
        if zone in past.lacking:
            raise NotCovered(past.lacking[zone], hint="--now is a moment up to which the table has some weeks")
        return _shown(forecast(past.series[zone], moment, end), (), hours)
    if not grid.is_replay(moment):
        grid.freshen(reference, [zone], moment, end)
    outlook = grid.outlooks_of(reference, [zone], moment, end).get(zone)
    found = grid.ahead(reference, [zone], moment, end, moment)
    if zone in found.lacking:
        raise NotCovered(
            f"nothing is known of {zone} from {format_instant(moment)} on: {found.lacking[zone]}",
            hint="carbonsched intensity sources says what each source gives",
        )
    series = found.series[zone]
    if outlook is not None:
        return _shown(outlook, series.notes, hours)
    if series.kind == "estimated" and series.step >= _DAY:
        why = f"; {'; '.join(series.notes)}" if series.notes else ""
        raise NotCovered(
            f"there is no forecast of {zone}: {series.source.name}, holds no hours{why}",
            hint="list a source of hours before it in the setting sources: carbonsched intensity sources shows them",
        )
    return _without_band(series, _hourly(series, whole_hour(moment), hours), whole_hour(moment))


def as_json(shown: Shown) -> dict[str, object]:
    """The forecast for machines; null where there is no band."""
    series = shown.series
    return {
        "zone": series.zone,
        "basis": str(series.basis),
        "source": series.source.name,
        "issued_at": format_instant(series.issued_at) if series.issued_at else None,
        "hours": [
            {
                "start": format_instant(series.start + hour * _HOUR),
                "g_per_kwh": _number(value),
                "low": None if shown.low is None else _number(shown.low[hour]),
                "high": None if shown.high is None else _number(shown.high[hour]),
            }
            for hour, value in enumerate(shown.values.tolist())
        ],
        "skill": [
            {
                "from_h": each.from_h,
                "to_h": each.to_h,
                "rmse_g_per_kwh": each.rmse,
                "persistence_rmse_g_per_kwh": each.persistence_rmse,
                "skill_pct": each.skill_pct,
                "origins": each.origins,
            }
            for each in shown.skills
        ],
        "notes": list(shown.notes),
    }


def as_text(shown: Shown) -> str:
    """The curve with its band, its skill and what to know of it."""
    from cli.console import table
    from cli.intensity_plot import plot
    from cli.plan_strip import encodable

    series = shown.series
    end = series.start + len(shown.values) * _HOUR
    drawn = plot(
        shown.values, series.start, end, low=shown.low, high=shown.high, unicode=encodable(sys.stdout.encoding)
    )
    rows = [
        (
            f"{each.from_h}-{each.to_h} h",
            f"{each.rmse:.1f}",
            f"{each.persistence_rmse:.1f}",
            "-" if each.skill_pct is None else f"{each.skill_pct:.0f} %",
            str(each.origins),
        )
        for each in shown.skills
    ]
    headers = ("lead", "error g/kWh", "persistence", "skill", "days")
    what = "shaded: 5 to 95 % of what came where such a forecast was made before"
    about = what if shown.low is not None else "no band: too few past errors are known"
    parts = [
        [f"{series.zone}: {series.basis}, from {series.source.name}"],
        [*drawn, about],
        [table(headers, rows)] if rows else ["no skill is known: no past forecast can be compared with what came"],
        [f"mind: {note}" for note in shown.notes],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _shown(outlook: Outlook, notes: tuple[str, ...], hours: int) -> Shown:
    """The first hours of an outlook with their band."""
    series = outlook.series
    paths = scenarios({series.zone: outlook}, _PATHS, _SEED)
    low, _, high = band(paths[series.zone]) if paths else (None, None, None)
    every = tuple(dict.fromkeys((*notes, *series.notes)))
    low, high = (None if edge is None else edge[:hours] for edge in (low, high))
    values = series.g_per_kwh[:hours]
    return Shown(series=series, values=values, low=low, high=high, skills=skill(outlook), notes=every)


def _without_band(series: IntensitySeries, values: Floats, start: datetime) -> Shown:
    """What a source says, where nothing is known of how it did before."""
    from dataclasses import replace

    hourly = replace(series, start=start, step=_HOUR, g_per_kwh=values, low=None, high=None, pieces=())
    return Shown(series=hourly, values=values, low=None, high=None, skills=(), notes=series.notes)


def _hourly(series: IntensitySeries, start: datetime, hours: int) -> Floats:
    """The mean of each hour. [g/kWh]"""
    return np.array([series.mean_over(start + h * _HOUR, start + (h + 1) * _HOUR) for h in range(hours)])


def _number(value: float) -> float | None:
    """A figure as JSON knows it."""
    return None if np.isnan(value) else float(value)
