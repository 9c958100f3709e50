"""Policies by name: built-ins and plugins through one door, and a broken plugin breaks nothing else."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from policies.registry import GROUP, Registry, installed, registry
from policies.run_now import RunNow
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.problem import Problem


@dataclass(frozen=True)
class Plugin:
    """A third party's policy."""

    name: ClassVar[str] = "plugin"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def place(self, problem: Problem) -> Placement:
        """As run-now does."""
        return RunNow().place(problem)


@dataclass(frozen=True)
class Needy:
    """A policy that cannot be made without options."""

    level: int


class Nameless:
    """A class that is no policy."""


class Refusing:
    """A policy that refuses to be made, in our own words."""

    def __init__(self) -> None:
        raise InvalidInput("refused", hint="do not")


def entry(name: str, target: str) -> EntryPoint:
    """An entry point of the group."""
    return EntryPoint(name=name, value=target, group=GROUP)


RUN_NOW = entry("run-now", "policies.run_now:RunNow")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Ours, a plugin, and broken ones."""
    monkeypatch.setitem(sys.modules, "a_plugin", sys.modules[__name__])
    return registry(
        [
            RUN_NOW,
            entry("plugin", "a_plugin:Plugin"),
            entry("absent", "no_such_package:Policy"),
            entry("needy", "a_plugin:Needy"),
            entry("nameless", "a_plugin:Nameless"),
            entry("refusing", "a_plugin:Refusing"),
        ]
    )


def test_policies_are_found_by_name(found: Registry) -> None:
    """Ours and a third party's alike."""
    assert found.policy("run-now") == RunNow()
    assert found.policy("plugin") == Plugin()


def test_unknown_policy_lists_what_there_is(found: Registry) -> None:
    """With the nearest name first."""
    with pytest.raises(UnknownName) as caught:
        found.policy("run-nwo")
    assert caught.value.message == "unknown policy 'run-nwo'"
    assert "did you mean 'run-now'? known: absent, nameless" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "policy 'absent' (no_such_package:Policy) cannot be loaded: ModuleNotFoundError"),
        ("needy", "policy 'needy' (a_plugin:Needy) cannot be loaded: TypeError"),
        ("nameless", "policy 'nameless' (a_plugin:Nameless) has another name or no place()"),
        ("refusing", "refused"),
    ],
)
def test_a_broken_plugin_is_an_error_only_when_asked_for(found: Registry, name: str, said: str) -> None:
    """It names the plugin and what went wrong."""
    with pytest.raises(InvalidInput) as caught:
        found.policy(name)
    assert caught.value.message.startswith(said)
    assert caught.value.hint


def test_broken_plugins_are_reported_and_skipped(found: Registry) -> None:
    """The others load."""
    loaded, problems = found.policies()
    assert [policy.name for policy in loaded] == ["plugin", "run-now"]
    assert len(problems) == 4


def test_a_name_claimed_twice_stays_ours() -> None:
    """The other claim is reported, not taken."""
    found = registry([entry("run-now", "a_plugin:Plugin"), RUN_NOW])
    assert found.policy("run-now") == RunNow()
    assert found.problems == ("policy 'run-now' of a_plugin:Plugin is skipped: policies.run_now:RunNow has that name",)


def test_one_entry_point_seen_twice_is_one() -> None:
    """An editable and a built install side by side are no conflict."""
    assert registry([RUN_NOW, entry("run-now", "policies.run_now:RunNow")]).problems == ()


def test_the_environment_is_read_without_importing_policies() -> None:
    """Names are known from metadata alone."""
    assert isinstance(installed(), Registry)
