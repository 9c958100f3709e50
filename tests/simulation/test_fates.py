"""What chance makes of jobs: the same for each job and seed, whoever asks, and about as often as was said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.simulation.fates import Fates, Power
from tests.simulation.replay_worlds import request

POWER = Power(share=(0.25, 0.5, 1.0), power_w=(60.0, 100.0, 400.0))
JOBS = [request(f"j{n}", hours=4) for n in range(2000)]


def test_durations_are_told_wrong_by_a_factor_whose_median_is_one() -> None:
    """Runs take the truth; half of what is told is longer, and its logarithm spreads as was said."""
    told = Fates(duration_error=0.2).of(JOBS)

    longer = sum(each.expected > each.length for each in told)
    within = sum(0.818 < each.expected / each.length < 1.222 for each in told)  # one standard deviation

    assert {timedelta(hours=4)} == {each.length for each in told}
    assert longer == pytest.approx(1000, abs=80)
    assert within == pytest.approx(1365, abs=80)


def test_failures_end_at_any_point_and_policies_are_told_the_whole() -> None:
    """A tenth of the jobs end by themselves; what they were to take stays what is told."""
    found = [each for each in Fates(failures=0.1).of(JOBS) if each.failed]

    assert len(found) == pytest.approx(200, abs=45)
    assert {timedelta(hours=4)} == {each.expected for each in found}
    done = sum((each.length / each.expected for each in found), start=0.0) / len(found)
    assert done == pytest.approx(0.5, abs=0.08)


def test_power_is_drawn_from_the_measured_shares_and_never_under_idle() -> None:
    """A quarter of the jobs draw what is least, lifted to idle power; a job that says its power keeps it."""
    drawn = [each.gpu_w for each in Fates(power=POWER, least_w=63).of([*JOBS, replace(JOBS[0], gpu_w=250.0)])]

    assert drawn.count(63.0) == pytest.approx(500, abs=80)
    assert drawn.count(400.0) == pytest.approx(1000, abs=90)
    assert 250.0 == drawn[-1]


def test_a_fate_hangs_on_the_job_and_the_seed_alone() -> None:
    """Common random numbers: fewer other jobs change nothing, another seed does."""
    fates = Fates(duration_error=0.3, failures=0.2, power=POWER)

    assert fates.of(JOBS)[7] == fates.of(JOBS[7:8])[0]
    assert fates.of(JOBS)[7] != replace(fates, seed=1).of(JOBS)[7]
    assert JOBS == Fates().of(JOBS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration_error": -0.1}, "duration error of -0.1"),
        ({"duration_error": float("nan")}, "duration error of nan"),
        ({"failures": 1.0}, "share of failures of 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, float], message: str) -> None:
    """A share over one and an error without meaning are errors."""
    with pytest.raises(InvalidInput, match=message):
        Fates(**options)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize("share", [(), (0.5, 0.25, 1.0), (0.2, 0.5)])
def test_a_distribution_rises_to_the_whole(share: tuple[float, ...]) -> None:
    """One that falls, or ends before all is counted, is refused."""
    with pytest.raises(InvalidInput, match="rises from 0 to 100 %"):
        Power(share=share, power_w=tuple(100.0 for _ in share))
    with pytest.raises(InvalidInput, match="rises from 0 to 100 %"):
        Power(share=(0.5, 1.0), power_w=(200.0, 100.0))
