"""The figures of a period that is closed: what its projects emitted in it, and what nobody's idle hardware did.

Hours count where they lie, so a job that straddles the end of a period has a part in each. Simulated clusters are
listed and never in the total.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scheduler.domain.basis import Basis
from scheduler.domain.emissions import NOTHING, Emissions
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import format_instant
from scheduler.domain.said import Said
from scheduler.records.accounts import Account
from scheduler.records.periods_calendar import Period
from scheduler.records.settlement import Status, status_of
from scheduler.records.statements import Figures
from scheduler.reporting.stated import METHOD

NO_PROJECT: Final = "(none)"
"""Stands for the project of jobs that have none."""
_DUST: Final = 1e-9
"""Share of a sum that floating point may leave. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What of one job falls into the period.

    Args:
        account: of that part; None where it cannot be priced, so that every sum with it is too low.
        provisional_share: of its operational kilograms [-]; ended: whether the job has.
    """

    job_id: str
    project: str
    simulated: bool
    ended: bool
    basis: Basis | None
    account: Account | None
    provisional_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What of one cluster in the period was nobody's: idle hardware and head nodes.

    Args:
        it_kwh, facility_kwh: its energy. [kWh]
        kg: what that emitted; None where its zone has no intensity. [kg]
        provisional_share: of the period's hours. [-]
    """

    cluster: str
    it_kwh: float
    facility_kwh: float
    kg: float | None
    provisional_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFigures:
    """The figures with what may be said of them.

    Args:
        as_of: what sources said later is not in them; notes: what a reader must know.
    """

    figures: Figures
    status: Status
    as_of: datetime
    notes: tuple[str, ...]


def period_figures(period: Period, parts: Sequence[Part], idle: Sequence[Idle], *, as_of: datetime) -> PeriodFigures:
    """The figures of a period.

    Args:
        period: which; parts: of every job that did anything in it; idle: of every cluster that is not simulated.
        as_of: what sources said later is not in it.

    Raises:
        BasisMismatch: two jobs were accounted on different bases.
        CarbonschedError: projects and unallocated are not the total.
    """
    real = [each for each in parts if not each.simulated]
    bases = [each.basis for each in real if each.basis is not None]
    for basis in bases[1:]:
        bases[0].require_same(basis)
    share = _share(real, idle)
    projects = {name: [each for each in real if _project(each) == name] for name in sorted(set(map(_project, real)))}
    unallocated_kg = sum(each.kg or 0.0 for each in idle)
    figures: dict[str, object] = {
        "basis": str(bases[0]) if bases else None,
        "method": METHOD,
        "time_zone": period.time_zone,
        "since": format_instant(period.since),
        "until": format_instant(period.until),
        **_sums(real, idle),
        "by_project": {name: _sums(each) for name, each in projects.items()},
        "unallocated": {each.cluster: _idle(each) for each in idle},
        "unallocated_kg": unallocated_kg,
        "provisional_share": share,
        "jobs": {each.job_id: each.account.central.total if each.account else None for each in real},
        "simulated_kg": _lines(each for each in parts if each.simulated).total,
    }
    require_whole(figures, [_lines(each).total for each in projects.values()], unallocated_kg)
    lacking = any(each.account is None for each in real) or any(each.kg is None for each in idle)
    status: Status = "provisional" if lacking or status_of(share, final=True) == "provisional" else "final"
    return PeriodFigures(figures=figures, status=status, as_of=as_of, notes=_notes(real, idle, share, as_of))


def _sums(parts: Sequence[Part], idle: Sequence[Idle] = ()) -> dict[str, object]:
    """Kilograms, hours and energy of some parts, with what was nobody's."""
    accounts = [each.account for each in parts if each.account is not None]
    kg = _lines(parts)
    nobody_kg = sum(each.kg or 0.0 for each in idle)
    ends = {level: sum(each.emissions[level].total for each in accounts) + nobody_kg for level in ("low", "high")}
    lines = {name: mass_kg for name, mass_kg in kg.as_dict().items() if name != "total"}
    lines |= {"unallocated": nobody_kg} if idle else {}
    return {
        "emissions_kg": lines | {"total": kg.total + nobody_kg} | ends,
        "gpu_hours": sum(each.gpu_h for each in accounts),
        "it_energy_kwh": sum(each.it_energy_kwh for each in accounts) + sum(each.it_kwh for each in idle),
        "facility_energy_kwh": sum(a.facility_energy_kwh for a in accounts) + sum(i.facility_kwh for i in idle),
        "job_count": len(parts),
        "unpriced_jobs": sorted(each.job_id for each in parts if each.account is None),
    }


def _lines(parts: Iterable[Part]) -> Emissions:
    """The central kilograms of some parts, by line. [kg]"""
    return sum((each.account.central for each in parts if each.account is not None), NOTHING)


def _idle(idle: Idle) -> dict[str, float | None]:
    """What of a cluster was nobody's, as plain data."""
    return {"it_energy_kwh": idle.it_kwh, "facility_energy_kwh": idle.facility_kwh, "kg": idle.kg}


def _project(part: Part) -> str:
    """The name of a part's project."""
    return part.project or NO_PROJECT


def _share(parts: Sequence[Part], idle: Sequence[Idle]) -> float:
    """The share of all operational kilograms that is provisional. [-]"""
    weighed = [(each.account.central.operational, each.provisional_share) for each in parts if each.account]
    weighed += [(each.kg, each.provisional_share) for each in idle if each.kg is not None]
    whole_kg = sum(kg for kg, _ in weighed)
    if whole_kg <= 0:
        return 1.0 if any(share for _, share in weighed) else 0.0
    return sum(kg * share for kg, share in weighed) / whole_kg


def require_whole(figures: Figures, projects_kg: Sequence[float], unallocated_kg: float) -> None:
    """Refuse figures whose projects and unallocated part are not their total."""
    lines = figures["emissions_kg"]
    assert isinstance(lines, dict)  # noqa: S101  # it was made so
    parts_kg = sum(projects_kg) + unallocated_kg
    if not math.isclose(lines["total"], parts_kg, rel_tol=_DUST, abs_tol=_DUST):
        raise CarbonschedError(
            f"projects and unallocated come to {parts_kg} kg, the total to {lines['total']} kg",
            hint="this is a bug: tell the maintainers",
        )


def _notes(parts: Sequence[Part], idle: Sequence[Idle], share: float, as_of: datetime) -> tuple[str, ...]:
    """What a reader of the figures must know."""
    unpriced = sum(each.account is None for each in parts)
    unknown = sorted(each.cluster for each in idle if each.kg is None)
    still = sum(not each.ended for each in parts)
    said = []
    if share:
        said.append(
            Said("{share:.3g} % of the operational emissions rest on provisional intensities", share=100 * share)
        )
    said += [Said("{count} jobs ran and could not be priced: the total is too low", count=unpriced)] if unpriced else []
    if unknown:
        names = ", ".join(unknown)
        said.append(Said("the idle hardware of {clusters} has no intensity and is not in the total", clusters=names))
    said += [Said("{count} of its jobs have not ended", count=still)] if still else []
    return (*said, Said("as of {moment}", moment=format_instant(as_of)))
