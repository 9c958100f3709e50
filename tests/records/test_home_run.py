"""The useful work of a job, and the run that it would have had at home."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler.records.attempts import Attempt
from scheduler.records.home_run import home_run, ran_length, useful_length
from tests.records.cases import at, make_cluster, make_job, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
HOPPER = make_cluster("toronto", "CA-ON", gpu={"model": "H100"})
PAUSES = {"checkpoint": "6m", "restart": "12m"}


def useful_h(*attempts: Attempt, **changes: object) -> float | None:
    """Hours of useful work at home. [h]"""
    length = useful_length(make_job(**changes), attempts, HOME)
    return None if length is None else length / timedelta(hours=1)


def test_an_uninterrupted_run_is_useful_whole() -> None:
    """Boot and teardown are not in it."""
    assert 2.0 == useful_h(run(AWAY, 1, 3, reserved=(0, 4)))


def test_saves_and_restarts_that_the_plan_caused_are_not_useful() -> None:
    """Home would have had neither."""
    attempts = run(AWAY, 0, 1, ended_by="plan"), run(HOME, 2, 3, ended_by="plan"), run(AWAY, 4, 5)
    assert (1 - 0.1) + (1 - 0.2 - 0.1) + (1 - 0.2) == pytest.approx(useful_h(*attempts, interruptible=PAUSES))


def test_a_persons_hold_would_have_stopped_it_at_home_too() -> None:
    """Its save and its restart are on both sides."""
    attempts = run(HOME, 0, 1, ended_by="person"), run(HOME, 2, 3)
    assert 2.0 == useful_h(*attempts, interruptible=PAUSES)


def test_work_that_the_infrastructure_lost_is_not_useful() -> None:
    """It was done again, on our side alone, and so was the restart."""
    attempts = run(HOME, 0, 5, ended_by="infrastructure"), run(HOME, 6, 9)
    assert 3.0 - 0.2 == useful_h(*attempts, interruptible=PAUSES)


def test_a_retry_after_its_own_failure_is_on_both_sides() -> None:
    """The code would have failed at home as it failed here."""
    assert 3.0 == useful_h(run(HOME, 0, 1), run(HOME, 1.5, 3.5), interruptible=PAUSES)


def test_once_it_was_cut_every_later_start_is_a_restart() -> None:
    """A retry goes on from a checkpoint that home would not have needed."""
    attempts = run(AWAY, 0, 1, ended_by="plan"), run(AWAY, 2, 3), run(AWAY, 4, 5)
    assert (1 - 0.1) + (1 - 0.2) + (1 - 0.2) == pytest.approx(useful_h(*attempts, interruptible=PAUSES))


def test_periodic_saves_count_all_that_may_have_been_repeated() -> None:
    """How much was lost is unknown, so the most that it can be is taken from the baseline."""
    pauses = {"save": "periodic", "every": "30m"}
    assert 1.5 == useful_h(run(AWAY, 0, 1, ended_by="plan"), run(AWAY, 2, 3), interruptible=pauses)


def test_an_attempt_all_restart_is_never_less_than_nothing() -> None:
    """A stretch shorter than its overheads did no work; it undoes none."""
    attempts = run(AWAY, 0, 1, ended_by="plan"), run(AWAY, 2, 2.1)
    assert 0.9 == pytest.approx(useful_h(*attempts, interruptible=PAUSES))


def test_other_hardware_counts_by_the_durations_stated_before() -> None:
    """An hour of an H100 stands for two of an A100, attempt by attempt."""
    durations = {"A100": "10h", "H100": "5h"}
    assert 2 + 1 == useful_h(run(HOPPER, 0, 1), run(HOME, 2, 3), duration=durations)


@pytest.mark.parametrize("duration", ["10h", {"H100": "5h"}, {"A100": "10h"}])
def test_other_hardware_without_a_stated_ratio_cannot_be_compared(duration: object) -> None:
    """A duration for all models says nothing of how two differ."""
    assert useful_h(run(HOPPER, 0, 1), duration=duration) is None
    assert timedelta(hours=1) == ran_length(make_job(duration=duration), [run(HOPPER, 0, 1)])


def test_the_run_at_home_boots_and_ends_as_the_real_one_did() -> None:
    """Its reservation lies around its work as the first and the last attempt's did."""
    attempts = run(AWAY, 1, 2, reserved=(0.75, 2.5), ended_by="plan"), run(AWAY, 4, 5, reserved=(3.9, 5.125))
    made = home_run(attempts, HOME, at(10), timedelta(hours=1.5))
    assert ((at(10), at(11.875)), (at(10.25), at(11.75))) == (made.reserved, made.ran)
    assert (HOME, 8, False, False) == (made.cluster, made.gpus, made.wasted, made.cut)
