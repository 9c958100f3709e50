"""Submissions to Ray: what is sent, to the letter, and that whatever goes wrong a job starts once."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import requests
import responses

from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, InvalidInput, StoreError
from scheduler.execution.ray_rest import DRIVER_NEEDS, RayRest
from tests.execution.ray_answers import (
    DUPLICATE,
    LAUNCH,
    META,
    NO_AGENT,
    PACKAGE,
    SID,
    FastClock,
    details,
    expect,
    expect_nodes,
    expect_package,
    expect_ready,
)


def test_a_submission_is_sent_to_the_letter(executor: RayRest, answers: responses.RequestsMock) -> None:
    """The agent with its settings, the user's environment, what is reserved, and time for the stop."""
    settings = {
        "sid": SID, "command": "python train.py", "checkpoint_dir": "/mnt/ck/7f3a", "fence": 12, "grace_s": 90.5,
        "sample_every_s": 30.0, "progress": 0.25, "lease_s": 900.0, "keep": ["WANDB_API_KEY"],
        "storage": "", "copy_every_s": 600.0, "copies": 1, "meter": "", "gpus": 4,
    }  # fmt: skip
    sent = {
        "submission_id": SID,
        "entrypoint": "exec python3 -I .carbonsched/carbonsched_agent_v1.py",
        "metadata": META,
        "runtime_env": {
            "pip": ["torch"],
            "working_dir": f"gcs://{PACKAGE}",
            "env_vars": {
                "WANDB_API_KEY": "hush-hush",
                "CARBONSCHED_AGENT": json.dumps(settings),
                "RAY_JOB_STOP_WAIT_TIME_S": "121",
            },
        },
        "entrypoint_num_gpus": 4,
        "entrypoint_resources": {"A100": 4},
    }
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", {"job_id": SID, "submission_id": SID}, json=sent)
    executor.submit(LAUNCH)


def sent_body(answers: responses.RequestsMock) -> dict[str, object]:
    """What was posted."""
    posted = next(call.request for call in answers.calls if call.request.method == "POST")
    body: dict[str, object] = json.loads(cast("bytes", posted.body))
    return body


@pytest.mark.parametrize(
    ("usage", "pin"),
    [
        ("0.0/8.0 GPU\n0.0/8.0 A100", {"A100": 4}),
        ("0.0/8.0 GPU\n0.0/1.0 A100", {"A100": 0.001}),
        ("0.0/8.0 GPU\n0.0/1.0 accelerator_type:A100", {"accelerator_type:A100": 0.001}),
        ("0.0/8.0 GPU\n0.0/8.0 H100", None),
    ],
)
def test_a_model_is_pinned_as_the_nodes_mark_it(
    executor: RayRest, answers: responses.RequestsMock, usage: str, pin: object
) -> None:
    """Counted like the GPUs, as a mark of a node, as Ray's own mark, or not at all."""
    expect_ready(answers, usage)
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(LAUNCH)
    assert pin == sent_body(answers).get("entrypoint_resources")


def test_processors_and_memory_are_reserved_where_asked(executor: RayRest, answers: responses.RequestsMock) -> None:
    """And then the number of threads that Ray derives from them is meant."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(replace(LAUNCH, cpus=8.0, memory_bytes=2**30))
    body = sent_body(answers)
    assert (8.0, 2**30) == (body["entrypoint_num_cpus"], body["entrypoint_memory"])
    assert '"keep": ["WANDB_API_KEY", "OMP_NUM_THREADS"]' in json.dumps(body["runtime_env"]).replace('\\"', '"')


def agent_settings(body: dict[str, object]) -> dict[str, object]:
    """What the agent is told in a submission."""
    env = cast("dict[str, dict[str, str]]", body["runtime_env"])["env_vars"]
    settings: dict[str, object] = json.loads(env["CARBONSCHED_AGENT"])
    return settings


def test_several_processes_are_started_by_what_lies_beside_the_agent(
    executor: RayRest, answers: responses.RequestsMock
) -> None:
    """All GPUs reserved as for one, also where it uses fewer; Ray's threads are the entrypoint's, not a process's."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(replace(LAUNCH, kind="torchrun", gpus=8, ranks=4, cpus=16.0))
    body = sent_body(answers)
    told = agent_settings(body)
    order = json.dumps({"command": "python train.py", "ranks": 4, "grace_s": 90.5})
    assert f"exec python3 -I ../.carbonsched/carbonsched_ranks_v1.py '{order}'" == told["command"]
    assert ["WANDB_API_KEY"] == told["keep"]
    assert (8, 16.0, {"A100": 8}) == tuple(body[f"entrypoint_{what}"] for what in ("num_gpus", "num_cpus", "resources"))


