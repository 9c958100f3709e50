"""The seam to the clusters: what a launch is, what a cluster says of it, and where its checkpoints lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

from scheduler.domain.job import Launch as LaunchKind

JobStatus = Literal["absent", "pending", "running", "stopped", "succeeded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One attempt of one segment, ready to be handed to a cluster.

    Args:
        sid: submission id, ``cs-<job>-s<segment>-a<attempt>``, never reused.
        kind: how it is started: one script, one process a GPU, or a driver whose workers ask Ray for the GPUs.
        entrypoint: shell text, or words run as they are.
        env: environment of the training; secrets are already resolved and are stored nowhere.
        runtime_env: passed to Ray: pip, uv, conda, image.
        ranks: processes of kind torchrun, one a GPU that is used.
        gpus, cpus, memory_bytes: what is reserved; of kind ray only the last two are, and for the driver.
        gpu_model: Ray resource name that pins the accelerator.
        package: zip of the working folder; digest: its SHA-256; None for a job without a folder.
        checkpoint_dir: folder on the cluster where the job saves itself; only this attempt's where that is copied.
        fence: number from the store; a lower one stops as soon as it sees a higher.
        grace: time between SIGTERM and SIGKILL.
        sample_every: time between samples.
        progress: fraction done before this segment. [-]
        metadata: text to text, kept by the cluster beside the job; holds the spec's hash.
        nodes: how many nodes the ranks, and what is reserved, are shared out to evenly; 1 but for kind torchrun.
        storage_uri: below which the agent copies the checkpoint; empty where its folder is on a mounted storage.
        copy_every: least time between two copies while the training runs.
        copies: kept there beside the newest.
        metered: whether its GPUs are there to be metered; declared ones are not.
    """

    sid: str
    kind: LaunchKind
    entrypoint: str | tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    runtime_env: Mapping[str, object]
    ranks: int
    gpus: int
    cpus: float | None
    memory_bytes: int | None
    gpu_model: str
    package: Path | None
    digest: str | None
    checkpoint_dir: str
    fence: int
    grace: timedelta
    sample_every: timedelta
    progress: float
    metadata: Mapping[str, str]
    nodes: int = 1
    storage_uri: str = ""
    copy_every: timedelta = timedelta(minutes=10)
    copies: int = 1
    metered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a cluster says of one submission; `absent` means that it knows none of that id.

    Args:
        message, error_type: the cluster's own words.
        node_id: where the entrypoint runs, needed to read its evidence.
        exit_code: what the entrypoint ended with, where the cluster knows it.
        metadata: what `Launch.metadata` said.
    """

    sid: str
    status: JobStatus
    message: str = ""
    error_type: str = ""
    node_id: str = ""
    exit_code: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a cluster has now.

    Args:
        session: name of the Ray session; another one means that the cluster was restarted.
        ray_version: what answers.
        gpus_total, gpus_free: whole cluster. [GPUs]
        free_by_node: GPUs free on each node alive.
    """

    session: str
    ray_version: str
    gpus_total: int
    gpus_free: int
    free_by_node: tuple[int, ...]


class Executor(Protocol):
    """One cluster that runs launches.

    Every method raises `ClusterUnreachable` when the cluster did not answer, which says nothing about the
    jobs there, and `ClusterRefused` when it said no.
    """

    def probe(self) -> Capacity:
        """What is there and free."""

    def submit(self, launch: Launch) -> None:
        """Start it once: a second call with the same `sid` and metadata changes nothing."""

    def observe(self, sid: str) -> Observation:
        """What became of it."""

    def stop(self, sid: str) -> None:
        """Ask it to stop: one SIGTERM, SIGKILL after its grace; does not wait."""

    def logs(self, sid: str) -> str:
        """What it printed so far."""

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """A file that the agent wrote, or its last `tail` lines; None where there is none."""


class Storage(Protocol):
    """A place where the checkpoints of one job lie, as the scheduler reaches it: evidence, and the fence.

    Every method raises `StorageUnreachable` when the place did not answer, which says nothing about what lies there.
    """

    def read(self, name: str) -> bytes | None:
        """A file of the agent's second copy of the evidence; None where there is none."""

    def raise_fence(self, number: int) -> bool:
        """See that every attempt of a lower number stops; never lowers. False where a higher one stood already."""
