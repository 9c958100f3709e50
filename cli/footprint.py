"""`carbonsched footprint`: what a run that is described and not placed emits, and what BLOOM's training did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.footprint_grid import NOWHERE, GridIntensity, grid_intensity, range_text
from cli.footprint_inference import inference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scheduler.domain.cluster import Cluster
    from scheduler.domain.estimate import Estimate
    from scheduler.lifecycle.footprint import Footprint

STATEMENT: Final = "modelled, not measured"
NOT_COUNTED: Final = ("water", "minerals", "end of life", "the use of what was trained")

_HELP: Final = """Price a run that you describe, with its range and its sources.

The figures are modelled from hardware, hours and a yearly intensity; nothing is measured.

\b
Examples:
  carbonsched footprint --gpus 8 --hours 100 --zone FR --year 2024
  carbonsched footprint --gpus 8 --hours 24 --zone CA-QC --gpu-w 310 --json
  carbonsched footprint --gpus 64 --hours 24 --cluster france.yaml
  carbonsched footprint inference --kwh 864.249 --hours 411.67 --requests 230768 --intensity 394
  carbonsched footprint bloom
"""
_BLOOM_HELP: Final = """Reproduce the published footprint of BLOOM's training, and show what to doubt in it.

\b
Examples:
  carbonsched footprint bloom
  carbonsched footprint bloom --json
"""

app = typer.Typer(pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text. Default: off.")]


@app.callback(invoke_without_command=True, no_args_is_help=True, help=_HELP)
def footprint(
    ctx: typer.Context,
    *,
    gpus: Annotated[int | None, typer.Option(min=1, help="GPUs reserved. Required.")] = None,
    hours: Annotated[float | None, typer.Option(help="Length of the run, in h. Required.")] = None,
    zone: Annotated[str | None, typer.Option(help="Grid zone, such as FR. Default: the cluster's.")] = None,
    year: Annotated[int | None, typer.Option(help="Year of the intensity. Default: the last one listed.")] = None,
    intensity: Annotated[float | None, typer.Option(help="Your own intensity, in g/kWh. Default: the zone's.")] = None,
    gpu_w: Annotated[float | None, typer.Option(help="Power of one GPU at work, in W. Default: nameplate.")] = None,
    pue: Annotated[
        float | None, typer.Option(help="Facility over IT energy, 1 or more. Default: 1.5, flagged.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Named hardware: a100 or bloom-paper. Default: a100.")] = None,
    cluster: Annotated[Path | None, typer.Option(help="Cluster file, instead of a preset.")] = None,
    json: Json = False,
) -> None:
    """Price a run, or leave it to the subcommand."""
    from scheduler.domain.errors import InvalidInput
    from scheduler.lifecycle.footprint import footprint_of

    if ctx.invoked_subcommand is not None:
        if any(value not in (None, False) for value in ctx.params.values()):
            raise InvalidInput("options stand before the subcommand", hint=f"put them after {ctx.invoked_subcommand!r}")
        return
    if gpus is None or hours is None:
        raise InvalidInput("a footprint needs --gpus and --hours", hint="add them: --gpus 8 --hours 100 --zone FR")
    hardware, label = _hardware(preset, cluster, gpus, pue)
    grid = grid_intensity(zone or (hardware.zone if cluster else None), year, intensity)
    priced = footprint_of(hardware, gpus=gpus, hours_h=hours, intensity_g_per_kwh=grid.g_per_kwh, gpu_w=gpu_w)
    run = Run(gpus=gpus, hours_h=hours, gpu_w=gpu_w, hardware=hardware, label=label, intensity=grid, footprint=priced)
    _print(run, as_json=json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it was described, and its footprint."""

    gpus: int
    hours_h: float
    gpu_w: float | None
    hardware: Cluster
    label: str
    intensity: GridIntensity
    footprint: Footprint


def _hardware(preset: str | None, file: Path | None, gpus: int, pue: float | None) -> tuple[Cluster, str]:
    """The hardware of the run, and what to call it."""
    from cli.files import load_clusters
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.estimate import Estimate
    from scheduler.lifecycle.presets import DEFAULT_PRESET, preset_named

    if file is None:
        named = preset_named(preset or DEFAULT_PRESET)
        found, label = named.cluster(zone=NOWHERE, gpus=gpus), f"preset {named.name}: {named.summary}"
    elif preset is not None:
        raise InvalidInput("--preset and --cluster both name the hardware", hint="give one of them")
    else:
        clusters = load_clusters(file)
        if len(clusters) != 1:
            raise InvalidInput(f"{file} holds {len(clusters)} clusters", hint="name a file that holds one")
        found, label = clusters[0], f"cluster {clusters[0].name}, {file}"
        if gpus > found.gpus:
            raise InvalidInput(f"{found.name} has {found.gpus} GPUs, not {gpus}", hint="lower --gpus")
    if pue is None:
        return found, label
    if not (math.isfinite(pue) and pue >= 1):
        raise InvalidInput(f"--pue {pue:g} is below 1", hint="PUE is facility energy over IT energy")
    source = found.source | {"pue": "given"} if isinstance(found.source, dict) else found.source
    return found.model_copy(update={"pue": Estimate.exactly(pue), "source": source}), label


