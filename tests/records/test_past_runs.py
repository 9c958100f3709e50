"""A duration from the store: which past runs count, and what their widths and GPU models make of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.records.past_runs import learnt
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from scheduler.records.transaction import Transaction
from tests.records.cases import at, document, make_cluster, make_job, make_row, make_segment

HOUR = timedelta(hours=1)
FRANCE = make_cluster()
QUEBEC = make_cluster("quebec", "CA-QC", gpu={"model": "H100"})
UNSAID = make_job(duration=None)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    """A transaction on a new store, undone at the end."""
    store = open_store(StateFolder(tmp_path / "state"))
    with store.writing() as opened:
        yield opened
    store.close()


def past(tx: Transaction, job_id: str, *parts: dict[str, object], name: object = "train", **changes: object) -> None:
    """A job of the past with its segments, each from hour 0 to its `hours` if nothing else is said."""
    pause = {"restart": "30m", "checkpoint": "6m"}
    row = make_row(make_job(name=name, interruptible=pause), job_id=job_id)
    tx.add_job(replace(row, **changes))  # type: ignore[arg-type]  # fields of the row
    plan_id = tx.add_plan(job_id, at(0), document([FRANCE, QUEBEC], [("france", 0, 1)]))
    for n, part in enumerate(parts, 1):
        given = {"released_at": at(float(str(part.pop("hours", 2)))), "n": n, "sid": f"{job_id}-{n}"} | part
        tx.add_segment(make_segment(job_id=job_id, plan_id=plan_id, **given))


def test_the_median_of_the_runs_of_that_name(tx: Transaction) -> None:
    """Two, three and seven hours; what has another name does not count."""
    for number, hours in enumerate((2, 7, 3)):
        past(tx, f"j{number}", {"hours": hours})
    past(tx, "other", {"hours": 90}, name="another")
    found = learnt(tx, UNSAID)
    assert found is not None
    assert ({"A100": 3 * HOUR}, 4 * HOUR, 3) == (found.durations, found.margin, found.runs)


def test_overheads_are_no_work(tx: Transaction) -> None:
    """Two segments of two hours, less a checkpoint of six minutes and a restart of half an hour."""
    past(tx, "j1", {"end": "suspended"}, {})
    found = learnt(tx, UNSAID)
    assert found is not None
    assert {"A100": timedelta(hours=3, minutes=24)} == found.durations


def test_a_run_belongs_to_the_gpus_that_it_was_on(tx: Transaction) -> None:
    """One on A100, one on H100; one that moved between the two teaches nothing of either."""
    past(tx, "a", {"hours": 4})
    past(tx, "h", {"hours": 2, "cluster": "quebec"})
    past(tx, "both", {"end": "suspended"}, {"cluster": "quebec", "hours": 9})
    found = learnt(tx, UNSAID)
    assert found is not None
    assert ({"A100": 4 * HOUR, "H100": 2 * HOUR}, 2) == (found.durations, found.runs)


def test_another_width_counts_by_the_jobs_own_speed_up(tx: Transaction) -> None:
    """Four GPUs do half: their four hours are two of eight GPUs. A width that it does not list cannot be compared."""
    past(tx, "narrow", {"hours": 4, "gpus": 4})
    assert learnt(tx, UNSAID) is None
    said = make_job(duration=None, elastic={"min_gpus": 4, "max_gpus": 8, "speedup": {4: 0.5, 8: 1.0}})
    found = learnt(tx, said)
    assert found is not None
    assert {"A100": 2 * HOUR} == found.durations


@pytest.mark.parametrize(
    ("parts", "changes"),
    [
        ([{"end": "failed"}, {}], {}),
        ([{"end": "interrupted"}, {}], {}),
        ([{"end": "unknown"}], {}),
        ([{"released_at": None}], {}),
        ([{"granted_at": None}], {}),
        ([{"hours": 0}], {}),
        ([{}], {"state": JobState.FAILED}),
        ([{}], {"state": JobState.CANCELLED}),
        ([], {}),
    ],
)
def test_what_did_not_run_through_once_teaches_nothing(
    tx: Transaction, parts: list[dict[str, object]], changes: dict[str, object]
) -> None:
    """Work done twice, an end that nobody saw, a run without success."""
    past(tx, "j1", *[dict(part) for part in parts], **changes)
    assert learnt(tx, UNSAID) is None


def test_only_the_last_twenty_count(tx: Transaction) -> None:
    """Older ones are of another program."""
    for number in range(25):
        past(tx, f"j{number:02d}", {"hours": 9 if number < 5 else 2}, submitted_at=at(number))
    found = learnt(tx, UNSAID)
    assert found is not None
    assert ({"A100": 2 * HOUR}, 20) == (found.durations, found.runs)
