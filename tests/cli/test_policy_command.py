"""`carbonsched policy list` and `show`, as a person and as a program read them."""

from __future__ import annotations

import json

import pytest

from cli.main import run


def test_list_names_every_policy_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    """One row a policy, and what it has to see."""
    assert run(["policy", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert {"run-now", "carbon-aware", "lowest-carbon-region", "lowest-carbon-window"} <= set(rows)
    assert rows["run-now"].endswith("duration")
    assert rows["carbon-aware"].endswith("duration, forecast")


def test_show_says_equation_source_options_and_guarantees(capsys: pytest.CaptureFixture[str]) -> None:
    """The sections of the policy's own documentation."""
    assert run(["policy", "show", "carbon-aware"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("carbon-aware: The cheapest feasible placement")
    for part in ("Sees: duration, forecast", "Notes:", "DOI", "min_saving: least saving", "Guarantees:"):
        assert part in shown


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """With the schema's number, and the same for each policy of the list."""
    assert run(["policy", "show", "run-now", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert run(["policy", "list", "--json"]) == 0
    every = json.loads(capsys.readouterr().out)
    assert one.pop("schema") == every["schema"] == 1
    assert one in every["policies"]
    assert set(one) == {"name", "summary", "needs", "notes", "options", "guarantees"}


def test_every_policy_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    """Equation, reference, options with their defaults, and what it guarantees."""
    assert run(["policy", "list", "--json"]) == 0
    for told in json.loads(capsys.readouterr().out)["policies"]:
        assert "DOI" in told["notes"], told["name"]
        assert told["guarantees"], told["name"]
        options = told["options"].splitlines()
        assert options, told["name"]
        assert all(";" in option or "absent:" in option or "[" in option for option in options), told["name"]


def test_an_unknown_policy_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """And the list of those there are."""
    assert run(["policy", "show", "carbon-awere"]) == 2
    assert "did you mean 'carbon-aware'?" in capsys.readouterr().err
