"""The useful work of a job, and the run that it would have had at home."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from scheduler.records.attempts import Attempt
from scheduler.records.energy import EnergyCurve
from scheduler.records.evidence import Traffic
from scheduler.records.home_run import as_long_as_it_ran, at_home_then, chosen_run, home_run
from tests.records.cases import T0, at, make_cluster, make_job, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
HOPPER = make_cluster("toronto", "CA-ON", gpu={"model": "H100"})
PAUSES = {"checkpoint": "6m", "restart": "12m"}


def useful_h(*attempts: Attempt, **changes: object) -> float | None:
    """Hours of useful work at home. [h]"""
    made = home_run(make_job(**changes), attempts, HOME, T0)
    return None if made is None else (made.ran[1] - made.ran[0]) / timedelta(hours=1)


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
    there = run(HOPPER, 1, 2, reserved=(0, 2.5))
    assert (at(7), at(9.5)) == as_long_as_it_ran(make_job(duration=duration), [there], at(7))


def test_time_in_vain_on_hardware_that_cannot_be_compared_leaves_nothing_to_compare() -> None:
    """What it would have cost at home is part of the difference's parts."""
    attempts = run(HOPPER, 0, 1, ended_by="infrastructure"), run(AWAY, 2, 3)
    assert home_run(make_job(), attempts, HOME, T0) is None


def test_the_run_at_home_boots_and_ends_as_the_real_one_did() -> None:
    """Its reservation lies around its work as the first and the last attempt's did."""
    attempts = run(AWAY, 1, 2, reserved=(0.75, 2.5), ended_by="plan"), run(AWAY, 4, 5, reserved=(3.9, 5.125))
    made = home_run(make_job(interruptible={"restart": "30m"}), attempts, HOME, at(10))
    assert made is not None
    assert ((at(10), at(11.875)), (at(10.25), at(11.75))) == (made.reserved, made.ran)
    assert (8, [HOME, HOME], ("", "")) == (made.gpus, [piece.cluster for piece in made.pieces], made.by_ratio)
    assert not any(piece.wasted or piece.cut for piece in made.pieces)


def test_a_boot_in_vain_is_not_homes() -> None:
    """It boots as the first attempt did that was of use."""
    attempts = run(AWAY, 3, 4, reserved=(0, 4), ended_by="infrastructure"), run(AWAY, 6, 7, reserved=(5.5, 7))
    made = home_run(make_job(), attempts, HOME, at(10))
    assert made is not None
    assert ((at(10), at(11.5)), (at(10.5), at(11.5))) == (made.reserved, made.ran)


def test_work_that_was_all_in_vain_leaves_a_run_of_no_length() -> None:
    """There is nothing that home would have had to do."""
    made = home_run(make_job(), [run(AWAY, 0, 5, ended_by="infrastructure")], HOME, at(1))
    assert made is not None
    assert ((at(1), at(1)), 1) == (made.ran, len(made.pieces))


def metered(attempt: Attempt, *, model_w: float = 250.0) -> Attempt:
    """The same with a meter that counted so much a GPU, twice as much in the second half."""
    hours = (attempt.ran[1] - attempt.ran[0]) / timedelta(hours=1)
    whole_kwh = attempt.gpus * model_w / 1000 * hours
    curve = EnergyCurve(
        start=attempt.ran[0],
        at_h=np.array([0.0, hours / 2, hours]),
        gpu_kwh=np.array([0.0, whole_kwh / 3, whole_kwh]),
        measured=np.ones(2),
        source="nvml_counter",
        gpus=attempt.gpus,
        idle_w=55.0,
    )
    return replace(attempt, energy=curve)


def counted_kwh(piece: Attempt, start_h: float, end_h: float) -> float:
    """What the meter of a piece counted between two hours. [kWh]"""
    assert piece.energy is not None
    return float(piece.energy.between(at(start_h), np.array([0.0, end_h - start_h]))[0][0])