def test_several_nodes_are_asked_for_by_what_leads_them(executor: RayRest, answers: responses.RequestsMock) -> None:
    """Each node's share in its bundle, less what the leader takes, which reserves no GPU and may reach its Ray."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(replace(LAUNCH, kind="torchrun", gpus=16, ranks=12, nodes=2, cpus=16.0, memory_bytes=2**31))
    body = sent_body(answers)
    told = agent_settings(body)
    command, _, order = str(told["command"]).partition(".py ")
    assert "exec python3 -I ../.carbonsched/carbonsched_gang_v1" == command
    assert {
        "command": "python train.py", "ranks": 6, "nodes": 2, "grace_s": 90.5, "room_s": 60.0,
        "keep": ["WANDB_API_KEY"],
        "bundle": {"GPU": 8, "A100": 8, "CPU": 7.9, "memory": 2**30},
    } == json.loads(shlex.split(order)[0])  # fmt: skip
    assert ["WANDB_API_KEY", *DRIVER_NEEDS] == told["keep"]
    assert {"entrypoint_num_cpus": 0.1} == {key: value for key, value in body.items() if key.startswith("entrypoint_")}


@pytest.mark.parametrize(("cpus", "reserved"), [(None, 1.0), (3.0, 3.0)])
def test_a_driver_reserves_no_gpu_and_may_reach_its_ray(
    executor: RayRest, answers: responses.RequestsMock, cpus: float | None, reserved: float
) -> None:
    """Its workers ask for the GPUs; on any node, for the driver needs none of the model."""
    expect_package(answers)
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(replace(LAUNCH, kind="ray", entrypoint=("python", "a b"), cpus=cpus, memory_bytes=2**30))
    body = sent_body(answers)
    told = agent_settings(body)
    assert """exec python3 -I ../.carbonsched/carbonsched_driver_v1.py '["python", "a b"]'""" == told["command"]
    assert ["WANDB_API_KEY", *DRIVER_NEEDS] == told["keep"]
    assert {"entrypoint_num_cpus": reserved, "entrypoint_memory": 2**30} == {
        key: value for key, value in body.items() if key.startswith("entrypoint_")
    }


def test_a_package_that_ray_does_not_hold_is_sent_first(
    executor: RayRest, answers: responses.RequestsMock, tmp_path: Path
) -> None:
    """Ray drops packages that no job refers to; the name is the content's."""
    content = b"a zip of the user's"
    digest = hashlib.sha256(content).hexdigest()
    path = tmp_path / f"{digest}.zip"
    path.write_bytes(content)
    name = f"/api/packages/gcs/_ray_pkg_{digest[:32]}.zip"
    expect(answers, "GET", name, "does not exist", 404)
    put = expect(answers, "PUT", name)
    expect_nodes(answers, "0.0/8.0 GPU")
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(replace(LAUNCH, package=path, digest=digest))
    assert [content] == [call.request.body for call in put.calls]


def test_a_package_that_is_gone_or_altered_is_not_sent(executor: RayRest, tmp_path: Path) -> None:
    """The job would run something else than was submitted."""
    with pytest.raises(StoreError, match=r"gone\.zip cannot be read: No such file"):
        executor.submit(replace(LAUNCH, package=tmp_path / "gone.zip", digest="abc"))
    (tmp_path / "altered.zip").write_bytes(b"other")
    with pytest.raises(StoreError, match=r"altered\.zip was altered"):
        executor.submit(replace(LAUNCH, package=tmp_path / "altered.zip", digest="abc"))


def test_a_package_that_ray_refuses_is_an_error(executor: RayRest, answers: responses.RequestsMock) -> None:
    """Its own limit may be set lower than ours."""
    expect(answers, "GET", f"/api/packages/gcs/{PACKAGE}", "does not exist", 404)
    expect(answers, "PUT", f"/api/packages/gcs/{PACKAGE}", "too large", 413)
    with pytest.raises(ClusterRefused, match="answered 413: too large"):
        executor.submit(LAUNCH)


@pytest.mark.parametrize(
    ("body", "status"),
    [(DUPLICATE, 500), ("", 502), ("<html>gateway</html>", 200), (requests.ReadTimeout(), 200),
     (requests.ConnectionError("Connection aborted"), 200), (requests.exceptions.ChunkedEncodingError(), 200)],
)  # fmt: skip
def test_after_any_failure_a_job_with_our_metadata_is_ours(
    executor: RayRest, answers: responses.RequestsMock, body: object, status: int
) -> None:
    """A duplicate, a gateway that gave up, a page in between, a lost answer: the job is there, and runs once."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", body, status)
    expect(answers, "GET", f"/api/jobs/{SID}", details(metadata={**META, "added": "by somebody"}))
    executor.submit(LAUNCH)


def test_a_job_of_somebody_else_under_our_id_is_a_conflict(executor: RayRest, answers: responses.RequestsMock) -> None:
    """It is neither taken over nor submitted again."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", DUPLICATE, 500)
    expect(answers, "GET", f"/api/jobs/{SID}", details(metadata={**META, "carbonsched_spec_sha256": "other"}))
    with pytest.raises(ClusterRefused, match=f"cluster 'quebec' has another job of the id '{SID}'"):
        executor.submit(LAUNCH)


