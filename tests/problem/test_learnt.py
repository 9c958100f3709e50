"""A duration by past runs: the median by GPU model, and a margin from how they differ."""

from __future__ import annotations

from datetime import timedelta

from scheduler.problem.learnt import learnt_from

HOUR = timedelta(hours=1)


def test_the_median_of_each_model_and_the_widest_margin() -> None:
    """Three hours on A100, between two and three on H100; the longest A100 run took 40 minutes more than the median."""
    found = learnt_from({"A100": [3 * HOUR, 2.5 * HOUR, 3 * HOUR + HOUR * 2 / 3], "H100": [2 * HOUR, 3 * HOUR]})
    assert found is not None
    assert {"A100": 3 * HOUR, "H100": 2.5 * HOUR} == found.durations
    assert timedelta(minutes=40) == found.margin
    assert "duration learnt from 5 runs: 3h on A100, 2h30m on H100, margin 40m" == found.note


def test_few_runs_that_agree_keep_a_margin_all_the_same() -> None:
    """A quarter of the only run; of four like ones a sixteenth."""
    one, four = learnt_from({"A100": [4 * HOUR]}), learnt_from({"A100": [4 * HOUR] * 4})
    assert one is not None
    assert four is not None
    assert (HOUR, HOUR / 4) == (one.margin, four.margin)
    assert "duration learnt from 1 run: 4h, margin 1h" == one.note


def test_no_run_teaches_nothing() -> None:
    """There is no default duration."""
    assert learnt_from({}) is None
    assert learnt_from({"A100": []}) is None
