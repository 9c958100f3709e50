"""The profile `bloom-paper` as plain data, for the command line and for whoever checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scheduler.lifecycle import bloom, bloom_inference, bloom_models

WARNINGS: Final = (
    "reproduces the published figures, and is no model of what the run really emitted",
    "nameplate power × hours, with the idle meters on top, counts the GPUs' own idle twice",
    "the paper's '54 % dynamic, 46 % idle' is 109 of 200 metered kW; its tonnes are 63 to 37",
    "the PUE of 1.2 and the infrastructure meter of 27 kW are the same watts: never both",
    "the last run only: all runs of the project emitted 123.8 t",
)
"""What a reader of the figures must know."""


def profile() -> Mapping[str, object]:
    """The whole profile: published figures, other readings, inference, and the comparison of models."""
    emissions = bloom.PUBLISHED.emissions
    total = emissions.total
    return {
        "profile": bloom.PROFILE,
        "reference": bloom.REFERENCE,
        "inputs": _inputs(),
        "emissions_kg": {
            "embodied": emissions.embodied,
            "dynamic": emissions.dynamic,
            "idle": emissions.idle,
            "total": total,
        },
        "share_pct": {
            "embodied": 100 * emissions.embodied / total,
            "dynamic": 100 * emissions.dynamic / total,
            "idle": 100 * emissions.idle / total,
        },
        "embodied_kg": {"servers": bloom.EMBODIED_SERVERS_KG, "gpus": bloom.EMBODIED_GPUS_KG},
        "energy_kwh": {"dynamic": bloom.PUBLISHED.dynamic_kwh, "idle": bloom.PUBLISHED.idle_kwh},
        "per_gpu_hour": {
            "dynamic_kwh": bloom.PER_GPU_HOUR.dynamic_kwh,
            "idle_kwh": bloom.PER_GPU_HOUR.idle_kwh,
            "embodied_g": bloom.PER_GPU_HOUR.embodied_g,
        },
        "dynamic_with_pue_kg": bloom.DYNAMIC_WITH_PUE_KG,
        "project_kg": bloom.PROJECT_KG,
        "readings": [_reading(reading) for reading in bloom.READINGS],
        "inference": _inference(),
        "models": [_model(row) for row in bloom_models.MODELS],
        "warnings": [*WARNINGS, bloom_models.WARNING],
    }


def _inputs() -> Mapping[str, float]:
    """The published figures that the profile is computed from."""
    return {
        "gpu_hours": bloom.GPU_HOURS,
        "gpus": bloom.GPUS,
        "tdp_w": bloom.TDP_W,
        "intensity_g_per_kwh": bloom.INTENSITY_G_PER_KWH,
        "pue": bloom.PUE,
        "server_kg": bloom.SERVER_KG,
        "gpu_kg": bloom.GPU_KG,
        "lifetime_years": bloom.LIFETIME_YEARS,
        "lifetime_use": bloom.LIFETIME_USE,
        "infrastructure_kw": bloom.INFRASTRUCTURE_KW,
        "idle_kw": bloom.IDLE_KW,
        "training_kw": bloom.TRAINING_KW,
    }


def _reading(reading: bloom.Reading) -> Mapping[str, object]:
    """One reading of the run, with its terms."""
    emissions = reading.emissions
    return {
        "name": reading.name,
        "why": reading.why,
        "intensity_g_per_kwh": reading.intensity_g_per_kwh,
        "embodied_kg": emissions.embodied,
        "dynamic_kg": emissions.dynamic,
        "idle_kg": emissions.idle,
        "total_kg": emissions.total,
    }


def _inference() -> Mapping[str, object]:
    """The inference study, with the two figures that disagree and their difference."""
    return {
        "gpus": bloom_inference.GPUS,
        "days": bloom_inference.DAYS,
        "intensity_g_per_kwh": bloom_inference.INTENSITY_G_PER_KWH,
        "energy_kwh": bloom_inference.PRINTED_KWH,
        "emissions_kg": bloom_inference.FROM_PRINTED_ENERGY_KG,
        "published_kg": bloom_inference.PRINTED_KG,
        "trimmed_hours": bloom_inference.TRIMMED_HOURS,
        "trimmed_energy_kwh": bloom_inference.TRIMMED_KWH,
        "trimmed_emissions_kg": bloom_inference.FROM_TRIMMED_ENERGY_KG,
        "difference_kg": bloom_inference.DIFFERENCE_KG,
        "published_kg_per_day": bloom_inference.PRINTED_KG_PER_DAY,
        "mean_w": bloom_inference.MEAN_W,
        "max_w": bloom_inference.MAX_W,
        "energy_share": bloom_inference.ENERGY_SHARE,
        "requests": bloom_inference.REQUESTS,
        "requests_per_hour": bloom_inference.REQUESTS_PER_HOUR,
        "g_per_request": bloom_inference.G_PER_REQUEST,
    }


def _model(row: bloom_models.ModelRow) -> Mapping[str, object]:
    """One row of the comparison, with its check."""
    return {
        "name": row.name,
        "parameters_b": row.parameters_b,
        "energy_mwh": row.energy_mwh,
        "intensity_g_per_kwh": row.intensity_g_per_kwh,
        "pue": row.pue,
        "published_t": row.before_pue_t,
        "published_after_pue_t": row.after_pue_t,
        "computed_t": row.computed_t,
        "matches": row.matches,
        "note": row.note,
    }
