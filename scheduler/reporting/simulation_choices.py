"""What an operator may choose of a replay, and what nothing beats; chance and circumstances are nobody's choice.

A sweep varies three kinds of things. What an operator sets (slack, how often plans are made again) is chosen from. What
is drawn (the seed) is chance: its replays are one choice, told by their mean and their ends, for the luckiest of them
is no finding. Anything else (forecasts, failures, the year) is a circumstance: choices are compared within one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from scheduler.reporting.simulation_figures import PolicyFigures, SettingFigures, Simulation, said_of

SET: Final = frozenset({"slack", "min-saving", "replan", "together", "horizon", "interruptible-from"})
"""Options that an operator's settings or jobs may follow."""
DRAWN: Final = frozenset({"seed"})
_ALIKE: Final = 1e-9
"""Figures that differ by less are the same schedule, summed in another order. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A policy with its settings in one circumstance, over everything that was drawn.

    Args:
        policy: its name; chosen: the settings that it may be chosen with; circumstances: what else varies.
        draws: its figures, one a draw; settings: those that they are of.
        statics: the figures of choosing a region alone beside each draw, empty where that was not replayed.
    """

    policy: str
    chosen: str
    circumstances: str
    draws: tuple[PolicyFigures, ...]
    settings: tuple[SettingFigures, ...]
    statics: tuple[PolicyFigures, ...]

    @property
    def name(self) -> str:
        """The policy with everything that varies but the draws."""
        varied = ", ".join(filter(None, (self.chosen, self.circumstances)))
        return f"{self.policy} ({varied})" if varied else self.policy

    @property
    def kg(self) -> float:
        """Mean of what the draws emitted. [kg]"""
        return sum(each.kg for each in self.draws) / len(self.draws)

    @property
    def bound_kg(self) -> float:
        """Mean of the draws' bounds. [kg]"""
        return sum(each.bound_kg for each in self.settings) / len(self.settings)

    @property
    def missed(self) -> float:
        """Mean of the deadlines that the draws missed."""
        return sum(each.missed for each in self.draws) / len(self.draws)

    @property
    def savings_pct(self) -> tuple[float, ...]:
        """What each draw saves of run-now, empty where one of them has nothing to save. [%]"""
        return _known([each.saving_pct for each in self.draws])

    @property
    def saving_pct(self) -> float | None:
        """Mean over the draws. [%]"""
        return _mean(self.savings_pct)

    @property
    def wait_h(self) -> float | None:
        """Mean wait over the draws. [h]"""
        return _mean(_known([each.wait_h for each in self.draws]))

    @property
    def cost(self) -> float | None:
        """Mean cost over the draws."""
        return _mean(_known([each.cost for each in self.draws]))

    @property
    def beyond_pct(self) -> tuple[float, ...]:
        """What each draw saves beyond choosing a region alone in the same draw, in points of run-now. [%]"""
        theirs = _known([each.saving_pct for each in self.statics])
        return tuple(mine - other for mine, other in zip(self.savings_pct, theirs, strict=False)) if theirs else ()


def choices(made: Simulation) -> list[Choice]:
    """Every policy with every setting, in the order in which they were replayed, draws together."""
    found: dict[tuple[str, str, str], list[tuple[SettingFigures, PolicyFigures]]] = {}
    for setting in made.settings:
        chosen = said_of([each for each in setting.varied if each[0] in SET])
        else_ = said_of([each for each in setting.varied if each[0] not in SET | DRAWN])
        for policy in setting.policies:
            found.setdefault((policy.name, chosen, else_), []).append((setting, policy))
    return [
        Choice(
            policy=policy,
            chosen=chosen,
            circumstances=circumstances,
            draws=tuple(each for _, each in draws),
            settings=tuple(setting for setting, _ in draws),
            statics=tuple(each for setting, _ in draws if (each := setting.policy(made.static)) is not None),
        )
        for (policy, chosen, circumstances), draws in found.items()
    ]


def front(found: Sequence[Choice], pays: Callable[[Choice], float | None]) -> list[Choice]:
    """Those that no other in the same circumstances beats in both saving and what is paid, the cheapest first.

    Args:
        found: the choices.
        pays: what a choice is paid for with, such as its mean wait; None where that is not known.
    """
    chosen: list[Choice] = []
    circumstances = dict.fromkeys(each.circumstances for each in found)
    for name in circumstances:
        told = [
            (paid, saving, each)
            for each in found
            if each.circumstances == name
            and (paid := pays(each)) is not None
            and (saving := each.saving_pct) is not None
        ]
        best = float("-inf")
        for _, same in groupby(sorted(told, key=lambda each: (each[0], -each[1])), key=lambda each: each[0]):
            ties = list(same)
            if ties[0][1] > best + _ALIKE:
                chosen += [each for _, saving, each in ties if math.isclose(saving, ties[0][1], rel_tol=_ALIKE)]
                best = ties[0][1]
    return chosen


def delay(each: Choice) -> float | None:
    """What users pay: the mean wait. [h]"""
    return each.wait_h


def cost(each: Choice) -> float | None:
    """What the operator pays."""
    return each.cost


def most_saved(found: Sequence[Choice]) -> Choice | None:
    """The choice that saves most, in the circumstances in which that is least; None where nothing was compared.

    Of those that come to the same it is one that only chooses a region, else the first.
    """
    last = {each.circumstances: each for each in front(found, delay)}  # the last of each saves most
    if not last:
        return None
    most = min(last.values(), key=lambda each: each.saving_pct or 0.0)
    same = [each for each in found if each.circumstances == most.circumstances and alike(each, most)]
    return next((each for each in same if each.draws == each.statics), same[0])


def alike(one: Choice, other: Choice) -> bool:
    """Whether two choices come to the same saving and the same wait."""
    pairs = ((one.saving_pct, other.saving_pct), (one.wait_h, other.wait_h))
    return all(a is not None and b is not None and math.isclose(a, b, rel_tol=_ALIKE) for a, b in pairs)


def beside(found: Sequence[Choice], one: Choice, policy: str) -> Choice | None:
    """Another policy under the same settings and circumstances."""
    same = (each for each in found if (each.chosen, each.circumstances) == (one.chosen, one.circumstances))
    return next((each for each in same if each.policy == policy), None)


def _known(values: Sequence[float | None]) -> tuple[float, ...]:
    """The values, none where one is not known."""
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else ()


def _mean(values: Sequence[float]) -> float | None:
    """The mean, None of nothing."""
    return sum(values) / len(values) if values else None
