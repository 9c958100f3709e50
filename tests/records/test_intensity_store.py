"""What sources said is kept: vintages beside each other, checks noted, figures read back as they were."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import StoreError
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.joining import joined
from scheduler.ports import Check, Subject
from scheduler.records import schema
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN = float("nan")
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2", losses="none", year="2024-03")
PARIS = Subject(source="a-source", zone="FR", basis=DEFAULT_BASIS)


@pytest.fixture
def kept(tmp_path: Path) -> KeptIntensities:
    """An empty store."""
    return KeptIntensities(open_store(StateFolder(tmp_path / "state")))


def series(values: Sequence[float], *, first: int = 0, **changes: object) -> IntensitySeries:
    """Hours from the first on, observed unless said otherwise."""
    fields: dict[str, object] = {
        "zone": "FR", "basis": DEFAULT_BASIS, "start": T0 + first * HOUR, "step": HOUR, "g_per_kwh": np.array(values),
        "kind": "observed", "source": Provenance(name="A source", licence="free", attribution="by A"),
    }  # fmt: skip
    return IntensitySeries(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def read(kept: KeptIntensities, first: int, last: int, **when: datetime) -> list[float] | None:
    """The figures of some hours."""
    found = kept.history(PARIS, T0 + first * HOUR, T0 + last * HOUR, **when)
    return None if found is None else found.g_per_kwh.tolist()


def rows(kept: KeptIntensities) -> int:
    """How many rows there are."""
    with kept.store.reading() as tx:
        return len(tx.connection.execute(schema.intensity.select()).all())


def test_what_was_kept_is_read_back_whole(kept: KeptIntensities) -> None:
    """Figures, range, every word of the basis, credit, notes and instants."""
    subject = Subject(source="watttime", zone="CA-QC", basis=MARGINAL)
    said = series(
        [1.0, NAN, 3.25], zone="CA-QC", basis=MARGINAL, kind="estimated", low=np.array([0.5, NAN, 3.0]),
        high=np.array([2.0, NAN, 4.0]), retrieved_at=T0 + HOUR, notes=("a warning",),
    )  # fmt: skip
    assert 2 == kept.keep(subject, said, at=T0 + 9 * HOUR)
    found = kept.history(subject, T0, T0 + 3 * HOUR)
    assert found is not None
    for name in ("zone", "start", "step", "kind", "source", "retrieved_at", "notes"):
        assert getattr(said, name) == getattr(found, name), name
    for name in ("g_per_kwh", "low", "high"):
        assert np.array_equal(getattr(said, name), getattr(found, name), equal_nan=True), name
    assert (str(MARGINAL), MARGINAL.details) == (str(found.basis), found.basis.details)


def test_a_later_value_stands_beside_the_earlier_one(kept: KeptIntensities) -> None:
    """The newest vintage is read, and the older one as of its own time."""
    kept.keep(PARIS, series([10, 20, 30]), at=T0 + 3 * HOUR)
    assert 1 == kept.keep(PARIS, series([10, 25, 30]), at=T0 + 50 * HOUR)
    assert [10, 25, 30] == read(kept, 0, 3)
    assert [10, 20, 30] == read(kept, 0, 3, known_at=T0 + 49 * HOUR)
    assert read(kept, 0, 3, known_at=T0 + 2 * HOUR) is None
    assert [25] == read(kept, 1, 2)


def test_what_is_known_already_is_not_stored_twice(kept: KeptIntensities) -> None:
    """A rolling day that comes again each hour adds one hour."""
    kept.keep(PARIS, series([10, 20, 30]), at=T0 + 3 * HOUR)
    assert 0 == kept.keep(PARIS, series([10, 20, 30]), at=T0 + 4 * HOUR)
    assert 1 == kept.keep(PARIS, series([20, 30, 40], first=1), at=T0 + 5 * HOUR)
    assert 2 == rows(kept)
    assert [10, 20, 30, 40] == read(kept, 0, 4)


def test_a_firmer_kind_of_the_same_figure_is_news(kept: KeptIntensities) -> None:
    """An estimate that becomes an observation is stored, and the pieces say which is which."""
    kept.keep(PARIS, series([10, 20], kind="estimated"), at=T0 + 2 * HOUR)
    assert 1 == kept.keep(PARIS, series([10]), at=T0 + 30 * HOUR)
    found = kept.history(PARIS, T0, T0 + 2 * HOUR)
    assert found is not None
    assert ["observed", "estimated"] == [piece.kind for piece in found.pieces]
    assert "estimated" == found.kind


def test_a_withdrawn_figure_is_a_gap_again(kept: KeptIntensities) -> None:
    """The newest vintage counts, also where it knows less; the older one remains readable."""
    kept.keep(PARIS, series([10, 20, 30]), at=T0 + 3 * HOUR)
    kept.keep(PARIS, series([10, NAN, 30]), at=T0 + 4 * HOUR)
    found = read(kept, 0, 3)
    assert found is not None
    assert np.isnan(found[1])
    assert [10, 20, 30] == read(kept, 0, 3, known_at=T0 + 3 * HOUR)


def test_a_series_of_two_kinds_is_kept_piece_by_piece(kept: KeptIntensities) -> None:
    """What a source joined comes back with its pieces."""
    said = joined([series([10]), series([20, 30], first=1, kind="estimated")])
    kept.keep(PARIS, said, at=T0 + 3 * HOUR)
    found = kept.history(PARIS, T0, T0 + 3 * HOUR)
    assert found is not None
    assert ["observed", "estimated"] == [piece.kind for piece in found.pieces]


def test_forecasts_are_issues_of_their_own(kept: KeptIntensities) -> None:
    """No forecast passes for history, each issue is read apart, and none before it was made."""
    first = series([10, 20], kind="forecast", issued_at=T0)
    second = series([11, 21], first=1, kind="forecast", issued_at=T0 + HOUR)
    for issue in (second, first, second):
        kept.keep(PARIS, issue, at=T0 + HOUR)
    found = kept.forecasts(PARIS, T0, T0 + 3 * HOUR)
    assert [first.issued_at, second.issued_at] == [each.issued_at for each in found]
    assert [[10, 20], [11, 21]] == [each.g_per_kwh.tolist() for each in found]
    assert [T0] == [each.issued_at for each in kept.forecasts(PARIS, T0, T0 + 3 * HOUR, issued_by=T0)]
    assert [T0 + HOUR] == [each.issued_at for each in kept.forecasts(PARIS, T0 + 2 * HOUR, T0 + 3 * HOUR)]
    assert read(kept, 0, 3) is None


def test_two_bases_zones_and_sources_never_meet(kept: KeptIntensities) -> None:
    """A figure is read by whoever it was kept for alone."""
    kept.keep(PARIS, series([10]), at=T0)
    for other in (
        replace(PARIS, basis=Basis(boundary="direct")),
        replace(PARIS, zone="FR-COR"),
        replace(PARIS, source="another"),
    ):
        assert kept.history(other, T0, T0 + HOUR) is None


def test_steps_that_differ_go_together(kept: KeptIntensities) -> None:
    """A quarter of an hour over an hour: both are read, on the finer grid."""
    kept.keep(PARIS, series([10, 20]), at=T0 + 2 * HOUR)
    kept.keep(PARIS, series([1, 2], step=HOUR / 4), at=T0 + 3 * HOUR)
    assert [1, 2, 10, 10, 20, 20, 20, 20] == read(kept, 0, 2)


def test_a_damaged_row_is_refused(kept: KeptIntensities) -> None:
    """Figures that are not the ones that were written are never used."""
    kept.keep(PARIS, series([10, 20]), at=T0)
    with kept.store.writing() as tx:
        tx.connection.execute(sa.update(schema.intensity).values(g_per_kwh=np.array([1.0, 2.0]).tobytes()))
    with pytest.raises(StoreError, match="row 1 of the kept intensities is damaged"):
        kept.history(PARIS, T0, T0 + HOUR)


def test_a_check_stands_for_the_older_ones_it_covers(kept: KeptIntensities) -> None:
    """When each stretch was asked for last, without overlap, history and forecast apart."""

    def check(first: int, last: int, at: int) -> Check:
        return Check(start=T0 + first * HOUR, end=T0 + last * HOUR, at=T0 + at * HOUR)

    kept.noted(PARIS, "history", check(0, 10, 20))
    kept.noted(PARIS, "history", check(4, 6, 30))
    assert [check(0, 4, 20), check(4, 6, 30), check(6, 10, 20)] == kept.checks(PARIS, "history")
    kept.noted(PARIS, "history", check(2, 12, 40))
    kept.noted(PARIS, "history", check(12, 14, 40))
    assert [check(0, 2, 20), check(2, 14, 40)] == kept.checks(PARIS, "history")
    assert [] == kept.checks(PARIS, "forecast")


def test_the_stamp_rises_with_every_new_row(kept: KeptIntensities) -> None:
    """Whoever remembers it knows that there is something new."""
    assert 0 == kept.stamp()
    kept.keep(PARIS, series([10]), at=T0)
    before = kept.stamp()
    kept.keep(PARIS, series([10]), at=T0 + HOUR)
    assert before == kept.stamp()
    kept.keep(PARIS, series([11]), at=T0 + HOUR)
    assert before < kept.stamp()


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> KeptIntensities:
    """A store for all examples, each of which has a zone of its own."""
    return KeptIntensities(open_store(StateFolder(tmp_path_factory.mktemp("laws") / "state")))


ZONES = itertools.count()
CELLS = st.lists(st.one_of(st.integers(0, 3), st.none()), min_size=1, max_size=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 12), CELLS), min_size=1, max_size=5))
def test_reading_is_the_last_word_of_every_hour(
    one_store: KeptIntensities, said: list[tuple[int, list[int | None]]]
) -> None:
    """Whatever comes in whatever order: each hour has what was said of it last."""
    subject = replace(PARIS, zone=f"Z{next(ZONES)}")
    model: dict[int, float] = {}
    for turn, (first, cells) in enumerate(said):
        values = [NAN if cell is None else float(cell) for cell in cells]
        one_store.keep(subject, series(values, first=first, zone=subject.zone), at=T0 + turn * HOUR)
        model |= {first + hour: value for hour, value in enumerate(values)}
    found = one_store.history(subject, T0, T0 + 20 * HOUR)
    expected = [model.get(hour, NAN) for hour in range(20)]
    assert np.array_equal(_placed(found), expected, equal_nan=True)


def _placed(found: IntensitySeries | None) -> list[float]:
    """Twenty hours, gaps where nothing was read."""
    placed = [NAN] * 20
    if found is not None:
        first = (found.start - T0) // HOUR
        placed[first : first + len(found)] = found.g_per_kwh.tolist()
    return placed
