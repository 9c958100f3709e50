"""The consequential statement: how much less, or more, was emitted than at home, and whether that can be told.

On an average intensity the difference is an allocated one; nothing is called avoided without a marginal signal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from scheduler.domain.intensity import Floats
from scheduler.records.factors import Factor
from scheduler.records.terms import Term

DRAWS: Final = 10_000
SEED: Final = 20221105
"""Printed with every result, so that anyone can draw the same numbers."""
_HALF_WIDTH_SIGMA: Final = 1.959963984540054
"""Standard deviations in a 95 % half-width of a normal distribution."""
RESOLUTION: Final = 0.005
"""Least share of the baseline of what differs that is called an effect [-]: starts are known to seconds and
intensities to the interval, so less than this is within how the two sides were laid out; this project's choice."""
_DUST: Final = 1e-12
"""Share of a sum that floating point may leave where its parts cancel. [-]"""
_KEPT: Final = 256
"""Products of factors that are kept: those of a period's few clusters, zones and years, in 20 MB."""

Verdict = Literal["reduced", "added", "no distinguishable effect", "none: it ran as it would have"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Counterfactual less realised, positive where less was emitted. [kg]

    Args:
        central_kg: with every figure at its centre. [kg]
        p5_kg, p50_kg, p95_kg: of the draws. [kg]
        baseline_kg: what would have been emitted, on the same lines. [kg]
        resolution_kg: less than this is within how the two sides were laid out. [kg]
    """

    central_kg: float
    p5_kg: float
    p50_kg: float
    p95_kg: float
    baseline_kg: float
    resolution_kg: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What may be said: a sign only where nine draws in ten agree on it."""
        if self.central_kg == self.p5_kg == self.p95_kg == 0.0:
            return "none: it ran as it would have"
        if abs(self.p50_kg) < self.resolution_kg:
            return "no distinguishable effect"
        if self.p5_kg > 0:
            return "reduced"
        return "added" if self.p95_kg < 0 else "no distinguishable effect"

    @property
    def told(self) -> bool:
        """Whether a figure may be given: of what cannot be told from nothing, none may."""
        return self.verdict != "no distinguishable effect"


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one report: each factor is drawn once, and every job that it is in shares its draws.

    A factor's generator is seeded with its name, so that another job in the report leaves the draws as they were.
    """

    _normals: dict[str, Floats] = field(default_factory=dict, repr=False)
    _products: dict[tuple[Factor, ...], Floats] = field(default_factory=dict, repr=False)

    def of(self, factor: Factor) -> Floats:
        """The factor in each draw, shape [`DRAWS`]. [-]

        Notes:
            A normal one is 1 + z (high - 1) above its centre and 1 + z (1 - low) below it, with z normal and 1.96
            standard deviations at the ends, cut at its floor. A triangular one has its mode at 1.
        """
        if factor.shape == "triangular":
            return _triangular(factor, _generator(factor))
        if factor.name not in self._normals:
            self._normals[factor.name] = _generator(factor).standard_normal(DRAWS) / _HALF_WIDTH_SIGMA
        z = self._normals[factor.name]
        return np.maximum(factor.floor, 1 + z * np.where(z < 0, 1 - factor.low, factor.high - 1))

    def product(self, factors: tuple[Factor, ...]) -> Floats:
        """The product of factors in each draw, shape [`DRAWS`]. [-]"""
        known = self._products.get(factors)
        if known is not None:
            return known
        made = np.ones(DRAWS)
        for each in factors:
            made *= self.of(each)
        if len(self._products) < _KEPT:
            self._products[factors] = made
        return made


def difference(terms: Iterable[Term], draws: Draws | None = None) -> Difference:
    """The difference of the two sides of one job with its uncertainty.

    Args:
        terms: of both sides.
        draws: those of the report, None to draw anew: the figures are the same.
    """
    return total_difference([terms], draws)


def total_difference(jobs: Iterable[Iterable[Term]], draws: Draws | None = None) -> Difference:
    """The difference of many jobs together: the sum is inside each draw, so that what they share is not averaged away.

    Notes:
        Sum of sign x kg x product of factors over the terms, in each of `DRAWS` draws. A factor is drawn once a
        draw, whatever the number of terms and jobs that share its name.
    """
    nets: dict[tuple[Factor, ...], list[float]] = {}
    baseline = differing = 0.0
    for terms in jobs:
        own, baseline_kg = _nets(terms)
        baseline += baseline_kg
        if any(own.values()):
            differing += baseline_kg
            for factors, net in own.items():
                nets.setdefault(factors, []).append(net)
    central, total = _sums(nets, draws or Draws())
    p5, p50, p95 = (0.0, 0.0, 0.0) if total is None else percentiles(total)
    return Difference(
        central_kg=central,
        p5_kg=p5,
        p50_kg=p50,
        p95_kg=p95,
        baseline_kg=baseline,
        resolution_kg=RESOLUTION * differing,
    )


def percentiles(drawn: Floats) -> tuple[float, float, float]:
    """P5, P50 and P95 of draws, linear between them.

    Sorting all of them is several times as fast as asking numpy for three, and each of many jobs asks.
    """
    ordered = np.sort(drawn)
    return _at(ordered, 0.05), _at(ordered, 0.5), _at(ordered, 0.95)


def _at(ordered: Floats, share: float) -> float:
    """The value below which a share of ordered draws lies."""
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 2)
    return float(ordered[below] + (place - below) * (ordered[below + 1] - ordered[below]))


def _sums(parts: dict[tuple[Factor, ...], list[float]], draws: Draws) -> tuple[float, Floats | None]:
    """The central sum, and the sum in each draw; None for that where nothing is left. [kg]"""
    nets = {factors: net for factors, each in parts.items() if (net := _net(each))}
    if not nets:
        return 0.0, None
    total = np.zeros(DRAWS)
    for factors, net in nets.items():
        total += net * draws.product(factors)
    return _net(list(nets.values())), total


def drawn_total(jobs: Iterable[Iterable[Term]], draws: Draws) -> Floats:
    """The sum of the terms of jobs in each draw, shape [`DRAWS`]. [kg]"""
    parts: dict[tuple[Factor, ...], list[float]] = {}
    for term in (term for terms in jobs for term in terms):
        parts.setdefault(term.factors, []).append(term.sign * term.kg)
    _, total = _sums(parts, draws)
    return np.zeros(DRAWS) if total is None else total


def _nets(terms: Iterable[Term]) -> tuple[dict[tuple[Factor, ...], float], float]:
    """What is left of one job's terms by what they are proportional to, and its baseline. [kg]"""
    by_factors: dict[tuple[Factor, ...], list[float]] = {}
    baseline = 0.0
    for term in terms:
        by_factors.setdefault(term.factors, []).append(term.sign * term.kg)
        baseline += term.kg if term.sign > 0 else 0.0
    return {factors: _net(parts) for factors, parts in by_factors.items()}, baseline


def _net(parts: list[float]) -> float:
    """The sum of parts, 0 where they cancel but for dust."""
    total = sum(parts)
    return total if abs(total) > _DUST * sum(map(abs, parts)) else 0.0


def _generator(factor: Factor) -> np.random.Generator:
    """The generator of a factor."""
    return np.random.Generator(np.random.PCG64([SEED, *factor.name.encode()]))


def _triangular(factor: Factor, generator: np.random.Generator) -> Floats:
    """Draws between the ends of a factor with its mode at 1. [-]"""
    if factor.low == factor.high:
        return np.ones(DRAWS)
    return generator.triangular(factor.low, 1.0, factor.high, DRAWS)
