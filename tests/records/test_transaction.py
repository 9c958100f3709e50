"""What goes into the store comes out of it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.errors import InvalidInput, StoreError, UnknownName
from scheduler.records.rows import FINAL, EventRow, JobRow, JobState, PlanRow, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from scheduler.records.transaction import Transaction
from tests.records.cases import at, make_job, make_row, make_segment

RICH = {
    "name": "rich", "project": "déjà", "owner": "me", "model": "gpt", "stage": "pretraining", "group": "g",
    "entrypoint": ["python", "train.py", "--x=a b"], "launch": "script", "working_dir": ".", "excludes": ["*.pt"],
    "runtime_env": {"pip": ["torch"]}, "env": {"A": "1"}, "secrets": ["TOKEN"], "gpus": 8, "gpu": ["A100", "H100"],
    "cpus": 4.5, "memory": "64GiB", "duration": {"A100": "12h", "H100": "5h30m"}, "gpu_w": {"A100": 250.5},
    "deadline": "2024-04-01T00:00:00Z", "earliest_start": "1h30m", "home": "france", "allowed": ["france", "quebec"],
    "interruptible": {"save": "periodic", "every": "30m", "checkpoint": "2m", "restart": "5m", "max_moves": 1},
    "checkpoint": {"dir": "/ckpt", "gb": 12.5, "keep": 2},
    "elastic": {"min_gpus": 4, "max_gpus": 8, "speedup": {4: 0.55, 8: 1.0}},
    "data": {"size_gb": 100.0, "at": "france", "countries": ["FR", "CA"]},
    "min_saving": 2.5, "objective": "operational", "max_cost": 10.0, "priority": 3, "retries": 2, "exclusive": True,
    "notify": "me@x", "key": "k",
}  # fmt: skip


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    """A transaction on a new store, undone at the end."""
    store = open_store(StateFolder(tmp_path / "state"))
    with store.writing() as opened:
        yield opened
    store.close()


INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is beside
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.builds(
    replace,
    st.just(make_row()),
    spec_sha256=TEXT,
    package=st.none() | TEXT,
    intensity=st.dictionaries(TEXT, TEXT, max_size=3),
    counterfactual=st.dictionaries(TEXT, TEXT, max_size=3),
    state=st.sampled_from(JobState),
    wanted=st.sampled_from(["run", "hold", "cancel"]),
    reason=TEXT,
    progress=st.floats(0, 1),
    failures=st.integers(0, 9),
    interruptions=st.integers(0, 9),
    submitted_at=INSTANTS,
    deadline_at=INSTANTS,
    finished_at=st.none() | INSTANTS,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(row=ROWS)
def test_a_job_comes_out_as_it_went_in(tx: Transaction, row: JobRow) -> None:
    """Every field, instants to the microsecond, whatever the text."""
    row = replace(row, id=f"j{len(tx.jobs())}")
    tx.add_job(row)
    assert row == tx.job(row.id)


def test_a_job_with_every_key_comes_out_as_it_was_written(tx: Transaction) -> None:
    """Durations, instants, mappings by number and by model, tuples."""
    row = make_row(make_job(**RICH))
    tx.add_job(row)
    assert row == tx.job("j1")
    assert row == tx.job_by_key("k")


def test_a_key_is_used_once(tx: Transaction) -> None:
    """The second submit of a key is told of the first; jobs without one are as many as like."""
    tx.add_job(make_row(make_job(key="k"), job_id="a"))
    with pytest.raises(InvalidInput, match="'k'"):
        tx.add_job(make_row(make_job(key="k"), job_id="b"))
    tx.add_job(make_row(job_id="c"))
    tx.add_job(make_row(job_id="d"))
    assert (3, None) == (len(tx.jobs()), tx.job_by_key("other"))


def test_jobs_come_in_order_of_submission(tx: Transaction) -> None:
    """Whatever order they were written in."""
    for job_id, hour in (("b", 2.0), ("a", 1.0), ("c", 1.0)):
        tx.add_job(make_row(job_id=job_id, submitted_h=hour))
    assert ["a", "c", "b"] == [row.id for row in tx.jobs()]


def test_open_jobs_are_those_that_have_not_ended(tx: Transaction) -> None:
    """One of each state."""
    for state in JobState:
        tx.add_job(replace(make_row(job_id=state.value), state=state))
    assert set(JobState) - FINAL == {row.state for row in tx.open_jobs()}


def test_a_job_answers_to_the_beginning_of_its_id_and_to_its_name(tx: Transaction) -> None:
    """As long as only one does."""
    tx.add_job(make_row(make_job(name="alpha"), job_id="h7k2aaaa"))
    tx.add_job(make_row(make_job(name="beta"), job_id="h7zz0000"))
    assert ["h7k2aaaa"] * 4 == [tx.job(text).id for text in ("h7k2aaaa", "h7k", "alpha", "H7K")]


def test_a_word_that_means_two_jobs_means_neither(tx: Transaction) -> None:
    """Two ids, two names, or the name of one that begins the id of the other: cancel must hit the right one."""
    tx.add_job(make_row(make_job(name="twin"), job_id="h7k2aaaa"))
    tx.add_job(make_row(make_job(name="twin"), job_id="h7zz0000"))
    tx.add_job(make_row(make_job(name="h7k"), job_id="qqqq0000"))
    for text, number in (("h7", 2), ("twin", 2), ("h7k", 2)):
        with pytest.raises(InvalidInput, match=f"names {number} jobs") as caught:
            tx.job(text)
        assert "h7k2aaaa" in caught.value.hint


def test_a_whole_id_means_itself(tx: Transaction) -> None:
    """Even where it begins another, or is another's name."""
    tx.add_job(make_row(job_id="ab"))
    tx.add_job(make_row(make_job(name="ab"), job_id="abc"))
    assert "ab" == tx.job("ab").id


