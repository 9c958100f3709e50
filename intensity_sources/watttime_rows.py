"""What the answers of the WattTime API say, version 3: https://docs.watttime.org.

The field ``value`` is a rate at one endpoint and a percentile at another, so an answer counts only with its unit. A
row is observed where the service says that none of its input was imputed; the rate itself is a model's all the same,
and the model's date is in the factor set of the basis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from intensity_sources.points import Points, figures_of, times_of
from intensity_sources.web_json import Members, instant, items, malformed, members, text
from intensity_sources.web_words import one_line
from scheduler.domain.units import g_per_kwh_from_lb_per_mwh

WHO: Final = "watttime"
UNITS: Final = "lbs_co2_per_mwh"
INDEX_UNITS: Final = "percentile"
"""The unit of signal-index, 100 for the dirtiest of the next 24 hours: a rank, and no intensity."""
_DAY_S: Final = 86_400
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What was asked for: a region and a signal type, by WattTime's names."""

    region: str
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came.

    Args:
        points: the rows; step: their length by the answer's own word.
        model: date of the model behind them, empty where it is not stated.
        warnings: what the service says of them, in its words.
        issued_at: when a forecast was generated.
    """

    points: Points
    step: timedelta
    model: str
    warnings: tuple[str, ...]
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meta:
    """What is said of all rows of an answer."""

    step: timedelta
    model: str
    warnings: tuple[str, ...]
    said: Members


def parse_login(answer: object) -> str:
    """The token that a login gives."""
    token = text(members(answer, "its answer", source=WHO).get("token"), "the token", source=WHO)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise malformed(WHO, "its token holds characters that no request can carry")
    return token


def parse_region(answer: object, signal: str) -> str:
    """The region that a location lies in."""
    found = members(answer, "its answer", source=WHO)
    if found.get("signal_type", signal) != signal:
        raise malformed(WHO, f"it answered with a region of another signal than {signal}")
    return text(found.get("region"), "the region", source=WHO)


def parse_access(answer: object) -> Mapping[str, tuple[str, ...]]:
    """What the account reaches of each region, such as ``co2_moer v3/forecast``."""
    found: dict[str, list[str]] = {}
    for signal in _listed(answer, "signal_types"):
        name = text(signal.get("signal_type"), "signal_type", source=WHO)
        for region in _listed(signal, "regions"):
            reached = found.setdefault(text(region.get("region"), "the region", source=WHO), [])
            reached += [
                f"{name} {text(each.get('endpoint'), 'the endpoint', source=WHO)}"
                for each in _listed(region, "endpoints")
            ]
    return {region: tuple(dict.fromkeys(reached)) for region, reached in found.items()}


def parse_historical(answer: object, want: Want) -> Answer:
    """The rows of the past.

    Raises:
        SourceUnavailable: it is of another region, signal or unit, or not of a shape that is known.
    """
    meta, data = _checked(answer, want)
    rows = [_row(row) for row in data]
    estimated = [row.get("imputed_data_used") is not False for row in rows]
    points = _points(rows, [row.get("last_updated") for row in rows], estimated)
    return Answer(points=points, step=meta.step, model=meta.model, warnings=meta.warnings)


def parse_forecast(answer: object, want: Want) -> Answer:
    """The newest forecast; raises as `parse_historical` does."""
    meta, data = _checked(answer, want)
    return _forecast(data, meta, meta.said.get("generated_at"))


def parse_issues(answer: object, want: Want) -> Sequence[Answer]:
    """Forecasts as they were issued, in order of their issue; raises as `parse_historical` does."""
    meta, data = _checked(answer, want)
    found: dict[datetime, Answer] = {}
    for issue in data:
        said = members(issue, "an issue", source=WHO)
        forecast = _forecast(items(said.get("forecast"), "a forecast", source=WHO), meta, said.get("generated_at"))
        assert forecast.issued_at is not None  # noqa: S101  # read just now
        found[forecast.issued_at] = forecast
    return [found[moment] for moment in sorted(found)]


def _listed(holder: object, name: str) -> Sequence[Members]:
    """The objects in a list of that name."""
    listed = items(members(holder, "its answer", source=WHO).get(name), name, source=WHO)
    return [members(each, f"one of {name}", source=WHO) for each in listed]


def _forecast(data: Sequence[object], meta: _Meta, generated_at: object) -> Answer:
    """One forecast from its rows and the time of its issue."""
    rows = [_row(row) for row in data]
    return Answer(
        points=_points(rows, [None] * len(rows), [True] * len(rows)),
        step=meta.step,
        model=meta.model,
        warnings=meta.warnings,
        issued_at=instant(generated_at, "generated_at", source=WHO),
    )


def _points(rows: Sequence[Members], updated: Sequence[object], estimated: Sequence[bool]) -> Points:
    """The rows in columns, in grams."""
    return Points(
        times=times_of([text(row["point_time"], "point_time", source=WHO) for row in rows], "point_time", source=WHO),
        updated=times_of(updated, "last_updated", source=WHO),
        g_per_kwh=figures_of(
            [row["value"] for row in rows], "value", source=WHO, g_per_kwh_of_one=g_per_kwh_from_lb_per_mwh(1.0)
        ),
        estimated=np.array(estimated, dtype=np.bool_),
    )


def _row(row: object) -> Members:
    """A row that has a time and a figure, be it null."""
    cells = members(row, "a row", source=WHO)
    if "value" not in cells or "point_time" not in cells:
        raise malformed(WHO, "a row has no value or no point_time")
    return cells


def _checked(answer: object, want: Want) -> tuple[_Meta, Sequence[object]]:
    """What is said of the rows, and the rows, of an answer that is what was asked for."""
    whole = members(answer, "its answer", source=WHO)
    if "meta" not in whole and isinstance(whole.get("error"), str):
        raise malformed(WHO, f"it answered with an error: {whole['error']}")
    said = members(whole.get("meta"), "meta", source=WHO)
    for name, asked in (("region", want.region), ("signal_type", want.signal)):
        if said.get(name) != asked:
            raise malformed(WHO, f"it answered with {name} {said.get(name)!r}, asked for {asked!r}")
    units = said.get("units")
    if units == INDEX_UNITS:
        raise malformed(WHO, "it answered with an index, a rank within a day, which is no intensity")
    if units != UNITS:
        raise malformed(WHO, f"its unit {units!r} is unknown, so its figures are not used")
    warnings = items(said.get("warnings") or [], "warnings", source=WHO)
    meta = _Meta(step=_step(said), model=_model(said), warnings=tuple(map(_warning, warnings)), said=said)
    return meta, items(whole.get("data"), "data", source=WHO)


def _step(said: Members) -> timedelta:
    """The length of the intervals."""
    step_s = said.get("data_point_period_seconds")
    if isinstance(step_s, bool) or not isinstance(step_s, int) or not 0 < step_s <= _DAY_S or _DAY_S % step_s:
        raise malformed(WHO, f"its data_point_period_seconds is {step_s!r}, no part of a day")
    return timedelta(seconds=step_s)


def _model(said: Members) -> str:
    """The date of the model, empty where none is stated."""
    model = said.get("model")
    if model is None:
        return ""
    dated = members(model, "model", source=WHO).get("date")
    if not isinstance(dated, str) or not _DATE.fullmatch(dated):
        raise malformed(WHO, f"its model has the date {dated!r}")
    return dated


def _warning(warning: object) -> str:
    """A warning in one line."""
    said = members(warning, "a warning", source=WHO)
    return one_line(f"WattTime warns: {said.get('type', 'warning')}: {said.get('message', '')}")
