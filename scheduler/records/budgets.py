"""The operator's word on what a project may emit in a month: dated, with a share to warn at, and a hold if asked for.

A budget is held against what the month's hours emitted and what is planned of them; it never stops what runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import parse_instant
from scheduler.domain.placement import Segment
from scheduler.domain.said import Said
from scheduler.records.dated import by_project
from scheduler.records.settlement import Span

Standing = Literal["within", "warning", "over"]

WARN_AT_PCT: Final = 80.0
"""Of a budget that does not say. [%]"""
HELD: Final = "held: the budget of "
"""How the reason of a job begins that a budget holds."""
_ALWAYS: Final = datetime(1, 1, 1, tzinfo=UTC)
_ALL_PCT: Final = 100.0
_HINT: Final = "write them as 'PROJECT = 120 hold; PROJECT = 2026-01-01 300 warn 70, 2026-06-01 250 hold'"
_DAY: Final = len("2026-01-01")
_KEYS: Final = ("kg_per_month", "warn_at_pct", "hold_at_limit")
_FLAGS: Final[Mapping[object, bool]] = {"yes": True, "no": False, True: True, False: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a project may emit in a month.

    Args:
        kg_per_month: the limit. [kg]
        warn_at_pct: share of it from which it is warned. [%]
        hold: whether new jobs are held that would take the month over it.
    """

    kg_per_month: float
    warn_at_pct: float = WARN_AT_PCT
    hold: bool = False

    def __post_init__(self) -> None:
        """Refuse what bounds nothing."""
        if not (math.isfinite(self.kg_per_month) and self.kg_per_month > 0):
            raise InvalidInput(f"a budget of {self.kg_per_month:g} kg a month", hint="write kilograms over 0")
        if not 0 < self.warn_at_pct <= _ALL_PCT:
            raise InvalidInput(f"a warning at {self.warn_at_pct:g} %", hint="write per cent, over 0 and at most 100")

    def __str__(self) -> str:
        """The words that `parse_budgets` reads."""
        return f"{self.kg_per_month:g} warn {self.warn_at_pct:g}{' hold' if self.hold else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Budgets by project, each with the instant from which it is one, in order of time."""

    by_project: Mapping[str, tuple[tuple[datetime, Budget], ...]] = field(default_factory=dict)

    def of(self, project: str, at: datetime) -> Budget | None:
        """The budget of a project at an instant; None where the operator has set none for it."""
        named = [budget for since, budget in self.by_project.get(project, ()) if since <= at]
        return named[-1] if named else None

    def in_force(self, at: datetime) -> dict[str, Budget]:
        """Every budget at an instant, by project."""
        found = {project: self.of(project, at) for project in sorted(self.by_project)}
        return {project: budget for project, budget in found.items() if budget is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a project has used of its budget in a month.

    Args:
        month: its name, such as ``2026-03``.
        realised_kg: what its hours emitted so far, by the newest accounts. [kg]
        projected_kg: what is planned of the rest of the month, by jobs that run or wait. [kg]
        unknown: jobs that ran in it or are planned in it, and cannot be priced: the sums are too low by those.
        held: jobs that the budget holds.
    """

    project: str
    month: str
    budget: Budget
    realised_kg: float
    projected_kg: float
    unknown: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def total_kg(self) -> float:
        """What the month comes to by what is known. [kg]"""
        return self.realised_kg + self.projected_kg

    @property
    def used_pct(self) -> float:
        """The same as a share of the budget. [%]"""
        return _ALL_PCT * self.total_kg / self.budget.kg_per_month

    @property
    def standing(self) -> Standing:
        """How it stands: at the limit itself nothing is over."""
        if self.total_kg > self.budget.kg_per_month:
            return "over"
        return "warning" if self.used_pct >= self.budget.warn_at_pct else "within"

    def has_room(self, more_kg: float | None) -> bool:
        """Whether so much more [kg] fits; None, what nobody can price, fits until the limit is reached."""
        if more_kg is None:
            return self.total_kg < self.budget.kg_per_month
        return self.total_kg + more_kg <= self.budget.kg_per_month


def held_why(use: Use, more_kg: float | None) -> str:
    """Why a job is held that would emit so much in the month. [kg]"""
    more = "what nobody can price" if more_kg is None else f"{more_kg:.3g} kg of this job"
    return (
        f"{HELD}{use.project} for {use.month} is {use.budget.kg_per_month:g} kg CO2e: "
        f"{use.realised_kg:.3g} kg emitted, {use.projected_kg:.3g} kg planned, and {more}"
    )


def use_json(use: Use) -> dict[str, object]:
    """A project's month as plain data."""
    return {
        "project": use.project,
        "month": use.month,
        "kg_per_month": use.budget.kg_per_month,
        "warn_at_pct": use.budget.warn_at_pct,
        "hold_at_limit": use.budget.hold,
        "realised_kg": use.realised_kg,
        "projected_kg": use.projected_kg,
        "total_kg": use.total_kg,
        "used_pct": use.used_pct,
        "standing": use.standing,
        "unknown": list(use.unknown),
        "held": list(use.held),
    }


def use_text(use: Use) -> Said:
    """A project's month in a line."""
    many, held = len(use.unknown), len(use.held)
    return Said(
        "budget of {project} for {month}: {spent:.3g} kg CO2e emitted, {planned:.3g} kg planned, of {limit:g} kg "
        "({used:.0f} %){standing}{unknown}{held}",
        project=use.project,
        month=use.month,
        spent=use.realised_kg,
        planned=use.projected_kg,
        limit=use.budget.kg_per_month,
        used=use.used_pct,
        standing=_STANDINGS[use.standing],
        unknown=Said("; {count} jobs cannot be priced and are not in it", count=many) if many else "",
        held=Said("; holds {count} jobs", count=held) if held else "",
    )


_STANDINGS: Final = {"within": "", "warning": Said(": WARNING"), "over": Said(": OVER")}


def planned_kg(total_kg: float | None, segments: Sequence[Segment], span: Span) -> float | None:
    """What of a plan falls into a span, by its share of the plan's GPU-hours; None where it has no price. [kg]

    Args:
        total_kg: of the whole plan; None where a part of it has no intensity. [kg]
        segments: of the plan.
        span: since and until.
    """
    whole = sum((each.end - each.start).total_seconds() * each.gpus for each in segments)
    inside = sum(
        max(0.0, (min(each.end, span[1]) - max(each.start, span[0])).total_seconds()) * each.gpus for each in segments
    )
    if inside == 0:
        return 0.0
    return None if total_kg is None else total_kg * inside / whole


def parse_budgets(text: str) -> Budgets:
    """The budgets that a text says: ``PROJECT = [DATE] KG [warn PCT] [hold], ...``, projects apart by semicolons.

    Raises:
        InvalidInput: it cannot be meant, or one project has two budgets from one instant on.
    """
    return Budgets(by_project=by_project(text, "budgets", _dated, hint=_HINT))


def budgets_text(value: object) -> str:
    """The text of what a settings file says: by project its keys, or by date its keys from then on."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise InvalidInput(f"{value!r} are no budgets", hint="write under each project 'kg_per_month: 120'")
    entries = []
    for project, said in value.items():
        if not isinstance(said, dict) or not said:
            raise InvalidInput(f"the budget of {project} says nothing", hint="write 'kg_per_month: 120' under it")
        dated = {"": said} if any(key in said for key in _KEYS) else said
        entries.append(f"{project} = {', '.join(_words(project, since, each) for since, each in dated.items())}")
    return "; ".join(entries)


def _words(project: str, since: str, said: object) -> str:
    """The text of one budget of a file."""
    if not isinstance(said, dict) or set(said) - set(_KEYS) or "kg_per_month" not in said:
        raise InvalidInput(f"the budget of {project}: {said!r} is none", hint=f"its keys are {', '.join(_KEYS)}")
    hold = said.get("hold_at_limit", False)
    if hold not in _FLAGS:
        raise InvalidInput(f"the budget of {project}: hold_at_limit is {hold!r}", hint="write yes or no")
    warn = f"warn {said['warn_at_pct']}" if "warn_at_pct" in said else ""
    return " ".join(filter(None, (str(since), str(said["kg_per_month"]), warn, "hold" if _FLAGS[hold] else "")))


def _dated(text: str, project: str) -> tuple[datetime, Budget]:
    """A budget with its date, a day in UTC or an instant; of always where it has none."""
    words = text.split()
    since = _ALWAYS
    if words and "-" in words[0][1:]:
        first = words.pop(0)
        since = parse_instant(f"{first}T00:00:00Z" if len(first) == _DAY else first, what=f"budgets of {project}")
    hold = bool(words) and words[-1] == "hold"
    words = words[:-1] if hold else words
    match words:
        case [kg]:
            return since, Budget(kg_per_month=_number(kg, project), hold=hold)
        case [kg, "warn", share]:
            return since, Budget(kg_per_month=_number(kg, project), warn_at_pct=_number(share, project), hold=hold)
        case _:
            raise InvalidInput(f"budgets: {project}: {text.strip()!r} is no budget", hint=_HINT)


def _number(text: str, project: str) -> float:
    """A number of a budget."""
    try:
        return float(text)
    except ValueError as exc:
        raise InvalidInput(f"budgets: {project}: {text!r} is no number", hint=_HINT) from exc
