"""What people read of a job: why it is in its state, what comes next and when; and whether a scheduler runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from cli import main, wiring
from cli.job_next import NO_SCHEDULER, next_action, next_text, why
from scheduler.domain.instant import to_the_second
from scheduler.records.counterfactual import register
from scheduler.records.rows import JobRow, JobState, PlanRow, SegmentRow, Wanted
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

CLUSTERS = [make_cluster(), make_cluster("quebec", "CA-QC")]
PLAN = PlanRow(id=1, job_id="j1", made_at=T0, document=document(CLUSTERS, [("france", 1, 2), ("quebec", 4, 6)]))


def job(state: JobState, *, wanted: Wanted = "run", reason: str = "") -> JobRow:
    """A job in some state."""
    row = make_row(make_job(interruptible={"checkpoint": "6m"}))
    return replace(row, state=state, wanted=wanted, reason=reason, finished_at=None)


def live(n: int = 1, **changes: object) -> SegmentRow:
    """A segment that runs on the plan's stretch of that number."""
    stretch = PLAN.placement.segments[n - 1]
    row = make_segment(
        n=n, sid=f"cs-j1-s{n}-a1", cluster=stretch.cluster, planned_end=stretch.end, is_last=n == 2, phase="granted",
        released_at=None, end="", stop_asked_at=None,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]  # each case names fields of the row


SAVED = live(phase="over", end="suspended")
ASKED = live(stop_asked_at=at(1.9))
CASES: list[tuple[JobRow, list[SegmentRow], str, tuple[str, datetime | None]]] = [
    (job(JobState.PLANNED), [], "waits for its start", ("start", at(1))),
    (job(JobState.PLANNED, reason="no room on france: 0 of 8 GPUs free"), [], "no room on france: 0 of 8 GPUs free",
     ("start", at(1))),
    (job(JobState.LAUNCHING), [live(phase="intended")], "sent to france, not seen running yet", ("run", None)),
    (job(JobState.LAUNCHING, reason="the secret 'A' is not set"), [live(phase="intended")],
     "the secret 'A' is not set", ("run", None)),
    (job(JobState.RUNNING), [live()], "", ("suspend", at(1.9))),
    (job(JobState.RUNNING, wanted="hold"), [live()], "hold asked", ("hold", None)),
    (job(JobState.RUNNING), [SAVED, live(2)], "", ("finish", at(6))),
    (job(JobState.SUSPENDING), [ASKED], "saves itself on france, asked at 2024-03-05T01:54:00Z", ("resume", at(4))),
    (job(JobState.SUSPENDED, reason="suspended by the plan"), [SAVED], "suspended by the plan", ("resume", at(4))),
    (job(JobState.SUSPENDED), [SAVED], "waits for its resume", ("resume", at(4))),
    (job(JobState.HELD, wanted="hold", reason="held by a person"), [], "held by a person", ("release it", None)),
    (job(JobState.QUEUED), [], "to be planned", ("plan", None)),
    (job(JobState.CANCELLING, wanted="cancel"), [ASKED], "stops on france, asked at 2024-03-05T01:54:00Z",
     ("cancel", None)),
    (job(JobState.FAILED, reason="exit code 3"), [], "exit code 3", ("", None)),
    (job(JobState.SUCCEEDED), [], "", ("", None)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "segments", "expected_why", "expected_next"),
    CASES,
    ids=[f"{row.state} {text}" for row, _, text, _ in CASES],
)
def test_every_state_says_why_and_what_comes_next(
    row: JobRow, segments: list[SegmentRow], expected_why: str, expected_next: tuple[str, datetime | None]
) -> None:
    """In words, and with the time where one is known."""
    assert (expected_why, expected_next) == (
        why(row, segments, scheduler_runs=True),
        next_action(row, PLAN, segments),
    )


def test_without_a_scheduler_every_open_job_says_so() -> None:
    """It is the first reason why nothing happens; what has ended needs none."""
    assert f"waits for its start; {NO_SCHEDULER}" == why(job(JobState.PLANNED), [], scheduler_runs=False)
    assert "exit code 3" == why(job(JobState.FAILED, reason="exit code 3"), [], scheduler_runs=False)


def test_times_for_people_have_seconds_and_what_is_past_says_so() -> None:
    """No microseconds, and no start that seems to lie ahead."""
    moment = T0 + timedelta(microseconds=999_999)
    assert "2024-03-05T00:00:00Z" == to_the_second(moment)
    assert "start at 2024-03-05T00:00:00Z" == next_text("start", moment, T0)
    assert "start, which was due at 2024-03-05T00:00:00Z" == next_text("start", moment, at(1))
    assert ("plan", "-") == (next_text("plan", None, T0), next_text("", None, T0))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with one planned job and events to the microsecond."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    odd = T0 + timedelta(microseconds=123_456)
    row = replace(
        job(JobState.PLANNED), id="abcdefgh", submitted_at=odd, deadline_at=odd + timedelta(days=2), progress=0.0,
        intensity={"source": "static-tables", "year": "2024"}, counterfactual=register(make_job(), "france", odd, odd),
    )  # fmt: skip
    with wiring.store().writing() as tx:
        tx.add_job(row)
        tx.add_plan(row.id, odd, document(CLUSTERS, [("france", 1.123456, 2.123456)]))
        tx.add_event(row.id, odd, "submitted", "planned by carbon-aware")
        tx.set_scheduler(4242, odd, odd)
    return tmp_path / "state"


@pytest.fixture
def lease(state: Path) -> Iterator[None]:
    """A scheduler runs."""
    with FileLock(state / "scheduler.lock"):
        yield


def told(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What a command that succeeds prints."""
    assert main.run(list(arguments)) == 0
    return capsys.readouterr()


@pytest.mark.usefixtures("state")
def test_describe_shows_no_fraction_of_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """People read times to the second; machines get all there is."""
    text, _ = told("describe", "abcdefgh", capsys=capsys)
    assert ".123456" not in text
    assert "2024-03-05T00:00:00Z  submitted  planned by carbon-aware" in text
    assert f"planned: waits for its start; {NO_SCHEDULER}" in text
    data = json.loads(told("describe", "abcdefgh", "--json", capsys=capsys)[0])
    assert ("", f"waits for its start; {NO_SCHEDULER}") == (data["reason"], data["why"])
    assert "2024-03-05T00:00:00.123456Z" == data["events"][0]["at"]


@pytest.mark.usefixtures("state")
def test_list_and_status_say_that_no_scheduler_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Also as JSON; the table stays on stdout alone."""
    table, talk = told("list", capsys=capsys)
    assert "scheduler: does not run (carbonsched serve starts it)" in talk
    assert "abcdefgh" in table
    listed, talk = told("list", "--json", capsys=capsys)
    assert [(1, "abcdefgh")] == [(entry["schema"], entry["job_id"]) for entry in json.loads(listed)]
    assert "scheduler: does not run" in talk
    text, _ = told("status", capsys=capsys)
    assert "scheduler: does not run (carbonsched serve starts it), last pass at 2024-03-05T00:00:00Z" in text


@pytest.mark.usefixtures("lease")
def test_list_and_status_say_which_process_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """And when it last passed."""
    assert "scheduler: runs, process 4242" in told("list", capsys=capsys)[1]
    data = json.loads(told("status", "--json", capsys=capsys)[0])["scheduler"]
    assert {"running": True, "pid": 4242, "pass_at": "2024-03-05T00:00:00.123456Z"} == data
    assert "does not run" not in told("describe", "abcdefgh", capsys=capsys)[0]
