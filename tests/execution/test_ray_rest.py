"""What a Ray cluster is asked about a job, and what each of its answers means."""

from __future__ import annotations

import pytest
import responses

from scheduler.cluster_ports import JobStatus, Observation
from scheduler.domain.errors import ClusterUnreachable, InvalidInput
from scheduler.execution.ray_rest import RayRest
from tests.execution.ray_answers import (
    META,
    SID,
    details,
    expect,
)


@pytest.mark.parametrize(
    ("ray", "ours"),
    [
        ("PENDING", "pending"),
        ("RUNNING", "running"),
        ("STOPPED", "stopped"),
        ("SUCCEEDED", "succeeded"),
        ("FAILED", "failed"),
    ],
)
def test_what_ray_says_of_a_job_is_told_in_our_words(
    executor: RayRest, answers: responses.RequestsMock, ray: str, ours: JobStatus
) -> None:
    """With all that is needed to find its evidence and to judge it."""
    body = details(status=ray, message="m" * 2500 + "end", error_type="JOB_X", driver_exit_code=3)
    expect(answers, "GET", f"/api/jobs/{SID}", body)
    expected = Observation(
        sid=SID,
        status=ours,
        message="m" * 1997 + "end",
        error_type="JOB_X",
        node_id="c380",
        exit_code=3,
        metadata=META,
    )
    assert expected == executor.observe(SID)


def test_a_job_that_ray_does_not_know_is_absent(executor: RayRest, answers: responses.RequestsMock) -> None:
    """It is neither an error nor lost."""
    expect(answers, "GET", f"/api/jobs/{SID}", "does not exist", 404)
    assert Observation(sid=SID, status="absent") == executor.observe(SID)


@pytest.mark.parametrize(("body", "status"), [({"stopped": True}, 200), ({"stopped": False}, 200), ("no such", 404)])
def test_a_stop_does_not_mind_what_has_ended(
    executor: RayRest, answers: responses.RequestsMock, body: object, status: int
) -> None:
    """What is to be stopped may be over, or may never have been."""
    expect(answers, "POST", f"/api/jobs/{SID}/stop", body, status)
    executor.stop(SID)


def test_a_stop_that_failed_is_told(executor: RayRest, answers: responses.RequestsMock) -> None:
    """The job may run on."""
    expect(answers, "POST", f"/api/jobs/{SID}/stop", "boom", 500)
    with pytest.raises(ClusterUnreachable, match="500: boom"):
        executor.stop(SID)


def test_logs_are_as_printed(executor: RayRest, answers: responses.RequestsMock) -> None:
    """Of a job that is unknown there are none."""
    expect(answers, "GET", f"/api/jobs/{SID}/logs", {"logs": "épopée\n"})
    expect(answers, "GET", f"/api/jobs/{SID}/logs", "does not exist", 404)
    assert ["épopée\n", ""] == [executor.logs(SID), executor.logs(SID)]


@pytest.mark.parametrize(("tail", "lines"), [(None, "-1"), (5, "5")])
def test_evidence_is_read_whole_or_by_its_last_lines(
    executor: RayRest, answers: responses.RequestsMock, tail: int | None, lines: str
) -> None:
    """Byte for byte."""
    params = {"node_id": "c380", "filename": "carbonsched-x.samples.jsonl", "lines": lines}
    expect(answers, "GET", "/api/v0/logs/file", b"\x00\xff\n", params=params)
    assert b"\x00\xff\n" == executor.evidence("c380", "carbonsched-x.samples.jsonl", tail=tail)


@pytest.mark.parametrize(
    ("body", "status"),
    [("A file is not found at: /tmp/x", 500), ("Agent for node id: c380 doesn't exist.", 500), (b"", 200)],
)
def test_evidence_that_is_not_there_is_none(
    executor: RayRest, answers: responses.RequestsMock, body: object, status: int
) -> None:
    """Ray says so with a 500, and one time in thirty with an empty 200."""
    params = {"node_id": "c380", "filename": "o.json", "lines": "-1"}
    expect(answers, "GET", "/api/v0/logs/file", body, status, params=params)
    assert None is executor.evidence("c380", "o.json")


def test_evidence_that_could_not_be_read_is_an_error(executor: RayRest, answers: responses.RequestsMock) -> None:
    """Unread is unknown, which is not the same as absent."""
    params = {"node_id": "c380", "filename": "o.json", "lines": "-1"}
    expect(answers, "GET", "/api/v0/logs/file", "Deadline Exceeded", 500, params=params)
    with pytest.raises(ClusterUnreachable, match="Deadline Exceeded"):
        executor.evidence("c380", "o.json")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".part"])
def test_only_files_of_agents_are_read(executor: RayRest, name: str) -> None:
    """A name never becomes a path."""
    with pytest.raises(InvalidInput, match="is not the name of an agent's file"):
        executor.evidence("c380", name)
