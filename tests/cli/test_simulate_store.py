"""A replay of the store's own history: the lengths that jobs really had, where and when they were asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli import main, wiring
from cli.traces.reading import Reading
from cli.traces.store import from_store
from scheduler.records.rows import JobState
from tests.cli.ended import add_ended
from tests.cli.test_simulate_command import CLUSTER
from tests.records.cases import T0, document, make_cluster, make_job, make_row

REPLAY = ("simulate", "--from-store", "--intensity-table", "observed.csv", "--clusters", "clusters")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a job that took two of the ten hours it had stated, in a folder with its cluster and its table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "france.yaml").write_text(CLUSTER.format(name="france", zone="FR"))
    add_ended(tmp_path)
    return tmp_path


def add_waiting(job_id: str, state: JobState = JobState.PLANNED, **said: object) -> None:
    """A job of which nothing has run."""
    row = replace(make_row(make_job(**said), job_id=job_id), state=state, finished_at=None)
    with wiring.store().writing() as tx:
        tx.add_job(row)
        tx.add_plan(job_id, T0, document([make_cluster()], [("france", 0, 10)]))


@pytest.mark.usefixtures("folder")
def test_a_job_that_ended_takes_what_it_took_and_another_what_it_states() -> None:
    """The trace holds the width, the home and the pauses of each."""
    add_waiting("waiting1", duration="3h", interruptible={"restart": "10m", "checkpoint": "6m", "max_suspends": 2})
    ended, waits = from_store(Reading()).requests
    assert (T0, 8, "france", None) == (ended.submitted, ended.gpus, ended.home, ended.interruption)
    assert (timedelta(hours=2), timedelta(hours=10)) == (ended.length, ended.expected)
    assert (timedelta(hours=3), timedelta(minutes=10)) == (waits.length, waits.restart)
    assert waits.interruption is not None
    assert (0.1, 2) == (waits.interruption.checkpoint_h, waits.interruption.max_suspends)


@pytest.mark.usefixtures("folder")
def test_what_never_ran_and_what_states_no_length_are_named() -> None:
    """A job that was cancelled before it ran would not have taken what it stated."""
    add_waiting("gone1", JobState.CANCELLED)
    add_waiting("unknown1", duration=None)
    found = from_store(Reading())
    assert 1 == len(found.requests)
    assert [("gone1", "never_ran"), ("unknown1", "not_over")] == [(each.job_id, each.why) for each in found.left]


@pytest.mark.usefixtures("folder")
def test_a_stored_job_that_was_not_done_ends_by_itself_after_what_it_took() -> None:
    """A person cancelled it after two hours, and nobody would have waited longer for it elsewhere."""
    with wiring.store().writing() as tx:
        [row] = tx.jobs()
        tx.set_job(row.id, state=JobState.CANCELLED)
    [request] = from_store(Reading()).requests
    assert (True, timedelta(hours=2)) == (request.failed, request.length)


@pytest.mark.usefixtures("folder")
def test_a_history_is_moved_by_whole_weeks() -> None:
    """The weekday stays, and the deadline goes along."""
    before, after = (from_store(Reading(shift_to=to)).requests[0] for to in ("", "2022-05-01"))
    assert 0 == (after.submitted - before.submitted) % timedelta(weeks=1) / timedelta(hours=1)
    assert (2022, 5) == (after.submitted.year, after.submitted.month)
    assert before.deadline - before.submitted == after.deadline - after.submitted


@pytest.mark.usefixtures("folder")
def test_a_slack_is_of_stored_jobs_that_stated_none_and_a_least_saving_of_all() -> None:
    """So the settings in force then can be tuned; without them each job is as it was."""
    add_waiting("stated1", duration="3h", deadline="40h", min_saving=3)
    as_it_was = {each.job_id: each for each in from_store(Reading()).requests}
    found = {each.job_id: each for each in from_store(Reading(slack=timedelta(hours=5), min_saving_pct=7)).requests}
    free, stated = found["h7k2wxyz"], found["stated1"]
    assert T0 + timedelta(hours=10 + 5) == free.deadline
    assert as_it_was["stated1"].deadline == stated.deadline
    assert [3, 7, 7] == [as_it_was["stated1"].min_saving_pct, stated.min_saving_pct, free.min_saving_pct]


@pytest.mark.usefixtures("folder")
def test_the_command_replays_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    """And prints what every policy would have made of it."""
    add_waiting("gone1", JobState.CANCELLED)
    assert main.run([*REPLAY, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [(1, 1)] * 2 == [(policy["completed"], policy["never_ran"]) for policy in made["policies"]]
    assert ["gone1"] == [each["job_id"] for each in made["left_out"]]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--jobs", "trace.csv"), "one trace is needed"),
        (("--restart", "6m"), "their own home"),
        (("--home", "france"), "their own home"),
        (("--shift-to", "2022"), "can be replayed"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_a_stored_history_cannot_take_is_refused(
    more: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that would do nothing is no option."""
    assert main.run([*REPLAY, *more]) == 2
    assert named in capsys.readouterr().err


def test_an_empty_store_and_no_trace_at_all_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to replay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "france.yaml").write_text(CLUSTER.format(name="france", zone="FR"))
    (tmp_path / "observed.csv").write_text("utc,FR\n2024-03-05T00:00:00Z,1\n2024-03-05T01:00:00Z,1\n")
    options = ("--intensity-table", "observed.csv", "--clusters", "france.yaml")
    assert main.run(["simulate", "--from-store", *options]) == 2
    assert "no job of the store can be replayed" in capsys.readouterr().err
    assert main.run(["simulate", *options]) == 2
    assert "one trace is needed" in capsys.readouterr().err
