"""The rule of what would have happened: registered, sealed, and refused once it was changed."""

from __future__ import annotations

import pytest

from scheduler.domain.errors import CarbonschedError
from scheduler.records import counterfactual
from scheduler.records.counterfactual import METHOD, register, verify
from tests.records.cases import at, make_job

RULE = register(make_job(), "france", at(0), at(2))


def test_the_rule_holds_no_kilograms() -> None:
    """It names the home, the start and the hardware, and nothing that a plan could colour."""
    assert {"method", "home", "not_before", "start", "hardware", "job", "sha256"} == set(RULE)
    assert (METHOD, "france", "2024-03-05T02:00:00Z") == (RULE["method"], RULE["home"], RULE["not_before"])


def test_a_rule_starts_no_earlier_than_its_submission() -> None:
    """An earliest start in the past is no start."""
    assert "2024-03-05T03:00:00Z" == register(make_job(), "france", at(3), at(2))["not_before"]


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
