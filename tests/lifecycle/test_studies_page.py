"""docs/studies.md prints what the code computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.lifecycle import bloom, bloom_inference, bloom_models

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
]


def row(name: str) -> list[str]:
    """The row of the page that begins with a name."""
    return next(cells for cells in ROWS if cells[0] == name)


def test_the_terms_of_the_training() -> None:
    """Embodied, dynamic, idle and their sum."""
    kg = bloom.PUBLISHED.emissions
    masses = {"embodied": kg.embodied, "dynamic": kg.dynamic, "idle": kg.idle, "total": kg.total}
    assert {name: f"{mass:,.1f}" for name, mass in masses.items()} == {name: row(name)[2] for name in masses}


@pytest.mark.parametrize("reading", bloom.READINGS, ids=lambda each: each.name)
def test_each_reading(reading: bloom.Reading) -> None:
    """All five are there with their kilograms."""
    assert f"{reading.emissions.total:,.1f}" == row(reading.name)[1]


def test_the_readings_differ_by_the_factor_that_is_said() -> None:
    """From the lowest to the highest."""
    totals = [each.emissions.total for each in bloom.READINGS]
    assert f"{max(totals) / min(totals):.1f}" == "2.5"


def test_the_deployment_and_its_mismatch() -> None:
    """Both printed figures are kept, and they differ."""
    study = bloom_inference
    assert [f"{study.PRINTED_KWH:.3f}", f"{study.FROM_PRINTED_ENERGY_KG:.1f}"] == row("energy as printed")[1:]
    assert [f"{study.TRIMMED_KWH:.3f}", f"{study.FROM_TRIMMED_ENERGY_KG:.1f}"] == row("emissions as printed")[1:]
    assert study.DIFFERENCE_KG > 1


@pytest.mark.parametrize("model", bloom_models.MODELS, ids=lambda each: each.name)
def test_each_model_and_its_check(model: bloom_models.ModelRow) -> None:
    """What is printed, what energy times intensity gives, and which of the two it is."""
    assert [
        f"{model.energy_mwh:,.0f}",
        f"{model.intensity_g_per_kwh:g}",
        f"{model.pue:.2f}",
        f"{model.before_pue_t:g}",
        f"{model.after_pue_t:g}",
        f"{model.computed_t:.1f}",
        model.matches,
    ] == row(model.name)[1:]
