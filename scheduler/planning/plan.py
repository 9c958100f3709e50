"""A plan: a placement with its price, the baseline beside it, and the reasons that others were not chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scheduler.domain.basis import Basis
from scheduler.domain.emissions import Emissions
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import Piece
from scheduler.domain.placement import Placement
from scheduler.problem.assemble import Assembled
from scheduler.problem.candidates import Rejected
from scheduler.problem.learnt import Learnt
from scheduler.problem.pricing import Price

BASELINE: Final = "run-now"
"""The policy whose placement a plan is compared with: home, as soon as the GPUs are free."""
FULL: Final = 1 - 1e-9
"""A coverage from here on is full: sums of hours differ by rounding. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A placement with its price at each level of the uncertain figures.

    Args:
        placement: where and when.
        prices: low, central, high; of the same placement.
    """

    placement: Placement
    prices: Mapping[Level, Price]

    @property
    def coverage(self) -> float:
        """Share of its GPU-hours whose intensity is known. [-]"""
        return self.prices["central"].coverage

    @property
    def emissions(self) -> Emissions | None:
        """Central emissions by line; None where a part of its time has no intensity. [kg]"""
        return self.emissions_at("central")

    def emissions_at(self, level: Level) -> Emissions | None:
        """Emissions by line at a level; None where a part of its time has no intensity. [kg]"""
        return self.prices[level].emissions if self.coverage >= FULL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """How much less a plan emits than its baseline; negative where it emits more.

    Args:
        kg: all lines, central. [kg]
        pct: the same of the baseline's total; None where that is 0. [%]
        operational_kg: all lines but embodied. [kg]
        operational_pct: the same of the baseline's operational part. [%]
        low_kg: least within the ranges, see `scheduler.planning.saving`. [kg]
        high_kg: most within them. [kg]
        distinguishable: whether the ranges keep the sign of `kg`, and it is no trifle.
    """

    kg: float
    pct: float | None
    operational_kg: float
    operational_pct: float | None
    low_kg: float
    high_kg: float
    distinguishable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingBand:
    """What the saving comes to if the grid does what it did instead of the forecast before: quantiles over whole paths.

    Args:
        p5_kg, p50_kg, p95_kg: a twentieth of the paths save less than the first, half less than the second. [kg]
        p5_pct, p50_pct, p95_pct: the same of what the baseline emits on that path; None where that is 0. [%]
        paths: how many paths.
    """

    p5_kg: float
    p50_kg: float
    p95_kg: float
    p5_pct: float | None
    p50_pct: float | None
    p95_pct: float | None
    paths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What another policy would have done; the total is None where it is not known. [kg]"""

    policy: str
    total_kg: float | None
    finish: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The best uninterrupted run on one cluster.

    Args:
        cluster: its name.
        zone: its grid zone.
        mean_g_per_kwh: mean intensity over that run, None where a part is unknown. [g/kWh]
        best: that run; None where none fits before the deadline.
    """

    cluster: str
    zone: str
    mean_g_per_kwh: float | None
    best: Priced | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """A constraint, and what it would save if it alone gave way.

    Args:
        constraint: deadline, capacity, calendar or allowed clusters.
        what: how it would give way.
        saving_kg: by how much the optimum falls; 0 where it does not bind, None where nobody knows. [kg]
    """

    constraint: str
    what: str
    saving_kg: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a plan is no better.

    Args:
        bound_kg: what no feasible placement is under, on the job's objective; None where it is not known. [kg]
        gap_kg: how much the plan is over it; under 0 for one that breaks a constraint. [kg]
        gap_pct: the same of the bound; None where that is 0. [%]
        reliefs: what giving way would save, one constraint at a time.
        reached: whether a placement is known that costs the bound; else the gap is the most that it can be.
    """

    bound_kg: float | None
    gap_kg: float | None
    gap_pct: float | None
    reliefs: tuple[Relief, ...]
    reached: bool = True

    @property
    def binding(self) -> tuple[str, ...]:
        """The constraints that stand in the way of less, each once."""
        return tuple(dict.fromkeys(each.constraint for each in self.reliefs if each.saving_kg))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBasis:
    """The plan and its baseline on another basis: shown beside, never added to or compared with the plan's own kg.

    Args:
        basis: what its intensities mean.
        sources: where they come from.
        chosen: the plan on it; None where a zone of it has none.
        baseline: the baseline on it, with the same clusters.
        saving: of the one beside the other.
        lacking: why there is no price of the plan, or else none of its baseline; empty where there are both.
        kept: the zones that the job was not moved to because this price opposes, each with why.
    """

    basis: Basis
    sources: tuple[str, ...]
    chosen: Priced | None
    baseline: Priced | None
    saving: Saving | None
    lacking: str = ""
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What one policy decided for a job, and why.

    Args:
        policy: its name.
        assembled: the problem that was decided on, every figure central.
        zones: the grid zone of every cluster.
        origins: where the intensity of each zone comes from, stretch by stretch.
        chosen: the placement.
        breaches: the constraints that it breaks, empty for a feasible plan.
        baseline: what `BASELINE` would do; None where it cannot.
        saving: beside the baseline; None where one of the two has no known price.
        band: the same over paths that may come; None where no errors of past forecasts are known.
        alternatives: what the other policies would do.
        candidates: the best of each cluster that can take the job.
        warnings: what a reader has to know to judge the figures.
        why: what binds it and how far from the cheapest it is; None where that was not asked.
        other: the same placements on another basis; None where none is at hand.
        learnt: the duration by past runs, for a job that states none.
        next_decision: when a policy without forecast decides again; what lies behind it does not bind.
    """

    policy: str
    assembled: Assembled
    zones: Mapping[str, str]
    origins: Mapping[str, tuple[Piece, ...]]
    chosen: Priced
    breaches: tuple[str, ...]
    baseline: Priced | None
    saving: Saving | None
    alternatives: tuple[Alternative, ...]
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]
    band: SavingBand | None = None
    why: Why | None = None
    other: OtherBasis | None = None
    learnt: Learnt | None = None
    next_decision: datetime | None = None

    @property
    def now(self) -> datetime:
        """The moment of decision."""
        return self.assembled.problem.surface.origin

    @property
    def deadline(self) -> datetime:
        """The work is to be complete by this, inclusive; the plan may keep a margin before it."""
        return self.assembled.limits.promised

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the intensities come from, each name once."""
        return tuple(dict.fromkeys(piece.source.name for pieces in self.origins.values() for piece in pieces))

    @property
    def feasible(self) -> bool:
        """Whether the placement keeps every constraint."""
        return not self.breaches

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The clusters that cannot take the job."""
        return self.assembled.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlan:
    """Why no placement keeps every constraint, and what to relax.

    Args:
        policy: the policy that was asked.
        now: the moment of decision.
        basis: of the intensities.
        message: what stands in the way.
        relax: each way out, by how much.
        rejected: the clusters that cannot take the job, with reasons.
    """

    policy: str
    now: datetime
    basis: Basis
    message: str
    relax: tuple[str, ...]
    rejected: tuple[Rejected, ...]
