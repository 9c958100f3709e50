"""Series of one zone made one: who counts, what is signed, and what never meets."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import BasisMismatch, InvalidInput
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.joining import joined, parted, within

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN = math.nan


def series(values: list[float], first: float = 0, **changes: object) -> IntensitySeries:
    """Hours from the first on."""
    fields: dict[str, object] = {
        "zone": "FR", "basis": DEFAULT_BASIS, "start": T0 + first * HOUR, "step": HOUR, "g_per_kwh": np.array(values),
        "kind": "observed", "source": Provenance(name="one", licence="free", attribution="by one"),
    }  # fmt: skip
    return IntensitySeries(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def test_the_first_that_knows_an_hour_counts_and_every_stretch_is_signed() -> None:
    """What was observed, the forecast behind it, the table behind that."""
    seen = series([1, 2], retrieved_at=T0)
    ahead = series([20, 30, NAN], 1, kind="forecast", source=Provenance(name="two"), issued_at=T0)
    table = series([9] * 6, kind="estimated", source=Provenance(name="three", licence="free"), notes=("a note",))
    made = joined([seen, ahead, table])
    assert [1, 2, 30, 9, 9, 9] == made.g_per_kwh.tolist()
    spans = [((p.start - T0) / HOUR, (p.end - T0) / HOUR, p.kind, p.source.name) for p in made.pieces]
    assert [(0, 2, "observed", "one"), (2, 3, "forecast", "two"), (3, 6, "estimated", "three")] == spans
    assert ("forecast", "one + two + three", "free", ("a note",)) == (
        made.kind, made.source.name, made.source.licence, made.notes,
    )  # fmt: skip
    assert T0 == made.pieces[1].issued_at


def test_a_series_alone_stays_what_it_is() -> None:
    """Nothing to join."""
    alone = series([1])
    assert joined([alone]) is alone
    with pytest.raises(InvalidInput, match="no series to join"):
        joined([])


def test_two_bases_and_two_zones_never_meet() -> None:
    """It is refused, whatever the hours."""
    with pytest.raises(BasisMismatch):
        joined([series([1]), series([1], 5, basis=Basis(signal="marginal"))])
    with pytest.raises(InvalidInput, match="cannot be joined with one of FR-COR"):
        joined([series([1]), series([1], zone="FR-COR")])


def test_what_is_beside_a_basis_is_kept_of_both() -> None:
    """Two factor sets are two words, not one that was lost; each piece has its own."""
    made = joined([series([1], basis=Basis(factor_set="IPCC")), series([2], 1, basis=Basis(factor_set="Base Carbone"))])
    assert "IPCC; Base Carbone" == made.basis.factor_set
    assert ["IPCC", "Base Carbone"] == [piece.basis.factor_set for piece in made.pieces]


def test_a_gap_counts_where_the_newer_vintage_says_so() -> None:
    """Withdrawn is withdrawn; otherwise the next one stands in."""
    newer, older = series([NAN, 2]), series([1, 1])
    assert [1, 2] == joined([newer, older]).g_per_kwh.tolist()
    assert math.isnan(joined([newer, older], gaps_too=True).g_per_kwh[0])


def test_ranges_go_with_their_figures() -> None:
    """Where a part states none there is none."""
    made = joined([series([1], low=np.array([0.5]), high=np.array([2.0])), series([5, 5])])
    assert made.low is not None
    assert made.high is not None
    assert (0.5, 2.0) == (made.low[0], made.high[0])
    assert np.isnan([made.low[1], made.high[1]]).all()


def test_steps_that_do_not_go_together_are_refused() -> None:
    """A grid of microseconds is nobody's."""
    with pytest.raises(InvalidInput, match="odd times"):
        joined([series([1] * 100), series([2] * 100, 50, start=T0 + timedelta(microseconds=1))])


def test_a_joined_series_falls_into_its_parts_again() -> None:
    """Each with its own kind, source and basis."""
    parts = parted(joined([series([1, 2]), series([3], 2, kind="estimated", source=Provenance(name="two"))]))
    assert [("observed", "one", [1, 2]), ("estimated", "two", [3])] == [
        (part.kind, part.source.name, part.g_per_kwh.tolist()) for part in parts
    ]


def test_a_stretch_is_the_intervals_that_touch_it() -> None:
    """Whole intervals, none where nothing touches."""
    whole = joined([series([1, 2]), series([3, 4], 2, kind="forecast")])
    part = within(whole, T0 + 1.5 * HOUR, T0 + 2.5 * HOUR)
    assert part is not None
    assert [2, 3] == part.g_per_kwh.tolist()
    assert [("observed", 1.0), ("forecast", 2.0)] == [(p.kind, (p.start - T0) / HOUR) for p in part.pieces]
    assert within(whole, T0 + 9 * HOUR, T0 + 10 * HOUR) is None
    assert within(whole, T0, T0 + 9 * HOUR) is whole


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from([1, 2, 4]),
            st.lists(st.one_of(st.integers(1, 9), st.just(NAN)), min_size=1, max_size=5),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_each_quarter_is_that_of_the_first_part_that_knows_it(parts: list[tuple[int, int, list[float]]]) -> None:
    """By a model that looks at one quarter at a time."""
    made = [series(values, first, step=HOUR / steps) for first, steps, values in parts]
    whole = joined(made)
    quarter = HOUR / 4
    for number in range(60):
        moment = T0 + number * quarter
        known = [value for part in made if not math.isnan(value := part.at(moment))]
        found = whole.at(moment)
        assert (math.isnan(found) and not known) or found == known[0]
