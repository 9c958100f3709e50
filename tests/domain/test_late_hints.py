"""A hint that takes work is worked out once somebody reads it, and only then."""

from __future__ import annotations

import pickle

from scheduler.domain.errors import Infeasible
from scheduler.problem.relax import infeasible
from tests.surfaces import problem, surface


def test_a_hint_is_worked_out_when_it_is_read_and_once() -> None:
    """Whoever only catches the error does not pay for it."""
    read: list[str] = []

    def work_out() -> str:
        """Notes that it was asked."""
        read.append("once")
        return "wait an hour"

    error = Infeasible("nothing fits", hint=work_out)
    assert read == []

    assert ("wait an hour", "wait an hour") == (error.hint, error.hint)
    assert read == ["once"]


def test_what_to_relax_travels_between_processes() -> None:
    """An error that nobody has read yet says the same on the other side."""
    error = infeasible(problem(surface({"a": [1.0, 1.0]}), 3))

    other = pickle.loads(pickle.dumps(error))

    assert (error.message, error.hint) == (other.message, other.hint)
    assert "extend the deadline by 1h" in other.hint
