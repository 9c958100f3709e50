"""The report for machines: every key is filled, or says why it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from scheduler.domain.emissions import LINES
from scheduler.reporting.as_json import job_json, report_json
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import period_report
from tests.records.cases import T0, at, make_series
from tests.reporting.reports import REPORTS, job_of

Data = Mapping[str, Any]


def report(*jobs: JobReport) -> Data:
    """The report of some jobs, as it is read back from its text."""
    made = period_report(jobs, since=at(0), until=None, made_at=T0, version="1.2.3")
    loaded: Data = json.loads(json.dumps(report_json(made), allow_nan=False))
    return loaded


def unexplained(data: object, path: str = "") -> Iterator[str]:
    """Nulls without a reason beside them, and reasons beside what is there."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key.endswith("_reason") and key.removesuffix("_reason") in data:
                if (value is None) == (data[key.removesuffix("_reason")] is None) or value == "":
                    yield f"{path}.{key}"
            elif value is None:
                if not data.get(f"{key}_reason"):
                    yield f"{path}.{key}"
            else:
                yield from unexplained(value, f"{path}.{key}")
    elif isinstance(data, list):
        for n, value in enumerate(data):
            yield from unexplained(value, f"{path}[{n}]")


def shape(data: object) -> object:
    """The keys of a value, whatever is under them."""
    return sorted(data) if isinstance(data, dict) else type(data).__name__


@pytest.mark.parametrize("name", REPORTS)
def test_every_null_has_its_reason(name: str) -> None:
    """In the report of a period, of one job, and of what stands under them."""
    assert [] == list(unexplained(report(REPORTS[name]())))
    assert [] == list(unexplained(json.loads(json.dumps(job_json(REPORTS[name]())))))


def test_an_empty_period_has_every_key() -> None:
    """A reader finds them whether there are jobs or not."""
    empty, full = report(), report(*(make() for make in REPORTS.values()))
    assert [] == list(unexplained(empty))
    assert set(full) == set(empty)
    assert shape(full["real"]) == shape(empty["real"]) == shape(full["simulated"])


def test_every_job_has_the_same_keys() -> None:
    """Failed, simulated, waiting or moved."""
    assert 1 == len({tuple(sorted(job_json(make()))) for make in REPORTS.values()})


def test_the_contract_of_a_report() -> None:
    """The keys that others rely on."""
    made = report(REPORTS["moved"]())
    assert {
        "schema", "status", "since", "since_reason", "until", "until_reason", "made_at", "version", "basis",
        "as_of", "as_of_reason", "basis_reason", "headline", "headline_reason", "real", "simulated", "by_project",
        "jobs", "draws", "seed", "counterfactual_method", "gap_percentile", "limits", "by_cluster", "group_by",
        "groups", "simulated_groups", "filters", "boundary", "disclosure", "sensitivity", "cluster_months", "budgets",
    } == set(made)  # fmt: skip
    assert (1, "provisional", None, "1.2.3", 10_000) == tuple(
        made[key] for key in ("schema", "status", "headline", "version", "draws")
    )
    assert {"signal": "average", "boundary": "lifecycle", "flow": "consumption", "gas": "CO2e"} == made["basis"]
    (job,) = made["jobs"]
    assert (
        {*LINES, "total", "low", "high"} == set(job["footprint"]["emissions_kg"]) == set(made["real"]["emissions_kg"])
    )
    assert {*LINES, "total"} == set(job["counterfactual"]["emissions_kg"])
    assert (0.0, "model_tdp") == (job["footprint"]["measured_share"], job["footprint"]["energy_source"])
    assert ("self-attested", 64) == (
        job["counterfactual"]["registration"], len(job["counterfactual"]["rule_sha256"]),
    )  # fmt: skip
    assert ("2024-03-05T10:00:00Z", "outcome", "itself") == (
        job["segments"][0]["ran"][0], job["segments"][0]["known_by"], job["segments"][0]["ended_by"],
    )  # fmt: skip


def test_a_difference_that_is_told_has_its_figures() -> None:
    """Beside the lines that it holds."""
    job = job_json(REPORTS["moved"]())
    found: Data = json.loads(json.dumps(job["reduced_allocated"]))
    assert "reduced" == found["verdict"]
    assert 0 < found["p5_kg"] < found["p50_kg"] < found["p95_kg"]
    assert ["dynamic", "its facility share", "transfer", "overhead of later segments"] == found["lines"]


def test_a_difference_that_cannot_be_told_has_no_figure() -> None:
    """The words stand alone: a number would be read as one."""
    level = {"FR": make_series("FR", [50] * 48), "CA-QC": make_series("CA-QC", [49] * 48)}
    found: Data = json.loads(json.dumps(job_json(job_of(grid=level))["reduced_allocated"]))
    assert ("no distinguishable effect", None, None, None, None) == tuple(
        found[key] for key in ("verdict", "central_kg", "p5_kg", "p50_kg", "p95_kg")
    )


def test_a_job_that_never_moved_differs_by_zero() -> None:
    """Not by a rounding error, and not by null."""
    found: Data = json.loads(json.dumps(job_json(REPORTS["stayed"]())["reduced_allocated"]))
    assert ("none: it ran as it would have", 0.0, 0.0, 0.0) == tuple(
        found[key] for key in ("verdict", "central_kg", "p5_kg", "p95_kg")
    )


def test_nothing_is_called_avoided() -> None:
    """Not on an average signal."""
    for make in REPORTS.values():
        job = job_json(make())
        assert job["avoided"] is None
        assert "marginal" in str(job["avoided_reason"])


def test_embodied_emissions_are_reallocated_beside_the_difference() -> None:
    """Home's less those of where it ran."""
    job = json.loads(json.dumps(job_json(REPORTS["moved"]())))
    home, real = (job[side]["emissions_kg"]["embodied"] for side in ("counterfactual", "footprint"))
    assert home - real == pytest.approx(job["reallocated_embodied_kg"], abs=1e-12)


def test_real_and_simulated_stand_apart() -> None:
    """No key sums the two."""
    made = report(REPORTS["moved"](), REPORTS["simulated"]())
    assert (1, 1) == (made["real"]["jobs"], made["simulated"]["jobs"])
    assert "total" not in made
