"""How the figures of a report change with what was chosen: counterfactuals, boundaries, factor sets.

Such choices are no draws: nobody knows how likely a boundary is. They stand beside each other in a table, central
figures, and only the first row of the differences is the report's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from scheduler.domain.basis import Boundary
from scheduler.domain.estimate import Level
from scheduler.domain.said import Said
from scheduler.records.accounts import Account
from scheduler.records.comparison import all_agree
from scheduler.records.difference import Difference, Draws, total_difference
from scheduler.records.terms import Term
from scheduler.reporting import words
from scheduler.reporting.job_report import Counterfactual, JobReport
from scheduler.reporting.statements import NO_CLAIM

Group = Literal["counterfactual", "boundary", "factor set", "footprint"]

NO_DIRECT: Final = Said("the report is on another basis: run it again with that one, the two are never mixed")
NOT_A_CLAIM: Final = Said("not a claim: the hardware exists in both worlds")
NO_SECOND: Final = Said("no project has GPU-hours in its reference period")
_BOUNDARIES: Final[Mapping[Boundary, str]] = {
    "lifecycle": Said("lifecycle intensities"),
    "direct": Said("direct intensities"),
}
_ENDS: Final[Mapping[Level, str]] = {
    "low": Said("every figure at its low end on both sides, dynamic energy and transfer"),
    "high": Said("every figure at its high end on both sides, dynamic energy and transfer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to look at the same jobs.

    Args:
        group: what is chosen otherwise; name: how.
        kg: the central figure, of a difference positive where less was emitted; None with `why`. [kg]
        difference: with its uncertainty, where that is known.
        jobs: how many it is of.
        why: why there is no figure, or what it may not be used for; else empty.
    """

    group: Group
    name: str
    kg: float | None
    difference: Difference | None = None
    jobs: int = 0
    why: str = ""


def sensitivity(jobs: Sequence[JobReport], draws: Draws) -> tuple[Row, ...]:
    """The table of some jobs of one kind, real or simulated; no rows without a job.

    Args:
        jobs: all of them; those that cannot be compared are in the footprints only.
        draws: those of the report.
    """
    if not jobs:
        return ()
    own, *rows = (*_counterfactuals(jobs, draws), *_boundaries(jobs, draws), *_factor_sets(jobs), *_footprints(jobs))
    untold = own.difference is not None and not own.difference.told
    return (own, *(_withheld(row) if untold else row for row in rows))


def _withheld(row: Row) -> Row:
    """A row without its figure, where that is the report's own difference counted otherwise and without draws."""
    alike = row.group != "footprint" and row.difference is None and row.kg is not None and row.why != NOT_A_CLAIM
    return replace(row, kg=None, why=words.INDISTINGUISHABLE) if alike else row


def _counterfactuals(jobs: Sequence[JobReport], draws: Draws) -> Iterator[Row]:
    """Against what else the jobs can be held."""
    stated = [each for job in jobs if (each := job.comparison) is not None]
    summed = [each for job in jobs if job.summed and (each := job.comparison) is not None]
    yield _summed("counterfactual", Said("the registered home"), [each.terms for each in summed], draws)
    history = [each.second_terms for each in summed if each.second is not None]
    yield _summed("counterfactual", Said("the projects' own history"), history, draws, NO_SECOND)
    if not summed:
        return
    yield Row(
        group="counterfactual",
        name=Said("home at the chosen time: the time alone"),
        kg=sum(each.parts.temporal_kg for each in summed),
        jobs=len(summed),
    )
    yield Row(
        group="counterfactual",
        name=Said("the chosen cluster at home's time: the place alone"),
        kg=sum(each.parts.spatial_kg for each in summed),
        jobs=len(summed),
    )
    if len(stated) > len(summed):
        name = Said("with the jobs that are listed and not summed")
        yield _summed("counterfactual", name, [each.terms for each in stated], draws)


def _boundaries(jobs: Sequence[JobReport], draws: Draws) -> Iterator[Row]:
    """What else may be counted."""
    bases = {job.basis for job in jobs if job.basis is not None}
    for boundary, name in _BOUNDARIES.items():
        if bases and not any(basis.boundary == boundary for basis in bases):
            yield Row(group="boundary", name=name, kg=None, why=NO_DIRECT)
    marginal = [each for job in jobs if job.summed and (each := job.marginal) is not None]
    why = next((job.no_marginal for job in jobs if job.no_marginal), words.NO_MARGINAL)
    if not all_agree(marginal):  # its own second counterfactual has no row here that would show it
        marginal, why = [], NO_CLAIM
    yield _summed("boundary", Said("a marginal signal"), [each.terms for each in marginal], draws, why)
    yield _accounts(jobs, "boundary", Said("all operational lines, as if idle nodes were switched off"), _operational)
    yield _accounts(jobs, "boundary", Said("all lines, embodied too: the footprints' difference"), _total, NOT_A_CLAIM)


def _factor_sets(jobs: Sequence[JobReport]) -> Iterator[Row]:
    """Other figures of the hardware."""
    yield _accounts(jobs, "factor set", Said("a PUE of 1 on both sides"), lambda account: account.central.dynamic)
    for level, name in _ENDS.items():
        yield _accounts(jobs, "factor set", name, _moved_at(level))


def _footprints(jobs: Sequence[JobReport]) -> Iterator[Row]:
    """What the jobs emitted, counted otherwise."""
    accounts = [job.account for job in jobs if job.account is not None]
    ways: tuple[tuple[str, Callable[[Account], float]], ...] = (
        (Said("all lines"), _total),
        (Said("without making the hardware"), _operational),
        (Said("gaps of the intensity left out"), lambda account: account.central.total - account.estimated_kg),
        (Said("every figure at its low end"), lambda account: account.emissions["low"].total),
        (Said("every figure at its high end"), lambda account: account.emissions["high"].total),
    )
    for name, weigh in ways if accounts else ():
        yield Row(group="footprint", name=name, kg=sum(weigh(each) for each in accounts), jobs=len(accounts))


def _summed(  # a row of the table
    group: Group, name: str, terms: Sequence[tuple[Term, ...]], draws: Draws, why: str = words.NOTHING_COMPARED
) -> Row:
    """A difference with its draws, where there is any."""
    if not terms:
        return Row(group=group, name=name, kg=None, why=why)
    made = total_difference(terms, draws)
    return Row(group=group, name=name, kg=made.central_kg, difference=made, jobs=len(terms))


def _accounts(  # a row of the table
    jobs: Sequence[JobReport], group: Group, name: str, weigh: Callable[[Account], float], why: str = ""
) -> Row:
    """Home's account less the real one, weighed in one way, over the jobs whose difference is summed."""
    pairs = [(job.counterfactual, job.account) for job in jobs if job.summed]
    found = [_less(other, real, weigh) for other, real in pairs if other is not None and real is not None]
    if not found:
        return Row(group=group, name=name, kg=None, why=words.NOTHING_COMPARED)
    return Row(group=group, name=name, kg=sum(found), jobs=len(found), why=why)


def _less(other: Counterfactual, real: Account, weigh: Callable[[Account], float]) -> float:
    """How much less was emitted than would have been, weighed in one way. [kg]"""
    return weigh(other.account) - weigh(real)


def _moved_at(level: Level) -> Callable[[Account], float]:
    """Dynamic energy and transfers at one end of all ranges. [kg]"""
    return lambda account: account.emissions[level].dynamic + account.emissions[level].transfer


def _operational(account: Account) -> float:
    """All but embodied. [kg]"""
    return account.central.operational


def _total(account: Account) -> float:
    """All lines. [kg]"""
    return account.central.total
