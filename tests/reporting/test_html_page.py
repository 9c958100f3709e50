"""The page of a report as a file: whole, safe, small, and weighed in its words. How it looks is tested in a browser."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest

from scheduler.domain.emissions import LINES
from scheduler.records.counterfactual import METHOD
from scheduler.records.settlement import Status
from scheduler.reporting.boundary import STAGES
from scheduler.reporting.charts_timeline import Trace
from scheduler.reporting.disclosure import disclosure
from scheduler.reporting.html_job import Traces
from scheduler.reporting.html_page import MOST_CARDS, report_html, shown_alone
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import Language
from scheduler.reporting.period_report import PeriodReport, period_report
from scheduler.reporting.words import LIMITS
from tests.records.cases import T0, at, make_series, run
from tests.reporting.reports import AWAY, GRID, HOME, REPORTS, job_of

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Reader(HTMLParser):
    """The words of a page, and whether every element of it is closed."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without anything in it."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the one that began last."""
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """Words, outside of the style."""
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def period(*jobs: JobReport, by: tuple[str, ...] = ()) -> PeriodReport:
    """The report of some jobs."""
    return period_report(jobs, since=at(0), until=None, made_at=T0, version="1.2.3", group_by=by)


def read(*jobs: JobReport, traces: Traces | None = None, by: tuple[str, ...] = ()) -> Reader:
    """The page of some jobs, parsed."""
    reader = Reader()
    reader.feed(report_html(period(*jobs, by=by), traces or {}))
    reader.close()
    return reader


def text(*jobs: JobReport) -> str:
    """The words of a page, spaces made one."""
    return spaced(read(*jobs))


def spaced(reader: Reader) -> str:
    """The words that were read, spaces made one."""
    return re.sub(r"\s+", " ", " ".join(reader.words))


@functools.cache
def moved() -> str:
    """The words of the page that most tests look at, drawn once."""
    return text(job_of())


@functools.cache
def everything() -> Reader:
    """The page of every kind of job, read once."""
    return read(*(renamed(make(), f"kind-{n}") for n, make in enumerate(REPORTS.values())))


def called(name: str) -> JobReport:
    """A job of that name and project."""
    made = job_of()
    job = made.history.row.job.model_copy(update={"name": name, "project": name})
    return replace(made, history=replace(made.history, row=replace(made.history.row, job=job, reason=name)))


def renamed(job: JobReport, job_id: str) -> JobReport:
    """The same job under another id."""
    return replace(job, history=replace(job.history, row=replace(job.history.row, id=job_id)))


def settled(job: JobReport, status: Status = "settled") -> JobReport:
    """The same job, its intensities settled."""
    return replace(job, status=status, provisional_share=0.0)


@pytest.mark.parametrize("name", ["waiting", "unpriced", "all", "none"])
def test_every_kind_of_job_has_a_sound_page(name: str) -> None:
    """Each element closed, and nothing in it that a browser would fetch or run."""
    reader = everything() if name == "all" else read(*([REPORTS[name]()] if name in REPORTS else []))
    assert [] == reader.open
    assert {"script", "link", "img", "iframe", "object", "base", "form"}.isdisjoint(tag for tag, _ in reader.tags)
    for _, attributes in reader.tags:
        assert not any(key.startswith("on") or key == "src" for key in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_forbids_itself_to_run_or_fetch() -> None:
    """Should anything ever slip through."""
    policy = next(a["content"] for tag, a in read().tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "url(" not in report_html(period(), {})
    assert "@import" not in report_html(period(), {})


NAMES = ("<script>alert(1)</script>", '"><b>', "a & b's", "{{ 7 * 7 }}", "{x} %s", "שלום 🌍")


def test_a_name_is_words_wherever_it_stands() -> None:
    """In titles, tables, charts and their texts."""
    report = period(*(renamed(called(name), f"n{n}") for n, name in enumerate(NAMES)))
    page = report_html(report, {})
    reader = Reader()
    reader.feed(page)
    words = "\n".join(reader.words)
    for name in NAMES:
        assert name in words
        assert page.count(name) == 0 or escape(name, quote=False) == name
    assert {"b", "script"}.isdisjoint(tag for tag, _ in reader.tags)


def test_every_chart_has_words_in_its_place() -> None:
    """A title, a sentence, and its figures in a table."""
    reader = read(job_of(), traces={"j1": [Trace(zone=zone, observed=series) for zone, series in GRID.items()]})
    drawings = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(drawings) == 2 * sum(tag == "figure" for tag, _ in reader.tags)
    assert all(each["role"] == "img" and len(each["aria-label"] or "") > 30 for each in drawings)
    assert len(drawings) // 2 == sum(tag == "details" for tag, _ in reader.tags)


def test_the_two_statements_stand_apart() -> None:
    """Footprint and difference, each under its own name; nothing adds or subtracts them."""
    words = moved()
    assert words.index("Footprint") < words.index("Difference from home")
    assert "Avoided: no figure, no marginal signal was given" in words


def test_a_provisional_report_says_so_and_has_no_figure_of_a_reduction_at_its_head() -> None:
    """The verdict stands in words."""
    words = moved()
    assert words.startswith(" Emissions report: PROVISIONAL")
    assert "Difference from home Allocated emissions reduced P5 " in words
    assert "No figure at the head of this: provisional: the intensities are not settled." in words


def test_a_settled_reduction_is_told_by_what_claims_least() -> None:
    """P5, as the figure at its head."""
    made = settled(job_of())
    assert made.difference is not None
    assert f"Difference from home {made.difference.p5_kg:.3g} kg CO2e Allocated emissions reduced: the end" in text(
        made
    )
    assert text(made).startswith(" Emissions report: SETTLED")
    assert text(settled(job_of(), "final")).startswith(" Emissions report: FINAL")


def test_what_cannot_be_told_from_nothing_has_no_figure() -> None:
    """Settled or not."""
    level = {"FR": make_series("FR", [50] * 48), "CA-QC": make_series("CA-QC", [49] * 48)}
    words = text(settled(job_of(grid=level)))
    assert "Difference from home No distinguishable effect" in words
    assert "P5 " not in words


def test_an_increase_is_told_as_plainly() -> None:
    """In its own word."""
    worse = {"FR": make_series("FR", [30] * 48), "CA-QC": make_series("CA-QC", [300] * 48)}
    assert "Difference from home Allocated emissions added" in text(job_of(grid=worse))


def test_words_that_flatter_are_not_used() -> None:
    """Only to deny them."""
    words = spaced(everything())
    for denied in (*LIMITS, "not an offset", "Avoided: no figure", "Avoided on a marginal signal", "called avoided"):
        words = words.replace(denied, "")
    assert [] == re.findall(r"\b(?:sav(?:ed|ings?)|offset|avoid\w*|green|neutral\w*|climate)\b", words, re.IGNORECASE)


def test_every_job_is_in_the_table_and_the_biggest_by_themselves() -> None:
    """Failed, waiting and simulated ones too; what has no figure has its reason."""
    reader = everything()
    assert MOST_CARDS == sum(tag == "article" for tag, _ in reader.tags)
    assert MOST_CARDS == len(shown_alone(period(*(make() for make in REPORTS.values()))))
    words = spaced(reader)
    assert "not stated: only 50 % of the hours have a known intensity" in words
    assert "not stated: nothing ran" in words
    assert all(f" kind-{n} " in words for n in range(len(REPORTS)))


def test_simulated_jobs_have_a_section_of_their_own() -> None:
    """Named as what they are, and a page with nothing real has nothing real in it."""
    both, alone = spaced(everything()), text(REPORTS["simulated"]())
    assert both.index("Real clusters") < both.index("Simulated clusters")
    assert "These figures are never added to real ones." in alone
    assert "Real clusters" not in alone


def test_the_boundary_the_limits_and_the_block_end_every_page() -> None:
    """No stage, no disclaimer, no field and no credit is left out."""
    words = moved()
    report = period(job_of())
    for part in (*(stage.why for stage in STAGES), *LIMITS, *(field.label for field in disclosure(report))):
        assert part in words
    assert "Credits: Electricity Maps." in words


def test_all_lines_are_shown_with_home_s_beside() -> None:
    """Of the whole and of the job."""
    words = moved()
    assert all(words.count(line.replace("_", " ")) >= 3 for line in LINES)
    assert "at france [kg]" in words


def test_what_is_asked_for_is_grouped() -> None:
    """Beside project and cluster, which always are."""
    words = spaced(read(job_of(), by=("owner", "month")))
    assert "By project" in words
    assert "By cluster" in words
    assert "By owner, month" in words


def test_a_job_that_could_not_be_priced_makes_the_sums_too_low() -> None:
    """Loudly."""
    assert "1 job ran and could not be priced: the sums are too low." in spaced(everything())


def test_a_thousand_jobs_fit_in_three_megabytes() -> None:
    """Each by its own name, with its reason and notes."""
    jobs = [job_of(run(AWAY, 10, 12), run(HOME, 13, 14), job_id=f"job-{n:04}") for n in range(8)]
    many = [renamed(jobs[n % 8], f"job-{n:04}") for n in range(1000)]
    page = report_html(period(*many), {})
    assert len(page.encode()) < 3e6
    assert all(f"job-{n:04}" in page for n in range(1000))


def masked(english: str) -> str:
    """A text whose letters are gone, its places left: the language of nobody."""
    return re.sub(r"[A-Za-z](?![^{]*\})", "x", english)


NAMES_OF_THINGS = (
    "france", "quebec", "toronto", "lab", "train", "sim", "waiting", "table.csv (ODbL 1.0)", "design, section 4",
    "Electricity Maps", "model_tdp", "A100", "H100", "SHA", "UTC",
)  # fmt: skip
"""Names that are the same in every language: of jobs, clusters, files, sources and hardware."""


def test_every_word_of_a_page_goes_through_its_language() -> None:
    """With every sentence masked, what is left to read are names."""
    nobody = Language(
        code="x",
        translate=masked,
        counted=lambda one, many, count: masked(one if count == 1 else many),
        in_context=lambda _context, word: masked(word),
    )
    reader = Reader()
    reader.feed(report_html(period(*(make() for make in REPORTS.values()), by=("stage",)), {}, nobody))
    seen = [*reader.words, *(a.get("aria-label") or a.get("data-head") or "" for _, a in reader.tags)]
    left = set()
    for said in seen:
        for name in (*NAMES_OF_THINGS, METHOD):
            said = said.replace(name, "")  # noqa: PLW2901  # what is known is taken off
        left |= {word for word in re.findall(r"[A-Za-z]{3,}", said) if set(word.lower()) != {"x"}}
    assert set() == left