@pytest.mark.parametrize(
    ("posted", "error", "said"),
    [
        ((requests.ReadTimeout(), 200), ClusterUnreachable, "no answer within 15 s"),
        (("Traceback\nKeyError: 'x'", 500), ClusterUnreachable, "it answered 500: KeyError: 'x'"),
        (("Traceback\nTypeError: unknown key", 400), ClusterRefused, "answered 400: TypeError: unknown key"),
        (("", 400), ClusterRefused, "answered 400: nothing"),
        (("busy", 429), ClusterUnreachable, "it answered 429: busy"),
    ],
)
def test_a_failure_without_a_job_is_told(
    executor: RayRest,
    answers: responses.RequestsMock,
    posted: tuple[object, int],
    error: type[Exception],
    said: str,
) -> None:
    """What the cluster refused is told from what is unknown."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", *posted)
    expect(answers, "GET", f"/api/jobs/{SID}", "does not exist", 404)
    with pytest.raises(error, match=said):
        executor.submit(LAUNCH)


def test_a_failure_whose_outcome_cannot_be_asked_for_stays_unknown(
    executor: RayRest, answers: responses.RequestsMock
) -> None:
    """The next attempt under the same id finds out."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", requests.ReadTimeout())
    expect(answers, "GET", f"/api/jobs/{SID}", requests.ReadTimeout())
    with pytest.raises(ClusterUnreachable):
        executor.submit(LAUNCH)


def test_an_error_shows_no_secret(executor: RayRest, answers: responses.RequestsMock) -> None:
    """Ray repeats the request in some of its errors."""
    expect_ready(answers)
    expect(answers, "POST", "/api/jobs/", "TypeError: got {'K': 'hush-hush', 'T': 't0ken'}", 400)
    expect(answers, "GET", f"/api/jobs/{SID}", "does not exist", 404)
    with pytest.raises(ClusterRefused) as raised:
        executor.submit(LAUNCH)
    assert "hush-hush" not in raised.value.message + raised.value.hint + repr(executor)
    assert "t0ken" not in raised.value.message + raised.value.hint + repr(executor)
    assert raised.value.message.endswith("answered 400: TypeError: got {'K': '***', 'T': '***'}")


def test_a_head_whose_agent_is_still_starting_is_given_time(
    executor: RayRest, answers: responses.RequestsMock, clock: FastClock
) -> None:
    """The dashboard answers seconds before it can take a job."""
    expect_ready(answers)
    for _ in range(2):
        expect(answers, "POST", "/api/jobs/", NO_AGENT, 500)
    expect(answers, "POST", "/api/jobs/", {"submission_id": SID})
    executor.submit(LAUNCH)
    assert [1.0, 1.0] == clock.slept_s


def test_a_head_whose_agent_never_starts_is_unreachable(
    executor: RayRest, answers: responses.RequestsMock, clock: FastClock
) -> None:
    """After a few seconds the next pass may try again."""
    expect_ready(answers)
    post = expect(answers, "POST", "/api/jobs/", NO_AGENT, 500)
    expect(answers, "GET", f"/api/jobs/{SID}", "does not exist", 404)
    with pytest.raises(ClusterUnreachable, match="No available agent"):
        executor.submit(LAUNCH)
    assert (5, 4.0) == (post.call_count, sum(clock.slept_s))


@pytest.mark.parametrize("sid", ["", "bad/../id", "a b", ".hidden", "x" * 101, "é"])
def test_an_id_that_could_mean_another_path_is_refused(executor: RayRest, sid: str) -> None:
    """Ray would take it, and fail in its own ways."""
    with pytest.raises(InvalidInput, match="is not a submission id"):
        executor.submit(replace(LAUNCH, sid=sid))
    for ask in (executor.observe, executor.stop, executor.logs):
        with pytest.raises(InvalidInput, match="is not a submission id"):
            ask(sid)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"runtime_env": {"working_dir": "."}}, "may not hold working_dir"),
     ({"runtime_env": {"env_vars": {}}}, "may not hold env_vars"), ({"checkpoint_dir": "ck"}, "is not a full path")],
)  # fmt: skip
def test_what_ray_would_take_and_do_something_else_with_is_refused(
    executor: RayRest, changes: dict[str, object], said: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidInput, match=said):
        executor.submit(replace(LAUNCH, **changes))  # type: ignore[arg-type]  # one field each