def test_metered_energy_goes_with_the_work() -> None:
    """Without the restart and the save, end to end, each joule where its work comes to lie."""
    job = make_job(interruptible={"checkpoint": "30m", "restart": "30m"})
    attempts = metered(run(AWAY, 0, 2, ended_by="plan")), metered(run(AWAY, 8, 10))
    made = home_run(job, attempts, HOME, at(20))
    assert made is not None
    first, second = made.pieces
    assert ((at(20), at(21.5)), (at(21.5), at(23))) == (first.ran, second.ran)
    assert 4 / 3 + 0.5 * 8 / 3 == pytest.approx(counted_kwh(first, 20, 21.5))
    assert 0.5 * 4 / 3 + 8 / 3 == pytest.approx(counted_kwh(second, 21.5, 23))
    assert second.energy is not None
    assert 55.0 == second.energy.idle_w


def test_metered_energy_on_other_hardware_counts_by_lengths_and_powers_stated_before() -> None:
    """Two hours of an A100 for one of an H100, at 200 W for 400: as many joules; and it says where they are from."""
    job = make_job(duration={"A100": "10h", "H100": "5h"}, gpu_w={"A100": 200, "H100": 400})
    made = home_run(job, [metered(run(HOPPER, 0, 1))], HOME, at(20))
    assert made is not None
    (piece,) = made.pieces
    assert ((at(20), at(22)), ("H100",)) == (piece.ran, made.by_ratio)
    assert (2 / 3, 4 / 3) == pytest.approx((counted_kwh(piece, 20, 21), counted_kwh(piece, 21, 22)))
    assert piece.energy is not None
    assert piece.energy.idle_w is None


def test_a_crowded_node_is_as_crowded_at_home() -> None:
    """The share of the host goes with the work, so that an unmoved job has the same on both sides."""
    there = replace(run(AWAY, 0, 4), crowded=((at(1), at(2), 0.25),))
    made = home_run(make_job(), [there], HOME, at(10))
    assert made is not None
    assert ((at(11), at(12), 0.25),) == made.pieces[0].crowded


def test_the_chosen_cluster_now_is_the_same_work_in_one_piece_where_it_ran() -> None:
    """Two attempts on two clusters, end to end from another instant on."""
    attempts = run(AWAY, 0, 2, ended_by="plan"), run(HOPPER, 8, 9)
    made = chosen_run(make_job(), attempts, at(20))
    assert [("quebec", at(20), at(22)), ("toronto", at(22), at(23))] == [
        (piece.cluster.name, *piece.ran) for piece in made.pieces
    ]


def test_home_at_the_chosen_time_keeps_cuts_and_repeats() -> None:
    """All that happened happens, at its instants, at home."""
    attempts = run(AWAY, 0, 2, reserved=(0, 2.5), ended_by="infrastructure"), run(AWAY, 8, 9)
    made = at_home_then(make_job(), attempts, HOME)
    assert made is not None
    assert [("france", True, (at(0), at(2.5))), ("france", False, (at(8), at(9)))] == [
        (piece.cluster.name, piece.wasted, piece.reserved) for piece in made.pieces
    ]
    assert at_home_then(make_job(), [run(HOPPER, 0, 1)], HOME) is None


def test_a_first_fetch_and_a_last_save_would_have_been_at_home_too() -> None:
    """What suspends sent to and had from a storage in between would not."""
    traffic = Traffic(read_bytes=7, read_s=1.0, read_requests=1, written_bytes=9, written_s=2.0, written_requests=2)
    first, second = (replace(run(AWAY, n, n + 1), traffic=traffic) for n in range(2))
    (alone,) = _pieces(first)
    assert traffic == alone.traffic
    one, two = _pieces(replace(first, ended_by="plan"), second)
    assert one.traffic is not None
    assert two.traffic is not None
    assert (7, 0, 0, 9) == (
        one.traffic.read_bytes, one.traffic.written_bytes, two.traffic.read_bytes, two.traffic.written_bytes,
    )  # fmt: skip
    silent, sent = _pieces(replace(first, traffic=None), second)
    assert (None, 9) == (silent.traffic, sent.traffic and sent.traffic.written_bytes)
    had, quiet = _pieces(first, replace(second, traffic=None))
    assert (7, None) == (had.traffic and had.traffic.read_bytes, quiet.traffic)


def _pieces(*attempts: Attempt) -> tuple[Attempt, ...]:
    """The pieces of a run at home."""
    made = home_run(make_job(), attempts, HOME, T0)
    assert made is not None
    return made.pieces
