"""The policies of the literature, by hand: what each would choose, and what the pauses it does not see cost."""

from __future__ import annotations

import time

import numpy as np
import pytest

from policies.carbon_time import CarbonTime
from policies.ecovisor_threshold import EcovisorThreshold
from policies.lowest_slot import LowestSlot
from policies.suspend_resume_free import SuspendResumeFree
from policies.wait_awhile import WaitAwhile
from scheduler.domain.errors import Infeasible, InvalidInput
from scheduler.ports import Policy
from scheduler.problem.executed import executed
from scheduler.problem.feasible import violations
from scheduler.problem.grid import grid
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import problem, stretches, surface

PAUSES = Interruption()
NAN = float("nan")
ALL = (LowestSlot(), CarbonTime(), WaitAwhile(), SuspendResumeFree(), EcovisorThreshold())


def placed(policy: Policy, posed: Problem) -> tuple[tuple[str, float, float], ...]:
    """What the policy does."""
    return stretches(posed.surface, policy.place(posed))


def test_lowest_slot_looks_at_the_start_alone() -> None:
    """It starts at 1 and runs into 9s, where the best window would be 3, 3."""
    posed = problem(surface({"home": [5, 1, 9, 3, 3], "away": [0, 0, 0, 0, 0]}), 2)
    assert placed(LowestSlot(), posed) == (("home", 1, 3),)


def test_carbon_time_waits_while_each_hour_saves_enough() -> None:
    """Waiting two hours saves 8 in 3; waiting seven saves 9 in 8."""
    posed = problem(surface({"home": [10, 10, 2, 9, 9, 9, 9, 1]}), 1)
    assert placed(CarbonTime(), posed) == (("home", 2, 3),)


def test_carbon_time_starts_at_once_where_no_wait_saves() -> None:
    """On a grid that only gets dirtier."""
    assert placed(CarbonTime(), problem(surface({"home": [1, 2, 3, 4]}), 2)) == (("home", 0, 2),)


def test_carbon_time_does_not_wait_for_rounding() -> None:
    """On a flat grid sums over hours differ in their last bits only."""
    assert placed(CarbonTime(), problem(surface({"home": [0.1] * 40}), 6)) == (("home", 0, 6),)


def test_starts_are_compared_where_their_whole_run_has_intensity() -> None:
    """Also behind a gap: the 1 is the cleanest slot, but its run goes on into unknown hours."""
    posed = problem(surface({"home": [4, 1, NAN, 5, 2, 2]}), 2, interruption=PAUSES)
    for policy in (LowestSlot(), CarbonTime()):
        assert placed(policy, posed) == (("home", 4, 6),)


@pytest.mark.parametrize("policy", ALL, ids=[policy.name for policy in ALL])
def test_where_nothing_is_known_each_starts_at_once(policy: Policy) -> None:
    """Waiting for hours as unknown as these is worth nothing."""
    assert placed(policy, problem(surface({"home": [NAN] * 5}), 2, interruption=PAUSES)) == (("home", 0, 2),)


def test_wait_awhile_takes_the_cleanest_slots() -> None:
    """Three of the 1s and 2s, with a pause over the 9; of equal slots the earlier."""
    posed = problem(surface({"home": [9, 1, 9, 2, 1, 9]}), 3, interruption=PAUSES)
    assert placed(WaitAwhile(), posed) == (("home", 1, 2), ("home", 3, 5))


def test_wait_awhile_takes_more_slots_for_its_restarts() -> None:
    """Each resume costs half an hour, so one slot more is needed, and the last ends early."""
    posed = problem(surface({"home": [9, 1, 9, 2, 1, 3]}, restart=0.5), 3, interruption=PAUSES)
    assert placed(WaitAwhile(), posed) == (("home", 1, 2), ("home", 3, 5.5))


def test_wait_awhile_of_a_job_in_one_piece_is_its_best_window() -> None:
    """As the paper's shifting of jobs that cannot be interrupted."""
    on = surface({"home": [9, 1, 9, 2, 1, 9]})
    assert placed(WaitAwhile(), problem(on, 2)) == (("home", 3, 5),)
    assert placed(WaitAwhile(), problem(on, 2, interruption=Interruption(max_suspends=0))) == (("home", 3, 5),)


def test_four_weeks_of_short_slots_are_tried_in_bearable_time() -> None:
    """8,064 numbers of slots, most of them too short for their pauses: a third of a second, once twenty."""
    hour = np.arange(12 * 24 * 28) / 12
    noise = np.random.default_rng(1).normal(0, 10, len(hour))
    rates = (200 + 80 * np.sin(hour * np.pi / 12) + noise).tolist()
    on = surface({"home": rates}, edges=[*hour, 672.0], restart=0.1)
    posed = problem(on, 72, interruption=Interruption(checkpoint_h=0.1))
    begun_s = time.process_time()
    placement = WaitAwhile().place(posed)
    assert time.process_time() - begun_s < 5
    assert not violations(posed, placement)


def test_suspend_resume_free_pays_for_what_it_did_not_see() -> None:
    """It plans the two 1s; the restart leaves an hour undone, which goes on behind the last slot, late."""
    posed = problem(surface({"home": [1, 9, 1, 9, 9]}, restart=1.0), 2, 3, interruption=PAUSES)
    placement = SuspendResumeFree().place(posed)
    assert stretches(posed.surface, placement) == (("home", 0, 1), ("home", 2, 4))
    assert price(posed, placement).emissions.total == pytest.approx(0.011)
    assert any("after the deadline" in breach for breach in violations(posed, placement))


def test_suspend_resume_free_is_wait_awhile_where_pauses_are_free() -> None:
    """Nothing is hidden from it then."""
    posed = problem(surface({"home": [9, 1, 9, 2, 1, 9]}), 3, interruption=PAUSES)
    assert placed(SuspendResumeFree(), posed) == placed(WaitAwhile(), posed)


def test_ecovisor_runs_under_the_threshold_until_its_slack_is_used_up() -> None:
    """The 1s lie under the day's 30th percentile; from the seventh hour on it must run."""
    posed = problem(surface({"home": [9, 1, 9, 9, 1, 9, 9, 8, 9, 9]}), 4, 9, interruption=PAUSES)
    assert placed(EcovisorThreshold(), posed) == (("home", 1, 2), ("home", 4, 5), ("home", 7, 9))


@pytest.mark.parametrize("policy", ALL, ids=[policy.name for policy in ALL])
def test_each_stays_at_home_and_refuses_what_home_cannot_do(policy: Policy) -> None:
    """The cleaner cluster is not theirs to use; a home without room in time is an error with the way out."""
    on = surface({"home": [5, 4, 3, 2], "away": [1, 1, 1, 1]})
    assert {name for name, _, _ in placed(policy, problem(on, 2, interruption=PAUSES))} == {"home"}
    with pytest.raises(Infeasible) as caught:
        policy.place(problem(on, 5, interruption=PAUSES))
    assert caught.value.hint == "extend the deadline by 1h, to 2026-03-01T05:00:00Z"


def test_a_run_of_no_slot_is_refused() -> None:
    """Rather than one of no length."""
    posed = problem(surface({"home": [1, 1]}), 1, interruption=PAUSES)
    on = grid(posed)
    assert on is not None
    with pytest.raises(InvalidInput, match="no slot"):
        executed(posed, on, 0, np.zeros(2, dtype=bool))
