"""What a plan for people says of its limits: how far from the cheapest it is, what binds it, and the other basis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.console import table
from cli.plan_masses import kg

if TYPE_CHECKING:
    from scheduler.planning.plan import OtherBasis, Plan, Priced, Relief, Why

_INDENT: Final = "  "


def why_lines(why: Why) -> list[str]:
    """How far from the cheapest, and what giving way would save."""
    return [f"{_INDENT}{_bound(why)}", *(f"{_INDENT}{_relief(each)}" for each in why.reliefs)]


def _bound(why: Why) -> str:
    """The plan beside what no feasible placement is under."""
    if why.bound_kg is None or why.gap_kg is None:
        return "nobody knows how far from the cheapest this is: hours without intensity are in it"
    if why.gap_kg == 0:
        return f"optimal: no feasible placement is under {kg(why.bound_kg)} kg on the same forecast"
    share = "" if why.gap_pct is None else f" ({abs(why.gap_pct):.1f} %)"
    if not why.reached:
        gap = f"at most {kg(why.gap_kg)} kg{share} over the cheapest"
        return f"{gap}: no feasible placement is under {kg(why.bound_kg)} kg"
    word = "over" if why.gap_kg > 0 else "UNDER, for it breaks a constraint,"
    return f"{kg(abs(why.gap_kg))} kg{share} {word} the cheapest feasible placement, {kg(why.bound_kg)} kg"


def _relief(relief: Relief) -> str:
    """One constraint, and what its giving way would save."""
    if relief.saving_kg is None:
        return f"{relief.constraint}: what {relief.what} would save is not known"
    if relief.saving_kg == 0:
        return f"{relief.constraint}: does not bind, {relief.what} would save nothing"
    return f"{relief.constraint}: binds, {relief.what} would save {kg(relief.saving_kg)} kg"


def other_lines(plan: Plan) -> list[str]:
    """The plan and its baseline on another basis, each basis with a column and a unit of its own."""
    other = plan.other
    if other is None:
        return []
    heading = f"The same on another basis, from {', '.join(other.sources)}; the two are not added or compared"
    own, beside = f"{plan.assembled.basis} [kg {_gas(plan)}]", f"{other.basis} [kg {other.basis.gas}]"
    if other.chosen is None:
        return [heading, f"{_INDENT}{other.basis}: {other.lacking}"]
    rows = [(plan.policy, _total(plan.chosen), _total(other.chosen))]
    if plan.baseline is not None:
        rows.append(("baseline", _total(plan.baseline), _total(other.baseline)))
    lines = [f"{_INDENT}{line}" for line in table(("", own, beside), rows).splitlines()]
    return [heading, *lines, *_saving(other)]


def _gas(plan: Plan) -> str:
    """What the plan's own figures weigh."""
    return plan.assembled.basis.gas


def _saving(other: OtherBasis) -> list[str]:
    """What the plan saves on the other basis, with its range."""
    saved = other.saving
    if saved is None:
        return [f"{_INDENT}{other.lacking}"] if other.lacking else []
    word = "less" if saved.kg >= 0 else "MORE"
    span = f"{kg(saved.low_kg)} to {kg(saved.high_kg)} kg less"
    return [f"{_INDENT}On '{other.basis}' it emits {kg(abs(saved.kg))} kg {word} than the baseline ({span})."]


def _total(priced: Priced | None) -> str:
    """The total of a placement, a dash where a part is unknown."""
    emissions = None if priced is None else priced.emissions
    return "-" if emissions is None else kg(emissions.total)