@pytest.mark.parametrize("text", ["", "zz", "%", "h_k", "a%"])
def test_a_word_that_means_no_job_lists_those_there_are(tx: Transaction, text: str) -> None:
    """An empty word and the database's own wildcards mean nothing."""
    tx.add_job(make_row(job_id="h7k2aaaa"))
    with pytest.raises(UnknownName, match="unknown job") as caught:
        tx.job(text)
    assert "h7k2aaaa" in caught.value.hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    given_=st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(JobState),
            "reason": TEXT,
            "wanted": st.sampled_from(["run", "hold", "cancel"]),
            "progress": st.floats(0, 1),
            "failures": st.integers(0, 9),
            "interruptions": st.integers(0, 9),
            "finished_at": INSTANTS,
        },
    )
)
def test_setting_a_job_changes_what_is_given_and_nothing_else(tx: Transaction, given_: dict[str, object]) -> None:
    """None means: leave it."""
    row = replace(make_row(), id=f"j{len(tx.jobs())}")
    tx.add_job(row)
    tx.set_job(row.id, **given_)  # type: ignore[arg-type]  # drawn by the names of its arguments
    assert replace(row, **given_) == tx.job(row.id)  # type: ignore[arg-type]  # the same


def test_setting_what_is_not_there_is_an_error(tx: Transaction) -> None:
    """A change that hits no row is never taken for done; changing nothing asks for none."""
    with pytest.raises(StoreError, match="no job nobody"):
        tx.set_job("nobody", reason="x")
    with pytest.raises(StoreError, match="no segment 7"):
        tx.set_segment(7, node_id="n")
    tx.set_job("nobody")


