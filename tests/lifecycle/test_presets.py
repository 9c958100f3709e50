"""Named hardware: every figure has a source, and a name that nobody knows is answered with the known ones."""

from __future__ import annotations

import pytest

from scheduler.domain.errors import UnknownName
from scheduler.domain.estimate import LEVELS
from scheduler.lifecycle.model import gpu_hour
from scheduler.lifecycle.presets import DEFAULT_PRESET, PRESETS, Preset, preset_named

FIGURES = {
    "gpu.tdp_w",
    "gpu.idle_w",
    "gpu.embodied_kg",
    "node.host_w",
    "node.idle_w",
    "node.embodied_kg",
    "lifetime_years",
    "lifetime_use",
    "pue",
}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_every_figure_has_a_source(preset: Preset) -> None:
    """A figure without a source does not ship."""
    assert FIGURES == set(preset.sources)
    assert all(source.strip() for source in preset.sources.values())


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_every_preset_is_a_cluster(preset: Preset) -> None:
    """It keeps the rules of cluster files and can be priced at every corner."""
    cluster = preset.cluster(zone="CA-QC", gpus=16)
    assert ("CA-QC", 16, preset.name) == (cluster.zone, cluster.gpus, cluster.name)
    assert all(gpu_hour(cluster, None, level).it_kwh > 0 for level in LEVELS)


def test_default_preset_has_the_published_embodied_corners() -> None:
    """6.2, 10.35 and 22.2 g a GPU-hour."""
    cluster = preset_named(DEFAULT_PRESET).cluster(zone="FR", gpus=8)
    rates = [gpu_hour(cluster, None, level).embodied_g for level in LEVELS]
    assert [6.2, 10.35, 22.2] == pytest.approx(rates, rel=1e-2)


def test_default_preset_assumes_no_pue() -> None:
    """Nobody's PUE is known beforehand: it stays absent, so that its use is flagged."""
    assert preset_named(DEFAULT_PRESET).cluster(zone="FR", gpus=8).pue is None


def test_an_unknown_preset_is_answered_with_the_known_ones() -> None:
    """The hint lists every preset."""
    with pytest.raises(UnknownName) as caught:
        preset_named("a10")
    assert "a100" in caught.value.hint
    assert "bloom-paper" in caught.value.hint
