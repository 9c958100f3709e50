"""The consequential statement: how much less, or more, was emitted than at home, and whether that can be told.

On an average intensity the difference is an allocated one; nothing is called avoided without a marginal signal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from scheduler.domain.intensity import Floats
from scheduler.records.terms import Factor, Term

DRAWS: Final = 10_000
SEED: Final = 20221105
"""Printed with every result, so that anyone can draw the same numbers."""
_HALF_WIDTH_SIGMA: Final = 1.959963984540054
"""Standard deviations in a 95 % half-width of a normal distribution."""
RESOLUTION: Final = 0.005
"""Least share of the baseline that is called an effect [-]: starts are known to seconds and intensities to the
interval, so less than this is within how the two sides were laid out; this project's choice."""
_DUST: Final = 1e-12
"""Share of a sum that floating point may leave where its parts cancel. [-]"""

Verdict = Literal["reduced", "added", "no distinguishable effect", "none: it ran as it would have"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Counterfactual less realised, positive where less was emitted. [kg]

    Args:
        central_kg: with every figure at its centre. [kg]
        p5_kg, p50_kg, p95_kg: of the draws. [kg]
        baseline_kg: what would have been emitted, on the same lines. [kg]
    """

    central_kg: float
    p5_kg: float
    p50_kg: float
    p95_kg: float
    baseline_kg: float

    @property
    def verdict(self) -> Verdict:
        """What may be said: a sign only where nine draws in ten agree on it."""
        if self.central_kg == self.p5_kg == self.p95_kg == 0.0:
            return "none: it ran as it would have"
        if abs(self.p50_kg) < RESOLUTION * self.baseline_kg:
            return "no distinguishable effect"
        if self.p5_kg > 0:
            return "reduced"
        return "added" if self.p95_kg < 0 else "no distinguishable effect"

    @property
    def told(self) -> bool:
        """Whether a figure may be given: of what cannot be told from nothing, none may."""
        return self.verdict != "no distinguishable effect"


def difference(terms: Iterable[Term]) -> Difference:
    """The difference of the two sides with its uncertainty.

    Notes:
        Sum of sign x kg x product of factors over the terms, in each of `DRAWS` draws. A factor is drawn once a
        draw, whatever the number of terms and jobs that share its name: 1 + z (high - 1) above its centre,
        1 + z (1 - low) below, with z normal and 1.96 standard deviations at the ends, cut at its floor.
    """
    by_factors: dict[tuple[Factor, ...], list[float]] = {}
    baseline = 0.0
    for term in terms:
        by_factors.setdefault(term.factors, []).append(term.sign * term.kg)
        baseline += term.kg if term.sign > 0 else 0.0
    nets = {factors: _net(parts) for factors, parts in by_factors.items()}
    drawn: dict[Factor, Floats] = {}
    total = np.zeros(DRAWS)
    for factors, net in nets.items():
        if net:
            total += net * np.prod([drawn.setdefault(each, _draw(each)) for each in factors], axis=0)
    p5, p50, p95 = (float(kg) for kg in np.percentile(total, (5, 50, 95)))
    return Difference(central_kg=_net(list(nets.values())), p5_kg=p5, p50_kg=p50, p95_kg=p95, baseline_kg=baseline)


def _net(parts: list[float]) -> float:
    """The sum of parts, 0 where they cancel but for dust."""
    total = sum(parts)
    return total if abs(total) > _DUST * sum(map(abs, parts)) else 0.0


def _draw(factor: Factor) -> Floats:
    """The factor in each draw: seeded by its name, so that it is the same in every report. [-]"""
    draw = np.random.Generator(np.random.PCG64([SEED, *factor.name.encode()]))
    z = draw.standard_normal(DRAWS) / _HALF_WIDTH_SIGMA
    return np.maximum(factor.floor, 1 + z * np.where(z < 0, 1 - factor.low, factor.high - 1))