def _print(run: Run, *, as_json: bool) -> None:
    """The footprint on stdout."""
    from cli.console import emit, emit_json

    if as_json:
        emit_json(_payload(run))
    else:
        emit(_text(run))


def _payload(run: Run) -> Mapping[str, object]:
    """The footprint as JSON says it."""
    low, central, high = run.footprint.low, run.footprint.central, run.footprint.high
    energy, grid = central.energy, run.intensity
    return {
        "statement": STATEMENT,
        "gpus": run.gpus,
        "hours": run.hours_h,
        "gpu_hours": run.footprint.gpu_hours,
        "zone": grid.zone,
        "emissions_kg": central.emissions.as_dict() | {"low": low.emissions.total, "high": high.emissions.total},
        "corners_kg": {"low": low.emissions.as_dict(), "high": high.emissions.as_dict()},
        "energy_kwh": {
            "dynamic": energy.dynamic,
            "idle_running": energy.idle_running,
            "facility": energy.facility,
            "total": energy.total,
        },
        "it_energy_kwh": energy.it,
        "gpu_energy_running_kwh": energy.gpu_running,
        "embodied_pct": run.footprint.embodied_pct,
        "intensity": {
            "g_per_kwh": grid.g_per_kwh.central,
            "low": grid.g_per_kwh.low,
            "high": grid.g_per_kwh.high,
            "year": grid.year,
            "basis": grid.basis,
            "source": grid.source,
            "licence": grid.licence,
        },
        "hardware": run.label,
        "gpu_w": run.gpu_w,
        "pue": _levels(run.hardware.stated_pue),
        "pue_assumed": run.hardware.pue is None,
        "sources": run.hardware.source,
        "not_counted": NOT_COUNTED,
    }


def _text(run: Run) -> str:
    """The footprint as people read it."""
    from cli.console import table

    low, central, high = run.footprint.low, run.footprint.central, run.footprint.high
    energy = central.energy
    corners = [corner.emissions.as_dict() for corner in (central, low, high)]
    total, least, most = (_amount(kg["total"], like=corners[0]["total"]) for kg in corners)
    kwh = {"dynamic": energy.dynamic, "idle_running": energy.idle_running, "facility": energy.facility}
    kwh["total"] = energy.total
    rows = [
        [
            line,
            *(_amount(kg[line], like=corners[0]["total"]) for kg in corners),
            _amount(kwh[line], like=energy.total) if line in kwh else "",
        ]
        for line in ("dynamic", "idle_running", "facility", "embodied", "total")
    ]
    gpus = f"{run.gpus} GPU{'s' if run.gpus > 1 else ''}"
    return "\n".join(
        [
            f"{gpus} × {run.hours_h:g} h: {total} kg CO2e ({least} to {most}), {STATEMENT}",
            "",
            table(["", "kg CO2e", "low", "high", "kWh"], rows),
            "",
            table(["", ""], _facts(run)).lstrip(),
        ]
    )


def _facts(run: Run) -> Sequence[Sequence[str]]:
    """What a reader needs to know of the figures, a row each."""
    grid, energy, pue = run.intensity, run.footprint.central.energy, run.hardware.stated_pue
    kg = run.footprint.central.emissions
    embodied, it, boards = (
        _amount(value, like=whole)
        for value, whole in (
            (kg.embodied, kg.total),
            (energy.it, energy.total),
            (energy.gpu_running, energy.total),
        )
    )
    where = f", {grid.zone} {grid.year}, {grid.basis}" if grid.year else ", given"
    nameplate = f"{run.hardware.gpu.tdp_w.central:g} W a GPU, nameplate: most runs draw less, --gpu-w says how much"
    facts = [
        ("embodied", f"{embodied} kg, {run.footprint.embodied_pct:.1f} % of the total"),
        ("intensity", f"{range_text(grid.g_per_kwh)} g/kWh{where}"),
    ]
    if grid.licence:
        facts.append(("source", f"{grid.source}; {grid.licence}"))
    return [
        *facts,
        ("hardware", run.label),
        ("power", nameplate if run.gpu_w is None else f"{run.gpu_w:g} W a GPU, given"),
        ("PUE", range_text(pue) + (", assumed: --pue sets it" if run.hardware.pue is None else "")),
        ("energy", f"{it} kWh of IT, {boards} of it in the GPUs' boards"),
        ("range", "every figure at its low, or at its high, at once"),
        ("not in it", ", ".join(NOT_COUNTED)),
    ]


@app.command(help=_BLOOM_HELP)
def bloom(*, json: Json = False) -> None:
    """Print the profile `bloom-paper`."""
    from cli.console import emit, emit_json
    from cli.footprint_bloom import bloom_text
    from scheduler.lifecycle.bloom_profile import profile

    if json:
        emit_json(profile())
    else:
        emit(bloom_text())


app.command("inference")(inference)


def _amount(value: float, *, like: float) -> str:
    """A quantity to the decimals that give `like`, the whole it is part of, four digits."""
    decimals = 1 if like <= 0 else min(6, max(1, 3 - math.floor(math.log10(like))))
    return f"{value:,.{decimals}f}"


def _levels(value: Estimate) -> Mapping[str, float]:
    """A figure with its range as JSON says it."""
    return {"low": value.low, "central": value.central, "high": value.high}
