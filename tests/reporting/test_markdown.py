"""The report for people: what it says, and the words that it does not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from scheduler.records.rows import JobState
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.markdown import report_markdown
from scheduler.reporting.numbers import kg_text
from scheduler.reporting.period_report import period_report
from scheduler.reporting.words import LIMITS, share_text
from tests.records.cases import T0, at, make_series, run
from tests.reporting.reports import AWAY, HOME, REPORTS, job_of


def text_of(*jobs: JobReport, whole: bool = False) -> str:
    """The report of some jobs, without its standing limits unless `whole`."""
    made = period_report(jobs, since=None, until=at(48), made_at=T0, version="1.2.3")
    text = report_markdown(made)
    return text if whole else text.partition("## What to know")[0]


def test_the_title_says_what_kind_of_figures_follow() -> None:
    """And which jobs, when, by what."""
    title, _, said, *_ = text_of().split("\n")
    assert "# Emissions report: PROVISIONAL" == title
    assert (
        "Jobs submitted from the first job to 2024-03-07T00:00:00Z. Made 2024-03-05T00:00:00Z, carbonsched 1.2.3; "
        "10,000 draws, seed 20221105." == said
    )


def test_an_empty_period_says_so() -> None:
    """Rather than nothing."""
    assert "No jobs were submitted in this period." in text_of()


def test_the_limits_and_the_credits_end_every_report() -> None:
    """No disclaimer is left out, no licence unnamed."""
    text = text_of(job_of(), whole=True)
    assert all(f"- {line}\n" in text for line in LIMITS)
    assert text.endswith("## Credits\n\n- Electricity Maps\n")


@pytest.mark.parametrize("name", REPORTS)
def test_words_that_flatter_are_not_used(name: str) -> None:
    """Only the disclaimer speaks of an offset, and of avoided emissions only to deny them."""
    text = text_of(REPORTS[name](), whole=True)
    for line in LIMITS:
        text = text.replace(line, "")
    found = re.findall(r"\b(sav(?:ed|ings?)|offsets?|avoid\w*|green|neutral\w*|climate|measured [^;:,.]*)\b", text)
    assert [] == found


def test_a_moved_job_is_told_in_two_statements() -> None:
    """The footprint first, with its range and how it is known; then the difference, with its interval."""
    text = text_of(job_of())
    footprint, difference = text.index("Footprint "), text.index("Difference from france")
    assert footprint < difference
    for part in (
        "## train (j1): succeeded\n",
        "| line         | realised [kg] | would have at france [kg] |",
        "| total        | ",
        "planned 1 kg.",
        "Energy by model_tdp, 0 % of it measured: GPUs 6.4 kWh, IT 9.6 kWh, facility 11.5 kWh.",
        "Intensity: average lifecycle consumption CO2e, table.csv (ODbL 1.0); 100 % of the hours known.",
        "| cs-x-s1-a1 | quebec  | 8    | 2024-03-05T10:00:00Z | 2024-03-05T12:00:00Z | 7200    | outcome  |",
        "Difference from france, started 2024-03-05T10:00:00Z (rule registered at submission, self-attested): ",
        "self-attested): allocated emissions reduced (P5 ",
        "average intensities; no headline, provisional: the intensities are not settled).",
        "embodied reallocated, not reduced: -",
    ):
        assert part in text


def test_an_increase_is_told_as_plainly_as_a_reduction() -> None:
    """With the same figures."""
    worse = {"FR": make_series("FR", [30] * 48), "CA-QC": make_series("CA-QC", [300] * 48)}
    assert "allocated emissions added (P5 -" in text_of(job_of(grid=worse))


def test_what_cannot_be_told_from_nothing_has_no_figure() -> None:
    """Neither for the job nor in the sum."""
    level = {"FR": make_series("FR", [50] * 48), "CA-QC": make_series("CA-QC", [49] * 48)}
    text = text_of(job_of(grid=level))
    assert 2 == text.count("no distinguishable effect.")
    assert "P5" not in text


def test_a_job_that_never_moved_says_so() -> None:
    """It ran as it would have."""
    assert "none: it ran as it would have." in text_of(REPORTS["stayed"]())


def test_a_failed_job_is_in_with_its_reason() -> None:
    """Its hours were emitted all the same."""
    text = text_of(REPORTS["failed"]())
    assert "## train (j1): failed\n\nWhy: exit code 1.\n" in text
    assert "Real clusters\n\n1 job, 4 GPU-h reserved" in text


def test_a_job_of_which_nothing_ran_is_in() -> None:
    """With no table of zeros."""
    text = text_of(REPORTS["waiting"]())
    assert "## train (waiting): planned\n\nNothing ran." in text
    assert "| line" not in text


def test_a_job_that_could_not_be_priced_makes_every_sum_too_low() -> None:
    """Loudly: an unknown is not a zero."""
    text = text_of(REPORTS["unpriced"](), REPORTS["moved"]())
    assert "**1 job ran and could not be priced: the sums are too low.**" in text
    assert "It could not be priced: there is no intensity of zone CA-QC." in text
    assert "2 jobs, 16 GPU-h reserved" in text


def test_simulated_jobs_stand_apart_and_are_marked() -> None:
    """Under their own title, on their own line, in no project."""
    text = text_of(REPORTS["simulated"](), REPORTS["stayed"]())
    assert "## Real clusters\n\n1 job" in text
    assert "## Simulated clusters (declared hardware; never added to the above)\n\n1 job" in text
    assert "## train (sim): succeeded, simulated" in text
    assert "| (none)  | 1    |" in text


def test_no_real_job_is_no_real_section() -> None:
    """A demo's report does not pretend to hold anything real."""
    text = text_of(REPORTS["simulated"]())
    assert "Real clusters" not in text
    assert "By project" not in text


