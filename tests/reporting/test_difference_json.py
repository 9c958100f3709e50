"""The two columns of the consequential statement: they never mix, and each null says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from scheduler.domain.basis import MARGINAL_BASIS
from scheduler.records.comparison import Beside
from scheduler.records.difference import Draws
from scheduler.records.project_past import Reference
from scheduler.reporting.difference_json import headline_json, job_columns, total_columns
from scheduler.reporting.groups import Totals, totals
from scheduler.reporting.job_report import JobReport, job_report
from scheduler.reporting.markdown import report_markdown
from scheduler.reporting.period_report import period_report
from tests.records.cases import T0, at, make_cluster, make_history, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
GRID = {"FR": make_series("FR", [300] * 48), "CA-QC": make_series("CA-QC", [30] * 48)}
MOER = {
    "FR": make_series("FR", [700] * 48, basis=MARGINAL_BASIS, source="moer"),
    "CA-QC": make_series("CA-QC", [100] * 48, basis=MARGINAL_BASIS, source="moer"),
}
OPPOSITE = Reference(
    since=at(0), until=at(0), shares=((make_cluster("oslo", "NO"), 1.0),), delay=timedelta(0), gpu_h=1.0
)
"""A project that used to run where there is next to nothing to save."""


def job(beside: Beside | None = None, **changes: object) -> JobReport:
    """A job that moved, on settled intensities."""
    grid = {**GRID, "NO": make_series("NO", [5] * 48)}
    made = job_report(make_history([run(AWAY, 0, 2)]), grid, home_start=at(0), beside=beside or Beside())
    firm: dict[str, object] = {
        "status": "settled", "provisional_share": 0.0, "marginal_status": "settled", "marginal_share": 0.0,
    }  # fmt: skip
    return replace(made, **firm | changes)  # type: ignore[arg-type]  # its fields


def columns(made: JobReport) -> dict[str, Any]:
    """Of one job."""
    return cast("dict[str, Any]", job_columns(made))


def sums(*jobs: JobReport) -> Totals:
    """Of some jobs."""
    return totals(jobs, Draws())


def test_two_signals_stand_in_two_columns() -> None:
    """Each in its own words, on its own basis, from its own sources."""
    shown = columns(job(Beside(marginal=MOER)))
    reduced, avoided = shown["reduced_allocated"], shown["avoided"]
    assert ("allocated emissions reduced", "average lifecycle consumption CO2e") == (reduced["words"], reduced["basis"])
    assert ("emissions avoided", "marginal direct n/a CO2") == (avoided["words"], avoided["basis"])
    assert (["table.csv (ODbL 1.0)"], ["moer (ODbL 1.0)"]) == (
        reduced["intensity_sources"], avoided["intensity_sources"],
    )  # fmt: skip
    assert reduced["headline_kg"] == reduced["p5_kg"] != avoided["p5_kg"] == avoided["headline_kg"]


def test_each_signal_is_as_firm_as_its_own_intensities() -> None:
    """Settled averages make no headline of what was avoided by marginal intensities that may still be revised."""
    made = job(Beside(marginal=MOER), marginal_status="provisional", marginal_share=1.0)
    together = total_columns(sums(made), "average", simulated=False)
    for shown in (columns(made), cast("dict[str, Any]", together)):
        assert (False, True) == tuple(shown[name]["headline_kg"] is None for name in ("reduced_allocated", "avoided"))
        assert "provisional" in shown["avoided"]["headline_kg_reason"]


def test_nothing_is_avoided_in_sum_where_the_history_says_the_opposite_at_the_margin() -> None:
    """On averages both counterfactuals agree; at the margin the project used to run where it is cleaner still."""
    made = job(Beside(marginal={**MOER, "NO": make_series("NO", [5] * 48, basis=MARGINAL_BASIS)}, reference=OPPOSITE))
    assert made.comparison is not None
    averages = replace(made.comparison, second=made.difference, second_terms=made.comparison.terms)
    shown = cast("dict[str, Any]", total_columns(sums(replace(made, comparison=averages)), "average", simulated=False))
    assert ("allocated emissions reduced", None) == (
        shown["reduced_allocated"]["words"], shown["avoided"]["p5_kg"],
    )  # fmt: skip
    assert shown["avoided"]["words"].startswith("no claim")


def test_a_report_on_a_marginal_signal_has_one_column() -> None:
    """The other one would be of another meaning."""
    made = job_report(make_history([run(AWAY, 0, 2)]), MOER, home_start=at(0))
    shown = columns(made)
    assert (None, "emissions avoided") == (shown["reduced_allocated"], shown["avoided"]["words"])
    assert "marginal signal" in shown["reduced_allocated_reason"]
    total = cast("dict[str, Any]", total_columns(sums(made), "marginal", simulated=False))
    assert (None, "emissions avoided") == (total["reduced_allocated"], total["avoided"]["words"])


@pytest.mark.parametrize(
    ("marginal", "why"),
    [
        ({}, "no marginal signal was given"),
        ({"FR": MOER["FR"]}, "no intensity of zone CA-QC"),
        ({**MOER, "FR": make_series("FR", [700, float("nan")] * 24, basis=MARGINAL_BASIS)}, "only 50 %"),
        ({**MOER, "FR": make_series("FR", [700] * 48, basis=MARGINAL_BASIS, kind="forecast")}, "forecast"),
    ],
)
def test_nothing_is_avoided_without_a_marginal_signal_that_covers_it(marginal: dict[str, Any], why: str) -> None:
    """The column is null with its reason, and the other one is as it was."""
    shown = columns(job(Beside(marginal=marginal)))
    assert (None, "reduced") == (shown["avoided"], shown["reduced_allocated"]["verdict"])
    assert why in shown["avoided_reason"]


def test_a_history_that_says_the_opposite_takes_the_claim_away() -> None:
    """No figure, for one job and for all of them, in either form."""
    made = job(Beside(reference=OPPOSITE))
    shown = columns(made)
    for each in (shown, cast("dict[str, Any]", total_columns(sums(made), "average", simulated=False))):
        assert (None, None) == (each["reduced_allocated"]["p5_kg"], each["parts_kg"])
        assert "no claim" in each["reduced_allocated"]["words"]
    assert "no claim" in str(headline_json(sums(made), "average")["headline_reason"])
    text = report_markdown(period_report([made], since=None, until=None, made_at=T0, version="0"))
    assert 2 == text.count("no claim: against the project's own history")


def test_a_headline_is_the_end_that_claims_least() -> None:
    """Of real jobs, settled; none while they are provisional."""
    made = sums(job())
    assert made.difference is not None
    assert {"words": "allocated emissions reduced", "kg": made.difference.p5_kg} == headline_json(made, "average")[
        "headline"
    ]
    loose = sums(replace(job(), provisional_share=0.06, status="provisional"))
    assert (None, True) == (
        headline_json(loose, "average")["headline"], "provisional" in str(headline_json(loose, "average")),
    )  # fmt: skip


def test_what_is_listed_is_counted_and_not_summed() -> None:
    """With why, beside the job."""
    listed = job(Beside(home_share=0.1))
    shown = columns(listed)
    assert (False, 0.1) == (shown["additionality"]["additional"], shown["additionality"]["home_share"])
    assert "listed and not summed" in shown["reduced_allocated"]["headline_kg_reason"]
    total = cast("dict[str, Any]", total_columns(sums(job(), listed), "average", simulated=False))
    alone = cast("dict[str, Any]", total_columns(sums(job()), "average", simulated=False))
    assert (1, 0) == (total["listed_jobs"], alone["listed_jobs"])
    assert alone["reduced_allocated"] == total["reduced_allocated"]


def test_markdown_tells_both_columns_and_the_parts() -> None:
    """In the words of the columns."""
    made = job(Beside(marginal=MOER, home_share=0.1))
    text = report_markdown(period_report([made], since=None, until=None, made_at=T0, version="0"))
    for part in ("Avoided: emissions avoided (", "by the place ", "Against its project's history: not known", "Listed"):
        assert part in text
