"""A job on a page: its two statements, its timeline beside the road not taken, its lines and its segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from scheduler.domain.emissions import LINES
from scheduler.domain.instant import hours_between
from scheduler.records.stretches import stretches_of
from scheduler.reporting.charts import Figure, figure
from scheduler.reporting.charts_timeline import Stay, Trace, timeline
from scheduler.reporting.html_more import split_table
from scheduler.reporting.html_statements import Statement, job_statements
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import Language
from scheduler.reporting.naming import line_name
from scheduler.reporting.tables import Table, table

MARGIN: Final = 0.06
"""What is shown of the grid before and after a job, of its own length. [-]"""
_SHORTEST: Final = timedelta(seconds=1)

Traces = Mapping[str, Sequence[Trace]]
"""The grid around each job that is shown with a timeline, by job id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A job as it is shown by itself.

    Args:
        anchor: where on the page it is.
        said: its state, why, and whether it is simulated.
        statements: footprint, then difference.
        notes: what a reader must know of it.
    """

    anchor: str
    name: str
    said: str
    simulated: bool
    statements: tuple[Statement, Statement]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def biggest(jobs: Sequence[JobReport], most: int) -> list[JobReport]:
    """The jobs that emitted the most, the greatest first; one without a figure is not among them."""
    priced = [(job.account.central.total, job) for job in jobs if job.account is not None]
    return [job for _, job in sorted(priced, key=lambda each: -each[0])[:most]]


def window(job: JobReport) -> tuple[datetime, datetime]:
    """The stretch of time that a job's timeline shows: all it did and would have done, and a little around."""
    moments = [moment for each in job.history.attempts for moment in each.reserved]
    if job.counterfactual is not None:
        moments += job.counterfactual.run.reserved
    first, last = min(moments), max(moments)
    around = max(_SHORTEST, (last - first) * MARGIN)
    return first - around, last + around


def card(job: JobReport, traces: Sequence[Trace], lang: Language) -> Card | None:
    """A job by itself; None for one without a figure, which the table of all jobs holds."""
    row, account = job.history.row, job.account
    if account is None:
        return None
    known = [trace for trace in traces if trace.observed.end > window(job)[0]]
    return Card(
        anchor=anchor(job),
        name=row.job.name,
        said=_said(job, lang),
        simulated=job.simulated,
        statements=job_statements(job, account, lang),
        figures=(_timeline(job, known, lang),),
        tables=(
            _lines(job, lang),
            *([split_table(job.split, lang)] if job.split is not None else []),
            _segments(job, lang),
        ),
        notes=tuple(lang.quoted(note) for note in (*account.notes, *job.notes)),
    )


def anchor(job: JobReport) -> str:
    """Where on the page a job is."""
    return f"job-{job.history.row.id}"


def _said(job: JobReport, lang: Language) -> str:
    """What became of a job."""
    row = job.history.row
    state = lang.word("state", row.state.value)
    if row.reason:
        state = lang("{state}: {reason}", state=state, reason=lang.quoted(row.reason))
    return lang("{id}, {state}", id=row.id, state=state)


def _timeline(job: JobReport, traces: Sequence[Trace], lang: Language) -> Figure:
    """Where and when it ran, over the intensity of its zones."""
    stays, shown = list(_stays(job)), window(job)
    other = job.counterfactual
    ran = lang.plural("{count} segment", "{count} segments", len(job.history.attempts))
    says = [lang("{segments} on {clusters}, from {start} to {end}.", segments=ran,
                 clusters=", ".join(dict.fromkeys(each.cluster.name for each in job.history.attempts)),
                 start=lang.instant(job.history.attempts[0].reserved[0]),
                 end=lang.instant(job.history.attempts[-1].reserved[1]))]  # fmt: skip
    says.append(lang("Thick lines and full bars: where it ran. Pale: reserved around a run."))
    if other is not None:
        says.append(lang("Dashed: the road not taken, at {home}.", home=other.home))
    if any(trace.forecast is not None for trace in traces):
        says.append(lang("Dotted: the forecast it was accepted on."))
    if not traces:
        says.append(lang("The intensity of its zones is not known."))
    title = lang("Timeline")
    words = (lang("cluster"), lang("use"), lang("from [UTC]"), lang("to [UTC]"))
    rows = [
        (stay.cluster, lang.word("use", _USES[stay.use]), lang.second(stay.start), lang.second(stay.end),
         lang.number(hours_between(stay.start, stay.end)), _mean(stay, traces, lang))
        for stay in stays
    ]  # fmt: skip
    told = table(title, words, (lang("length [h]"), lang("mean [g/kWh]")), rows)
    return figure(title, " ".join(says), lambda px: timeline(px, traces, stays, shown, lang), told, lang)


_USES: Final = {
    "run": "running",
    "overhead": "reserved",
    "hold": "held while paused",
    "home": "would have run",
}


def _stays(job: JobReport) -> Iterator[Stay]:
    """Every stretch of a job, and the one at home that did not happen."""
    for each in stretches_of(job.history.attempts, job.history.paused_until):
        yield Stay(cluster=each.cluster.name, zone=each.cluster.zone, start=each.start, end=each.end, use=each.kind)
    for cluster, pieces in groupby(
        job.counterfactual.run.pieces if job.counterfactual else (), lambda each: each.cluster
    ):
        laid = list(pieces)
        start, end = laid[0].ran[0], laid[-1].ran[1]
        if end > start:
            yield Stay(cluster=cluster.name, zone=cluster.zone, start=start, end=end, use="home")


def _mean(stay: Stay, traces: Sequence[Trace], lang: Language) -> str:
    """The mean intensity over a stretch."""
    series = next((trace.observed for trace in traces if trace.zone == stay.zone), None)
    mean = float("nan") if series is None or stay.end <= stay.start else series.mean_over(stay.start, stay.end)
    return lang.number(mean)


def _lines(job: JobReport, lang: Language) -> Table:
    """All lines: realised with the range of their sum, and home's."""
    assert job.account is not None  # noqa: S101  # a card is made of a job with a figure
    real, other = job.account.central.as_dict(), job.counterfactual
    home = other.account.central.as_dict() if other else {}
    rows = [
        (line_name(line, lang), lang.number(real[line]), lang.number(home[line]) if home else "–")
        for line in (*LINES, "total")
    ]
    at_home = lang("at {home} [kg]", home=other.home) if other else lang("at home [kg]")
    return table(lang("Realised and at home"), (lang("line"),), (lang("realised [kg]"), at_home), rows)


def _segments(job: JobReport, lang: Language) -> Table:
    """Where and when it ran, as its evidence says."""
    rows = [
        (each.sid, each.cluster.name, lang.second(each.ran[0]), lang.second(each.ran[1]),
         lang.word("known by", each.known_by), lang.word("ended by", each.ended_by), lang.whole(each.gpus),
         lang.number(hours_between(*each.ran)))
        for each in job.history.attempts
    ]  # fmt: skip
    words = (lang("segment"), lang("cluster"), lang("from [UTC]"), lang("to [UTC]"), lang("known by"), lang("ended by"))
    return table(lang("Segments"), words, (lang("GPUs"), lang("ran [h]")), rows)
