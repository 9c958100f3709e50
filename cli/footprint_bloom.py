"""The text of `carbonsched footprint bloom`."""

from __future__ import annotations

import textwrap

from cli.console import table
from scheduler.lifecycle import bloom, bloom_inference, bloom_models
from scheduler.lifecycle.bloom_profile import WARNINGS


def bloom_text() -> str:
    """The profile as people read it: the published figures first, then what to doubt in them."""
    kg = bloom.PUBLISHED.emissions
    rate = bloom.PER_GPU_HOUR
    return "\n".join(
        [
            f"BLOOM's final training: {kg.total:,.1f} kg CO2e as published, profile {bloom.PROFILE}",
            bloom.REFERENCE,
            "",
            _terms(),
            "",
            f"a GPU-hour: {rate.dynamic_kwh:.3f} + {rate.idle_kwh:.6f} kWh, {rate.embodied_g:.4f} g embodied",
            "",
            "Readings of the same run",
            _readings(),
            "",
            "Inference",
            _inference(),
            "",
            "Comparison of models, checked: MWh × g/kWh",
            _models(),
            "",
            *(_bullet(warning) for warning in (*WARNINGS, bloom_models.WARNING)),
        ]
    )


def _terms() -> str:
    """The three terms and how each comes about."""
    kg = bloom.PUBLISHED.emissions
    per_kwh = f"{bloom.INTENSITY_G_PER_KWH:g} g/kWh"
    kwh = (bloom.PUBLISHED.dynamic_kwh, bloom.PUBLISHED.idle_kwh)
    making = f"{bloom.SERVER_KG:g} kg a server, {bloom.GPU_KG:g} kg a GPU"
    how = (
        f"{making}, {bloom.LIFETIME_YEARS:g} years, {100 * bloom.LIFETIME_USE:g} % use",
        f"{bloom.GPU_HOURS:,.0f} GPU-h × {bloom.TDP_W:g} W × {per_kwh}",
        f"{bloom.INFRASTRUCTURE_KW:g} + {bloom.IDLE_KW:g} kW × GPU-h / {bloom.GPUS} × {per_kwh}",
        "",
    )
    terms = (
        ("embodied", kg.embodied, ""),
        ("dynamic", kg.dynamic, f"{kwh[0]:,.0f}"),
        ("idle", kg.idle, f"{kwh[1]:,.0f}"),
    )
    rows = [(*term, text) for term, text in zip((*terms, ("total", kg.total, f"{sum(kwh):,.0f}")), how, strict=True)]
    return table(
        ["", "kg CO2e", "%", "kWh", ""],
        [[name, f"{mass:,.1f}", f"{100 * mass / kg.total:.1f}", energy, text] for name, mass, energy, text in rows],
    )


def _readings() -> str:
    """The readings, a row each."""
    return table(
        ["", "kg CO2e", ""],
        [[reading.name, f"{reading.emissions.total:,.1f}", reading.why] for reading in bloom.READINGS],
    )


def _inference() -> str:
    """The study's two figures."""
    study = bloom_inference
    return table(
        ["", "kWh", "kg CO2e", ""],
        [
            [
                "energy as printed",
                f"{study.PRINTED_KWH:.3f}",
                f"{study.FROM_PRINTED_ENERGY_KG:.1f}",
                f"{study.DAYS:g} days on {study.GPUS} GPUs, {study.INTENSITY_G_PER_KWH:g} g/kWh",
            ],
            [
                "emissions as printed",
                f"{study.TRIMMED_KWH:.3f}",
                f"{study.FROM_TRIMMED_ENERGY_KG:.1f}",
                f"trimmed log; {study.REQUESTS:,} requests, {study.G_PER_REQUEST:.4f} g each",
            ],
            ["difference", f"{study.PRINTED_KWH - study.TRIMMED_KWH:.3f}", f"{study.DIFFERENCE_KG:.1f}", ""],
        ],
    )


def _models() -> str:
    """The comparison with its check."""
    return table(
        ["", "MWh", "g/kWh", "PUE", "t printed", "t × PUE printed", "t computed", "matches"],
        [
            [
                row.name,
                f"{row.energy_mwh:,.0f}",
                f"{row.intensity_g_per_kwh:g}",
                f"{row.pue:.2f}",
                f"{row.before_pue_t:g}",
                f"{row.after_pue_t:g}",
                f"{row.computed_t:.1f}",
                row.matches,
            ]
            for row in bloom_models.MODELS
        ],
    )


def _bullet(text: str) -> str:
    """A warning, wrapped."""
    return textwrap.fill(text, width=100, initial_indent="- ", subsequent_indent="  ")
