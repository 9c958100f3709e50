"""What every policy must do, whoever wrote it: feasible, deterministic, never late, honest about what it needs."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings

from policies.registry import GROUP, registry
from scheduler.domain.errors import Infeasible
from scheduler.domain.placement import Placement
from scheduler.ports import Need, Policy
from scheduler.problem.blind import without_forecast
from scheduler.problem.exact import best_draft
from scheduler.problem.feasible import violations
from scheduler.problem.problem import Problem
from tests.problem.strategies import small_problem, small_problems

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
DECLARED = registry(
    EntryPoint(name=name, value=value, group=GROUP) for name, value in PROJECT["project"]["entry-points"][GROUP].items()
)
POLICIES, PROBLEMS = DECLARED.policies()
each_policy = pytest.mark.parametrize("policy", POLICIES, ids=DECLARED.names)


def test_every_declared_policy_loads() -> None:
    """The entry points of the project lead to policies of their names."""
    assert PROBLEMS == ()
    assert {"run-now", "lowest-carbon-region", "lowest-carbon-window", "carbon-aware"} <= set(DECLARED.names)


@each_policy
def test_policy_states_known_needs_and_documents_itself(policy: Policy) -> None:
    """Its needs are of the closed set; its docstring says what it does, by which equation and after whom."""
    text = type(policy).__doc__ or ""
    assert policy.needs <= set(get_args(Need))
    assert all(section in text for section in ("Notes:", "DOI", "Options:", "Guarantees:"))


@each_policy
@settings(max_examples=60, deadline=None)
@given(posed=small_problems(gaps=True, slots=8))
def test_placements_are_feasible_and_repeatable(policy: Policy, posed: Problem) -> None:
    """Every constraint is kept, deadline included; the same problem gets the same placement."""
    placement, hint = answer(policy, posed)
    if placement is None:
        assert hint
    elif getattr(policy, "keeps_deadline", True):
        assert violations(posed, placement) == ()
    assert answer(policy, posed) == (placement, hint)


def answer(policy: Policy, posed: Problem) -> tuple[Placement | None, str]:
    """What a policy decides: a placement, or none and the way out."""
    try:
        return policy.place(posed), ""
    except Infeasible as exc:
        return None, exc.hint


@each_policy
@settings(max_examples=60, deadline=None)
@given(posed=small_problems(slots=8))
def test_a_policy_without_forecast_decides_the_same_when_the_future_is_altered(policy: Policy, posed: Problem) -> None:
    """What it may not see does not matter to it."""
    if "forecast" in policy.needs:
        return
    altered = replace(posed.surface, run_g={line: g[:, ::-1] + 7 for line, g in posed.surface.run_g.items()})
    seen = (posed, replace(posed, surface=altered), without_forecast(posed))
    answers = [answer(policy, one) for one in seen]
    assert answers[0] == answers[1] == answers[2]


@settings(max_examples=60, deadline=None)
@given(small_problems(slots=8))
def test_the_default_is_feasible_whenever_something_is(posed: Problem) -> None:
    """And refuses only where nothing fits."""
    carbon_aware = DECLARED.policy("carbon-aware")
    if best_draft(posed) is None:
        with pytest.raises(Infeasible):
            carbon_aware.place(posed)
    else:
        assert violations(posed, carbon_aware.place(posed)) == ()


def test_without_forecast_leaves_nothing_of_the_rates() -> None:
    """Running, holding and transfers are zero, unknown ones too; room and overheads stay."""
    posed = small_problem(Random(3), gaps=True, slots=6)
    blind = without_forecast(posed).surface
    assert isinstance(blind.move_g, np.ndarray)
    arrays = [*blind.run_g.values(), *blind.hold_g.values(), blind.move_g]
    assert all(not np.any(array) for array in arrays)
    assert blind.capacity is posed.surface.capacity
    assert blind.restart_h is posed.surface.restart_h
