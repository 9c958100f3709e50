"""The consequential statement: how much less, or more, was emitted than at home, and whether that can be told.

Only what the choice of place and time changed enters: dynamic energy with its facility share, transfers, and
the overheads that shifting caused. Embodied and idle stay out: the hardware exists in both worlds, and no
node is known to have been switched off. On an average intensity the difference is an allocated one; nothing
is called avoided without a marginal signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import UNSTATED_RANGE, Floats

DRAWS: Final = 10_000
SEED: Final = 20221105
"""Printed with every result, so that anyone can draw the same numbers."""
_HALF_WIDTH_SIGMA: Final = 1.959963984540054
"""Standard deviations in a 95 % half-width of a normal distribution."""
MODELLED_ENERGY_RANGE: Final = 0.30
"""Half-width of an energy that was modelled and not metered [-]: real A100s average 42 to 48 % of their
nameplate (Hu et al., NSDI 2024, two clusters), so a nameplate model can be far off; this project's choice."""
PUE_RANGE: Final = 0.1
"""Half-width of a stated PUE, absolute. [-]"""

RESOLUTION: Final = 0.005
"""Least share of the baseline that is called an effect [-]: starts are known to seconds and intensities to the
interval, so less than this is within how the two sides were laid out; this project's choice."""

Verdict = Literal["reduced", "added", "no distinguishable effect", "none: it ran as it would have"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Something emitted on one side: +1 for what would have happened, -1 for what did.

    Args:
        it_kg: emissions of its IT energy, before the PUE. [kg]
        has_pue: whether the facility share comes on top.
    """

    sign: Literal[1, -1]
    cluster: str
    zone: str
    it_kg: float
    has_pue: bool = True


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
        if self.p5_kg == self.p95_kg == 0.0:
            return "none: it ran as it would have"
        if abs(self.p50_kg) < RESOLUTION * abs(self.baseline_kg):
            return "no distinguishable effect"
        if self.p5_kg > 0:
            return "reduced"
        return "added" if self.p95_kg < 0 else "no distinguishable effect"


def difference(terms: Sequence[Term], clusters: Mapping[str, Cluster]) -> Difference:
    """The difference of the two sides with its uncertainty.

    One draw per parameter is shared by both sides and by all jobs: energy, intensity by zone, PUE by cluster.
    """
    draw = np.random.Generator(np.random.PCG64(SEED))
    energy = _normal(draw, MODELLED_ENERGY_RANGE)
    by_zone = {zone: _normal(draw, UNSTATED_RANGE) for zone in sorted({t.zone for t in terms})}
    by_cluster = {}
    for name in sorted({t.cluster for t in terms}):
        pue = clusters[name].stated_pue.central
        by_cluster[name] = np.maximum(1.0, pue + PUE_RANGE * draw.standard_normal(DRAWS) / _HALF_WIDTH_SIGMA)
    total, central = np.zeros(DRAWS), 0.0
    for term in terms:
        central += term.sign * term.it_kg * (clusters[term.cluster].stated_pue.central if term.has_pue else 1.0)
        facility = by_cluster[term.cluster] if term.has_pue else 1.0
        total += term.sign * term.it_kg * energy * by_zone[term.zone] * facility
    return _cancelled(terms, central, total)


def _cancelled(terms: Sequence[Term], central: float, total: Floats) -> Difference:
    """The difference, with the dust of floating point removed where both sides are the same."""
    baseline = sum(t.it_kg for t in terms if t.sign > 0)
    if np.abs(total).max() <= sum(abs(t.it_kg) for t in terms) * 1e-12:
        return Difference(central_kg=0.0, p5_kg=0.0, p50_kg=0.0, p95_kg=0.0, baseline_kg=baseline)
    p5, p50, p95 = (float(p) for p in np.percentile(total, (5, 50, 95)))
    return Difference(central_kg=central, p5_kg=p5, p50_kg=p50, p95_kg=p95, baseline_kg=baseline)


def _normal(draw: np.random.Generator, half_width: float) -> Floats:
    """Factors around 1, cut at 0. [-]"""
    return np.maximum(0.0, 1.0 + half_width * draw.standard_normal(DRAWS) / _HALF_WIDTH_SIGMA)
