"""A Ray dashboard whose answers the test gives, and the launch that is sent to it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import cast

import responses
from responses import matchers

from scheduler.cluster_ports import Launch
from scheduler.execution.ray_package import bare_package

URL = "http://127.0.0.1:8265"
SID = "cs-7f3a-s1-a1"
PACKAGE = f"_ray_pkg_{hashlib.sha256(bare_package()).hexdigest()[:32]}.zip"
META = {"carbonsched_job": "7f3a", "carbonsched_spec_sha256": "abc"}
HEADERS = {"Authorization": "Bearer t0ken", "User-Agent": "carbonsched"}
NO_AGENT = "No available agent to submit job, please try again later."
DUPLICATE = (
    f"Traceback ...\nValueError: Job with submission_id {SID} already exists. Please use a different submission_id."
)
LAUNCH = Launch(
    sid=SID,
    kind="script",
    entrypoint="python train.py",
    env={"WANDB_API_KEY": "hush-hush"},
    runtime_env={"pip": ["torch"]},
    ranks=4,
    gpus=4,
    cpus=None,
    memory_bytes=None,
    gpu_model="A100",
    package=None,
    digest=None,
    checkpoint_dir="/mnt/ck/7f3a",
    fence=12,
    grace=timedelta(seconds=90.5),
    sample_every=timedelta(seconds=30),
    progress=0.25,
    metadata=META,
)


class FastClock:
    """A clock whose sleeps take no time."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    def now(self) -> datetime:
        """Any instant."""
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        """The time slept so far. [s]"""
        return sum(self.slept_s)

    def sleep(self, duration: timedelta) -> None:
        """Note it."""
        self.slept_s.append(duration.total_seconds())


def expect(
    answers: responses.RequestsMock, method: str, path: str, body: object = "", status: int = 200, **match: object
) -> responses.BaseResponse:
    """One request to come, and its answer: text, bytes, something to be JSON, or an exception."""
    matches = [matchers.header_matcher(HEADERS)]
    if "json" in match:
        matches.append(matchers.json_params_matcher(cast("dict[str, object]", match["json"])))
    matches.append(matchers.query_param_matcher(cast("dict[str, str]", match.get("params", {}))))
    if isinstance(body, str | bytes | Exception):
        return answers.add(method, f"{URL}{path}", body=body, status=status, match=matches)
    return answers.add(method, f"{URL}{path}", json=body, status=status, match=matches)


def expect_package(answers: responses.RequestsMock) -> None:
    """The package is there already."""
    expect(answers, "GET", f"/api/packages/gcs/{PACKAGE}")


def expect_nodes(answers: responses.RequestsMock, *usages: str) -> None:
    """Nodes that use what the texts say."""
    ids = [f"n{i}" for i, _ in enumerate(usages)]
    raylets = [{"raylet": {"nodeId": i, "state": "ALIVE", "resourcesTotal": {"GPU": 8.0}}} for i in ids]
    data = {"summary": raylets, "nodeLogicalResources": dict(zip(ids, usages, strict=True))}
    expect(answers, "GET", "/nodes", {"data": data}, params={"view": "summary"})


def expect_ready(answers: responses.RequestsMock, usage: str = "0.0/8.0 GPU\n0.0/8.0 A100") -> None:
    """All that comes before the submission itself."""
    expect_package(answers)
    expect_nodes(answers, usage)


def details(**changes: object) -> dict[str, object]:
    """A job as Ray describes it."""
    return {
        "type": "SUBMISSION", "submission_id": SID, "status": "RUNNING", "message": "Job is currently running.",
        "error_type": None, "metadata": META, "runtime_env": {"env_vars": {}}, "driver_node_id": "c380",
        "driver_exit_code": None, **changes,
    }  # fmt: skip
