"""What of a run is safe, and when it will end, from what its agent saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.execution.pace import expected_end, is_news
from scheduler.execution.saves import Safe, SaveWatch, safe, save_failed
from scheduler.records.evidence import Sample
from tests.records.cases import T0, at, make_outcome

MINUTE = timedelta(minutes=1)


def sample(hour_h: float, progress: float | None = None, saved_h: float | None = None) -> Sample:
    """A sample at an hour."""
    return Sample(
        n=0, at=at(hour_h), progress=progress, energy_j=None, energy_source="model",
        saved_at=None if saved_h is None else at(saved_h),
    )  # fmt: skip


def test_a_run_that_never_saved_leaves_nothing_that_is_known() -> None:
    """Neither a time nor a progress."""
    assert Safe(saved_at=None, progress=None) == safe([sample(0, 0.1)], make_outcome(), before=0.0, worked=0.5)


def test_the_progress_of_the_last_sample_before_the_save_is_safe() -> None:
    """What was done after it is not, though it was told."""
    told = [sample(0.5, 0.1), sample(1.0, 0.2, 0.9), sample(1.5, 0.3, 1.2), sample(1.7, 0.35, 1.2)]
    assert Safe(saved_at=at(1.2), progress=0.2) == safe(told, before=0.05, worked=None)


def test_a_save_at_the_very_end_keeps_the_outcomes_progress() -> None:
    """Its last sample was written before the save."""
    outcome = make_outcome(0, 2, progress=0.4, saved_at=at(2))
    assert 0.4 == safe([sample(1.9, 0.39)], outcome, before=0.0, worked=0.9).progress


def test_a_save_at_the_end_of_the_training_is_one_however_long_its_copy_took() -> None:
    """The agent ended half an hour after the training, which its last copy took."""
    copied = {"saved": "copied", "trained_at": at(0), "trained_s": 1.5 * 3600}
    outcome = make_outcome(0, 2, progress=0.4, saved_at=at(1.5), **copied)
    assert 0.4 == safe([sample(1.4, 0.39)], outcome, before=0.0, worked=0.9).progress


def test_by_the_clock_a_share_of_the_run_is_safe() -> None:
    """The training tells nothing: half its time lies before the save."""
    outcome = make_outcome(0, 2, saved_at=at(1))
    assert 0.5 == safe([sample(1)], outcome, before=0.25, worked=0.75).progress


def test_a_training_that_reports_and_had_not_yet_is_where_it_was() -> None:
    """Its first save came before the first report."""
    assert 0.25 == safe([sample(1, None, 0.5), sample(1.5, 0.4, 0.5)], before=0.25, worked=None).progress


@given(
    saves=st.lists(st.one_of(st.none(), st.floats(0, 2)), min_size=1, max_size=8),
    end=st.one_of(st.none(), st.floats(0, 2)),
)
def test_what_is_safe_was_told_before_the_save(saves: list[float | None], end: float | None) -> None:
    """Never more than the training said up to the newest checkpoint, whatever order the times come in."""
    told = [sample(0.25 * n, n / 10, saved_h) for n, saved_h in enumerate(saves)]
    outcome = make_outcome(0, 2.5, progress=0.9, saved_at=None if end is None else at(end))
    found = safe(told, outcome, before=0.0, worked=1.0)
    if found.saved_at is not None and found.progress is not None:
        assert found.progress <= max([0.0, *(s.progress or 0.0 for s in told if s.at <= found.saved_at)])


@pytest.mark.parametrize(
    ("changes", "saved_h", "failed"),
    [
        ({}, 0.5, False),
        ({"stop_received_at": at(1)}, 1.01, False),
        ({"stop_received_at": at(1)}, 0.9999, False),
        ({"stop_received_at": at(1)}, 0.9, True),
        ({"stop_received_at": at(1)}, None, False),
        ({"stop_received_at": at(1), "exit_code": -9}, None, True),
        ({"stop_received_at": at(1), "exit_code": -9}, 1.01, False),
    ],
)
def test_a_save_failed_where_nothing_newer_than_the_stop_is_there(
    changes: dict[str, object], saved_h: float | None, *, failed: bool
) -> None:
    """A second or two are the clocks' own; one that never saves there, and ended well, is believed."""
    outcome = make_outcome(0, 1.1, **changes)
    assert failed is save_failed(outcome, None if saved_h is None else at(saved_h))


