"""`carbonsched report` of metered jobs: from the agents' bytes to shares, parts, regret and the identity."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli import accounting, main, wiring
from scheduler.domain.cluster import Cluster
from scheduler.records.rows import SegmentEnd
from tests.records.agent_files import outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment
from tests.records.metered import gpu, line, written

FRANCE, QUEBEC = make_cluster(gpus=16), make_cluster("quebec", "CA-QC", gpus=16, head_w=300)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of two days: 300 g/kWh in France, 30 in Quebec, 100 more in its fourth hour."""
    rows = [f"2024-03-{5 + hour // 24:02}T{hour % 24:02}:00:00Z,300,{130 if hour == 3 else 30}" for hour in range(48)]
    (tmp_path / "table.csv").write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def add(  # noqa: PLR0917  # a job by where and when
    place: Path,
    job_id: str,
    cluster: Cluster,
    start_h: float,
    end_h: float,
    samples: bytes | None = None,
    *,
    behind_h: float = 0.0,
    table: str = "table.csv",
    end: SegmentEnd = "finished",
) -> None:
    """Store a job of 8 GPUs, granted at its start and running a quarter of an hour later, and what its agent wrote."""
    row = replace(
        make_row(make_job(name=f"job-{job_id}", duration="2h"), submitted_h=start_h, job_id=job_id),
        intensity={"source": "csv-file", "path": str(place / table)},
    )
    sid, began = f"cs-{job_id}-s1-a1", start_h + 0.25
    with wiring.store().writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(job_id, T0, document([FRANCE, QUEBEC], [(cluster.name, start_h, end_h)], total_kg=0.9))
        tx.add_segment(
            make_segment(
                job_id=job_id, plan_id=plan_id, sid=sid, cluster=cluster.name, planned_end=at(end_h),
                intended_at=at(start_h), granted_at=at(start_h), seen_at=at(end_h), released_at=at(end_h),
                node_id=f"node-{job_id}", end=end,
            )
        )  # fmt: skip
    raw = outcome(
        sid=sid, started_unix=at(began - behind_h).timestamp(), ended_unix=at(end_h - behind_h).timestamp(),
        duration_s=3600 * (end_h - began), exit_code=0, reason="exited", stop_received_unix=None,
    )  # fmt: skip
    wiring.evidence().keep_outcome(job_id, sid, raw)
    if samples is not None:
        wiring.evidence().keep_samples(job_id, sid, samples)


def readings(start_h: float, end_h: float, *, kw: float = 1.6, odd: bool = False) -> bytes:
    """A reading a minute of one counter that stands for all GPUs, out of order and some twice where it is odd."""
    began_s = at(start_h).timestamp()
    count = round((end_h - start_h) * 60)
    made = [
        line(n, *(gpu(kw * 1000 / 8 * 60 * n, f"GPU-{k}") for k in range(8)), every_s=60.0, t_unix=began_s + 60 * n)
        for n in range(count + 1)
    ]
    return written(*(made[5::-1] + made[3:])) if odd else written(*made)