def test_plans_come_out_as_they_went_in_and_the_newest_binds(tx: Transaction) -> None:
    """Old ones stay; jobs without a plan are not among the answers."""
    for job_id in ("a", "b", "c"):
        tx.add_job(make_row(job_id=job_id))
    document = {"placement": [{"cluster": "é", "start": "2024-03-05T00:00:00Z", "end": "2024-03-05T01:00:00Z",
                               "gpus": 8}], "emissions_kg": {"total": None}}  # fmt: skip
    ids = [tx.add_plan(job_id, at(hour), {**document, "n": hour}) for job_id, hour in (("a", 0), ("b", 1), ("a", 2))]
    plans = [PlanRow(id=ids[n], job_id="a", made_at=at(n), document={**document, "n": n}) for n in (0, 2)]
    assert plans == tx.plans("a")
    assert {"a": plans[1], "b": tx.plans("b")[0]} == tx.newest_plans(["a", "b", "c"])
    assert ("é", at(0), at(1), 8) == tuple(
        getattr(plans[0].placement.segments[0], name) for name in ("cluster", "start", "end", "gpus")
    )
    assert {} == tx.newest_plans([])


def with_plan(tx: Transaction) -> int:
    """A job with a plan, for segments to hang on. Returns the plan's id."""
    if not tx.jobs():
        tx.add_job(make_row())
    return tx.add_plan("j1", at(0), {})


