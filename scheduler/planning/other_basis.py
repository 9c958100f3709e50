"""A plan on another basis than its own: beside it, and in the way of a move that the marginal price opposes.

An average says what a region's electricity emits, a marginal figure what one more load there changes. The two are not
compared as numbers: each makes its own saving, and only the signs are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from scheduler.domain.errors import Infeasible
from scheduler.domain.estimate import LEVELS
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.placement import Placement
from scheduler.planning.plan import OtherBasis, Priced, Saving
from scheduler.planning.saving import Levels, less_kg, saving
from scheduler.planning.situation import Situation
from scheduler.problem.assemble import Assembled, basis_of
from scheduler.problem.narrow import only_on
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem

Place = Callable[[Problem], Placement]


def on_other_basis(
    situation: Situation, central: Assembled, chosen: Placement, baseline: Placement | None, kept: tuple[str, ...]
) -> OtherBasis | None:
    """The plan and its baseline priced on the situation's other basis; None where that has no series.

    Args:
        situation: what the plan was made from.
        central: its problem.
        chosen: the plan; baseline: what it is compared with, None where there is none.
        kept: why the job was not moved, a line each.
    """
    if not situation.other:
        return None
    basis = basis_of(situation.other)
    lacking = _lacking(situation, situation.other, chosen)
    names = (piece.source.name for series in situation.other.values() for piece in series.origins)
    sources = tuple(dict.fromkeys(names))
    if lacking:
        why = f"no intensity of {', '.join(lacking)}"
        return OtherBasis(basis=basis, sources=sources, chosen=None, baseline=None, saving=None, lacking=why, kept=kept)
    nowhere = _lacking(situation, situation.other, baseline) if baseline is not None else []
    baseline = None if nowhere else baseline
    levels = _levels(situation, central, situation.other, (chosen, *([baseline] if baseline else [])))
    ours = _priced(chosen, levels)
    theirs = _priced(baseline, levels) if baseline is not None else None
    return OtherBasis(
        basis=basis,
        sources=sources,
        chosen=ours,
        baseline=theirs,
        saving=saving(ours, theirs, levels, levels) if theirs is not None else None,
        lacking=f"no intensity of {', '.join(nowhere)}" if nowhere else "",
        kept=kept,
    )


def unopposed(
    situation: Situation, central: Assembled, place: Place, chosen: Placement
) -> tuple[Placement, tuple[str, ...]]:
    """The placement without the moves that the marginal price opposes by more than its interval, and which those were.

    Notes:
        A placement that leaves the home zone is laid beside the policy's own one that stays: where the marginal saving
        of the first over the second is under 0 at both ends of its interval, the zones it moves to are shut, and the
        policy places again. Shifting in time at home is never in question.
        A move that the deadline needs, because nothing fits at home, is left as it is.
    """
    other, problem = situation.other, central.problem
    if situation.allow_opposed or problem.home is None or not other or basis_of(other).signal != "marginal":
        return chosen, ()
    if central.basis.signal == "marginal":
        return chosen, ()
    zones = [cluster.zone for cluster in central.ground.rows]
    stays = {zones[row] for row in (problem.home, problem.resumed_from) if row is not None}
    if not _zones(situation, chosen) - stays:
        return chosen, ()
    at_home = _placed(place, problem, zones, stays)
    open_zones, kept = set(zones), list[str]()
    while at_home is not None:
        away = _zones(situation, chosen) - stays
        effect = _moved(situation, central, other, (chosen, at_home)) if away else None
        if effect is None or effect.high_kg >= 0:
            break
        kept.append(
            f"not moved to {', '.join(sorted(away))}: on '{basis_of(other)}' that emits {-effect.kg:.3g} kg more than "
            f"staying ({-effect.high_kg:.3g} to {-effect.low_kg:.3g})"
        )
        open_zones -= away
        chosen = _placed(place, problem, zones, open_zones) or at_home
    return chosen, tuple(kept)


def opposed(other: OtherBasis | None, chosen: Priced, baseline: Priced | None) -> tuple[str, ...]:
    """That the plan saves on one basis and costs on the other, and which moves were left out for that."""
    if other is None:
        return ()
    said = list(other.kept)
    ours, theirs = chosen.emissions, baseline.emissions if baseline else None
    if other.saving is not None and ours is not None and theirs is not None:
        here, there = less_kg(theirs.total, ours.total), other.saving.kg
        if here * there < 0:
            word = "saves" if here > 0 else "costs"
            sure = other.saving.low_kg * other.saving.high_kg > 0
            range_ = f"{other.saving.low_kg:.3g} to {other.saving.high_kg:.3g} kg less" if sure else "within its range"
            said.append(f"the plan {word} on its own basis, and the other way round on '{other.basis}': {range_}")
    return tuple(said)


def _placed(place: Place, problem: Problem, zones: list[str], inside: Collection[str]) -> Placement | None:
    """What the policy does with the clusters of some zones alone; None where nothing fits there."""
    try:
        return place(only_on(problem, [row for row, zone in enumerate(zones) if zone in inside]))
    except Infeasible:
        return None


def _moved(
    situation: Situation,
    central: Assembled,
    other: Mapping[str, IntensitySeries],
    placements: tuple[Placement, Placement],
) -> Saving | None:
    """What the first of two placements saves beside the second on the other basis; None where that is not known."""
    if any(_lacking(situation, other, placement) for placement in placements):
        return None
    levels = _levels(situation, central, other, placements)
    chosen, at_home = (_priced(placement, levels) for placement in placements)
    return saving(chosen, at_home, levels, levels)


def _levels(
    situation: Situation,
    central: Assembled,
    other: Mapping[str, IntensitySeries],
    placements: tuple[Placement, ...],
) -> Levels:
    """The same problem at each level on the other basis, with the clusters of some placements."""
    names = dict.fromkeys(segment.cluster for placement in placements for segment in placement.segments)
    on = replace(
        situation,
        intensity=other,
        allowed=tuple(names),
        operator_home=central.ground.home,
        resumed_from=None,
        history=None,
    )
    return {level: on.at(level) for level in LEVELS}


def _priced(placement: Placement, levels: Levels) -> Priced:
    """A placement with its price at each level."""
    return Priced(placement=placement, prices={level: price(levels[level].problem, placement) for level in LEVELS})


def _lacking(situation: Situation, other: Mapping[str, IntensitySeries], placement: Placement) -> list[str]:
    """The zones of a placement that have no series on the other basis."""
    return sorted(zone for zone in _zones(situation, placement) if zone not in other)


def _zones(situation: Situation, placement: Placement) -> set[str]:
    """The grid zones that a placement runs in."""
    used = {segment.cluster for segment in placement.segments}
    return {cluster.zone for cluster in situation.clusters if cluster.name in used}
