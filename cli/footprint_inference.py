"""`carbonsched footprint inference`: what serving a model emits, a request and a day of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.footprint_grid import grid_intensity, range_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.footprint_grid import GridIntensity
    from scheduler.domain.estimate import Estimate
    from scheduler.lifecycle.inference import Inference

STATEMENT: Final = "your energy × the grid's intensity"
NOT_COUNTED: Final = ("making the hardware", "networks and the users' devices", "water", "end of life")


def inference(
    *,
    kwh: Annotated[float, typer.Option(help="Energy of the deployment, in kWh.", show_default=False)],
    hours: Annotated[float, typer.Option(help="How long it was observed, in h.", show_default=False)],
    requests: Annotated[int | None, typer.Option(help="Requests answered. Default: not counted.")] = None,
    zone: Annotated[str | None, typer.Option(help="Grid zone, such as FR. Required without --intensity.")] = None,
    year: Annotated[int | None, typer.Option(help="Year of the intensity. Default: the last one listed.")] = None,
    intensity: Annotated[float | None, typer.Option(help="Your own intensity, in g/kWh. Default: the zone's.")] = None,
    pue: Annotated[
        float | None, typer.Option(help="Facility over IT energy, 1 or more. Default: none is applied, and it says so.")
    ] = None,
    training_kg: Annotated[
        float | None, typer.Option(help="Emissions of the training, in kg CO2e. Default: BLOOM's, as published.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text. Default: off.")] = False,
) -> None:
    """Price the serving of a model: a request, a day, and the days until it equals the training.

    \b
    Examples:
      carbonsched footprint inference --kwh 864.249 --hours 411.667 --requests 230768 --intensity 394
      carbonsched footprint inference --kwh 120 --hours 24 --zone FR --pue 1.2 --training-kg 900 --json
    """
    from cli.console import emit, emit_json
    from scheduler.lifecycle import bloom
    from scheduler.lifecycle.inference import Inference

    grid = grid_intensity(zone, year, intensity)
    seen = Inference(
        energy_kwh=kwh,
        hours_h=hours,
        requests=requests,
        g_per_kwh=grid.g_per_kwh,
        pue=1.0 if pue is None else pue,
    )
    training = bloom.PUBLISHED.emissions.total if training_kg is None else training_kg
    whose = "BLOOM's, as published" if training_kg is None else "given"
    days = seen.days_to_equal(training)
    payload = _payload(seen, grid, training, whose, days, pue_given=pue is not None)
    if as_json:
        emit_json(payload)
    else:
        emit(_text(seen, grid, training, whose, days, pue_given=pue is not None))


def _payload(
    seen: Inference, grid: GridIntensity, training_kg: float, whose: str, days: float, *, pue_given: bool
) -> Mapping[str, object]:
    """The figures as JSON says them."""
    request = seen.per_request_g
    return {
        "statement": STATEMENT,
        "energy_kwh": seen.energy_kwh,
        "hours": seen.hours_h,
        "requests": seen.requests,
        "requests_per_hour": seen.requests_per_hour,
        "zone": grid.zone,
        "emissions_kg": seen.emissions_kg.central,
        "emissions_range_kg": _ends(seen.emissions_kg),
        "g_per_request": None if request is None else request.central,
        "g_per_request_reason": "requests were not counted" if request is None else None,
        "kg_per_day": seen.per_day_kg.central,
        "training_kg": training_kg,
        "training": whose,
        "days_to_equal_training": days if math.isfinite(days) else None,
        "days_to_equal_training_reason": None if math.isfinite(days) else "the electricity emits nothing",
        "pue": seen.pue,
        "pue_applied": pue_given,
        "intensity": {
            "g_per_kwh": grid.g_per_kwh.central,
            **_ends(grid.g_per_kwh),
            "year": grid.year,
            "basis": grid.basis,
            "source": grid.source,
            "licence": grid.licence,
        },
        "not_counted": NOT_COUNTED,
    }


def _text(seen: Inference, grid: GridIntensity, training_kg: float, whose: str, days: float, *, pue_given: bool) -> str:
    """The figures as people read them."""
    from cli.console import table

    mass, request = seen.emissions_kg, seen.per_request_g
    low, high = f"{mass.low:,.3f}", f"{mass.high:,.3f}"
    within = "" if mass.low == mass.high else f" ({low} to {high})"
    counted = "not counted: --requests says how many"
    if request is not None and seen.requests is not None:
        counted = f"{request.central:.4f} g CO2e, of {seen.requests:,}, {seen.requests_per_hour:,.0f} an hour"
    where = f", {grid.zone} {grid.year}, {grid.basis}" if grid.year else ", given"
    facts = [
        ["a request", counted],
        ["a day", f"{seen.per_day_kg.central:,.3f} kg CO2e"],
        ["equals the training", _when(days, training_kg, whose)],
        ["intensity", f"{range_text(grid.g_per_kwh)} g/kWh{where}"],
        *([["source", f"{grid.source}; {grid.licence}"]] if grid.licence else []),
        ["PUE", f"{seen.pue:g}, given" if pue_given else "none applied: --pue sets it where your kWh are of IT alone"],
        ["not in it", ", ".join(NOT_COUNTED)],
    ]
    return "\n".join(
        [
            f"{seen.energy_kwh:g} kWh in {seen.hours_h:g} h: {mass.central:,.3f} kg CO2e{within}, {STATEMENT}",
            "",
            table(["", ""], facts).lstrip(),
        ]
    )


def _when(days: float, training_kg: float, whose: str) -> str:
    """When serving has emitted as much as the training."""
    return f"{f'after {days:,.0f} days' if math.isfinite(days) else 'never'}: {training_kg:,.1f} kg CO2e, {whose}"


def _ends(figure: Estimate) -> Mapping[str, float]:
    """The ends of a range as JSON says them."""
    return {"low": figure.low, "high": figure.high}
