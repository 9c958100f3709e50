"""`/metrics`: what the loop and the store say, read back with Prometheus' own parser."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler.execution.health import Health
from scheduler.execution.health_http import served
from scheduler.execution.metrics import Metrics
from scheduler.records.rows import JobState
from scheduler.records.settlement import Status
from scheduler.records.state_folder import StateFolder
from scheduler.records.statements import Statement, state
from scheduler.records.store import Store, open_store
from tests.execution.fake_clock import FakeClock
from tests.records.cases import at, document, make_cluster, make_row, make_segment

NOW = at(50)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a job that runs and is overdue, one that waits, one that ended, and their segments."""
    opened = open_store(StateFolder(tmp_path / "state"))
    france = make_cluster()
    with opened.writing() as tx:
        for number, state in enumerate((JobState.RUNNING, JobState.QUEUED, JobState.SUCCEEDED), start=1):
            job_id, final = f"j{number}", state is JobState.SUCCEEDED
            row = replace(make_row(job_id=job_id), state=state, finished_at=at(24) if final else None)
            tx.add_job(replace(row, deadline_at=at(49 if number == 1 else 51)))
            tx.add_plan(job_id, at(0), document([france], [("france", 0, 2)]))
        ends = (("j1", "suspended"), ("j1", ""), ("j3", "finished"), ("j3", "suspended"))
        for number, (job_id, end) in enumerate(ends, start=1):
            tx.add_segment(
                make_segment(
                    fence=0, job_id=job_id, plan_id=int(job_id[1:]), n=number, sid=f"cs-{job_id}-s{number}-a1",
                    end=end, phase="over" if end else "granted", cluster='fra"nce' if end == "finished" else "france",
                )
            )  # fmt: skip
    return opened


@pytest.fixture
def metrics(store: Store) -> Metrics:
    """What Prometheus is told of that store by a loop that has passed once."""
    clock = FakeClock(NOW)
    health = Health(clock=clock, tick=timedelta(seconds=2))
    silent = {"silent": "no connection", "circuit": "open", "failures": 4}
    health.passed(open_jobs=2, clusters={"france": {"silent": "", "failures": 0}, "quebec": silent})
    return Metrics(health, store, clock)


def figures(text: str) -> dict[str, float]:
    """Each figure by its name and the values of its labels."""
    return {
        " ".join([sample.name.removeprefix("carbonsched_"), *filter(None, sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(metrics: Metrics) -> dict[str, float]:
    """The figures of the page in Prometheus' text form."""
    _, body = metrics.page("text/plain")
    return figures(body.decode())


def test_jobs_gpus_and_ends_are_those_of_the_store(metrics: Metrics) -> None:
    """A state without jobs is 0 and there, so that an alert on it has something to compare."""
    found = told(metrics)
    assert {"jobs running": 1, "jobs queued": 1, "jobs succeeded": 1, "jobs lost": 0, "jobs_overdue": 1} == {
        name: found[name] for name in ("jobs running", "jobs queued", "jobs succeeded", "jobs lost", "jobs_overdue")
    }
    assert 8 == found["granted_gpus france"]
    assert {"france suspended": 2, 'fra"nce finished': 1} == {
        name.removeprefix("segments_ended_total "): value for name, value in found.items() if "segments_ended" in name
    }


def test_emissions_are_those_of_each_jobs_newest_statement(metrics: Metrics) -> None:
    """Nothing is summed over bases, statuses, or what is simulated and what is real; an older statement is out."""
    stated = (
        ("j1", "provisional", "average", False, 5.0),
        ("j1", "settled", "average", False, 7.0),
        ("j2", "settled", "average", False, 2.0),
        ("j3", "settled", "marginal", True, 1.0),
    )
    with metrics.store.writing() as tx:
        for job_id, status, basis, simulated, mass_kg in stated:
            figures = {
                "basis": basis,
                "simulated": simulated,
                "emissions_kg": {"dynamic": mass_kg, "embodied": 0.5, "total": 9.0, "low": 1.0, "high": 20.0},
            }
            state(
                tx,
                Statement(
                    job_id=job_id, number=0, as_of=NOW, made_at=NOW, status=cast("Status", status), cause="first",
                    why="", figures=figures,
                ),
            )  # fmt: skip
    assert {
        "average dynamic false settled": 9000.0,
        "average embodied false settled": 1000.0,
        "marginal dynamic true settled": 1000.0,
        "marginal embodied true settled": 500.0,
    } == {
        name.removeprefix("stated_emissions_grams").strip(): value
        for name, value in told(metrics).items()
        if name.startswith("stated_emissions")
    }


def test_a_silent_cluster_and_the_last_pass_are_told(metrics: Metrics) -> None:
    """Failures in a row say for how long it has been tried."""
    found = told(metrics)
    assert (1, 0) == (found["cluster_answering france"], found["cluster_answering quebec"])
    assert (0, 4) == (found["cluster_failures france"], found["cluster_failures quebec"])
    assert (1, NOW.timestamp()) == (found["loop_passing"], found["last_pass_timestamp_seconds"])


def test_a_loop_that_is_stuck_or_never_passed_is_told(store: Store) -> None:
    """Before the first pass there is no time of one."""
    clock = FakeClock(NOW)
    fresh = Metrics(Health(clock=clock, tick=timedelta(seconds=2)), store, clock)
    assert (1, False) == (told(fresh)["loop_passing"], "last_pass_timestamp_seconds" in told(fresh))
    clock.sleep(timedelta(hours=1))
    assert 0 == told(fresh)["loop_passing"]


def test_a_store_that_cannot_be_read_is_told_and_the_loop_is_still_seen(metrics: Metrics) -> None:
    """The page never fails: a monitor that gets nothing knows nothing."""
    metrics.store.folder.database.write_bytes(b"no database")
    found = told(metrics)
    assert 0 == found["store_readable"]
    assert 1 == found["loop_passing"]
    assert "jobs running" not in found


def test_prometheus_is_answered_over_http_in_the_form_that_it_asks_for(metrics: Metrics) -> None:
    """Its text form by default, OpenMetrics where it accepts that."""
    with served(metrics, "127.0.0.1", 0) as port:
        for accept, begins in (
            ("", "text/plain"),
            ("application/openmetrics-text; version=1.0.0", "application/openm"),
        ):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
            with urllib.request.urlopen(request, timeout=5) as answer:
                body = answer.read().decode()
                assert answer.headers["Content-Type"].startswith(begins)
            assert 'carbonsched_jobs{state="running"} 1.0' in body


MONITORING = Path(__file__).parents[2] / "cluster_configs" / "monitoring"
NAMES = re.compile(r"\bcarbonsched_[a-z_]+")


@pytest.mark.parametrize("file", sorted(MONITORING.iterdir()), ids=lambda file: file.name)
def test_the_dashboard_and_the_alerts_ask_for_what_is_told(metrics: Metrics, file: Path) -> None:
    """Every name in their expressions is one of the page."""
    families = {
        name
        for family in metrics.collect()
        for name in (family.name, *([f"{family.name}_total"] if family.type == "counter" else []))
    }
    asked = set(NAMES.findall(file.read_text(encoding="utf-8")))
    assert asked
    assert set() == asked - families


def test_every_figure_is_explained(metrics: Metrics) -> None:
    """docs/monitoring.md has a row for each, and for no other."""
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(carbonsched_[a-z_]+)", page, flags=re.MULTILINE)
    families = [family.name + ("_total" if family.type == "counter" else "") for family in metrics.collect()]
    assert sorted(families) == sorted(rows)