def read(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Mapping[str, Any]:
    """The JSON report."""
    assert main.run(["report", *arguments, "--json"]) == 0
    loaded: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_a_metered_job_is_accounted_by_its_meter(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the nameplate over 1.75 hours; the quarter of an hour before is overhead, at rest."""
    add(place, "aaaa", QUEBEC, 1, 3, readings(1.25, 3))
    (job,) = read(capsys=capsys)["jobs"]
    made = job["footprint"]
    assert ("nvml_counter", 1.0) == (made["energy_source"], made["run_coverage"])
    it_kwh = 1.75 * (1.6 + 1.6) + 0.25 * 8 * 0.188
    assert (1.6 * 1.75, it_kwh) == pytest.approx((made["gpu_energy_running_kwh"], made["it_energy_kwh"]))
    assert 1.6 * 1.75 / it_kwh == pytest.approx(made["measured_share"])
    assert 0.25 * 8 * 0.188 * 1.2 * 30 / 1000 == pytest.approx(made["emissions_kg"]["overhead"])
    assert it_kwh * 1.2 == pytest.approx(made["facility_energy_kwh"])


def test_samples_out_of_order_and_twice_say_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reading counts once, by its number."""
    add(place, "aaaa", QUEBEC, 1, 3, readings(1.25, 3))
    add(place, "bbbb", QUEBEC, 1, 3, readings(1.25, 3, odd=True))
    one, other = read(capsys=capsys)["jobs"]
    assert one["footprint"] == other["footprint"]


def test_a_job_without_samples_is_modelled_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing measured is 0 % measured, and not 0 kWh."""
    add(place, "aaaa", QUEBEC, 1, 3)
    made = read(capsys=capsys)["jobs"][0]["footprint"]
    assert ("model_tdp", 0.0) == (made["energy_source"], made["measured_share"])
    assert 3.2 * 1.75 == pytest.approx(made["gpu_energy_running_kwh"])


def test_readings_that_end_early_are_a_gap_at_the_nameplate(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three quarters of an hour at 3.2 kW stand for them, are named, and lower the coverage."""
    add(place, "aaaa", QUEBEC, 1, 3, readings(1.25, 2.25))
    made = read(capsys=capsys)["jobs"][0]["footprint"]
    assert "nvml_counter and gap_model" == made["energy_source"]
    assert (1.6, 0.75 * 3.2) == pytest.approx((made["measured_kwh"], made["gap_model_kwh"]))
    assert 1 - 0.75 / 2 == pytest.approx(made["run_coverage"])


def test_samples_that_cannot_be_read_are_named_and_charged(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No evidence lowers no figure: the whole reservation counts as running, at the nameplate."""
    add(place, "aaaa", QUEBEC, 1, 3, b"no json at all\n")
    (job,) = read(capsys=capsys)["jobs"]
    assert any("cannot be read" in note for note in job["notes"])
    assert 3.2 * 2 == pytest.approx(job["footprint"]["gpu_energy_running_kwh"])
    assert 0.0 == job["footprint"]["run_coverage"]


def test_a_node_whose_clock_is_off_is_said_and_corrected(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three hours behind: its energy lies where it was seen to run, none of it is lost."""
    add(place, "aaaa", QUEBEC, 4, 6, readings(4.25, 6))
    add(place, "bbbb", QUEBEC, 4, 6, readings(1.25, 3), behind_h=3)
    right, off = (job["footprint"] for job in read(capsys=capsys)["jobs"])
    assert right["measured_kwh"] == pytest.approx(off["measured_kwh"])
    assert right["emissions_kg"] == pytest.approx(off["emissions_kg"])
    assert ([], True) == (right["energy_notes"], any("min behind ours: corrected" in n for n in off["energy_notes"]))


def test_planned_to_realised_adds_up(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Forecast, duration, power and overhead are the difference, to the last digit that is told."""
    add(place, "aaaa", QUEBEC, 1, 3, readings(1.25, 3))
    (job,) = read(capsys=capsys)["jobs"]
    made = job["planned_to_realised"]
    parts = [made[f"{name}_kg"] for name in ("forecast", "duration", "power", "overhead")]
    assert sum(parts) == pytest.approx(made["difference_kg"], abs=1e-12)
    assert made["difference_kg"] == pytest.approx(job["footprint"]["emissions_kg"]["total"] - job["planned_kg"])
    assert made["power_kg"] == pytest.approx(-1.6 * 1.75 * 30 * 1.2 / 1000)


def test_regret_is_told_of_a_job_that_is_asked_for(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ran through the hour of 130 g; the best waits until that is over."""
    add(place, "aaaa", QUEBEC, 2, 4, readings(2.25, 4))
    (job,) = read("--job", "aaaa", capsys=capsys)["jobs"]
    assert job["hindsight"]["regret_kg"] == pytest.approx(
        job["footprint"]["emissions_kg"]["total"] - job["hindsight"]["best_kg"]
    )
    assert job["hindsight"]["regret_kg"] > 0.3
    (unasked,) = read(capsys=capsys)["jobs"]
    assert unasked["hindsight"] is None
    assert "--job" in unasked["hindsight_reason"]


def test_the_accounts_close_with_each_cluster(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs + idle of nobody + head nodes = its energy, by month, with and without a filter on the jobs shown."""
    add(place, "aaaa", QUEBEC, 1, 3, readings(1.25, 3))
    add(place, "bbbb", QUEBEC, 2, 4)
    add(place, "cccc", FRANCE, 5, 6)
    every = read(capsys=capsys)["cluster_months"]
    march = {each["cluster"]: each for each in every if each["month"] == "2024-03"}
    for made in every:
        parts = made["jobs_kwh"] - made["counted_twice_kwh"] + made["unallocated_idle_kwh"] + made["head_nodes_kwh"]
        assert parts == pytest.approx(made["it_energy_kwh"])
        assert 0.0 == pytest.approx(made["difference_kwh"], abs=1e-6)
    assert march["quebec"]["head_nodes_kwh"] == pytest.approx(0.3 * 27 * 24)
    assert (None, True) == (march["france"]["head_w"], "head_w" in march["france"]["head_w_reason"])
    jobs_kwh = sum(job["footprint"]["it_energy_kwh"] for job in read(capsys=capsys)["jobs"])
    assert jobs_kwh == pytest.approx(sum(each["jobs_kwh"] for each in every))
    some = read("--since", "2024-03-05T04:30:00Z", capsys=capsys)
    assert 1 == len(some["jobs"])
    assert march["quebec"] == next(each for each in some["cluster_months"] if each["cluster"] == "quebec")


def test_a_period_closes_over_its_own_months(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """March ends where April begins, and a job of another month is in none of it."""
    add(place, "aaaa", QUEBEC, 1, 3)
    months = read("--period", "2024-03", capsys=capsys)["cluster_months"]
    assert [("2024-03", "france"), ("2024-03", "quebec")] == [(each["month"], each["cluster"]) for each in months]
    later = read("--period", "2024-05", capsys=capsys)["cluster_months"]
    assert {("2024-05", 0.0)} == {(each["month"], each["jobs_kwh"]) for each in later}


def test_a_job_that_cannot_be_priced_has_no_hindsight_and_leaves_a_difference(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its table is gone: what its GPUs drew at rest is what the parts lack."""
    add(place, "aaaa", QUEBEC, 1, 3)
    add(place, "bbbb", QUEBEC, 20, 22, table="gone.csv")
    (job,) = read("--job", "bbbb", capsys=capsys)["jobs"]
    assert job["hindsight"] is None
    assert job["hindsight_reason"] == job["footprint_reason"]
    march = next(each for each in read(capsys=capsys)["cluster_months"] if each["cluster"] == "quebec")
    assert 2 * 8 * 0.188 == pytest.approx(march["difference_kwh"])
    before = read("--until", "2024-03-05T10:00:00Z", capsys=capsys)["cluster_months"]
    assert march == next(each for each in before if each["cluster"] == "quebec")


def test_a_best_that_is_not_known_has_a_reason(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The job did nothing useful."""
    add(place, "aaaa", QUEBEC, 1, 3, end="interrupted")
    (job,) = read("--job", "aaaa", capsys=capsys)["jobs"]
    assert (None, True) == (job["hindsight"], "no useful work" in job["hindsight_reason"])


def test_an_empty_store_has_nothing_to_close(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No plan, no cluster."""
    assert [] == read(capsys=capsys)["cluster_months"]


def test_the_collector_of_cycles_is_left_as_it_was() -> None:
    """On after a report where it was on, off where it was off."""
    with accounting.uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with accounting.uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
