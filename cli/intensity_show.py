"""`carbonsched intensity show ZONE --from ... --to ...`: the hours of a zone, as whoever plans on them sees them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.intensity import Floats, IntensitySeries, Kind, Piece, Provenance
from scheduler.execution.freshness import whole_hour

if TYPE_CHECKING:
    from cli.settings import Settings

DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_SURE: Final[tuple[Kind, ...]] = ("observed", "estimated", "forecast")
"""Kinds of figures, the surest first."""
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST: Final = 24 * 366
"""Hours of the longest range: a leap year."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hours:
    """A zone's intensity hour by hour.

    Args:
        start: of the first hour; means: of each, NaN where a part of it is unknown. [g/kWh]
        series: what they were made from.
    """

    start: datetime
    means: Floats
    series: IntensitySeries

    @property
    def end(self) -> datetime:
        """Of the last hour."""
        return self.start + len(self.means) * _HOUR

    def origin(self, hour: int) -> Piece | None:
        """What the hour was taken from, the least sure part where there are several."""
        begins = self.start + hour * _HOUR
        touching = [p for p in self.series.origins if p.start < begins + _HOUR and p.end > begins]
        return max(touching, key=lambda piece: _SURE.index(piece.kind), default=None)


def between(first: str | None, last: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The range that two options name: a day before or after the other end, or now, where one is left out."""
    end = whole_hour(_moment(last, "--to"), up=True) if last else None
    start = whole_hour(_moment(first, "--from")) if first else (end or whole_hour(now)) - DAY
    end = end or max(start, whole_hour(now)) + DAY
    if start >= end:
        raise InvalidInput(f"--from {first} is not before --to {last}", hint="the range holds its start, not its end")
    if (end - start) / _HOUR > _MOST:
        raise InvalidInput(f"{(end - start).days} days are too many to show", hint="show a year at most")
    return start, end


def _moment(text: str, what: str) -> datetime:
    """The instant that an option names; a date alone is its midnight UTC, for no hour of it was meant to be local."""
    return parse_instant(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text, what=what)


def read_hours(
    values: Settings, zone: str, start: datetime, end: datetime, *, basis: str | None, table: str | None
) -> Hours:
    """The hours of a zone from the sources of the settings.

    Raises:
        NotCovered: none of them knows any; says why of each.
    """
    from cli import wiring
    from cli.plan import table_of

    grid = wiring.grid(values, basis=basis)
    reference = grid.reference(table_of(values, table, basis))
    grid.freshen(reference, [zone], start, end)
    found = grid.ahead(reference, [zone], start, end)
    if zone in found.lacking:
        raise NotCovered(
            f"nothing is known of {zone} from {format_instant(start)} to {format_instant(end)}: {found.lacking[zone]}",
            hint="carbonsched intensity sources says what each source gives",
        )
    series = found.series[zone]
    count = (end - start) // _HOUR
    means = [series.mean_over(start + hour * _HOUR, start + (hour + 1) * _HOUR) for hour in range(count)]
    return Hours(start=start, means=np.array(means), series=series)


def as_json(hours: Hours) -> dict[str, object]:
    """The hours for machines."""
    return {
        "zone": hours.series.zone,
        "basis": str(hours.series.basis),
        "from": format_instant(hours.start),
        "to": format_instant(hours.end),
        "hours": [
            {
                "start": format_instant(hours.start + hour * _HOUR),
                "g_per_kwh": None if np.isnan(mean) else float(mean),
                "kind": origin.kind if origin else None,
                "source": origin.source.name if origin else None,
            }
            for hour, (mean, origin) in enumerate(_rows(hours))
        ],
        "sources": [
            {"name": each.name, "licence": each.licence, "attribution": each.attribution} for each in _credits(hours)
        ],
        "notes": list(hours.series.notes),
    }


def as_csv(hours: Hours) -> str:
    """The hours as an intensity table, which `--intensity-table` reads."""
    lines = [f"utc,{hours.series.zone}"]
    for hour, mean in enumerate(hours.means.tolist()):
        lines.append(f"{format_instant(hours.start + hour * _HOUR)},{'' if np.isnan(mean) else f'{mean:.6g}'}")
    return "\n".join(lines)


def as_text(hours: Hours) -> str:
    """The plot, the hours and where they come from."""
    from cli.console import table
    from cli.intensity_plot import plot
    from cli.plan_strip import encodable

    rows = [
        (
            f"{hours.start + hour * _HOUR:%Y-%m-%d %H:%M}",
            "-" if np.isnan(mean) else f"{mean:.1f}",
            origin.kind if origin else "unknown",
            origin.source.name if origin else "-",
        )
        for hour, (mean, origin) in enumerate(_rows(hours))
    ]
    said = [f"{hours.series.zone}: {hours.series.basis}"]
    drawn = plot(hours.means, hours.start, hours.end, unicode=encodable(sys.stdout.encoding))
    sources = [
        "; ".join(part for part in (each.name, each.attribution, each.licence) if part) for each in _credits(hours)
    ]
    notes = [f"mind: {note}" for note in hours.series.notes]
    parts = [said, drawn, [table(("from (UTC)", "g/kWh", "kind", "source"), rows)], [*sources, *notes]]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _rows(hours: Hours) -> Iterator[tuple[float, Piece | None]]:
    """Each hour's mean and where it comes from; nowhere, where it is unknown."""
    for hour, mean in enumerate(hours.means.tolist()):
        yield mean, None if np.isnan(mean) else hours.origin(hour)


def _credits(hours: Hours) -> list[Provenance]:
    """The sources of the hours, each once."""
    return list(dict.fromkeys(piece.source for piece in hours.series.origins))
