"""Why a figure is stated anew, and by how much it changed: told from what it was made from."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from scheduler.records.settlement import Status
from scheduler.records.statements import Change, Statement, changes, following, says_the_same, total_kg
from tests.records.cases import T0

INPUTS = {"method": "m-1", "boundary": "all lines", "activity": "a", "intensity": "i", "home": "france"}


def make(kg: float = 1.0, status: Status = "provisional", share: float = 1.0, **inputs: str) -> Statement:
    """A draft of so many kilograms, made from other inputs where some are given."""
    return Statement(
        job_id="j1", number=0, as_of=T0, made_at=T0 + timedelta(days=1), status=status, cause="first", why="",
        figures={"emissions_kg": {"total": kg}, "provisional_share": share, "inputs": {**INPUTS, **inputs}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after", "cause", "says"),
    [
        (make(2, boundary="no transfers"), "boundary", "all lines before, no transfers now"),
        (make(2, boundary="x", method="m-2"), "boundary", "what is counted"),
        (make(2, method="m-2", intensity="j"), "method", "m-1 before, m-2 now"),
        (make(2, activity="b"), "error", "was corrected"),
        (make(2, intensity="j", status="settled"), "data", "revised the intensities"),
        (make(2, home="quebec"), "data", "its home would have seated it"),
        (make(1, status="settled"), "data", "its intensities are settled now"),
        (make(1, share=0.5), "data", "provisional now"),
    ],
)
def test_the_cause_is_what_the_figures_were_made_from(after: Statement, cause: str, says: str) -> None:
    """The deepest change counts: what is counted, then how, then the run, then the grid."""
    found = following(make(), after)
    assert cause == found.cause
    assert says in found.why


def test_the_first_statement_has_the_first_cause() -> None:
    """There is nothing that it differs from."""
    assert ("first", "stated for the first time") == (following(None, make()).cause, following(None, make()).why)


def test_other_inputs_with_the_same_figures_are_no_news() -> None:
    """A provider's revision of an hour in which nothing ran changes nothing."""
    before = make()
    assert before is following(before, make(intensity="j"))
    assert says_the_same(make(0.1 + 0.2), make(0.3))
    assert not says_the_same(make(0.3), make(0.3 + 1e-9))


def test_changes_are_told_by_name() -> None:
    """Figures that differ, and no others; what they were made from is none."""
    before = {"emissions_kg": {"total": 2.0, "embodied": 1.0}, "verdict": None, "inputs": {"method": "1"}, "gone": 1.0}
    after = {"emissions_kg": {"total": 3.0, "embodied": 1.0}, "verdict": "added", "inputs": {"method": "2"}}
    [found] = changes(before, after)
    assert (Change(name="emissions_kg.total", before=2.0, after=3.0), 0.5) == (found, found.share)
    assert math.isinf(Change(name="x", before=0.0, after=1.0).share)
    assert 0.0 == Change(name="x", before=0.0, after=0.0).share


@pytest.mark.parametrize(
    "figures", [{}, {"emissions_kg": None}, {"emissions_kg": {}}, {"emissions_kg": {"total": None}}]
)
def test_figures_without_a_total_have_none(figures: dict[str, object]) -> None:
    """It is not taken to be 0."""
    assert total_kg(figures) is None
