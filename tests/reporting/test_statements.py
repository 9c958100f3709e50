"""What may be claimed: words by signal, figures only where they can be told, and the end that claims least."""

from __future__ import annotations

import pytest

from scheduler.domain.basis import Signal
from scheduler.records.difference import Difference
from scheduler.reporting.statements import claim

GAIN = Difference(central_kg=10, p5_kg=4, p50_kg=10, p95_kg=16, baseline_kg=50)
LOSS = Difference(central_kg=-10, p5_kg=-16, p50_kg=-10, p95_kg=-4, baseline_kg=50)
UNSURE = Difference(central_kg=1, p5_kg=-4, p50_kg=1, p95_kg=6, baseline_kg=50)
UNMOVED = Difference(central_kg=0, p5_kg=0, p50_kg=0, p95_kg=0, baseline_kg=50)


@pytest.mark.parametrize(
    ("signal", "difference", "words", "headline"),
    [
        ("average", GAIN, "allocated emissions reduced", 4.0),
        ("average", LOSS, "allocated emissions added", -16.0),
        ("marginal", GAIN, "emissions avoided", 4.0),
        ("marginal", LOSS, "emissions added", -16.0),
    ],
)
def test_a_settled_claim_has_the_words_of_its_signal_and_the_end_that_claims_least(
    signal: Signal, difference: Difference, words: str, headline: float
) -> None:
    """Nothing is avoided on an average; P5 is the least of a gain and the most of a loss."""
    said = claim(difference, signal=signal, status="settled", agreed=True)
    assert (words, True, headline, "") == (said.words, said.told, said.headline_kg, said.no_headline)


def test_what_cannot_be_told_from_nothing_has_words_and_no_number() -> None:
    """Nor has a claim that the project's own history contradicts."""
    said = claim(UNSURE, signal="average", status="final", agreed=True)
    assert ("no distinguishable effect", False, None) == (said.words, said.told, said.headline_kg)
    said = claim(GAIN, signal="average", status="final", agreed=False)
    assert ("no claim: against the project's own history the sign is the other one", False, None) == (
        said.words, said.told, said.headline_kg,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "provisional"}, "provisional"),
        ({"simulated": True}, "simulated"),
        ({"summed": False}, "listed and not summed"),
    ],
)
def test_a_claim_that_is_not_firm_has_figures_and_no_headline(changes: dict[str, object], why: str) -> None:
    """It says which of the three it is."""
    made: dict[str, object] = {"signal": "average", "status": "settled", "agreed": True, **changes}
    said = claim(GAIN, **made)  # type: ignore[arg-type]  # each case changes one of them
    assert (True, None) == (said.told, said.headline_kg)
    assert why in said.no_headline


def test_nothing_changed_is_a_figure() -> None:
    """0.0, also while intensities are provisional: it is so on any."""
    said = claim(UNMOVED, signal="average", status="provisional", agreed=True)
    assert ("none: it ran as it would have", 0.0) == (said.words, said.headline_kg)
