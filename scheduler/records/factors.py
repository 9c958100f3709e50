"""What a figure may be off by: parameters that each share one draw, with the range that each is known within."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from scheduler.domain.basis import Signal
from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Estimate
from scheduler.domain.intensity import UNSTATED_RANGE, IntensitySeries
from scheduler.lifecycle.model import TRANSFER_KWH_PER_GB
from scheduler.records.drawn import METER_RANGE

MODELLED_ENERGY_RANGE: Final = 0.30
"""Half-width of an energy that was modelled and not metered [-]: real A100s average 42 to 48 % of their
nameplate (Hu et al., NSDI 2024, two clusters), so a nameplate model can be far off; this project's choice."""
HOST_RANGE: Final = 0.30
"""Half-width of a node's own power, which is modelled also where GPUs are metered [-]: 8-GPU servers less their GPUs
draw 1.0 to 2.0 kW at work (Hu et al., NSDI 2024, traces of Acme and Seren); this project's choice."""
PUE_RANGE: Final = 0.1
"""Half-width of a PUE whose cluster states no range, absolute: this project's choice. [-]"""
INTENSITY_RANGE: Final[Mapping[Signal, float]] = {"average": UNSTATED_RANGE, "marginal": 0.5}
"""Half-width of an intensity whose source states none [-]. Marginal: the yearly margins of one country by two methods
are further apart than that (France: 158 by UNFCCC/IFI 2021, 395 by WattTime); this project's choice."""
_DECIMALS: Final = 9
"""Ends of a factor are told to so many decimals, so that the dust of floating point makes no factor of its own."""

Shape = Literal["normal", "triangular"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A parameter that is off by an unknown ratio, the same for everything that shares its name.

    Args:
        name: what it is of.
        low, high: ends of its 95 % range, over its central value; of a triangular one all of its range. [-]
        floor: what it cannot be under. [-]
        shape: of its distribution.
    """

    name: str
    low: float
    high: float
    floor: float = 0.0
    shape: Shape = "normal"


def modelled(what: str) -> Factor:
    """An energy that was modelled."""
    return Factor(name=f"energy of {what}", low=1 - MODELLED_ENERGY_RANGE, high=1 + MODELLED_ENERGY_RANGE)


def metered(source: str) -> Factor:
    """What a type of meter reads."""
    return Factor(name=f"energy by {source}", low=1 - METER_RANGE, high=1 + METER_RANGE)


def host_power(cluster: Cluster) -> Factor:
    """The power of a cluster's nodes without their GPUs."""
    return Factor(name=f"host power of {cluster.name}", low=1 - HOST_RANGE, high=1 + HOST_RANGE)


def pue_in(cluster: Cluster, year: int) -> Factor:
    """The PUE of a cluster in a year, within the range it states."""
    pue = cluster.stated_pue
    if pue.low == pue.high:
        pue = Estimate(low=pue.central - PUE_RANGE, central=pue.central, high=pue.central + PUE_RANGE)
    return over_centre(f"PUE of {cluster.name} in {year}", pue, floor=1 / pue.central)


def intensity_in(series: IntensitySeries, year: int, seen: Estimate | None) -> Factor:
    """The intensity of a zone in a year by one source.

    Args:
        series: of the zone.
        year: which one; source, zone and year share one draw.
        seen: what was seen of it, with the ends that the source states; None where that states no range.
    """
    name = f"intensity of {series.zone} by {series.source.name} in {year}"
    if seen is not None:
        return over_centre(name, seen)
    half = INTENSITY_RANGE[series.basis.signal]
    return Factor(name=name, low=round(1 - half, _DECIMALS), high=round(1 + half, _DECIMALS))


def states_a_range(series: IntensitySeries) -> bool:
    """Whether a source says how far its figures may be off."""
    return series.low is not None or series.high is not None


def over_centre(name: str, figure: Estimate, *, floor: float = 0.0, shape: Shape = "normal") -> Factor:
    """A figure over its central value; without a range where that is 0."""
    centre = figure.central or 1.0
    low, high = (figure.low / centre, figure.high / centre) if figure.central else (1.0, 1.0)
    return Factor(
        name=name,
        low=round(low, _DECIMALS),
        high=round(high, _DECIMALS),
        floor=round(floor, _DECIMALS),
        shape=shape,
    )


TRANSFER: Final = over_centre("energy of transfers", TRANSFER_KWH_PER_GB)
