"""A Ray cluster as an executor, by its Jobs API over plain HTTP.

Ray answers a second submission of an id with 500 and may create a job whose request timed out, so after any
error the cluster itself is asked what is there, and a job with our metadata is taken as ours.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_fixed

from scheduler.cluster_ports import Capacity, Launch, Observation
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, InvalidInput, StoreError
from scheduler.execution.agent import (
    DRIVER_FILE,
    GANG_FILE,
    METER_NODE,
    METER_NODES,
    RANKS_FILE,
    SETTINGS_ENV,
)
from scheduler.execution.clock import SystemClock
from scheduler.execution.ray_gang import LEADER_CPUS, ROOM_WITHIN, gang_order
from scheduler.execution.ray_http import Answer, RayHttp
from scheduler.execution.ray_package import AGENT_FOLDER, AGENT_PATH, bare_package
from scheduler.execution.ray_token import resolve_token
from scheduler.execution.ray_wire import JobAnswer, Logs, NodesAnswer, Submitted, Version
from scheduler.ports import Clock

STOP_MARGIN: Final = timedelta(seconds=30)
"""How much later than the agent Ray kills: the agent needs it to kill what is left and to write the outcome."""

DRIVER_CPUS: Final = 1.0
"""Reserved for the driver of a training that uses Ray itself, where the job is silent: what a task of Ray takes."""

DRIVER_NEEDS: Final = (
    "RAY_ADDRESS",
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
    "RAY_TLS_CA_CERT",
    "RAY_TLS_SERVER_CERT",
    "RAY_TLS_SERVER_KEY",
    "RAY_USE_TLS",
)
"""Ray's variables by which a driver attaches to its cluster; no other training gets them, the token least of all."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_DIGEST_CHARS: Final = 32
_NO_AGENT: Final = "No available agent to submit job"
_NO_AGENT_TRIES: Final = 5
_NOT_THERE: Final = ("A file is not found at", "Agent for node id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RayRest:
    """The jobs of one cluster.

    Args:
        http: the way to its dashboard.
        python: command on the cluster's nodes that runs the agent.
        lease: how long the agent may be without its fence.
        room_within: how long a launch over several nodes waits for them before it gives up.
    """

    http: RayHttp
    python: str
    lease: timedelta = timedelta(minutes=15)
    room_within: timedelta = ROOM_WITHIN

    @classmethod
    def connect(
        cls,
        cluster: Cluster,
        environ: Mapping[str, str],
        *,
        clock: Clock | None = None,
        lease: timedelta = timedelta(minutes=15),
    ) -> Self:
        """The executor of `cluster`, with the token that its file names; asks the cluster nothing yet.

        Raises:
            InvalidInput: the file does not say how to reach it, or not safely, or the token is not there.
        """
        if cluster.ray is None:
            raise InvalidInput(f"cluster {cluster.name!r} has no Ray address", hint="add 'ray: {address: ...}' to it")
        token = resolve_token(cluster.ray, environ)
        http = RayHttp(name=cluster.name, ray=cluster.ray, token=token, clock=clock or SystemClock())
        return cls(http=http, python=cluster.ray.python, lease=lease)

    def probe(self) -> Capacity:
        """What is there and free."""
        return self._nodes().capacity(self._version())

    def version(self) -> str:
        """The version of the Ray that answers."""
        return self._version().ray_version

    def metered(self) -> tuple[int, int]:
        """On how many nodes that have GPUs these can be metered, and how many such nodes there are."""
        return self._nodes().metered()

    def submit(self, launch: Launch) -> None:
        """Start it once: a second call with the same `sid` and metadata changes nothing."""
        _check(launch)
        body = self._body(launch, self._upload(launch))
        error: ClusterUnreachable | ClusterRefused
        try:
            answer = self._post(body)
            if answer.status == HTTPStatus.OK:
                self.http.parsed(answer, Submitted)
                return
            error = self.http.refusal(answer, secrets=launch.env.values())
        except (ClusterUnreachable, ClusterRefused) as exc:
            error = exc
        there = self.observe(launch.sid)
        if there.status == "absent":
            raise error
        if not launch.metadata.items() <= there.metadata.items():
            raise ClusterRefused(
                f"cluster {self.http.name!r} has another job of the id {launch.sid!r}",
                hint="is another scheduler with its own state folder using this cluster?",
            )

    def observe(self, sid: str) -> Observation:
        """What became of it."""
        answer = self.http.call("GET", f"/api/jobs/{_named(sid)}", repeatable=True)
        if answer.status == HTTPStatus.NOT_FOUND:
            return Observation(sid=sid, status="absent")
        return self.http.parsed(answer, JobAnswer).observation(sid)

    def stop(self, sid: str) -> None:
        """Ask it to stop: one SIGTERM, SIGKILL after its grace; does not wait."""
        answer = self.http.call("POST", f"/api/jobs/{_named(sid)}/stop", repeatable=True)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            raise self.http.refusal(answer)

    def logs(self, sid: str) -> str:
        """What it printed so far."""
        answer = self.http.call("GET", f"/api/jobs/{_named(sid)}/logs", repeatable=True)
        if answer.status == HTTPStatus.NOT_FOUND:
            return ""
        return self.http.parsed(answer, Logs).logs

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """A file that the agent wrote, or its last `tail` lines; None where there is none."""
        if not _FILE.fullmatch(name):
            raise InvalidInput(f"{name!r} is not the name of an agent's file")
        params = {"node_id": node_id, "filename": name, "lines": str(-1 if tail is None else tail)}
        answer = self.http.call("GET", "/api/v0/logs/file", params=params, repeatable=True)
        if answer.status == HTTPStatus.OK:
            return answer.body or None  # now and then Ray says so of a file that is not there; no file of ours is empty
        if answer.text.startswith(_NOT_THERE):  # with status 500, as for every other error
            return None
        raise self.http.refusal(answer)

    def _version(self) -> Version:
        """What answers, and its session."""
        return self.http.parsed(self.http.call("GET", "/api/version", repeatable=True), Version)

    def _nodes(self) -> NodesAnswer:
        """The nodes and what they use."""
        return self.http.parsed(
            self.http.call("GET", "/nodes", params={"view": "summary"}, repeatable=True), NodesAnswer
        )

    def _upload(self, launch: Launch) -> str:
        """See that Ray holds the package now; returns its URI.

        Ray may drop a package that no job refers to after ten minutes, hence just before each submission.
        """
        content = bare_package() if launch.package is None else _read(launch.package, launch.digest)
        name = f"_ray_pkg_{hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS]}.zip"
        held = self.http.call("GET", f"/api/packages/gcs/{name}", repeatable=True)
        if held.status == HTTPStatus.NOT_FOUND:
            held = self.http.call("PUT", f"/api/packages/gcs/{name}", data=content, repeatable=True)
        if held.status != HTTPStatus.OK:
            raise self.http.refusal(held)
        return f"gcs://{name}"

    def _post(self, body: Mapping[str, object]) -> Answer:
        """Send the submission; a cluster whose agent is still starting is given a few seconds."""
        tries = Retrying(
            retry=retry_if_result(lambda answer: _NO_AGENT in answer.text),
            stop=stop_after_attempt(_NO_AGENT_TRIES),
            wait=wait_fixed(1),
            sleep=lambda seconds: self.http.clock.sleep(timedelta(seconds=seconds)),
        )
        try:
            return tries(self.http.call, "POST", "/api/jobs/", json=body)
        except RetryError as exc:
            answer: Answer = exc.last_attempt.result()
            return answer

    def _body(self, launch: Launch, package_uri: str) -> dict[str, object]:
        """The submission as Ray wants it."""
        pin = {} if launch.kind == "ray" else self._nodes().pin(launch.gpu_model, launch.gpus // launch.nodes)
        body: dict[str, object] = {
            "submission_id": launch.sid,
            "entrypoint": f"exec {self.python} -I {AGENT_PATH}",
            "metadata": dict(launch.metadata),
            "runtime_env": {**launch.runtime_env, "working_dir": package_uri, "env_vars": self._env(launch, pin)},
        }
        if launch.nodes > 1:  # what is reserved on each of them, the leader asks for
            return {**body, "entrypoint_num_cpus": LEADER_CPUS}
        if launch.memory_bytes is not None:
            body["entrypoint_memory"] = launch.memory_bytes
        if launch.kind == "ray":  # were the GPUs reserved for the driver, its workers would wait for them for ever
            return {**body, "entrypoint_num_cpus": launch.cpus or DRIVER_CPUS}
        if launch.cpus is not None:
            body["entrypoint_num_cpus"] = launch.cpus
        body["entrypoint_num_gpus"] = launch.gpus
        return {**body, "entrypoint_resources": pin} if pin else body

    def _command(self, launch: Launch, pin: Mapping[str, float]) -> str | tuple[str, ...]:
        """What the agent starts: the training, or what starts it; from the user's folder in the package."""
        if launch.kind == "script":
            return launch.entrypoint
        file: str
        said: object
        if launch.kind == "ray":
            file, said = DRIVER_FILE, launch.entrypoint
        elif launch.nodes > 1:
            file, said = GANG_FILE, gang_order(launch, pin, self.room_within)
        else:
            grace_s = launch.grace.total_seconds()
            file, said = RANKS_FILE, {"command": launch.entrypoint, "ranks": launch.ranks, "grace_s": grace_s}
        return f"exec {self.python} -I ../{AGENT_FOLDER}/{file} {shlex.quote(json.dumps(said))}"

    def _env(self, launch: Launch, pin: Mapping[str, float]) -> dict[str, str]:
        """The environment of the job's processes: the user's, then what the agent and Ray's stop are steered by."""
        settings = {
            "sid": launch.sid,
            "command": self._command(launch, pin),
            "checkpoint_dir": launch.checkpoint_dir,
            "fence": launch.fence,
            "grace_s": launch.grace.total_seconds(),
            "sample_every_s": launch.sample_every.total_seconds(),
            "progress": launch.progress,
            "lease_s": self.lease.total_seconds(),
            "keep": _kept(launch),
            "storage": launch.storage_uri,
            "copy_every_s": launch.copy_every.total_seconds(),
            "copies": launch.copies,
            "meter": _meter(launch),
            "gpus": launch.gpus,
        }
        wait_s = math.ceil((launch.grace + STOP_MARGIN).total_seconds())
        return {**launch.env, SETTINGS_ENV: json.dumps(settings), "RAY_JOB_STOP_WAIT_TIME_S": str(wait_s)}


def _meter(launch: Launch) -> str:
    """Where the agent finds the GPUs that it is to meter."""
    if not launch.metered:
        return ""
    return METER_NODES if launch.kind == "ray" or launch.nodes > 1 else METER_NODE


def _kept(launch: Launch) -> list[str]:
    """Names that the agent would take for Ray's own, and that the training gets all the same."""
    if launch.kind == "ray" or launch.nodes > 1:
        return [*launch.env, *DRIVER_NEEDS]
    reserved = launch.kind == "script" and launch.cpus is not None  # then the threads that Ray says are meant
    return [*launch.env, "OMP_NUM_THREADS"] if reserved else [*launch.env]


def _check(launch: Launch) -> None:
    """Refuse what Ray would take and do something else with."""
    _named(launch.sid)
    for key, instead in (("working_dir", "working_dir"), ("env_vars", "env")):
        if key in launch.runtime_env:
            raise InvalidInput(f"runtime_env may not hold {key}", hint=f"use the job's own key {instead}")
    if not launch.checkpoint_dir.startswith(("/", "~/")):
        raise InvalidInput(f"checkpoint.dir {launch.checkpoint_dir!r} is not a full path", hint="begin it with /")


def _named(sid: str) -> str:
    """`sid`, once it is one that cannot mean another path."""
    if not _ID.fullmatch(sid):
        raise InvalidInput(f"{sid!r} is not a submission id", hint="letters, digits, _ . - and at most 100 of them")
    return sid


def _read(package: Path, digest: str | None) -> bytes:
    """The package from the state folder, as it was made."""
    try:
        content = package.read_bytes()
    except OSError as exc:
        raise StoreError(f"the package {package} cannot be read: {exc.strerror}", hint="submit the job anew") from exc
    if digest not in (None, hashlib.sha256(content).hexdigest()):
        raise StoreError(f"the package {package} was altered since it was made", hint="submit the job anew")
    return content
