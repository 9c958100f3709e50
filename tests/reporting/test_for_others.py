"""What jobs emitted in the forms of others: SCI, BoAmps, a model card, an inventory's table, and tags."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml
from pydantic import ValidationError

from scheduler.domain.basis import Basis
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import BasisMismatch, InvalidInput
from scheduler.domain.job import Job
from scheduler.records.rows import JobState
from scheduler.reporting.activity import NO_TENURE, NOT_DIRECT, POSTS, activity_csv
from scheduler.reporting.boamps import FORMAT_VERSION, BoampsReport, Publisher, boamps
from scheduler.reporting.job_report import JobReport, job_report
from scheduler.reporting.model_card import model_card
from scheduler.reporting.sci import sci
from scheduler.reporting.tags import tags_of
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run
from tests.reporting.reports import GRID, HOME, REPORTS, job_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def of_job(job: Job, *, cluster: Cluster = HOME, job_id: str = "j1", state: JobState = JobState.SUCCEEDED) -> JobReport:
    """A job of two hours on 8 GPUs."""
    history = make_history([run(cluster, 10, 12)], job=job, home=cluster, job_id=job_id)
    return job_report(replace(history, row=replace(history.row, state=state)), GRID, home_start=at(10))


def total_kg(reports: Sequence[JobReport]) -> float:
    """All that some jobs emitted."""
    return sum(report.account.central.total for report in reports if report.account)


# SCI


def test_the_score_of_the_worked_case_by_hand() -> None:
    """800 GPU-hours of the worked case at 33 g/kWh: 27.290 kg, so 34.11 g a GPU-hour; 8.2818 kg of it embodied."""
    history = make_history([run(HOME, 0, 100)], job=make_job(duration="100h", gpu_w=400))
    score = sci([job_report(history, {"FR": make_series("FR", [33.0] * 744)}, home_start=at(0))])
    assert pytest.approx(34.112, abs=2e-3) == score.score_g
    assert pytest.approx(8.2818, abs=1e-4) == score.embodied_kg
    assert pytest.approx(0.85 * 8.2818, abs=1e-4) == score.embodied_wall_clock_kg
    assert pytest.approx(33.0) == score.intensity_g_per_kwh
    assert pytest.approx(576.0) == score.energy_kwh


def test_a_unit_of_ones_own_divides_the_same_kilograms() -> None:
    """Twice the units, half the score; what is in it stays."""
    reports = [job_of()]
    one, two = (sci(reports, units=units, unit="token") for units in (1e6, 2e6))
    assert pytest.approx(two.score_g * 2) == one.score_g
    assert pytest.approx(1000 * total_kg(reports) / 1e6) == one.score_g
    assert "per token" in one.text()
    assert json.loads(json.dumps(one.as_json()))["R"] == {"units": 1e6, "unit": "token"}


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        (("waiting",), "nothing to score"),
        (("moved", "unpriced"), "not known"),
        (("moved", "simulated"), "not there"),
    ],
)
def test_a_score_is_refused_where_it_would_not_be_one(kinds: Sequence[str], named: str) -> None:
    """Nothing ran, a part is not known, or the hardware of a part is not there."""
    with pytest.raises(InvalidInput, match=named):
        sci([REPORTS[kind]() for kind in kinds])


@pytest.mark.parametrize("units", [0.0, -1.0, float("nan"), float("inf")])
def test_a_score_needs_units(units: float) -> None:
    """R is over 0."""
    with pytest.raises(InvalidInput, match="R is"):
        sci([job_of()], units=units, unit="token")


def test_two_bases_are_not_scored_together() -> None:
    """Averages and marginals never meet."""
    other = replace(job_of(job_id="j2"), basis=Basis(signal="marginal", flow="n/a"))
    for made in (lambda: sci([job_of(), other]), lambda: activity_csv([job_of(), other])):
        with pytest.raises(BasisMismatch):
            made()


# BoAmps


def boamps_of(report: JobReport, **given: object) -> BoampsReport:
    """Its BoAmps report."""
    said = {"family": "text generation", "made_at": NOW, "version": "0.1.0", "publisher": Publisher(name="Our lab")}
    return boamps(report, **{**said, **given})  # type: ignore[arg-type]  # each test names arguments of it


def test_a_boamps_report_has_the_fields_that_the_data_model_requires() -> None:
    """Its own spelling, nothing that is not known, an id that is one, and the version that is pinned."""
    report = job_of()
    data = json.loads(boamps_of(report).text())
    assert {"header", "task", "measures", "system", "infrastructure", "environment", "quality"} == set(data)
    assert {"taskStage", "taskFamily", "algorithms", "dataset"} <= set(data["task"])
    assert [{"dataUsage": "input", "dataType": "other"}] == data["task"]["dataset"]
    [measure] = data["measures"]
    assert report.account is not None
    assert report.account.it_energy_kwh == measure["powerConsumption"]
    assert (7200.0, "constant", "constant") == (
        measure["measurementDuration"],
        measure["gpuTrackingMode"],
        measure["cpuTrackingMode"],
    )
    assert ("low", FORMAT_VERSION, "draft") == (
        data["quality"],
        data["header"]["formatVersion"],
        data["header"]["reportStatus"],
    )
    assert uuid.UUID(data["header"]["reportId"]).version == 5
    assert "2026-03-01 12:00:00" == data["header"]["reportDatetime"]
    assert [{"componentName": "A100", "componentType": "gpu", "nbComponent": 8, "share": 1.0}] == data[
        "infrastructure"
    ]["components"]
    assert ("CA", "CA-QC") == (data["environment"]["country"], data["environment"]["location"])
    assert pytest.approx(30.0) == data["environment"]["powerSourceCarbonIntensity"]


def test_boards_that_were_metered_are_said_to_be() -> None:
    """The hosts are modelled still, so the quality is no more than medium."""
    report = job_of()
    assert report.account is not None
    metered = replace(report.account, measured_kwh=0.95 * report.account.gpu_energy_kwh)
    data = json.loads(boamps_of(replace(report, account=metered)).text())
    assert ("nvml", "medium") == (data["measures"][0]["gpuTrackingMode"], data["quality"])


@pytest.mark.parametrize("given", [{"infra": "moon"}, {"data_type": "smell"}, {"family": ""}])
def test_a_word_that_the_data_model_does_not_know_is_refused(given: dict[str, object]) -> None:
    """The form checks itself."""
    with pytest.raises(ValidationError):
        boamps_of(job_of(), **given)


@pytest.mark.parametrize(("kind", "named"), [("waiting", "no account"), ("simulated", "not there")])
def test_boamps_is_for_what_really_ran(kind: str, named: str) -> None:
    """Neither a plan nor declared hardware has drawn anything."""
    with pytest.raises(InvalidInput, match=named):
        boamps_of(REPORTS[kind]())


# Model card


def test_a_model_card_counts_all_runs_in_grams_and_shows_the_last_beside() -> None:
    """A run that failed is in the number that the hub reads."""
    job = make_job(model="lm", stage="pretraining")
    reports = [
        of_job(job, job_id="a", state=JobState.FAILED),
        of_job(job, job_id="b"),
        of_job(job, job_id="c", state=JobState.CANCELLED),
    ]
    text = model_card("lm", reports, version="0.1.0")
    _, front, body = text.split("---\n", 2)
    said = yaml.safe_load(front)["co2_eq_emissions"]
    assert pytest.approx(1000 * total_kg(reports), rel=1e-5) == said["emissions"]
    assert ("pre-training", "8 x A100", "FR (FR)") == (
        said["training_type"],
        said["hardware_used"],
        said["geographical_location"],
    )
    assert "its last run, b," in body
    assert "all 3 runs" in body
    assert "PROVISIONAL" in body


@pytest.mark.parametrize(
    ("reports", "named"),
    [
        ((), "no run"),
        (("failed",), "no run"),
        (("stayed", "unpriced"), "not known"),
        (("stayed", "simulated"), "not there"),
    ],
)
def test_a_model_card_is_refused_where_it_would_flatter(reports: Sequence[str], named: str) -> None:
    """Without a run that succeeded, with one that is not priced, or with one that is only simulated."""
    with pytest.raises(InvalidInput, match=named):
        model_card("lm", [REPORTS[kind]() for kind in reports], version="0.1.0")


# activity.csv


def table(text: str) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_rows_of_an_inventory_add_up_to_the_jobs() -> None:
    """A row a month, project and cluster; what is not real is not there."""
    owned = make_cluster(tenure="owned")
    reports = [of_job(make_job(project="nlp"), cluster=owned, job_id=name) for name in ("a", "b")]
    reports += [job_of(job_id="c"), REPORTS["simulated"](), REPORTS["waiting"]()]
    rows = table(activity_csv(reports, organisation="=lab"))
    assert [("", "quebec", "1"), ("nlp", "france", "2")] == [
        (row["project"], row["cluster"], row["jobs"]) for row in rows
    ]
    assert pytest.approx(total_kg(reports[:3])) == sum(
        float(row["kg_location_lifecycle"]) + float(row["kg_embodied_product"]) for row in rows
    )
    assert ["'=lab"] * 2 == [row["organisation"] for row in rows]
    assert [NO_TENURE in row["notes"] for row in rows] == [True, False]
    assert all(NOT_DIRECT in row["notes"] and row["kg_location_direct"] == "" for row in rows)


@pytest.mark.parametrize("tenure", sorted(POSTS))
def test_whose_the_hardware_is_decides_the_scope(tenure: str) -> None:
    """Owned electricity alone is scope 2."""
    [row] = table(activity_csv([of_job(make_job(), cluster=make_cluster(tenure=tenure))]))
    assert ("scope 2" == row["electricity"]) is (tenure == "owned")
    assert row["electricity_beges_v5"]
    assert row["electricity_iso_14064_1"] == ("2" if tenure == "owned" else "4")


def test_a_contract_gives_the_market_based_figure_and_nothing_else() -> None:
    """The kWh of the facility times its factor, with what proves it; the location-based figure stays."""
    market = make_cluster(market={"g_per_kwh": 10, "certificate": "GO registry 2026"})
    plain, bought = (
        table(activity_csv([of_job(make_job(), cluster=cluster)]))[0] for cluster in (make_cluster(), market)
    )
    assert pytest.approx(0.010 * float(bought["kwh_facility"])) == float(bought["kg_market_based"])
    assert ("GO registry 2026", "", "") == (
        bought["market_certificate"],
        plain["kg_market_based"],
        plain["market_certificate"],
    )
    assert plain["kg_location_lifecycle"] == bought["kg_location_lifecycle"]


def test_on_a_direct_basis_the_scope_2_column_is_filled() -> None:
    """And the life-cycle one is empty."""
    direct = replace(job_of(), basis=Basis(boundary="direct"))
    [row] = table(activity_csv([direct]))
    assert (True, "") == (float(row["kg_location_direct"]) > 0, row["kg_location_lifecycle"])
    assert NOT_DIRECT not in row["notes"]


def test_a_job_that_ran_and_has_no_figure_is_in_the_table_without_one() -> None:
    """Nobody takes the sums for whole; its cells are empty and say why."""
    rows = table(activity_csv([job_of(), REPORTS["unpriced"]()]))
    [row] = [each for each in rows if "has no figure" in each["notes"]]
    assert (2, "1", "", "", "", "provisional") == (
        len(rows), row["jobs"], row["gpu_hours"], row["kwh_it"], row["kg_location_lifecycle"], row["status"],
    )  # fmt: skip


def test_no_jobs_are_a_table_of_its_header() -> None:
    """An empty month is no error."""
    assert [] == table(activity_csv([]))
    assert activity_csv([]).startswith("month,organisation,project,")


# Tags


def test_tags_say_what_is_measured_and_how_firm_it_is() -> None:
    """Flat, each with our prefix."""
    tags = tags_of(job_of(), version="0.1.0")
    assert all(name.startswith("carbonsched.") for name in tags)
    assert ("provisional", 0.0, False, "CA-QC") == tuple(
        tags[f"carbonsched.{name}"] for name in ("status", "measured_share", "simulated", "zones")
    )


def test_a_job_that_did_not_run_has_no_tags() -> None:
    """A tag of 0 kg would be a lie."""
    with pytest.raises(InvalidInput, match="no account"):
        tags_of(REPORTS["waiting"](), version="0.1.0")