def test_a_watch_wants_a_checkpoint_that_is_new() -> None:
    """Newer than the due time, or another one than at the first look; none is none."""
    watch = SaveWatch(began_s=0.0, due=at(1))
    looks = [None, sample(1, 0.1, 0.5), sample(1.1, 0.1, 0.5), sample(1.2, 0.2, 0.7)]
    assert [False, False, False, True] == [watch.has_come(look) for look in looks]
    first = SaveWatch(began_s=0.0, due=at(1))
    assert [False, True] == [first.has_come(sample(1)), first.has_come(sample(1.1, 0.1, 0.2))]
    assert SaveWatch(began_s=0.0, due=at(1)).has_come(sample(1.2, 0.1, 1.1))


@pytest.mark.parametrize(
    ("first", "newest", "before", "end_h"),
    [
        (sample(0, 0.0), sample(1, 0.2), 0.0, 5),
        (sample(0, 0.5), sample(1, 0.6), 0.5, 5),
        (sample(0, 0.0), sample(0.05, 0.01), 0.0, 0.05 + 0.99 * 4),
        (sample(0, 0.5), sample(1, 0.5), 0.5, 1 + 0.5 * 4),
    ],
)
def test_the_end_follows_the_pace_that_was_seen(first: Sample, newest: Sample, before: float, end_h: float) -> None:
    """From five minutes and a hundredth on; until then the four hours that the job states."""
    found = expected_end(first, newest, before=before, restart=timedelta(0), whole=4 * 60 * MINUTE, now=newest.at)
    assert found is not None
    assert abs(found - at(end_h)) < timedelta(seconds=1)


def test_the_time_that_a_resume_takes_is_no_slowness() -> None:
    """Half an hour of restart in an hour: the other half did a tenth."""
    found = expected_end(sample(0, 0.5), sample(1, 0.6), before=0.5, restart=30 * MINUTE, whole=None, now=at(1))
    assert at(3) == found


def test_a_training_that_says_nothing_has_no_expected_end() -> None:
    """Nor has one that has only begun, where nobody knows how long it takes."""
    ends = (sample(0), sample(1))
    assert None is expected_end(*ends, before=0.0, restart=timedelta(0), whole=4 * 60 * MINUTE, now=at(1))
    begun = (sample(0, 0.0), sample(0.01, 0.0))
    assert None is expected_end(*begun, before=0.0, restart=timedelta(0), whole=None, now=at(0))


def test_a_small_correction_is_no_news() -> None:
    """Two minutes, or two hundredths of what is left."""
    now = datetime(2024, 3, 5, tzinfo=UTC)
    assert T0 == now
    assert [False, True] == [is_news(at(1) + late, at(1), now) for late in (2 * MINUTE, 3 * MINUTE)]
    assert [False, True] == [is_news(at(100) + late * 60 * MINUTE, at(100), now) for late in (2, 3)]


@pytest.mark.parametrize("saved", ["not_copied", "nothing"])
def test_a_checkpoint_that_its_storage_does_not_have_is_not_safe(saved: str) -> None:
    """It lies on a node that the next run may never see."""
    outcome = make_outcome(0, 1.1, stop_received_at=at(1), saved_at=at(1.05), saved=saved, progress=0.4)
    assert save_failed(outcome, at(1.05))
    assert Safe(saved_at=None, progress=None) == safe([], outcome, before=0.0, worked=0.4)