SEGMENTS = st.builds(
    replace,
    st.just(make_segment()),
    cluster=TEXT,
    gpus=st.integers(1, 64),
    planned_end=INSTANTS,
    is_last=st.booleans(),
    phase=st.sampled_from(["intended", "granted", "over"]),
    stop_asked_at=st.none() | INSTANTS,
    intended_at=INSTANTS,
    granted_at=st.none() | INSTANTS,
    seen_at=st.none() | INSTANTS,
    released_at=st.none() | INSTANTS,
    node_id=TEXT,
    end=st.sampled_from(["", "finished", "suspended", "failed", "interrupted", "unknown", "never_started"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(row=SEGMENTS)
def test_a_segment_comes_out_as_it_went_in_with_a_fence_of_its_own(tx: Transaction, row: SegmentRow) -> None:
    """Each larger than every one before it."""
    plan_id, before = with_plan(tx), tx.segments("j1")
    row = replace(row, plan_id=plan_id, n=len(before) + 1, sid=f"cs-j1-s{len(before) + 1}-a1")
    added = tx.add_segment(row)
    assert replace(row, fence=added.fence) == added == tx.segments("j1")[-1]
    assert all(added.fence > other.fence for other in before)
    assert (added in tx.open_segments()) == (row.phase != "over")


def test_a_fence_is_never_used_twice(tx: Transaction) -> None:
    """Not even where the segment that had it is gone."""
    plan_id = with_plan(tx)
    first = tx.add_segment(make_segment(plan_id=plan_id))
    tx.connection.exec_driver_sql("DELETE FROM segment")
    assert tx.add_segment(make_segment(plan_id=plan_id)).fence > first.fence


def test_setting_a_segment_changes_what_is_given(tx: Transaction) -> None:
    """And leaves the rest, and the other segments."""
    plan_id = with_plan(tx)
    first = tx.add_segment(make_segment(plan_id=plan_id, phase="granted", end=""))
    second = tx.add_segment(make_segment(plan_id=plan_id, n=2, sid="cs-j1-s2-a1"))
    tx.set_segment(first.fence, phase="over", end="failed", released_at=at(9), node_id=None)
    assert [replace(first, phase="over", end="failed", released_at=at(9)), second] == tx.segments("j1")


@pytest.mark.parametrize("twin", [{"n": 2}, {"sid": "cs-j1-s2-a1"}])
def test_an_attempt_is_written_once(tmp_path: Path, twin: dict[str, object]) -> None:
    """Neither its submission id nor its place in the job's life comes twice."""
    store = open_store(StateFolder(tmp_path / "state"))
    with store.writing() as tx:
        plan_id = with_plan(tx)
        tx.add_segment(make_segment(plan_id=plan_id))
    with pytest.raises(StoreError, match="UNIQUE"), store.writing() as tx:
        tx.add_segment(make_segment(plan_id=plan_id, **twin))


def test_events_come_in_the_order_they_were_noted(tx: Transaction) -> None:
    """Of their job alone, even where a clock went back between."""
    for job_id in ("a", "b"):
        tx.add_job(make_row(job_id=job_id))
    for job_id, hour, kind in (("a", 2, "submitted"), ("b", 0, "submitted"), ("a", 1, "planned")):
        tx.add_event(job_id, at(hour), kind, "why")
    expected = [EventRow(at=at(hour), kind=kind, text="why") for hour, kind in ((2, "submitted"), (1, "planned"))]
    assert (expected, []) == (tx.events("a"), tx.events("c"))


def test_the_last_scheduler_is_remembered(tx: Transaction) -> None:
    """One at a time."""
    assert tx.scheduler_pid() is None
    for pid in (7, 8):
        tx.set_scheduler(pid, at(0), at(0) + timedelta(seconds=pid))
        assert pid == tx.scheduler_pid()


def test_the_last_pass_is_remembered(tx: Transaction) -> None:
    """There is none before the first scheduler."""
    assert tx.scheduler_pass_at() is None
    tx.set_scheduler(7, at(0), at(1.5))
    assert at(1.5) == tx.scheduler_pass_at()


def test_events_of_all_jobs_come_after_one(tx: Transaction) -> None:
    """In the order they were noted, each with its job; the past can be left out by its time."""
    for job_id, hour in (("a", 0), ("b", 1), ("a", 2)):
        tx.add_job(make_row(job_id=f"{job_id}{hour}"))
        tx.add_event(f"{job_id}{hour}", at(hour), "submitted", "why")
    assert ["a0", "b1", "a2"] == [event.job_id for event in tx.events_after(0)]
    assert ["a2"] == [event.job_id for event in tx.events_after(tx.last_event_before(at(1.5)))]
    assert (0, []) == (tx.last_event_before(at(0)), tx.events_after(tx.last_event_before(at(9))))


def test_an_open_job_past_its_deadline_is_overdue(tx: Transaction) -> None:
    """Not one that has ended, nor at the deadline itself."""
    for job_id, state in (("open", JobState.RUNNING), ("ended", JobState.SUCCEEDED)):
        tx.add_job(replace(make_row(job_id=job_id), state=state, deadline_at=at(2)))
    assert ({}, {"open": at(2)}) == (tx.overdue(at(2)), tx.overdue(at(2.5)))


def test_the_sources_that_open_jobs_are_planned_on_are_known_with_their_last_deadline(tx: Transaction) -> None:
    """One entry a source, however many jobs; a job that ended needs none any more."""
    ended = replace(make_row(job_id="j0"), intensity={"source": "gone"})
    tx.add_job(ended)
    for number, days in enumerate((3, 9, 5), start=1):
        row = replace(make_row(job_id=f"j{number}"), state=JobState.PLANNED, finished_at=None)
        tx.add_job(replace(row, deadline_at=at(24 * days)))
    [(reference, until)] = tx.open_references().values()
    assert (dict(make_row().intensity), at(24 * 9)) == (reference, until)


@pytest.mark.parametrize(
    ("kind", "grows"),
    [("planned", True), ("submitted", True), ("expects", True), ("waits", False), ("not notified:lost", False)],
)
def test_the_revision_of_reservations_grows_with_what_may_change_them(
    tx: Transaction, kind: str, *, grows: bool
) -> None:
    """Why a job waits takes no room; an event that nobody knows yet may."""
    tx.add_job(make_row())
    tx.add_event("j1", at(0), "submitted", "")
    before = tx.reservations_revision()
    tx.add_event("j1", at(1), kind, "x")
    assert grows is (tx.reservations_revision() > before)


def test_the_revision_of_an_empty_store_is_nought(tx: Transaction) -> None:
    """Nothing is held."""
    assert 0 == tx.reservations_revision()
