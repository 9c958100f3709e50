"""The rule of what would have happened: registered, sealed, and refused once it was changed."""

from __future__ import annotations

import pytest

from scheduler.domain.errors import CarbonschedError
from scheduler.records import counterfactual
from scheduler.records.counterfactual import METHOD, OLDER, register, verify
from tests.records.cases import at, make_job

RULE = register(make_job(), "france", at(0), at(2))


def test_the_rule_holds_no_kilograms() -> None:
    """It names the home, the start and the hardware, and nothing that a plan could colour."""
    assert {
        "method", "home", "home_by", "not_before", "start", "hardware", "stated", "reference", "job", "sha256",
    } == set(RULE)  # fmt: skip
    assert (METHOD, "france", "2024-03-05T02:00:00Z") == (RULE["method"], RULE["home"], RULE["not_before"])


def test_a_rule_starts_no_earlier_than_its_submission() -> None:
    """An earliest start in the past is no start."""
    assert "2024-03-05T03:00:00Z" == register(make_job(), "france", at(3), at(2))["not_before"]


def test_the_reference_is_the_calendar_year_before() -> None:
    """It is over when the job is submitted, so nothing that the job does changes it."""
    assert "2023-01-01T00:00:00Z/2024-01-01T00:00:00Z" == RULE["reference"]


def test_what_hardware_is_compared_by_is_sealed_with_the_rule() -> None:
    """A duration, or a power, that is changed after the fact is found out."""
    job = make_job(duration={"A100": "10h", "H100": "5h"}, gpu_w={"H100": 500})
    rule = register(job, "france", at(0), at(0), home_by="operator")
    verify(rule, job)
    assert ("operator", True) == (rule["home_by"], '"H100"' in rule["stated"])
    for changed in ({"duration": {"A100": "20h", "H100": "5h"}, "gpu_w": {"H100": 500}}, {"gpu_w": 400}):
        with pytest.raises(CarbonschedError, match="durations or powers of train were changed"):
            verify(rule, make_job(**changed))


def test_a_rule_of_the_method_before_is_still_understood() -> None:
    """It says less and means the same."""
    lacking = ("sha256", "home_by", "stated", "reference")
    older = {name: value for name, value in RULE.items() if name not in lacking} | {"method": min(OLDER)}
    verify(older | {"sha256": counterfactual._digest(older)}, make_job(gpu_w=300))


def test_a_sealed_rule_is_accepted() -> None:
    """In whatever order the store gives its keys back."""
    verify(dict(reversed(RULE.items())), make_job())


@pytest.mark.parametrize("key", sorted(RULE))
def test_a_rule_with_any_key_changed_is_refused(key: str) -> None:
    """Its home, its start, or the seal itself."""
    with pytest.raises(CarbonschedError, match="changed after it was registered"):
        verify(RULE | {key: "elsewhere"}, make_job())


@pytest.mark.parametrize("key", sorted(RULE))
def test_a_rule_with_any_key_taken_away_is_refused(key: str) -> None:
    """A rule without its seal is no rule."""
    with pytest.raises(CarbonschedError, match="changed after it was registered"):
        verify({name: value for name, value in RULE.items() if name != key}, make_job())


def test_a_rule_with_a_key_added_is_refused() -> None:
    """Nothing may be said beside it."""
    with pytest.raises(CarbonschedError, match="changed after it was registered"):
        verify(RULE | {"kg": "1000"}, make_job())


def test_the_rule_of_another_job_is_refused() -> None:
    """A seal that fits does not make it this job's."""
    with pytest.raises(CarbonschedError, match="changed after it was registered"):
        verify(RULE, make_job(name="other"))


def test_a_rule_of_another_method_is_refused() -> None:
    """What this code computes is not what that rule asked for."""
    other = {name: value for name, value in RULE.items() if name != "sha256"} | {"method": "carbonsched-9"}
    with pytest.raises(CarbonschedError, match="'carbonsched-9'"):
        verify(other | {"sha256": counterfactual._digest(other)}, make_job())
