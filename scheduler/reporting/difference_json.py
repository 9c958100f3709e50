"""The consequential statement as plain data: two columns that never mix, each with its verdict or why it is null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scheduler.domain.basis import Signal
from scheduler.records.additionality import Additionality
from scheduler.records.comparison import Comparison, Parts, agreed
from scheduler.records.difference import Difference
from scheduler.records.footprint_draws import Spread
from scheduler.reporting import words
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.sensitivity import Row
from scheduler.reporting.statements import Claim, claim, job_claim, signal_of

if TYPE_CHECKING:
    from scheduler.reporting.groups import Totals

LINES: Final = ("dynamic", "its facility share", "transfer", "overhead of later segments")
"""What the difference holds; idle energy of nodes that stayed on, and embodied, are not in it."""
ON_MARGINAL: Final = "accounted on a marginal signal: the difference stands under avoided"
UNTOLD: Final = "parts of what cannot be told are not told either"
NOT_RUN: Final = "nothing ran"
NO_SECOND: Final = "the history of the project is not known of every job"


def job_columns(job: JobReport) -> dict[str, object]:
    """Of one job: both columns, the second counterfactual, the parts, and whose doing it is."""
    signal = signal_of(job.basis)
    made = job.comparison
    own = _column(made, job, signal) if made else None
    other = _column(job.marginal, job, "marginal") if job.marginal else None
    return {
        **_two(signal, own, job.no_difference, other, job.no_marginal),
        **or_why("against_history", _second(made, job, signal), made.no_second if made else job.no_difference),
        **or_why("parts_kg", parts_json(made.parts) if made and job_claim(job, made, signal).told else None, UNTOLD),
        **or_why("additionality", additionality_json(job.additionality), NOT_RUN),
    }


def total_columns(totals: Totals, signal: Signal, *, simulated: bool) -> dict[str, object]:
    """Of jobs together."""
    made, second, marginal = totals.difference, totals.second, totals.marginal
    said = made and claim(made, signal=signal, status=totals.status, agreed=totals.agreed, simulated=simulated)
    beside = marginal and claim(
        marginal,
        signal="marginal",
        status=totals.marginal_status,
        agreed=totals.marginal_agreed,
        simulated=simulated,
    )
    history = second and claim(second, signal=signal, status=totals.status, agreed=totals.agreed, simulated=simulated)
    no_marginal = totals.no_marginal or words.NO_MARGINAL
    told = said is not None and said.told and totals.parts is not None
    return {
        **_two(
            signal,
            made and said and column_json(made, said),
            words.NOTHING_COMPARED,
            marginal and beside and column_json(marginal, beside),
            no_marginal,
        ),
        **or_why("against_history", second and history and column_json(second, history), NO_SECOND),
        **or_why("parts_kg", parts_json(totals.parts) if told and totals.parts else None, UNTOLD),
        "avoided_jobs": totals.marginal_jobs,
        "listed_jobs": totals.listed,
    }


def headline_json(totals: Totals, signal: Signal) -> dict[str, object]:
    """The one figure of a report on real clusters, or why there is none."""
    if totals.difference is None:
        return or_why("headline", None, words.NOTHING_COMPARED)
    said = claim(totals.difference, signal=signal, status=totals.status, agreed=totals.agreed)
    figure = None if said.headline_kg is None else {"words": said.words, "kg": said.headline_kg}
    return or_why("headline", figure, said.no_headline)


def column_json(difference: Difference, said: Claim) -> dict[str, object]:
    """A difference with its verdict; no figure where none can be told from nothing, or none may be claimed."""
    figures = {name: getattr(difference, name) for name in ("central_kg", "p5_kg", "p50_kg", "p95_kg")}
    stated: dict[str, object] = {}
    for name, kg in figures.items():
        why = words.INDISTINGUISHABLE if not difference.told else said.words
        stated |= or_why(name, kg if said.told else None, why)
    return {
        "verdict": difference.verdict if said.told or not difference.told else said.words,
        "words": said.words,
        **or_why("headline_kg", said.headline_kg, said.no_headline),
        **stated,
        "baseline_kg": difference.baseline_kg,
        "lines": list(LINES),
    }


def parts_json(parts: Parts) -> dict[str, float]:
    """What came with the time, the place, and only with both. [kg]"""
    return {"temporal": parts.temporal_kg, "spatial": parts.spatial_kg, "interaction": parts.interaction_kg}


def additionality_json(found: Additionality | None) -> dict[str, object] | None:
    """Whose doing a difference is."""
    if found is None:
        return None
    return {
        "additional": found.additional,
        **or_why("home_had_capacity", found.home_had_capacity, "there is no home, or its hardware does not compare"),
        "flexible": found.flexible,
        "pinned": found.pinned,
        **or_why("home_share", found.home_share, "its project has no GPU-hours in the twelve months before"),
        "reasons": list(found.reasons),
    }


def spread_json(spread: Spread) -> dict[str, float]:
    """Where a footprint lies in the draws. [kg]"""
    return {"p5": spread.p5_kg, "p50": spread.p50_kg, "p95": spread.p95_kg}


def row_json(row: Row) -> dict[str, object]:
    """One row of the sensitivity table; a difference that cannot be told has no figure here either."""
    untold = row.difference is not None and not row.difference.told
    return {
        "group": row.group,
        "name": row.name,
        "jobs": row.jobs,
        **or_why("kg", None if untold else row.kg, words.INDISTINGUISHABLE if untold else row.why),
        **or_why("verdict", row.difference and row.difference.verdict, "a central figure, without draws"),
        "note": row.why,
    }


def or_why(name: str, value: object, why: str) -> dict[str, object]:
    """A value, or null with its reason beside it."""
    return {name: value, f"{name}_reason": why if value is None else None}


def _two(  # two columns, each with its reason
    signal: Signal, own: object, no_own: str, other: object, no_other: str
) -> dict[str, object]:
    """The two columns: what was made on the report's own signal, and on the other one."""
    if signal == "marginal":
        return {**or_why("reduced_allocated", None, ON_MARGINAL), **or_why("avoided", own, no_own)}
    return {
        **or_why("reduced_allocated", own, no_own),
        **or_why("avoided", other, no_other or words.NO_MARGINAL),
    }


def _column(made: Comparison, job: JobReport, signal: Signal) -> dict[str, object]:
    """One column of a job, with the basis that it was made on."""
    return column_json(made.difference, job_claim(job, made, signal)) | {
        "basis": str(made.basis),
        "intensity_sources": list(made.sources),
    }


def _second(made: Comparison | None, job: JobReport, signal: Signal) -> dict[str, object] | None:
    """The comparison of a job with its project's history."""
    if made is None or made.second is None:
        return None
    said = claim(made.second, signal=signal, status=job.status, agreed=agreed(made.second, made.difference))
    return column_json(made.second, said)
