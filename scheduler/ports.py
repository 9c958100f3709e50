"""The seams: what the core asks of the world, each small enough to fake in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
        local: whether it reads files of this machine and asks nobody, so that nothing of it is kept.
    """

    title: str
    bases: tuple[Basis, ...]
    licence: str
    attribution: str
    url: str = ""
    credentials: tuple[str, ...] = ()
    forecasts: bool = False
    limits: str = ""
    local: bool = False


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
            UnusableAnswer: it answered another question, or not as it should.
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


@runtime_checkable
class IssueSource(ForecastSource, Protocol):
    """A provider that also has its past forecasts, as they were issued."""

    def issues(self, zone: str, basis: Basis, start: datetime, end: datetime) -> Sequence[IntensitySeries]:
        """The forecasts issued in ``[start, end)``, in order of their issue; raises as `forecast` does."""


@runtime_checkable
class PlanSource(IntensitySource, Protocol):
    """A provider that tells what the plan behind its credentials reaches."""

    def reaches(self, zone: str) -> Sequence[str]:
        """The provider's own words for what it lists of a zone, such as ``carbon-intensity/history``; ``*`` for all.

        Raises:
            SourceUnavailable: it could not be asked.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose figures are kept: those of a source, by its registered name, for a zone on a basis."""

    source: str
    zone: str
    basis: Basis


Asked = Literal["history", "forecast", "issues"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A stretch that a source was asked for last at `at`, whatever it said."""

    start: datetime
    end: datetime
    at: datetime


class IntensityStore(Protocol):
    """What sources said, cache and evidence in one: a later figure stands beside an earlier one, never over it."""

    def keep(self, subject: Subject, series: IntensitySeries, *, at: datetime) -> int:
        """Store what is not there yet; how many intervals that were.

        Args:
            subject: whose they are.
            series: observed, estimated or forecast; one that says no `retrieved_at` was retrieved at `at`.
        """

    def noted(self, subject: Subject, asked: Asked, check: Check) -> None:
        """Remember that the source was asked, also where what it said was known or was nothing."""

    def checks(self, subject: Subject, asked: Asked) -> Sequence[Check]:
        """When each stretch was asked for last, in order of time, without overlap."""

    def history(
        self, subject: Subject, start: datetime, end: datetime, *, known_at: datetime | None = None
    ) -> IntensitySeries | None:
        """The newest figures of ``[start, end)`` that are no forecast, or those that were known at an instant."""

    def forecasts(
        self,
        subject: Subject,
        start: datetime,
        end: datetime,
        *,
        issued_by: datetime | None = None,
        hours: Collection[int] | None = None,
    ) -> Sequence[IntensitySeries]:
        """The forecasts that touch ``[start, end)``, in the order of their issue.

        Args:
            subject: whose they are; start: of the interval; end: of the interval.
            issued_by: leaves out later ones.
            hours: leaves out those that were issued in other hours of the day, UTC.
        """

    def stamp(self) -> int:
        """A number that rises whenever something new is stored."""


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


Together = Callable[[Sequence[Problem]], Sequence[Placement | None]]
"""Placements of several jobs on room that they share, None for one that finds none."""


@runtime_checkable
class FleetPolicy(Policy, Protocol):
    """A policy whose jobs can be placed together, on room that they share."""

    def place_many(self, problems: Sequence[Problem], together: Together) -> Sequence[Placement | None]:
        """Where and when each job runs, None for one that is to be placed alone on what the others leave.

        Args:
            problems: the jobs, in order of their submission; the room of each is there for all of them.
            together: what places jobs on shared room with the least emissions in all.
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
