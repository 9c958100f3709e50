"""The seams: what the core asks of the world, each small enough to fake in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

from scheduler.domain.basis import Basis
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Launch as LaunchKind
from scheduler.domain.placement import Placement
from scheduler.problem.problem import Problem


class Clock(Protocol):
    """Time, as an argument."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""

    def monotonic_s(self) -> float:
        """A clock that never goes back. [s]"""

    def sleep(self, duration: timedelta) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCard:
    """What an intensity source is, for people and for reports.

    Args:
        title: the provider's name.
        bases: what its numbers can mean.
        licence: under which its numbers may be used; attribution: the credit that a report prints.
        url: its documentation.
        credentials: names of the secrets that it cannot do without.
        forecasts: whether it issues forecasts.
        limits: what it lets one ask, as it is published.
    """

    title: str
    bases: tuple[Basis, ...]
    licence: str
    attribution: str
    url: str = ""
    credentials: tuple[str, ...] = ()
    forecasts: bool = False
    limits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetup:
    """What a source is connected with.

    Args:
        options: its own settings as text, such as ``base_url``, ``path`` or ``year``.
        secret: the value of a secret by its name, None where it is not set.
        clock: time.
    """

    options: Mapping[str, str]
    secret: Callable[[str], str | None]
    clock: Clock


class IntensitySource(Protocol):
    """A provider of carbon intensity."""

    name: ClassVar[str]
    card: ClassVar[SourceCard]

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The source, ready to be asked; asks nobody yet.

        Raises:
            CredentialMissing: a secret that it cannot do without is not set.
            InvalidInput: an option cannot be meant.
        """

    def zones(self) -> Sequence[str]:
        """The zones it has."""

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """What it knows of ``[start, end)``; may cover less, never answers for another zone or basis.

        Raises:
            NotCovered: it has no such zone, basis or hour; the hint lists what it has.
            SourceUnavailable: it could not be asked.
        """


@runtime_checkable
class ForecastSource(IntensitySource, Protocol):
    """A provider that also issues forecasts."""

    def forecast(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """Its newest forecast of ``[start, end)``, with `issued_at`; may cover less, never another zone or basis.

        Raises:
            NotCovered: it has no forecast for such a zone or basis; the hint lists what it has.
            SourceUnavailable: it could not be asked.
        """


Need = Literal["forecast", "duration", "history"]


class Policy(Protocol):
    """A rule that places a job: deterministic, feasible whenever something feasible exists."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[Need]]

    def place(self, problem: Problem) -> Placement:
        """Where and when.

        Raises:
            Infeasible: nothing in the policy's reach keeps the constraints.
        """


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
        checkpoint_dir: folder on the cluster where the job saves itself.
        fence: number from the store; a lower one stops as soon as it sees a higher.
        grace: time between SIGTERM and SIGKILL.
        sample_every: time between samples.
        progress: fraction done before this segment. [-]
        metadata: text to text, kept by the cluster beside the job; holds the spec's hash.
    """

    sid: str
    kind: LaunchKind
    entrypoint: str | tuple[str, ...]
    env: Mapping[str, str]
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
