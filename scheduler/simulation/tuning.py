"""The best of some ways to run a cluster, by what each made of its history, within what its users put up with."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from scheduler.domain.duration import parse_duration
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.simulation.results import Outcome

Objective = Literal["carbon", "operational", "wait"]
Key = TypeVar("Key")

_LESS_IS_BETTER: Final[Mapping[str, Callable[[Outcome], float | None]]] = {
    "carbon": lambda outcome: outcome.emissions.total,
    "operational": lambda outcome: outcome.emissions.operational,
    "wait": lambda outcome: outcome.mean_wait_h,
}
"""Objectives: kilograms of all lines, of all but embodied, and the mean wait. [kg], [kg], [h]"""
_BOUND: Final[Mapping[str, Callable[[Outcome], float | None]]] = {
    "mean_wait": lambda outcome: outcome.mean_wait_h,
    "mean_start_delay": lambda outcome: outcome.mean_start_delay_h,
    "misses": lambda outcome: outcome.missed_deadlines,
    "late_at_admission": lambda outcome: outcome.late_at_admission,
    "suspends": lambda outcome: outcome.suspends,
}
"""What a limit may bound; the first two are times. [h]"""
_TIMES: Final = ("mean_wait", "mean_start_delay")
_SIGNS: Final[Mapping[str, Callable[[float, float], bool]]] = {"<": operator.lt, "<=": operator.le, "=": operator.eq}
_LIMIT: Final = re.compile(r"\s*([a-z_]+)\s*(<=|<|=)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What an outcome must keep.

    Args:
        name: of the figure; sign: how it compares; bound: with what, times in hours.
        text: as it was written.
    """

    name: str
    sign: str
    bound: float
    text: str

    def figure(self, outcome: Outcome) -> float:
        """The figure that is bounded; infinite where an outcome has none."""
        value = _BOUND[self.name](outcome)
        return math.inf if value is None else float(value)

    def keeps(self, outcome: Outcome) -> bool:
        """Whether an outcome keeps it."""
        return _SIGNS[self.sign](self.figure(outcome), self.bound)


def parse_limit(text: str) -> Limit:
    """A limit from text such as ``mean_wait<6h`` or ``misses=0``.

    Raises:
        InvalidInput: it is none.
        UnknownName: there is no such figure.
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise InvalidInput(f"--limit {text!r} cannot be read", hint="write mean_wait<6h, or misses=0")
    name, sign, said = found.groups()
    if name not in _BOUND:
        raise UnknownName("figure to limit", name, _BOUND)
    if name in _TIMES:
        bound = parse_duration(said, what=f"--limit {name}").total_seconds() / 3600
    else:
        try:
            bound = float(said)
        except ValueError as exc:
            raise InvalidInput(f"--limit {text!r}: {said!r} is no number", hint="write misses=0") from exc
        if not (math.isfinite(bound) and bound >= 0):
            raise InvalidInput(f"--limit {text!r}: {said} bounds nothing", hint="write misses=0")
    return Limit(name=name, sign=sign, bound=bound, text=text.strip())


def objective_of(name: str) -> Callable[[Outcome], float]:
    """What is to be as small as can be; infinite where an outcome does not have it.

    Raises:
        UnknownName: there is no such objective.
    """
    if name not in _LESS_IS_BETTER:
        raise UnknownName("objective", name, _LESS_IS_BETTER)
    measure = _LESS_IS_BETTER[name]

    def value(outcome: Outcome) -> float:
        """The figure of an outcome."""
        found = measure(outcome)
        return math.inf if found is None else found

    return value


def best(outcomes: Mapping[Key, Outcome], value: Callable[[Outcome], float], limits: Sequence[Limit]) -> Key | None:
    """The candidate of the least value that keeps all limits, of equal ones the first; None where none keeps them."""
    kept = {key: value(outcome) for key, outcome in outcomes.items() if all(limit.keeps(outcome) for limit in limits)}
    return min(kept, key=kept.__getitem__) if kept else None


def broken(outcome: Outcome, limits: Sequence[Limit]) -> list[str]:
    """The limits that an outcome breaks, each with its figure."""
    return [f"{limit.text} (it is {limit.figure(outcome):.4g})" for limit in limits if not limit.keeps(outcome)]
