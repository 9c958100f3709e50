"""A plan as machines read it; a figure that is not known is null, never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scheduler.domain.emissions import LINES
from scheduler.domain.estimate import LEVELS
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import Piece
from scheduler.domain.placement import Placement
from scheduler.planning.plan import BASELINE, Candidate, NoPlan, OtherBasis, Plan, Priced, SavingBand, Why
from scheduler.problem.candidates import Rejected
from scheduler.problem.learnt import Learnt


def as_json(plan: Plan) -> dict[str, object]:
    """The plan's contract with machines."""
    saved = plan.saving
    return {
        "policy": plan.policy,
        "now": format_instant(plan.now),
        "basis": str(plan.assembled.basis),
        "sources": list(plan.sources),
        "intensity": [_origin(zone, piece) for zone, pieces in plan.origins.items() for piece in pieces],
        "feasible": plan.feasible,
        "home": plan.assembled.ground.home,
        "deadline": format_instant(plan.deadline),
        "placement": _placement(plan.chosen.placement, plan.zones),
        "finish": format_instant(plan.chosen.placement.finish),
        "suspends": plan.chosen.placement.suspends,
        "emissions_kg": _emissions(plan.chosen),
        "coverage": plan.chosen.coverage,
        "baseline": _baseline(plan.baseline, plan.zones) if plan.baseline else None,
        "saving_kg": saved.kg if saved else None,
        "saving_pct": saved.pct if saved else None,
        "saving_operational_kg": saved.operational_kg if saved else None,
        "saving_operational_pct": saved.operational_pct if saved else None,
        "saving_low_kg": saved.low_kg if saved else None,
        "saving_high_kg": saved.high_kg if saved else None,
        "distinguishable": saved.distinguishable if saved else None,
        "saving_band": _band(plan.band) if plan.band else None,
        "rejected": _rejected(plan.rejected),
        "alternatives": [
            {"policy": other.policy, "total_kg": other.total_kg, "finish": format_instant(other.finish)}
            for other in plan.alternatives
        ],
        "candidates": [_candidate(each) for each in plan.candidates],
        "why": _why(plan.why) if plan.why else None,
        "other_basis": _other(plan.other) if plan.other else None,
        "learnt": _learnt(plan.learnt) if plan.learnt else None,
        "next_decision": format_instant(plan.next_decision) if plan.next_decision else None,
        "warnings": list(plan.warnings),
    }


def no_plan_json(refused: NoPlan) -> dict[str, object]:
    """The same keys where nothing is feasible, with the reason and what to relax."""
    unknown = ("finish", "suspends", "coverage", "baseline", "saving_kg", "saving_pct", "saving_operational_kg")
    more = (
        "saving_operational_pct",
        "saving_low_kg",
        "saving_high_kg",
        "distinguishable",
        "home",
        "deadline",
        "saving_band",
        "why",
        "other_basis",
        "learnt",
        "next_decision",
    )
    return {
        "policy": refused.policy,
        "now": format_instant(refused.now),
        "basis": str(refused.basis),
        "intensity": [],
        "feasible": False,
        "reason": refused.message,
        "relax": list(refused.relax),
        "placement": [],
        "emissions_kg": dict.fromkeys((*LINES, "total", "low", "high")),
        **dict.fromkeys(unknown + more),
        "rejected": _rejected(refused.rejected),
        "alternatives": [],
        "candidates": [],
        "warnings": [refused.message, *refused.relax],
    }


def _origin(zone: str, piece: Piece) -> dict[str, object]:
    """What a stretch of a zone's intensity is."""
    return {
        "zone": zone,
        "start": format_instant(piece.start),
        "end": format_instant(piece.end),
        "kind": piece.kind,
        "source": piece.source.name,
        "issued_at": format_instant(piece.issued_at) if piece.issued_at else None,
    }


def _placement(placement: Placement, zones: Mapping[str, str]) -> list[dict[str, object]]:
    """The segments in order of time."""
    return [
        {
            "cluster": segment.cluster,
            "zone": zones[segment.cluster],
            "start": format_instant(segment.start),
            "end": format_instant(segment.end),
            "gpus": segment.gpus,
        }
        for segment in placement.segments
    ]


def _emissions(priced: Priced) -> dict[str, float | None]:
    """Every line, the total and its range; all null where a part of the time has no intensity. [kg]"""
    low, central, high = (priced.emissions_at(level) for level in LEVELS)
    if low is None or central is None or high is None:
        return dict.fromkeys((*LINES, "total", "low", "high"))
    return {**central.as_dict(), "low": low.total, "high": high.total}


def _baseline(priced: Priced, zones: Mapping[str, str]) -> dict[str, object]:
    """The baseline in the same terms."""
    return {
        "name": BASELINE,
        "placement": _placement(priced.placement, zones),
        "emissions_kg": _emissions(priced),
        "finish": format_instant(priced.placement.finish),
    }


def _band(band: SavingBand) -> dict[str, object]:
    """The quantiles of the saving over the paths that may come."""
    return {
        "p5_kg": band.p5_kg,
        "p50_kg": band.p50_kg,
        "p95_kg": band.p95_kg,
        "p5_pct": band.p5_pct,
        "p50_pct": band.p50_pct,
        "p95_pct": band.p95_pct,
        "paths": band.paths,
    }


def _why(found: Why) -> dict[str, object]:
    """What binds the plan, and how far from the cheapest it is."""
    return {
        "bound_kg": found.bound_kg,
        "gap_kg": found.gap_kg,
        "gap_pct": found.gap_pct,
        "optimal": None if found.gap_kg is None else found.gap_kg == 0,
        "binding": list(found.binding),
        "reliefs": [
            {"constraint": each.constraint, "what": each.what, "saving_kg": each.saving_kg} for each in found.reliefs
        ],
    }


def _other(other: OtherBasis) -> dict[str, object]:
    """The same placements on another basis, by its own name, never in the figures of the plan."""
    return {
        "basis": str(other.basis),
        "sources": list(other.sources),
        "emissions_kg": _emissions(other.chosen) if other.chosen else None,
        "baseline_emissions_kg": _emissions(other.baseline) if other.baseline else None,
        "saving_kg": other.saving.kg if other.saving else None,
        "saving_low_kg": other.saving.low_kg if other.saving else None,
        "saving_high_kg": other.saving.high_kg if other.saving else None,
        "lacking": other.lacking or None,
        "not_moved": list(other.kept),
    }


def _learnt(learnt: Learnt) -> dict[str, object]:
    """The duration by past runs. [s]"""
    return {
        "runs": learnt.runs,
        "duration_s": {model: span.total_seconds() for model, span in learnt.durations.items()},
        "margin_s": learnt.margin.total_seconds(),
    }


def _rejected(rejected: Sequence[Rejected]) -> list[dict[str, str]]:
    """The clusters left out, with their reasons."""
    return [{"cluster": each.cluster, "reason": each.reason} for each in rejected]


def _candidate(candidate: Candidate) -> dict[str, object]:
    """The best of one cluster."""
    best = candidate.best
    return {
        "cluster": candidate.cluster,
        "zone": candidate.zone,
        "mean_g_per_kwh": candidate.mean_g_per_kwh,
        "start": format_instant(best.placement.start) if best else None,
        "finish": format_instant(best.placement.finish) if best else None,
        "emissions_kg": _emissions(best) if best else None,
    }
