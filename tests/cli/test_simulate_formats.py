"""Traces as other systems write them: what is taken, what is passed over and said, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.simulate_trace import Reading, Trace, read_trace
from scheduler.domain.errors import InvalidInput

PAI = "arrival_s,length_s,units\n0.0,6302.0,1\n68.5,1000.0,4\n"
MS = 1_772_409_600_000  # 2026-03-02T00:00:00Z


def trace(folder: Path, text: str, **said: str) -> Trace:
    """The trace in a file of that text."""
    path = folder / "trace.txt"
    path.write_text(text)
    return read_trace(path, Reading(**said))  # type: ignore[arg-type]  # each test names texts of it


def ray_job(**said: object) -> dict[str, object]:
    """A job of Ray's list that took an hour."""
    return {
        "type": "SUBMISSION", "job_id": None, "submission_id": "raysubmit_a", "status": "SUCCEEDED",
        "start_time": MS, "end_time": MS + 3_600_000, "metadata": {"gpus": "4"}, **said,
    }  # fmt: skip


def test_the_pai_sample_begins_on_the_day_that_is_named(tmp_path: Path) -> None:
    """Its times count from its beginning and know no weekday: the first job comes on that very day."""
    found = trace(tmp_path, PAI, shift_to="2026-03-04").requests
    began = datetime(2026, 3, 4, tzinfo=UTC)
    assert [("pai-1", began, 1), ("pai-2", began + timedelta(seconds=68.5), 4)] == [
        (each.job_id, each.submitted, each.gpus) for each in found
    ]
    assert [timedelta(seconds=6302), timedelta(seconds=1000)] == [each.length for each in found]
    assert datetime(2022, 1, 1, tzinfo=UTC) == trace(tmp_path, PAI, shift_to="2022").requests[0].submitted


@pytest.mark.parametrize(
    ("text", "shift_to", "named"),
    [
        (PAI, "", "count from its beginning"),
        (PAI, "soon", "is no date"),
        (PAI.replace("68.5", "later"), "2026-03-04", "line 3: arrival_s is 'later'"),
        (PAI.replace("68.5", "1e300"), "2026-03-04", "line 3: arrival_s"),
        (PAI.replace("1000.0,4", "1000.0,0"), "2026-03-04", "gpus is '0'"),
    ],
)
def test_what_is_wrong_in_the_pai_sample_is_named(tmp_path: Path, text: str, shift_to: str, named: str) -> None:
    """With its line."""
    with pytest.raises(InvalidInput, match=named):
        trace(tmp_path, text, shift_to=shift_to)


@pytest.mark.parametrize(
    ("said", "gpus"),
    [({}, 4), ({"entrypoint_num_gpus": 2.0}, 2), ({"metadata": {"num_gpus": "8"}}, 8)],
)
def test_rays_list_gives_the_submission_the_length_and_the_gpus(
    tmp_path: Path, said: dict[str, object], gpus: int
) -> None:
    """Ray's start time is that of the submission."""
    found = trace(tmp_path, json.dumps([ray_job(**said)]))
    [job] = found.requests
    assert ("raysubmit_a", datetime(2026, 3, 2, tzinfo=UTC), timedelta(hours=1), gpus) == (
        job.job_id,
        job.submitted,
        job.length,
        job.gpus,
    )
    assert ("lengths of Ray's list hold the waits inside Ray",) == found.notes


def test_what_of_rays_list_cannot_be_replayed_is_counted(tmp_path: Path) -> None:
    """Jobs that run still, and those that say no GPUs."""
    jobs = [
        ray_job(),
        ray_job(submission_id="b", end_time=None),
        ray_job(submission_id="c", end_time=0),
        ray_job(submission_id="d", metadata={}),
        ray_job(submission_id="e", metadata=None),
    ]
    found = trace(tmp_path, json.dumps(jobs))
    assert 1 == len(found.requests)
    assert found.notes[:2] == (
        "2 jobs that have not ended of Ray's list are passed over",
        "2 jobs that say no GPUs of Ray's list are passed over",
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[{]", "is no JSON"),
        ("[1]", "entry 1 is no job"),
        ("[]", "holds no job"),
        (json.dumps([ray_job(metadata={"gpus": "two"})]), "gpus is 'two'"),
        (json.dumps([ray_job(start_time=1e300)]), "start_time"),
        (json.dumps([ray_job(end_time=MS)]), "duration of 0 s"),
        (json.dumps([ray_job(), ray_job()]), "is there already"),
    ],
)
def test_what_is_wrong_in_rays_list_is_named(tmp_path: Path, text: str, named: str) -> None:
    """With its entry, where it has one."""
    with pytest.raises(InvalidInput, match=named):
        trace(tmp_path, text)
