"""What Ray's dashboard answers, as far as it is needed, turned into the words of the ports."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from scheduler.cluster_ports import Capacity, JobStatus, Observation
from scheduler.execution.redact import redacted

GPU: Final = "GPU"
MARKER_SHARE: Final = 0.001
"""What is asked of a resource that only marks a node, as Ray's documentation does with accelerator types."""

_MESSAGE_CHARS: Final = 2000
_STATUSES: Final[Mapping[str, JobStatus]] = {
    "PENDING": "pending",
    "RUNNING": "running",
    "STOPPED": "stopped",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
}
_USAGE: Final = re.compile(
    r"(?P<used>[\d.]+)/(?P<total>[\d.]+) (?P<name>\S+)"
    r"( \((?P<inside>[\d.]+) used of (?P<reserved>[\d.]+) reserved in placement groups\))?"
)


class Wire(BaseModel):
    """An answer; what does not fit is not quoted in the error, for it may hold the environment of a job."""

    model_config = ConfigDict(hide_input_in_errors=True)


class Version(Wire):
    """GET /api/version."""

    ray_version: str
    session_name: str


class Submitted(Wire):
    """POST /api/jobs/."""

    submission_id: str


class Logs(Wire):
    """GET /api/jobs/<sid>/logs."""

    logs: str


class _Environment(BaseModel):
    """What the job's processes were given, secrets among it."""

    env_vars: dict[str, str] = {}


class JobAnswer(Wire):
    """GET /api/jobs/<sid>."""

    status: Literal["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]
    message: str | None = None
    error_type: str | None = None
    metadata: dict[str, str] | None = None
    driver_node_id: str | None = None
    driver_exit_code: int | None = None
    runtime_env: _Environment | None = Field(default=None, repr=False)

    def observation(self, sid: str) -> Observation:
        """What it says of `sid`; of a long message the end, where the reason is, and nothing of the environment."""
        env = {} if self.runtime_env is None else self.runtime_env.env_vars
        message = redacted(self.message or "", env.values())
        return Observation(
            sid=sid,
            status=_STATUSES[self.status],
            message=message[-_MESSAGE_CHARS:],
            error_type=self.error_type or "",
            node_id=self.driver_node_id or "",
            exit_code=self.driver_exit_code,
            metadata=self.metadata or {},
        )


class _Raylet(BaseModel):
    """A node in the summary."""

    node_id: str = Field(alias="nodeId")
    state: str
    total: dict[str, float] = Field(default={}, alias="resourcesTotal")


class _Node(BaseModel):
    """A node of the summary, and the GPUs that Ray itself sees there by NVML."""

    raylet: _Raylet
    gpus: list[object] | None = None


class _Summary(BaseModel):
    """The summary of all nodes, and what each uses, in the text that Ray prints for people."""

    summary: list[_Node]
    usage: dict[str, str] = Field(alias="nodeLogicalResources")


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a resource a node has, and how much is taken, reserved for placement groups included."""

    taken: float
    total: float


class NodesAnswer(Wire):
    """GET /nodes?view=summary: the one answer with each node's use that both of Ray's autoscalers give."""

    data: _Summary

    @property
    def tells_use(self) -> bool:
        """Whether there are nodes, and of each it is known what it uses, which takes some seconds after its start."""
        alive = self._alive()
        return bool(alive) and all(raylet.node_id in self.data.usage for raylet in alive)

    def uses(self) -> list[dict[str, Use]]:
        """What each node alive uses of what it declares."""
        return [dict(_uses(raylet, self.data.usage.get(raylet.node_id, ""))) for raylet in self._alive()]

    def capacity(self, version: Version) -> Capacity:
        """The cluster's GPUs, and how many of them are free."""
        gpus = [use[GPU] for use in self.uses() if GPU in use]
        free = sorted((math.floor(use.total - use.taken) for use in gpus), reverse=True)
        return Capacity(
            session=version.session_name,
            ray_version=version.ray_version,
            gpus_total=int(sum(use.total for use in gpus)),
            gpus_free=sum(free),
            free_by_node=tuple(free),
        )

    def metered(self) -> tuple[int, int]:
        """On how many nodes that have GPUs these are seen by NVML, and how many such nodes there are."""
        nodes = [node for node in self.data.summary if node.raylet.state == "ALIVE" and node.raylet.total.get(GPU)]
        return sum(len(node.gpus or ()) >= node.raylet.total[GPU] for node in nodes), len(nodes)

    def pin(self, gpu_model: str, gpus: int) -> dict[str, float]:
        """What to ask for besides `gpus`, so that a node of `gpu_model` is chosen; empty where none is marked."""
        declared = [use[gpu_model].total for use in self.uses() if gpu_model in use]
        if declared:
            return {gpu_model: gpus if max(declared) >= gpus else MARKER_SHARE}
        marker = f"accelerator_type:{gpu_model}"
        return {marker: MARKER_SHARE} if any(marker in use for use in self.uses()) else {}

    def _alive(self) -> list[_Raylet]:
        """The nodes that are there."""
        return [node.raylet for node in self.data.summary if node.raylet.state == "ALIVE"]


def _uses(raylet: _Raylet, text: str) -> Iterator[tuple[str, Use]]:
    """Each resource of a node; GPUs that it has and says nothing of are not known to be free, hence taken."""
    if raylet.total.get(GPU):
        yield GPU, Use(taken=raylet.total[GPU], total=raylet.total[GPU])
    for line in text.splitlines():
        found = _USAGE.fullmatch(line)
        if found:
            outside = float(found["reserved"] or 0) - float(found["inside"] or 0)  # reserved, and not counted as used
            yield found["name"], Use(taken=float(found["used"]) + outside, total=float(found["total"]))
