"""A report in French, of every kind of job: no English is left in it, and its figures are a Frenchman's."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.said import Said
from scheduler.records.budgets import Budget, Use
from scheduler.records.comparison import Beside
from scheduler.records.counterfactual import METHOD
from scheduler.records.hindsight import hindsight
from scheduler.reporting.charts_timeline import Trace
from scheduler.reporting.html_page import report_html
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import ENGLISH, ENGLISH_BEGINS, Language
from scheduler.reporting.locales import language
from scheduler.reporting.markdown import report_markdown
from scheduler.reporting.period_report import PeriodReport, period_report
from scheduler.reporting.rows import as_csv, columns_of, rows_of
from scheduler.reporting.words import LIMITS
from tests.records.cases import T0, at, make_cluster, run
from tests.records.curves import metered
from tests.reporting.msgids import WORDS, msgids
from tests.reporting.reports import AWAY, GRID, REPORTS, job_of
from tests.reporting.test_difference_json import MOER
from tests.reporting.test_difference_json import job as compared
from tests.reporting.test_html_more import BRIDGE
from tests.reporting.test_html_page import NAMES_OF_THINGS, Reader
from tests.reporting.test_markdown_accounts import closing

FRENCH = ("fr-CA", "fr-FR")
ENGLISH_WORDS = frozenset(
    """
    about above across after all and are at avoided be because been before below between both by can cannot cluster
    clusters could did do does each emitted ended ends ever every few footprint for forecast from gap gaps had have
    he held her his home hours how if in into is it its job jobs just known made many may months more most much must
    never no nobody none nor not nothing now of off once only other out over overhead own owner planned ran realised
    report run same say says settled share she should since so some stage such than that the their them then there
    these they this those through to under unknown until up upon was were what when where whether which while who
    whole why will with without would years you your
    """.split()  # noqa: SIM905  # a page of words reads best as one
)
"""Words of English that no French sentence has; those that both have, such as `on` and `but`, are not here."""


def renamed(job: JobReport, job_id: str) -> JobReport:
    """The same job under another id."""
    return replace(job, history=replace(job.history, row=replace(job.history.row, id=job_id)))


def kinds() -> list[JobReport]:
    """A job of every kind, and some of which there is more to say: metered, worked out in hindsight, on two signals."""
    odd = Said("{some} of {all} GPUs: {what}", some=1, all=8, what=Said("the meter died or hung for a while"))
    late = Said("the node's clock was {minutes:.0f} min ahead of ours: corrected by when it was seen to run", minutes=9)
    seen = job_of(replace(metered(run(AWAY, 10, 12), [(2, 1.6)], notes=(odd,)), notes=(late,)))
    assert seen.account is not None
    best = replace(seen, hindsight=hindsight(seen.history, seen.account, GRID))
    return [*(make() for make in REPORTS.values()), best, compared(Beside(marginal=MOER, home_share=0.1))]


@functools.cache
def everything() -> PeriodReport:
    """A period with every kind of job, asked for and grouped in every way, its clusters and budgets looked at."""
    jobs = [renamed(job, f"n{n}") for n, job in enumerate(kinds())]
    over = Use(project="x1", month="2024-03", budget=Budget(kg_per_month=1.5), realised_kg=2.5, projected_kg=0.25,
               unknown=("n7",), held=("n8",))  # fmt: skip
    return period_report(
        jobs, since=at(0), until=None, made_at=T0, version="1.2.3", group_by=("stage", "state", "month"),
        filters=[Said("project {name}", name="x1")], budgets=[over],
        closings=[closing(), closing(cluster=make_cluster("lab", simulated=True), twice_kwh=3.5)],
    )  # fmt: skip


@functools.cache
def page(code: str) -> str:
    """Its page, the grid around its jobs and a bridge in it."""
    traces = [Trace(zone=zone, observed=series) for zone, series in GRID.items()]
    around = {job.history.row.id: traces for job in everything().jobs}
    return report_html(everything(), around, language(code), bridged=BRIDGE)


class FrenchReader(Reader):
    """The words of a page, but for those that say of themselves that they are English."""

    def handle_data(self, data: str) -> None:
        """Words outside of quotes from others."""
        if not (self.open[-1:] == ["span"] and self.tags[-1] == ("span", {"lang": "en"})):
            super().handle_data(data)


def on_page(code: str) -> str:
    """All that is read on a page, or read out."""
    reader = FrenchReader()
    reader.feed(page(code))
    reader.close()
    spoken = [a.get("aria-label") or a.get("data-head") or "" for _, a in reader.tags]
    return "\n".join((*reader.words, *spoken))


def in_markdown(code: str) -> str:
    """The Markdown, without what is quoted as English."""
    return re.sub(r"«\s[^»]*\s»", "", report_markdown(everything(), language(code)))


FORMS: dict[str, Callable[[str], str]] = {"html": on_page, "md": in_markdown}


@pytest.mark.parametrize("code", FRENCH)
@pytest.mark.parametrize("form", FORMS)
def test_no_english_is_left(code: str, form: str) -> None:
    """No word of English grammar, and no text of the catalogs in its English."""
    said = FORMS[form](code)
    for name in (*NAMES_OF_THINGS, METHOD, "carbonsched disclose activity", "carbonsched report --job"):
        said = said.replace(name, "")
    left = {word for word in re.findall(r"[A-Za-zÀ-ÿœ]+", said) if word.lower() in ENGLISH_WORDS}
    assert set() == left
    lang = language(code)
    texts = [text for _, pair in msgids() for text in (pair if isinstance(pair, tuple) else (pair,))]
    kept = [
        text for text in texts
        if "{" not in text and " " in text.strip() and lang.translate(text) != text and text in said
    ]  # fmt: skip
    assert [] == kept


def test_the_scan_finds_english() -> None:
    """Each kind of it, so that finding none means that there is none."""
    english = in_markdown("en")
    assert len({word.lower() for word in re.findall(r"[A-Za-z]+", english)} & ENGLISH_WORDS) > 50
    assert all(line in english for line in LIMITS)


@pytest.mark.parametrize("code", FRENCH)
@pytest.mark.parametrize("form", FORMS)
def test_figures_have_the_marks_of_the_country(code: str, form: str) -> None:
    """A comma before decimals, kg éq. CO2 with its accents, and a space that cannot break before percent."""
    said = FORMS[form](code)
    for name in (*NAMES_OF_THINGS, METHOD, "1.2.3", "CO2", "ODbL 1.0"):
        said = said.replace(name, "")
    assert "kg éq. CO2" in FORMS[form](code)
    assert re.search(r"\d,\d+\u00a0?\s?kg", said)
    assert [] == re.findall(r"\d\.\d", said)
    assert [] == re.findall(r"\d ?%| %", said)
    assert "CO2e" not in FORMS[form](code)
    group = "\u00a0" if code == "fr-CA" else "\u202f"
    assert f"10{group}000" in said


@pytest.mark.parametrize("code", FRENCH)
def test_a_page_says_which_language_it_is_in(code: str) -> None:
    """And of what stays English, that it does: here the reason that a machine gave."""
    assert f'<html lang="{code}">' in page(code)
    assert '«\u00a0<span lang="en">exit code 1</span>\u00a0»' in page(code)
    assert ENGLISH_BEGINS not in page(code)
    assert "«\u00a0exit code 1\u00a0»" in report_markdown(everything(), language(code))


def test_english_says_what_it_said() -> None:
    """No quotes and no marks in it."""
    failed = period_report([REPORTS["failed"]()], since=None, until=None, made_at=T0, version="1")
    told = report_html(failed, {})
    assert "failed: exit code 1" in told
    assert 'lang="en">exit' not in told
    assert ENGLISH_BEGINS not in told + in_markdown("en")


@pytest.mark.parametrize("code", FRENCH)
def test_words_of_the_two_signals_do_not_mix(code: str) -> None:
    """A difference on average intensities is an allocated one; of avoided ones it is said that there is no figure."""
    said = on_page(code)
    assert "émissions allouées réduites" in said.lower()
    bare = said
    for denied in (LIMITS[2], "Avoided on a marginal signal"):
        bare = bare.replace(language(code).translate(denied), "")
    assert set(re.findall(r"[^.\n]*évit[^.\n]*", bare)) == set(
        re.findall(r"Émissions évitées\s: aucun chiffre[^.\n]*", bare)
    )


def test_tables_for_programs_know_no_language() -> None:
    """A point before decimals, times in UTC, and English names."""
    rows = as_csv(columns_of(everything()), rows_of(everything()))
    assert re.search(r"\d\.\d", rows)
    assert not re.search(r"\d,\d{3}\b.*kg", rows)


def test_a_text_inside_a_text_is_told_in_the_same_language() -> None:
    """With the marks of its numbers; what nobody knows is quoted."""
    lang = language("fr-FR")
    why = Said("only {known:g} % of the hours have a known intensity, {needed:g} % are needed", known=94.9, needed=95)
    assert (
        "sur le signal marginal, seulement 94,9\u202f% des heures ont une intensité connue, il en faut 95\u202f%"
        == (lang.said(Said("on the marginal signal {why}", why=why)))
    )
    assert "on the marginal signal only 94.9 % of the hours have a known intensity, 95 % are needed" == ENGLISH.said(
        Said("on the marginal signal {why}", why=why)
    )
    quoted = lang.said(Said("evidence that cannot be read: {problem}", problem=Said("line {7} is odd")))
    assert "preuves illisibles\u00a0: «\u00a0\u2068line {7} is odd\u2069\u00a0»" == quoted
    assert ("x", "") == (lang.said("x"), lang.quoted(""))


def test_instants_are_told_in_the_reporting_time_zone() -> None:
    """The first of a month has its own form; Canada writes its hours otherwise than France."""
    moment = datetime(2026, 3, 1, 3, 5, tzinfo=UTC)
    montreal = language("fr-CA", zone=ZoneInfo("America/Toronto"), zone_name="America/Toronto")
    assert "28 février 2026 à 22\u00a0h\u00a005 America/Toronto" == montreal.instant(moment)
    assert "1er mars 2026 à 03\u00a0h\u00a005 UTC" == montreal.universal(moment)
    assert "1er mars 2026 à 03:05 UTC" == language("fr-FR").instant(moment)
    assert ("28 février 2026", "1 March 2026") == (montreal.day(moment), ENGLISH.day(moment))


def test_words_of_one_list_are_not_those_of_another() -> None:
    """A job is planned otherwise than a mass."""
    lang: Language = language("fr-CA")
    assert ("planifiée", "prévu") == (lang.word("state", "planned"), lang("planned"))
    assert all(lang.word(context, word) for context, words in WORDS.items() for word in words)
