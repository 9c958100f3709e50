"""The profile `bloom-paper`: the training of BLOOM as its authors published it, and other readings of the same meters.

References: Luccioni, Viguier and Ligozat, "Estimating the Carbon Footprint of BLOOM, a 176B Parameter Language
Model", arXiv 2211.02001; JMLR 24(253), 2023. "The paper" below. The profile is reproduced to the kilogram and is
never the default for what a run really emitted: the paper adds the metered idle power of the nodes, GPUs included,
to the nameplate power of the GPUs, so its total counts the GPUs' own idle twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scheduler.domain.units import G_PER_KG, W_PER_KW
from scheduler.lifecycle.model import GpuHour, embodied_g_per_gpu_h

PROFILE: Final = "bloom-paper"
REFERENCE: Final = "Luccioni, Viguier, Ligozat, JMLR 24(253), 2023; arXiv 2211.02001"

GPU_HOURS: Final = 1_082_990.0
"""A100 SXM4 80 GB hours of the final training, Jean Zay, France, 2022. [GPU-h] The paper, on the training."""
GPUS: Final = 384
"""48 nodes of 8 GPUs, HPE Apollo 6500 Gen10 Plus. The paper, on the training."""
NODE_GPUS: Final = 8
TDP_W: Final = 400.0
"""Nameplate power of a GPU; the dynamic term is this times hours, not a meter. [W] The paper, on dynamic power."""
INTENSITY_G_PER_KWH: Final = 57.0
"""As printed; near the French average of 2020-2021. [g/kWh] The paper, on dynamic power."""
PUE: Final = 1.2
"""Jean Zay; stated by the paper and not part of its total. [-] The paper, beside its comparison of models."""

SERVER_KG: Final = 2500.0
"""Making a server without its GPUs. [kg CO2e] The paper, on embodied emissions, after a server maker's figures."""
GPU_KG: Final = 150.0
"""Making a GPU; the authors call it a lower bound. [kg CO2e] The paper, on embodied emissions."""
LIFETIME_YEARS: Final = 6.0
"""The paper, on embodied emissions. Its printed rates of 0.056 kg a server-hour and 0.003 kg a GPU-hour are
rounded, so the rates here are derived from kilograms, years and use. [years]"""
LIFETIME_USE: Final = 0.85
"""Share of its life that the hardware is allocated. [-] The paper, on embodied emissions."""

INFRASTRUCTURE_KW: Final = 27.0
"""Metered: the nodes switched off, network and storage on. [kW] The paper, on idle power."""
IDLE_KW: Final = 64.0
"""Metered: the nodes switched on and idle. [kW] The paper, on idle power."""
TRAINING_KW: Final = 109.0
"""Metered: the training. [kW] The paper, on idle power."""

WEEKS_INTENSITY_G_PER_KWH: Final = 87.7
"""Average of France over the weeks of the training, life-cycle and consumption-based. [g/kWh] Electricity Maps."""
PROJECT_KG: Final = 123_800.0
"""All runs of the BigScience project, this one included. [kg CO2e] The paper, on the whole project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BloomEmissions:
    """The paper's three terms. [kg CO2e]"""

    embodied: float
    dynamic: float
    idle: float

    @property
    def total(self) -> float:
        """Their sum. [kg CO2e]"""
        return self.embodied + self.dynamic + self.idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read the run: which powers count, and at which intensity.

    Args:
        name: how outputs call it.
        why: what it counts, in a sentence.
        dynamic_kw: power of computing, all 384 GPUs. [kW]
        idle_kw: power of the rest. [kW]
        intensity_g_per_kwh: of the electricity. [g/kWh]
    """

    name: str
    why: str
    dynamic_kw: float
    idle_kw: float
    intensity_g_per_kwh: float = INTENSITY_G_PER_KWH

    @property
    def dynamic_kwh(self) -> float:
        """Energy of computing. [kWh]"""
        return self.dynamic_kw * GPU_HOURS / GPUS

    @property
    def idle_kwh(self) -> float:
        """Energy of the rest. [kWh]"""
        return self.idle_kw * GPU_HOURS / GPUS

    @property
    def emissions(self) -> BloomEmissions:
        """The run under this reading; the embodied term is the same in all. [kg CO2e]"""
        return BloomEmissions(
            embodied=EMBODIED_SERVERS_KG + EMBODIED_GPUS_KG,
            dynamic=self.dynamic_kwh * self.intensity_g_per_kwh / G_PER_KG,
            idle=self.idle_kwh * self.intensity_g_per_kwh / G_PER_KG,
        )


def _amortised_kg(hardware_kg: float) -> float:
    """The run's share of hardware of which each GPU-hour occupies `hardware_kg` [kg]. [kg CO2e]"""
    rate_g = embodied_g_per_gpu_h(hardware_kg=hardware_kg, lifetime_years=LIFETIME_YEARS, lifetime_use=LIFETIME_USE)
    return rate_g * GPU_HOURS / G_PER_KG


EMBODIED_SERVERS_KG: Final = _amortised_kg(SERVER_KG / NODE_GPUS)
EMBODIED_GPUS_KG: Final = _amortised_kg(GPU_KG)

_TDP_KW: Final = TDP_W * GPUS / W_PER_KW

PUBLISHED: Final = Reading(
    name="published",
    why="TDP × hours, plus the infrastructure and idle meters; counts the GPUs' own idle twice",
    dynamic_kw=_TDP_KW,
    idle_kw=INFRASTRUCTURE_KW + IDLE_KW,
)
READINGS: Final = (
    PUBLISHED,
    Reading(
        name="tdp-and-idle-meter",
        why="TDP × hours, plus the idle meter alone",
        dynamic_kw=_TDP_KW,
        idle_kw=IDLE_KW,
    ),
    Reading(
        name="meters-added",
        why="the three meters as separate powers: 200 kW",
        dynamic_kw=TRAINING_KW,
        idle_kw=INFRASTRUCTURE_KW + IDLE_KW,
    ),
    Reading(
        name="meters-nested",
        why="the training meter as holding the other two: 109 kW all in",
        dynamic_kw=TRAINING_KW - INFRASTRUCTURE_KW - IDLE_KW,
        idle_kw=INFRASTRUCTURE_KW + IDLE_KW,
    ),
    Reading(
        name="training-weeks-intensity",
        why="as published, at France's average over the weeks of the training: 87.7 g/kWh",
        dynamic_kw=_TDP_KW,
        idle_kw=INFRASTRUCTURE_KW + IDLE_KW,
        intensity_g_per_kwh=WEEKS_INTENSITY_G_PER_KWH,
    ),
)
"""All readings, the published one first."""

PER_GPU_HOUR: Final = GpuHour(
    dynamic_kwh=PUBLISHED.dynamic_kwh / GPU_HOURS,
    idle_kwh=PUBLISHED.idle_kwh / GPU_HOURS,
    pue=1.0,
    embodied_g=(EMBODIED_SERVERS_KG + EMBODIED_GPUS_KG) * G_PER_KG / GPU_HOURS,
    gpu_kwh=TDP_W / W_PER_KW,
)
"""The published reading of one GPU-hour; PUE 1, as it and the infrastructure meter are the same watts."""

DYNAMIC_WITH_PUE_KG: Final = PUBLISHED.emissions.dynamic * PUE
"""The dynamic term at Jean Zay's PUE; never to be added to the idle term, which holds those watts. [kg CO2e]"""
