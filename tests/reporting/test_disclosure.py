"""The disclosure block and the table of the life cycle: complete, each field filled or with its reason."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import pytest

from scheduler.domain.basis import Basis
from scheduler.records.counterfactual import METHOD
from scheduler.reporting.boundary import STAGES
from scheduler.reporting.disclosure import disclosure, disclosure_json, disclosure_schema
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import PeriodReport, period_report
from tests.records.cases import T0, at, make_cluster, run
from tests.reporting.reports import GRID, REPORTS, job_of


def period(*jobs: JobReport) -> PeriodReport:
    """The report of some jobs."""
    return period_report(jobs, since=at(0), until=None, made_at=T0, version="1.2.3")


def told(*jobs: JobReport) -> dict[str, str | None]:
    """The block of some jobs."""
    return disclosure_json(period(*jobs))


@pytest.mark.parametrize("name", [*REPORTS, "all", "none"])
def test_every_field_is_filled_or_says_why_not(name: str) -> None:
    """By its own schema, which takes nothing else."""
    jobs = {"all": list(REPORTS), "none": []}.get(name, [name])
    block = told(*(REPORTS[each]() for each in jobs))
    jsonschema.validate(block, disclosure_schema())
    assert len(block) >= 2 * 30


@pytest.mark.parametrize("broken", [{"seed": None}, {"seed": ""}, {"seed_reason": "why"}, {"more": "x"}])
def test_the_schema_refuses_what_is_not_disclosed(broken: dict[str, str | None]) -> None:
    """An empty field, a reason beside a value, a field that nobody knows."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told(job_of()) | broken, disclosure_schema())


def test_what_a_reader_needs_is_in_it() -> None:
    """Read off a report whose figures are known."""
    block = told(job_of(), REPORTS["gaps"]())
    assert (
        "carbonsched", "1.2.3", "2", "average", "lifecycle", "consumption", "CO2e", "20221105", "10,000",
        "table.csv (ODbL 1.0)", METHOD, "quebec: 1.2 [1.2, 1.2]", "quebec: design, section 4",
        "quebec: 6 [6, 6] years", "quebec: 0.85 [0.85, 0.85]", "75 %", "model_tdp: 100 %",
    ) == tuple(
        block[key]
        for key in (
            "tool", "version", "jobs", "signal", "boundary", "flow", "gas", "seed", "draws", "intensity_sources",
            "counterfactual_method", "pue", "pue_source", "lifetime", "lifetime_use", "intensity_coverage",
            "energy_sources",
        )
    )  # fmt: skip
    assert "not an offset; not to be deducted from scope 1, 2 or 3" == block["not_an_offset"]
    assert ("5 March 2024, 00:00 UTC", None) == (block["since"], block["since_reason"])
    assert (None, "up to when the report was made") == (block["until"], block["until_reason"])


def test_whose_word_a_home_is_is_told() -> None:
    """An operator's weighs more than that of a job which is judged by it."""

    def named(by: str) -> JobReport:
        """A job whose home someone named."""
        made = job_of()
        row = made.history.row
        rule = {**row.counterfactual, "home_by": by}
        return replace(made, history=replace(made.history, row=replace(row, counterfactual=rule)))

    jobs = [named(by) for by in ("operator", "job", "job", "the only cluster allowed")]
    assert "the operator's: 1; the job's own: 2; the only cluster allowed: 1" == told(*jobs)["counterfactual_home"]


def test_an_assumed_pue_is_not_called_stated() -> None:
    """It names the default."""
    bare = make_cluster("bare", "FR", pue=None)
    assert "bare: not stated, so this tool's default stands in" == told(job_of(run(bare, 1, 2)))["pue_source"]


def test_what_the_source_states_beside_the_basis_is_shown() -> None:
    """Factor set, warming potentials and losses."""
    basis = Basis(factor_set="IPCC 2014", gwp_set="AR5", losses="in")
    grid = {zone: replace(series, basis=basis) for zone, series in GRID.items()}
    block = told(job_of(grid=grid))
    assert ("IPCC 2014", "AR5", "in") == (block["factor_set"], block["gwp_set"], block["losses"])


def test_fields_are_in_one_order_with_one_label_each() -> None:
    """For people."""
    fields = disclosure(period(job_of()))
    assert len({each.label for each in fields}) == len(fields)
    assert ("tool", "version") == (fields[0].key, fields[1].key)


def test_the_life_cycle_has_its_six_stages() -> None:
    """Each counted, in part or not, with why; making the hardware and training are counted."""
    assert [
        "Raw materials", "Hardware manufacturing", "Equipment manufacturing", "Model training", "Model deployment",
        "End of life",
    ] == [each.name for each in STAGES]  # fmt: skip
    assert ["part", "counted", "not", "counted", "not", "not"] == [each.counted for each in STAGES]
    assert all(each.why.endswith(".") for each in STAGES)
