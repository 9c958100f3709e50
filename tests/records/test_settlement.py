"""Provisional, settled, final: an intensity settles when it is old and came the same twice, and widens until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.intensity import IntensitySeries, Kind, Provenance
from scheduler.domain.joining import joined
from scheduler.ports import Check
from scheduler.records.settlement import FIRST_REPORTS, Closed, Firm, Standing, firm, standing, status_of, unfirm

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAN = float("nan")


def said(
    values: Sequence[float], day: float, *, first: int = 0, kind: Kind = "observed", source: str = "A source"
) -> IntensitySeries:
    """Hours from the first on, as they were retrieved so many days after `T0`."""
    return IntensitySeries(
        zone="FR", basis=DEFAULT_BASIS, start=T0 + first * HOUR, step=HOUR, g_per_kwh=np.array(values), kind=kind,
        source=Provenance(name=source), retrieved_at=T0 + day * DAY,
    )  # fmt: skip


def asked(day: float, hours: int = 3, first: int = 0) -> Check:
    """That hours were asked for last so many days after `T0`."""
    return Check(start=T0 + first * HOUR, end=T0 + hours * HOUR, at=T0 + day * DAY)


def settled(vintages: Sequence[IntensitySeries], checks: Sequence[Check], day: float) -> list[bool]:
    """Which hours have settled so many days after `T0`."""
    newest = joined(vintages, gaps_too=True)
    found: list[bool] = firm(vintages, checks, newest, T0 + day * DAY).settled.tolist()
    return found


def test_an_observation_settles_when_old_and_the_same_twice() -> None:
    """Ninety days old, two retrievals thirty days apart: all three, to the hour."""
    first = [said([10, 20, 30], 60)]
    assert [True] * 3 == settled(first, [asked(100)], 101)
    assert [True] * 3 == settled(first, [asked(90)], 91)
    assert [False] * 3 == settled(first, [asked(89.9)], 120)
    assert [True, False, False] == settled(first, [asked(90)], 90 + 1 / 24)
    assert [False] * 3 == settled(first, [asked(90)], 90)
    assert [False] * 3 == settled(first, [], 200)


def test_an_answer_after_the_cut_off_is_not_seen() -> None:
    """Both sides of a difference are read as of one instant."""
    assert [False] * 3 == settled([said([10, 20, 30], 60)], [asked(100)], 99)


def test_a_revised_figure_begins_anew_and_its_neighbours_do_not() -> None:
    """The vintage that revises the middle hour holds the others unchanged: they came the same from the first on."""
    vintages = [said([10, 25, 30], 95), said([10, 20, 30], 60)]
    assert [True, False, True] == settled(vintages, [asked(100)], 110)
    assert [True, True, True] == settled(vintages, [asked(125)], 126)


def test_a_figure_that_goes_and_comes_back_has_not_stood_still() -> None:
    """Between the two that agree one did not."""
    vintages = [said([10], 95), said([12], 80), said([10], 20)]
    assert [False] == settled(vintages, [asked(100, 1)], 110)
    assert [True] == settled(vintages, [asked(125, 1)], 126)


@pytest.mark.parametrize("kind", ["estimated", "forecast"])
def test_what_was_not_observed_never_settles(kind: Kind) -> None:
    """However old it is, and however often it came."""
    assert [False] == settled([said([10], 60, kind=kind)], [asked(400, 1)], 500)


def test_an_observation_after_an_estimate_counts_from_itself() -> None:
    """The same number as an estimate is another statement."""
    vintages = [said([10], 80), said([10], 20, kind="estimated")]
    assert [False] == settled(vintages, [asked(100, 1)], 101)


def test_a_gap_never_settles() -> None:
    """What is withdrawn is not known."""
    vintages = [said([10, NAN, 30], 60), said([10, 20, 30], 10)]
    assert [True, False, True] == settled(vintages, [asked(100)], 101)


def test_a_check_of_a_part_of_an_interval_is_none() -> None:
    """A whole hour was asked for, or it was not."""
    assert [True, True, False] == settled([said([10, 20, 30], 60)], [asked(100, 2)], 101)


@settings(max_examples=150)
@given(
    days=st.lists(st.integers(0, 200), min_size=1, max_size=5, unique=True).map(sorted),
    values=st.lists(st.sampled_from([10.0, 20.0]), min_size=5, max_size=5),
    as_of=st.integers(0, 400),
)
def test_it_settles_as_the_rule_says_told_naively(days: list[int], values: list[float], as_of: int) -> None:
    """One hour, any history of answers: by looking at each of them."""
    told = list(zip(days, values, strict=False))
    seen = [(day, value) for day, value in told if day <= as_of]
    vintages = [
        said([value], day) for n, (day, value) in enumerate(told) if not n or told[n - 1][1] != value
    ][::-1]  # fmt: skip
    kept = [each for each in vintages if each.retrieved_at is not None and each.retrieved_at <= T0 + as_of * DAY]
    newest = seen[-1][1] if seen else None
    since = next((day for n, (day, _) in enumerate(seen) if all(v == newest for _, v in seen[n:])), None)
    right = since is not None and as_of >= 90 + 1 / 24 and seen[-1][0] - since >= 30
    found = settled(kept, [asked(seen[-1][0], 1)], as_of) if kept else [False]
    assert [right] == found


def of(series: IntensitySeries, *firms: tuple[IntensitySeries, list[bool]]) -> Standing:
    """The standing of a series whose sources have settled some hours."""
    return standing(series, [settled_as(each, mask) for each, mask in firms])


def settled_as(series: IntensitySeries, mask: list[bool]) -> Firm:
    """A source that has settled some hours, and revised none."""
    return Firm(series=series, settled=np.array(mask), stood_us=np.zeros(len(series), dtype=np.int64))


def test_only_what_is_provisional_reaches_further_up() -> None:
    """Its upper end, by the bias of first reports; its lower end and its centre stay."""
    series = said([10, 20], 60)
    found = of(series, (series, [True, False]))
    assert [10 * 1.15, 20 * 1.15 * FIRST_REPORTS] == pytest.approx(found.series.at_level("high"))
    assert [8.5, 17.0] == pytest.approx(found.series.at_level("low"))
    assert [10, 20] == found.series.g_per_kwh.tolist()
    assert series is of(series, (series, [True, True])).series


def test_a_yearly_table_is_provisional_and_no_first_report() -> None:
    """It is made from revised figures, though it is no observation of any hour."""
    series = said([10], 60, kind="estimated")
    found = standing(series, [firm([series], [], series, T0 + 100 * DAY, widens=False)])
    assert (series, [False]) == (found.series, found.settled.tolist())


def test_of_a_joined_series_each_stretch_settles_with_its_own_source() -> None:
    """One source's settled hour says nothing of another's."""
    one, two = said([10, NAN], 60), said([70, 80], 60, source="Another")
    whole = joined([one, two])
    found = of(whole, (one, [True, False]), (two, [True, False]))
    assert [True, False] == found.settled.tolist()
    assert [True, True] == of(whole, (one, [True, False]), (two, [False, True])).settled.tolist()


def test_a_figure_that_is_not_the_one_kept_is_not_settled() -> None:
    """A table that was edited since is another table."""
    kept = said([10, 20], 60)
    assert [True, False] == of(said([10, 21], 60), (kept, [True, True])).settled.tolist()


def test_a_closed_period_makes_final_what_is_known_in_it() -> None:
    """Not what is missing, nor an hour that reaches out of it."""
    series = said([10, 20, NAN, 40], 0)
    closed = Closed(span=(T0 + HOUR, T0 + 3.5 * HOUR), at=T0 + DAY)
    found = standing(series, [settled_as(series, [False] * 4)], [closed])
    assert [False, True, False, False] == found.final.tolist()
    assert ["provisional", "final", None] == [
        found.within(T0 + first * HOUR, T0 + last * HOUR) for first, last in ((0, 1), (1, 2), (1, 3))
    ]


def test_what_is_revised_in_a_closed_period_begins_anew() -> None:
    """It is final again once the period is closed on it."""
    vintages = [said([10, 25], 150), said([10, 20], 100)]
    source = firm(vintages, [asked(150, 2)], vintages[0], T0 + 151 * DAY)
    span = T0, T0 + 2 * HOUR
    closed, again = (standing(vintages[0], [source], [Closed(span=span, at=T0 + day * DAY)]) for day in (140, 151))
    assert ([True, False], [True, False]) == (closed.final.tolist(), closed.settled.tolist())
    assert 25 * 1.15 * FIRST_REPORTS == pytest.approx(closed.series.at_level("high")[1])
    assert [True, True] == again.final.tolist()


def test_only_some_intervals_leaves_the_others_at_nothing() -> None:
    """As far as it is asked for, so that no gap is left to be priced."""
    series = said([10, NAN, 30], 0)
    found = of(series, (series, [True, False, False]))
    only = found.only(found.settled, T0 - 1.5 * HOUR, T0 + 4.5 * HOUR)
    assert (T0 - 2 * HOUR, [0, 0, 10, 0, 0, 0, 0]) == (only.start, only.g_per_kwh.tolist())


def test_a_stretch_outside_of_the_series_is_provisional() -> None:
    """Nobody knows it."""
    found = unfirm({"FR": said([10], 0)})["FR"]
    assert "provisional" == found.within(T0, T0 + 2 * HOUR)


@pytest.mark.parametrize(
    ("share", "final", "status"),
    [(0.0, True, "final"), (0.05, False, "settled"), (0.0501, True, "provisional"), (0.0, False, "settled")],
)
def test_over_five_percent_all_is_called_provisional(share: float, status: str, *, final: bool) -> None:
    """Up to that it is told beside."""
    assert status == status_of(share, final=final)


def test_vintages_on_other_grids_are_laid_on_the_finest() -> None:
    """Each half of an hour that came again in halves is compared with the figure of its hour."""
    hour = said([10, 20], 60)
    halves = replace(said([10, 10, 20, 21], 95), step=HOUR / 2)
    assert [True, True, True, False] == settled([halves, hour], [asked(100)], 110)[:4]
