"""A training job: what it runs, what it needs, by when, and what it allows."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, field_validator, model_validator
from pydantic.functional_validators import BeforeValidator

from scheduler.domain.cluster import Cluster, Name
from scheduler.domain.duration import format_duration, parse_duration
from scheduler.domain.errors import InvalidInput
from scheduler.domain.file_model import Duration, FileModel, Texts
from scheduler.domain.instant import format_instant, parse_instant

Launch = Literal["script", "torchrun", "ray"]
Stage = Literal["experiment", "pretraining", "finetuning", "evaluation", "inference"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PerModel = Annotated[dict[str, Positive], Field(min_length=1)]


def _when(value: object) -> datetime | timedelta:
    """An instant, or a duration from submission."""
    if isinstance(value, datetime | timedelta):
        return value
    if not isinstance(value, str):
        raise InvalidInput(f"{value!r} is neither a duration nor a time", hint="write 24h or 2026-03-01T06:00:00Z")
    return parse_instant(value) if value[:4].isdigit() and "-" in value else parse_duration(value)


def _when_out(value: datetime | timedelta) -> str:
    """The text that `_when` reads back."""
    return format_instant(value) if isinstance(value, datetime) else format_duration(value)


When = Annotated[datetime | timedelta, BeforeValidator(_when), PlainSerializer(_when_out, return_type=str)]
"""A duration from submission such as 24h, or an ISO time with its zone."""


class Interruptible(FileModel):
    """How a job may be suspended, and what that costs it."""

    save: Literal["on_signal", "periodic"] = "on_signal"
    every: Duration | None = Field(default=None, description="time between saves when periodic")
    checkpoint: Duration = Field(default=timedelta(0), description="time a save takes before the stop")
    restart: Duration = Field(default=timedelta(0), description="time from resume to progress")
    grace: Duration = Field(default=timedelta(minutes=2), description="time allowed between SIGTERM and SIGKILL")
    min_segment: Duration = Field(default=timedelta(0), description="shortest stretch worth starting")
    max_suspends: int | None = Field(default=None, ge=0)
    max_moves: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _periodic_says_when(self) -> Self:
        """Periodic saves need their period."""
        if self.save == "periodic" and not self.every:
            raise InvalidInput("save: periodic needs every", hint="add 'every: 30m'")
        return self


class Checkpoint(FileModel):
    """Where the job saves itself, and how large that is."""

    dir: str | None = Field(default=None, description="folder, default one a job on the cluster's storage")
    gb: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="size of one checkpoint [GB]")
    keep: int = Field(default=1, ge=1)


class Elastic(FileModel):
    """The widths a job can run at: those of `speedup` between the two limits, and its own."""

    min_gpus: int = Field(ge=1)
    max_gpus: int = Field(ge=1)
    speedup: dict[int, Positive] = Field(default_factory=dict, description="work in an hour, relative to `gpus`: 1 [-]")
    max_resizes: int | None = Field(default=None, ge=0, description="changes of width at most, default no limit")

    @model_validator(mode="after")
    def _limits_make_sense(self) -> Self:
        """Refuse limits that no width lies between."""
        if self.min_gpus > self.max_gpus:
            raise InvalidInput(f"elastic: min_gpus {self.min_gpus} is over max_gpus {self.max_gpus}")
        return self


class Data(FileModel):
    """The data a job reads, and where it may go."""

    size_gb: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    at: str | None = None
    countries: Texts = ()


class Job(FileModel):
    """One job file."""

    version: Literal[1] = 1
    name: Name
    project: str = ""
    owner: str = ""
    model: str = ""
    stage: Stage = "experiment"
    group: str = ""
    entrypoint: str | Texts = Field(description="shell text, or a list run as it is")
    launch: Launch = Field(
        default="script", description="script: once; torchrun: once a GPU; ray: a driver whose workers ask for the GPUs"
    )
    working_dir: str | None = Field(default=None, description="folder copied at submit, relative to the job file")
    excludes: Texts = Field(default=(), description="patterns left out of the copy")
    runtime_env: dict[str, object] = Field(default_factory=dict, description="passed to Ray: pip, uv, conda, image")
    env: dict[str, str] = Field(default_factory=dict)
    secrets: Texts = Field(default=(), description="names, resolved at launch, never stored")
    gpus: int = Field(ge=1)
    gpu: Texts = Field(default=(), description="allowed GPU models, default any")
    cpus: float | None = Field(default=None, gt=0)
    memory: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?(MB|GB|TB|MiB|GiB|TiB)$")
    duration: Duration | dict[str, Duration] | None = Field(default=None, description="one uninterrupted run")
    gpu_w: Positive | PerModel | None = Field(default=None, description="power of one GPU at work [W], default tdp")
    deadline: When | None = None
    earliest_start: When | None = None
    default_slack: Duration | None = None
    home: str | None = Field(default=None, description="the cluster it would have used")
    allowed: Texts = Field(default=(), description="cluster names, default all")
    interruptible: Interruptible | None = None
    checkpoint: Checkpoint = Checkpoint()
    elastic: Elastic | None = None
    data: Data = Data()
    policy: str = "carbon-aware"
    min_saving: float = Field(default=0.0, ge=0, lt=100, description="least saving worth acting on [%]")
    objective: Literal["lifecycle", "operational"] = "lifecycle"
    max_cost: float | None = Field(default=None, ge=0)
    priority: int = 0
    retries: int = Field(default=0, ge=0)
    after: Texts = ()
    preempt: bool = False
    exclusive: bool = False
    notify: str | None = Field(
        default=None,
        description="told when it succeeds, fails, is late or lost: a webhook, or a command that reads JSON",
    )
    key: str | None = None

    @field_validator("interruptible", mode="before")
    @classmethod
    def _true_means_defaults(cls, value: object) -> object:
        """`true` is an interruption with every default; `false` is none."""
        if value is True:
            return Interruptible()
        return None if value is False else value

    @field_validator("gpu", "after", "allowed", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """A single name stands for a list of one."""
        return [value] if isinstance(value, str) else value

    @field_validator("entrypoint")
    @classmethod
    def _something_to_run(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Refuse an empty command."""
        words = (value,) if isinstance(value, str) else value
        if not words or not words[0].strip():
            raise InvalidInput("the command is empty", hint="write entrypoint: python train.py")
        if any("\0" in word for word in words):
            raise InvalidInput("the command holds a NUL byte")
        return value

    @field_validator("notify")
    @classmethod
    def _can_be_told(cls, value: str | None) -> str | None:
        """Refuse what is neither an address nor a command."""
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if separator and scheme.isalnum() and (scheme not in ("http", "https") or not rest or " " in rest):
            raise InvalidInput(f"notify: {value!r} is no webhook", hint="write https://..., or a command line")
        try:
            words = shlex.split(value)
        except ValueError as exc:
            raise InvalidInput(f"notify: {value!r} is no command line: {exc}", hint="close its quotes") from exc
        if not words or not words[0]:
            raise InvalidInput("notify is empty", hint="write https://..., or a command line, or leave it out")
        return value

    @field_validator("duration")
    @classmethod
    def _takes_time(cls, value: timedelta | dict[str, timedelta] | None) -> timedelta | dict[str, timedelta] | None:
        """Refuse a run of no length."""
        spans = value.values() if isinstance(value, dict) else [value]
        if any(span is not None and span <= timedelta(0) for span in spans):
            raise InvalidInput("a duration is over 0", hint="write how long one uninterrupted run takes, such as 12h")
        return value

    @property
    def command(self) -> str:
        """The command as one line for people. Never run as it is."""
        return self.entrypoint if isinstance(self.entrypoint, str) else shlex.join(self.entrypoint)

    def duration_on(self, gpu_model: str) -> timedelta | None:
        """How long one uninterrupted run takes on `gpu_model`; None where the job does not say."""
        if isinstance(self.duration, dict):
            return self.duration.get(gpu_model)
        return self.duration

    def gpu_power_w(self, cluster: Cluster) -> float | None:
        """Power of one GPU at work on `cluster` where the job states it. [W]"""
        if isinstance(self.gpu_w, dict):
            return self.gpu_w.get(cluster.gpu.model)
        return self.gpu_w
