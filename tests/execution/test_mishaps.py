"""Bugs: each holds up its own job, for longer each time, and is told without what may be secret."""

from __future__ import annotations

import logging

import pytest

from scheduler.execution.mishaps import Mishaps


def happen(mishaps: Mishaps, now_s: float) -> str:
    """Let a bug happen; the reason it gives."""
    try:
        int({"a": "1"}["hunter2"])
    except KeyError as exc:
        return mishaps.happened("a", exc, now_s)
    raise AssertionError


def test_a_bug_is_logged_with_its_traceback_and_named_without_its_values(caplog: pytest.LogCaptureFixture) -> None:
    """The reason is printed and sent to people; the log is the account's own."""
    reason = happen(Mishaps(), 0.0)
    assert reason.startswith("internal error: KeyError at test_mishaps.py:")
    assert reason.endswith("; see scheduler.log")
    assert "hunter2" not in reason
    assert ["a", logging.ERROR] == [caplog.records[0].__dict__["job"], caplog.records[0].levelno]
    assert "hunter2" in caplog.text


def test_the_pauses_double_up_to_ten_minutes() -> None:
    """Two seconds, four, eight: a bug that comes back costs less and less."""
    mishaps, now_s, pauses = Mishaps(), 0.0, []
    for _ in range(12):
        happen(mishaps, now_s)
        pause_s = next(s for s in range(1000) if not mishaps.rests("a", now_s + s))
        pauses.append(pause_s)
        now_s += pause_s
    assert [2, 4, 8, 16] == pauses[:4]
    assert [600, 600] == pauses[-2:]


def test_other_jobs_do_not_rest_and_a_good_step_ends_it() -> None:
    """A bug is one job's."""
    mishaps = Mishaps()
    happen(mishaps, 0.0)
    assert (True, False) == (mishaps.rests("a", 1.0), mishaps.rests("b", 1.0))
    mishaps.over("a")
    assert not mishaps.rests("a", 1.0)