def test_gaps_and_unseen_hours_are_named() -> None:
    """How much is estimated, how much counts as running unseen, and that nothing is claimed."""
    gaps, lost = text_of(REPORTS["gaps"]()), text_of(REPORTS["lost"]())
    assert "50 % of the hours known." in gaps
    assert "kg of it is estimated, where the intensity has gaps." in gaps
    assert "Difference from home: not stated, only 50 % of the hours have a known intensity, 95 % are needed." in gaps
    assert "0 % of the reserved hours have evidence; the rest counts as running." in lost


def test_notes_are_printed_with_their_job() -> None:
    """A PUE that nobody stated is flagged where it enters."""
    assert "- toronto states no PUE: 1.5 [1.2, 1.8] stands in" in text_of(REPORTS["other hardware"]())


def test_a_plan_without_a_price_says_why() -> None:
    """Never 0 kg."""
    made = job_of(state=JobState.RUNNING)
    assert "planned no figure, a part of the plan has no intensity." in text_of(replace(made, planned_kg=None))


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    """A project may be called anything."""
    made = job_of()
    job = made.history.row.job.model_copy(update={"project": "a|b"})
    history = replace(made.history, row=replace(made.history.row, job=job))
    assert "| a\\|b    |" in text_of(replace(made, history=history))


def test_a_restarted_job_lists_every_attempt() -> None:
    """Each with how its run is known."""
    text = text_of(job_of(run(HOME, 10, 11, ended_by="infrastructure", sid="one"), run(AWAY, 12, 13, sid="two")))
    assert ("| one " in text, "| two " in text) == (True, True)


@pytest.mark.parametrize(
    ("mass_kg", "text"),
    [(0, "0"), (0.000123456, "0.000123"), (0.27290, "0.273"), (12.345, "12.3"), (-3.14159, "-3.14"),
     (999.4, "999"), (999.6, "1,000"), (-999.5, "-1,000"), (1234.5, "1,234"), (-50532.4, "-50,532")],
)  # fmt: skip
def test_a_mass_is_told_with_three_digits(mass_kg: float, text: str) -> None:
    """A small one is not rounded to nothing."""
    assert text == kg_text(mass_kg)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.9499, "94.9 %"), (0.95, "95 %"), (0.29, "29 %"), (0.9999, "99.9 %"), (1.0, "100 %")],
)
def test_a_share_is_never_rounded_up(share: float, text: str) -> None:
    """What is short of a threshold does not read as having reached it."""
    assert text == share_text(share)


def test_large_energies_are_told_in_digits() -> None:
    """A training of a month is not 1e+06 of anything."""
    long = {zone: make_series(zone, [30] * 2000) for zone in ("FR", "CA-QC")}
    text = text_of(job_of(run(AWAY, 0, 2000), grid=long))
    assert "16,000 GPU-h reserved, 9,600 kWh of IT energy" in text
    assert "e+" not in text


def test_what_was_asked_for_is_said_and_grouped() -> None:
    """Real and simulated jobs in tables of their own; nothing of it where nothing was asked for."""
    jobs = [job_of(), REPORTS["simulated"]()]
    made = period_report(
        jobs, since=None, until=None, made_at=T0, version="1", group_by=["cluster", "month"], filters=["project nlp"]
    )
    text = report_markdown(made)
    assert "\n\nOnly: project nlp.\n\n" in text
    assert "## By cluster, month\n\n| cluster | month   | jobs | GPU-h | kg CO2e |" in text
    assert "## By cluster, month, simulated clusters\n\n| cluster | month   |" in text
    assert "| quebec  | 2024-03 | 1    | 16    |" in text
    assert ("By cluster" in text_of(*jobs), "Only:" in text_of(*jobs)) == (False, False)
