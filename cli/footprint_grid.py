"""The intensity that a footprint's options name: of the yearly tables, or the user's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scheduler.domain.estimate import Estimate

NOWHERE: Final = "ZZ"
"""Zone of what is priced at an intensity of the user's own: ISO 3166 leaves this code to users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridIntensity:
    """The intensity of a footprint and what to say of it.

    Args:
        zone: grid zone.
        g_per_kwh: the figure with its range. [g/kWh]
        year, basis, source, licence: where it comes from; None where the user gave the figure.
    """

    zone: str
    g_per_kwh: Estimate
    year: int | None
    basis: str | None
    source: str
    licence: str | None


def grid_intensity(zone: str | None, year: int | None, given: float | None) -> GridIntensity:
    """The intensity that the options name."""
    from intensity_sources.static_tables import StaticTables
    from scheduler.domain.basis import DEFAULT_BASIS
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.estimate import Estimate

    if given is not None:
        if year is not None:
            raise InvalidInput("--year belongs to the tables, not to --intensity", hint="leave one of them out")
        if not (math.isfinite(given) and given >= 0):
            raise InvalidInput(f"--intensity {given:g} cannot be", hint="give g/kWh, 0 or more")
        figure = Estimate.exactly(given)
        return GridIntensity(
            zone=zone or NOWHERE, g_per_kwh=figure, year=None, basis=None, source="given", licence=None
        )
    if zone is None:
        raise InvalidInput("a footprint needs --zone or --intensity", hint="carbonsched intensity zones lists zones")
    row = StaticTables().row(zone, DEFAULT_BASIS, year)
    return GridIntensity(
        zone=zone, g_per_kwh=row.g_per_kwh, year=row.year, basis=str(row.basis), source=row.source, licence=row.licence
    )


def range_text(value: Estimate) -> str:
    """A figure and its range, where it has one."""
    if value.low == value.high:
        return f"{value.central:g}"
    return f"{value.central:g} [{value.low:g}, {value.high:g}]"
