"""A report as one HTML file that needs nothing else: no script, no font, no picture, no address.

Jinja escapes whatever is put into a page; drawings are the one exception, and vl-convert escapes what is in them. The
page forbids itself, by its own content security policy, to run or to fetch anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from scheduler.reporting import words
from scheduler.reporting.boundary import COUNTED_WORDS, STAGES
from scheduler.reporting.disclosure import disclosure
from scheduler.reporting.groups import NONE, clusters_of
from scheduler.reporting.html_job import Card, Traces, anchor, biggest, card
from scheduler.reporting.html_more import Bridged, bridge_figure, closing_table, sensitivity_table
from scheduler.reporting.html_totals import sections
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import ENGLISH, ENGLISH_BEGINS, ENGLISH_ENDS, Language
from scheduler.reporting.period_report import PeriodReport
from scheduler.reporting.statements import job_claim, signal_of
from scheduler.reporting.tables import Column

MOST_CARDS: Final = 4
"""So many jobs are shown by themselves, the biggest; the table holds all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job in the table of all jobs.

    Args:
        anchor: of its card, empty where it has none.
        cells: one text a column, after its name.
    """

    anchor: str
    name: str
    id: str
    simulated: bool
    cells: tuple[str, ...]


def report_html(
    report: PeriodReport, traces: Traces, lang: Language = ENGLISH, *, bridged: Bridged | None = None
) -> str:
    """The page of a report.

    Args:
        report: what is shown.
        traces: the grid around the jobs that are shown by themselves, `shown_alone`, where it is known.
        lang: its language.
        bridged: the bridge to an earlier period, where there is one.
    """
    cards = [made for job in shown_alone(report) if (made := card(job, traces.get(job.history.row.id, ()), lang))]
    return PAGES.get_template("report.html").render(
        t=lang,
        report=report,
        filters=[lang.said(each) for each in report.filters],
        since=lang.instant(report.since) if report.since else lang("the first job"),
        until=lang.instant(report.until) if report.until else lang("now"),
        status=lang.word("status", report.status).upper(),
        sections=sections(report, lang),
        bridge=bridge_figure(bridged, lang) if bridged else None,
        sensitivity=sensitivity_table(report, lang),
        closings=closing_table(report, lang),
        cards=cards,
        columns=_columns(lang),
        jobs=[_line(job, cards, lang) for job in report.jobs],
        notes=_notes(report.jobs, lang),
        stages=[
            (lang(each.name), lang.word("stage of life", COUNTED_WORDS[each.counted]), each.counted, lang(each.why))
            for each in STAGES
        ],
        fields=disclosure(report, lang),
        limits=[lang(line) for line in words.LIMITS],
        credits=sorted({credit for job in report.jobs for credit in job.credits}),
    )


def shown_alone(report: PeriodReport) -> list[JobReport]:
    """The jobs that have a part of the page to themselves."""
    return biggest(report.jobs, MOST_CARDS)


def _columns(lang: Language) -> tuple[Column, ...]:
    """The columns of the table of all jobs, after their names."""
    said = (lang("project"), lang("ran on"), lang("state"), lang("difference from home"))
    figures = (lang("GPU-h"), lang("planned [kg]"), lang("realised [kg]"), lang("at home [kg]"))
    return (*(Column(head=each) for each in said), *(Column(head=each, numeric=True) for each in figures))


def _line(job: JobReport, cards: Sequence[Card], lang: Language) -> JobLine:
    """A job as one line, with the reason wherever a figure is missing."""
    row, account, other = job.history.row, job.account, job.counterfactual
    here = anchor(job)
    if job.comparison is None:
        difference = lang("not stated: {why}", why=lang.quoted(job.no_difference))
    else:
        difference = lang.said(job_claim(job, job.comparison, signal_of(job.basis)).words)
    return JobLine(
        anchor=here if any(each.anchor == here for each in cards) else "",
        name=row.job.name,
        id=row.id,
        simulated=job.simulated,
        cells=(
            row.job.project or lang(NONE),
            ", ".join(clusters_of(job)) or lang(words.NOTHING_RAN),
            lang.word("state", row.state.value),
            difference,
            lang.number(account.gpu_h) if account else "–",
            "–" if job.planned_kg is None else lang.number(job.planned_kg),
            lang.number(account.central.total) if account else "–",
            lang.number(other.account.central.total) if other else "–",
        ),
    )


def _notes(jobs: Sequence[JobReport], lang: Language) -> list[str]:
    """What must be known of jobs, each note once with how many it is of."""
    counted = Counter(note for job in jobs for note in dict.fromkeys(job.notes))
    return [
        lang.plural("{note} ({count} job)", "{note} ({count} jobs)", count, note=lang.quoted(note))
        for note, count in counted.most_common()
    ]


def _in_english(value: object) -> object:
    """A value with each part of it that stays English as an element that says so."""
    if not isinstance(value, str) or ENGLISH_BEGINS not in value:
        return value
    marked = _ORIGINAL.sub(r'<span lang="en">\1</span>', str(escape(value)))
    return Markup(marked)  # noqa: S704  # it was escaped a line above


_ORIGINAL: Final = re.compile(f"{ENGLISH_BEGINS}([^{ENGLISH_ENDS}]*){ENGLISH_ENDS}")
PAGES: Final = Environment(
    loader=PackageLoader("scheduler.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, finalize=_in_english,
)  # fmt: skip
