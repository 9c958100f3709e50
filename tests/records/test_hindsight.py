"""The best in hindsight, and regret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.intensity import IntensitySeries
from scheduler.records.accounts import account
from scheduler.records.attempts import Attempt
from scheduler.records.hindsight import Hindsight, NoHindsight, hindsight, true_job
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run
from tests.records.curves import metered

FRANCE, QUEBEC = make_cluster(), make_cluster("quebec", "CA-QC")
HOPPER = make_cluster("toronto", "CA-ON", gpu={"model": "H100"})
VALLEY = [100.0] * 20 + [20.0] * 4 + [100.0] * 40


def grid(france: Sequence[float] = VALLEY, quebec: Sequence[float] = (90.0,) * 64) -> dict[str, IntensitySeries]:
    """Two zones, hourly from the submission on."""
    return {"FR": make_series("FR", france), "CA-QC": make_series("CA-QC", quebec)}


def of(
    *attempts: Attempt, intensity: dict[str, IntensitySeries] | None = None, job_keys: dict[str, object] | None = None
) -> Hindsight:
    """The best in hindsight of a job of those attempts, with two days from its submission."""
    seen = intensity or grid()
    history = make_history(attempts, job=make_job(**(job_keys or {})), home=FRANCE, clusters=[QUEBEC])
    return hindsight(history, account(history.row.job, attempts, seen), seen)


def test_the_best_waits_for_the_valley_that_nobody_foresaw() -> None:
    """Four hours at 20 g from hour 20 on; realised at 100 g from the start."""
    made = of(run(FRANCE, 0, 4))
    (best,) = made.placement.segments
    assert ("france", at(20), at(24)) == (best.cluster, best.start, best.end)
    saved_g = 8 * 4 * 0.6 * 1.2 * (100 - 20)
    assert saved_g / 1000 == pytest.approx(made.regret_kg)


def test_a_job_that_did_the_best_regrets_nothing() -> None:
    """Realised and best are the same figure."""
    assert 0.0 == pytest.approx(of(run(FRANCE, 20, 24)).regret_kg, abs=1e-12)


def test_boots_and_vain_attempts_are_regretted() -> None:
    """Nothing of them is in the best."""
    booted = of(run(FRANCE, 20, 24, reserved=(19, 24)))
    assert 8 * 0.188 * 1.2 * 100 / 1000 < booted.regret_kg
    vain = of(run(FRANCE, 0, 2, ended_by="infrastructure"), run(FRANCE, 20, 24))
    assert vain.regret_kg > 0


def test_its_length_and_power_are_the_true_ones() -> None:
    """Stated ten hours and 400 W, ran five at 200 W: done in half, at half."""
    attempt = metered(run(FRANCE, 0, 5), [(5, 1.6)])
    job = make_job()
    true = true_job(job, [attempt], account(job, [attempt], grid()), [FRANCE])
    assert timedelta(hours=5) == true.duration
    assert {"A100": 200.0} == pytest.approx(true.gpu_w)
    made = of(attempt)
    assert made.placement.finish - made.placement.start == timedelta(hours=5)


def test_a_duration_by_model_keeps_its_ratios() -> None:
    """Ran 20 % longer than stated on one model: on the other it would have, too."""
    job = make_job(duration={"A100": "10h", "H100": "5h"})
    attempt = run(FRANCE, 0, 12)
    true = true_job(job, [attempt], account(job, [attempt], grid()), [FRANCE, HOPPER])
    assert {"A100": timedelta(hours=12), "H100": timedelta(hours=6)} == true.duration


def test_a_job_that_stated_no_duration_has_the_one_that_it_took() -> None:
    """And one that ran at half its width for a time did half the work of those hours."""
    job = make_job(duration=None, elastic={"min_gpus": 4, "max_gpus": 8, "speedup": {4: 0.5, 8: 1.0}})
    attempts = [run(FRANCE, 0, 4, ended_by="person"), run(FRANCE, 4, 8, gpus=4)]
    true = true_job(job, attempts, account(job, attempts, grid()), [FRANCE])
    assert timedelta(hours=6) == true.duration
    assert true.gpu_w is None


def test_a_wish_that_nothing_can_meet_has_a_reason() -> None:
    """More GPUs than any cluster has: what the planner says."""
    with pytest.raises(NoHindsight, match="no cluster can run"):
        of(run(FRANCE, 0, 4), job_keys={"gpus": 80})


def test_declared_hardware_that_is_not_there_is_no_choice_for_a_real_job() -> None:
    """However clean its zone is."""
    lab = make_cluster("lab", "CA-QC", simulated=True)
    attempts = [run(FRANCE, 20, 24)]
    history = make_history(attempts, home=FRANCE, clusters=[lab])
    seen = grid(quebec=(1.0,) * 64)
    made = hindsight(history, account(history.row.job, attempts, seen), seen)
    assert {"france"} == {each.cluster for each in made.placement.segments}


def test_an_end_after_the_deadline_widens_the_window() -> None:
    """What really happened is among the choices, so nobody regrets less than nothing for being late."""
    assert 0.0 <= of(run(FRANCE, 44, 52)).regret_kg


@pytest.mark.parametrize(
    ("attempts", "why"),
    [((), "did not run"), ((run(FRANCE, 0, 4, ended_by="infrastructure"),), "no useful work")],
)
def test_a_job_that_did_nothing_has_no_best(attempts: tuple[Attempt, ...], why: str) -> None:
    """There is nothing to place."""
    with pytest.raises(NoHindsight, match=why):
        of(*attempts)


def test_a_job_that_goes_on_has_no_best_yet() -> None:
    """Its length is not known."""
    history = make_history([run(FRANCE, 0, 4)])
    going = replace(history, row=replace(history.row, finished_at=None))
    with pytest.raises(NoHindsight, match="not ended"):
        hindsight(going, account(going.row.job, going.attempts, grid()), grid())


def test_hours_of_which_nothing_is_known_are_not_guessed_at() -> None:
    """Where the only place that fits is unknown, there is no best."""
    unknown = {"FR": make_series("FR", [100.0] * 4 + [float("nan")] * 60)}
    with pytest.raises(NoHindsight, match="no intensity"):
        of(run(FRANCE, 0, 10), intensity=unknown)


def test_a_home_that_was_not_declared_is_a_reason() -> None:
    """The planner says what is missing, and nothing is made up."""
    history = make_history([run(FRANCE, 0, 4)])
    elsewhere = replace(history, clusters={"quebec": QUEBEC})
    with pytest.raises(NoHindsight, match="home"):
        hindsight(elsewhere, account(history.row.job, history.attempts, grid()), grid())


@settings(max_examples=25, deadline=None)
@given(
    france=st.lists(st.floats(10, 500), min_size=64, max_size=64),
    quebec=st.lists(st.floats(10, 500), min_size=64, max_size=64),
    start=st.floats(0, 30),
    length=st.floats(0.5, 10),
    abroad=st.booleans(),
)
def test_nobody_does_better_than_hindsight(
    *, france: list[float], quebec: list[float], start: float, length: float, abroad: bool
) -> None:
    """A run in one piece inside the window never emits less than the best."""
    made = of(run(QUEBEC if abroad else FRANCE, start, start + length), intensity=grid(france, quebec))
    assert made.regret_kg >= -1e-9 * made.realised_kg
