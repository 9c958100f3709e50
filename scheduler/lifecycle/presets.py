"""Named hardware with the figures of its making and its power, each with its source, for who has no cluster file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scheduler.domain.cluster import DEFAULT_PUE, Cluster, Gpu, Node
from scheduler.domain.errors import UnknownName
from scheduler.domain.estimate import Estimate
from scheduler.lifecycle import bloom


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Hardware that has a name.

    Args:
        name: how the command line calls it.
        summary: what it stands for, in a sentence.
        gpu, node: their figures.
        lifetime_years: useful life. [years]
        lifetime_use: share of its life allocated. [-]
        pue: facility over IT energy, None for the default, which is flagged. [-]
        sources: figure -> where it comes from; every figure has one.
    """

    name: str
    summary: str
    gpu: Gpu
    node: Node
    lifetime_years: Estimate
    lifetime_use: Estimate
    pue: Estimate | None
    sources: Mapping[str, str]

    def cluster(self, *, zone: str, gpus: int) -> Cluster:
        """The preset as a cluster of `gpus` GPUs in `zone`."""
        return Cluster(
            name=self.name,
            zone=zone,
            gpus=gpus,
            source=dict(self.sources),
            gpu=self.gpu,
            node=self.node,
            lifetime_years=self.lifetime_years,
            lifetime_use=self.lifetime_use,
            pue=self.pue,
        )


_ACME = 'two A100 clusters, Hu et al., "Characterization of LLM Development in the Datacenter", NSDI 2024'
_BLOOM = "Luccioni et al., JMLR 24(253), 2023"

A100: Final = Preset(
    name="a100",
    summary="8 × A100 SXM4 in a typical cluster",
    gpu=Gpu(
        model="A100",
        tdp_w=Estimate(low=192, central=400, high=400),
        idle_w=Estimate(low=60, central=63, high=66),
        embodied_kg=Estimate(low=127.6, central=150, high=319),
    ),
    node=Node(
        gpus=8,
        host_w=Estimate(low=1000, central=1600, high=2000),
        idle_w=Estimate(low=800, central=1000, high=1200),
        embodied_kg=Estimate(low=1178, central=2500, high=2740),
    ),
    lifetime_years=Estimate(low=4, central=6, high=6),
    lifetime_use=Estimate.exactly(bloom.LIFETIME_USE),
    pue=None,
    sources={
        "gpu.tdp_w": f"NVIDIA A100 data sheet, 2021: 400 W; low: the higher mean board power of {_ACME}",
        "gpu.idle_w": f"60 to 66 W in {_ACME}; central is the middle",
        "gpu.embodied_kg": f"central {_BLOOM}, a lower bound; low Falk et al., arXiv 2509.00093, 2025 (SXM 40 GB, "
        "cradle to gate); high BoaviztAPI 2.5",
        "node.host_w": f"8-GPU servers less their GPUs, {_ACME}",
        "node.idle_w": f"8-GPU servers less their GPUs, idle, {_ACME}",
        "node.embodied_kg": f"central {_BLOOM}; low and high BoaviztAPI 2.5",
        "lifetime_years": f"{_BLOOM}: 6; low: Cloud Carbon Footprint: 4",
        "lifetime_use": f"{_BLOOM}: 0.85",
        "pue": f"assumed {DEFAULT_PUE.central:g}: near the mean of Uptime Institute's yearly surveys",
    },
)
"""Embodied figures give 6.2, 10.35 and 22.2 g a GPU-hour: the central one lies near the lower evidence."""

BLOOM: Final = Preset(
    name=bloom.PROFILE,
    summary="the BLOOM paper's own assumptions; counts the GPUs' own idle twice",
    gpu=Gpu(
        model="A100",
        tdp_w=Estimate.exactly(bloom.TDP_W),
        idle_w=Estimate.exactly(0.0),
        embodied_kg=Estimate.exactly(bloom.GPU_KG),
    ),
    node=Node(
        gpus=bloom.NODE_GPUS,
        host_w=Estimate.exactly(bloom.PUBLISHED.idle_kw * 1000 * bloom.NODE_GPUS / bloom.GPUS),
        idle_w=Estimate.exactly(bloom.PUBLISHED.idle_kw * 1000 * bloom.NODE_GPUS / bloom.GPUS),
        embodied_kg=Estimate.exactly(bloom.SERVER_KG),
    ),
    lifetime_years=Estimate.exactly(bloom.LIFETIME_YEARS),
    lifetime_use=Estimate.exactly(bloom.LIFETIME_USE),
    pue=Estimate.exactly(1.0),
    sources={
        "gpu.tdp_w": _BLOOM,
        "gpu.idle_w": f"{_BLOOM}: no idle power of its own, it lies in the nodes' meter",
        "gpu.embodied_kg": _BLOOM,
        "node.host_w": f"{_BLOOM}: 27 + 64 kW over 48 nodes",
        "node.idle_w": f"{_BLOOM}: 27 + 64 kW over 48 nodes",
        "node.embodied_kg": _BLOOM,
        "lifetime_years": _BLOOM,
        "lifetime_use": _BLOOM,
        "pue": f"1, as {_BLOOM} counts the infrastructure by its meter",
    },
)
"""The published reading as hardware, so that any run can be priced as the paper would."""

PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in (A100, BLOOM)}
DEFAULT_PRESET: Final = A100.name


def preset_named(name: str) -> Preset:
    """The preset of that name; raises `UnknownName` listing them."""
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]
