"""What an agent wrote about one attempt: its samples and its outcome, parsed and never corrected."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar, cast, get_args

from scheduler.domain.errors import CarbonschedError

PROTOCOL = 1
"""Version of the agent's files that this code reads; later agents of it may add fields, which older ones left out."""

EnergySource = Literal["model", "nvml_counter", "nvml_power"]
OutcomeReason = Literal["exited", "stopped", "fenced", "lost_lease", "lost_node", "not_started"]
Saved = Literal["in_place", "copied", "nothing", "not_copied"]

Made = TypeVar("Made")


class BadEvidence(CarbonschedError):
    """A file of an agent that cannot be what an agent writes."""


class NewerAgent(BadEvidence):
    """A file of an agent that a newer carbonsched brought: it means something, which this one cannot read."""

    @classmethod
    def of(cls, what: str, version: int) -> NewerAgent:
        """The error for `what` of that version of the protocol."""
        return cls(
            f"{what} was written by an agent of protocol {version}, and this carbonsched reads {PROTOCOL}",
            hint="run the newer carbonsched again: the job and what it did are as they were",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading while the training runs.

    Args:
        n: 0, 1, 2, ...; a number that is missing is a reading that was lost.
        at: the node's clock.
        progress: fraction of the work done, where the training says. [-]
        energy_j: energy since the agent's start, where something measured it. [J]
        saved_at: when the newest file of the checkpoint on the storage was written; None where there is none, or an
            older agent wrote.
    """

    n: int
    at: datetime
    progress: float | None
    energy_j: float | None
    energy_source: EnergySource
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What travelled between a node and a storage behind a URI for one attempt.

    Args:
        read_bytes, written_bytes: checkpoints, evidence and fences. [bytes]
        read_s: fetching the checkpoint before the training; written_s: copying it, while it ran or after. [s]
        read_requests, written_requests: asked of the storage, what its library repeats not counted.
    """

    read_bytes: int
    read_s: float
    read_requests: int
    written_bytes: int
    written_s: float
    written_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt ended.

    Args:
        started_at, ended_at: the node's clock; duration_s: by its monotonic clock. [s]
        exit_code: of the training; negative for a signal.
        stop_received_at: when SIGTERM came, None if it did not.
        progress: fraction of all the work done at the end, None where the training does not say. [-]
        saved_at: when the newest file of the checkpoint on the storage was written; None where there is none, or an
            older agent wrote.
        trained_at, trained_s: start and length of the training alone, without the wait for a fence and the copies;
            None where it never started, or an older agent wrote. [s]
        saved: whether what it saved is where a resume finds it; None where an older agent wrote.
        traffic: to and from the storage, None where that is mounted.
        measured_share: part of the time of its GPUs that was metered, None where an older agent wrote. [-]
        unmetered: why nothing was metered; empty where something was, or an older agent wrote.
    """

    sid: str
    fence: int
    started_at: datetime
    ended_at: datetime
    duration_s: float
    exit_code: int | None
    reason: OutcomeReason
    stop_received_at: datetime | None
    progress: float | None
    energy_j: float | None
    energy_source: EnergySource
    error: str
    saved_at: datetime | None = None
    trained_at: datetime | None = None
    trained_s: float | None = None
    saved: Saved | None = None
    traffic: Traffic | None = None
    measured_share: float | None = None
    unmetered: str = ""

    @property
    def training(self) -> tuple[datetime, timedelta]:
        """Start and length of the training alone; all of the agent's time where an older agent wrote."""
        if self.saved is None:
            return self.started_at, timedelta(seconds=self.duration_s)
        return self.trained_at or self.started_at, timedelta(seconds=self.trained_s or 0.0)


def samples_name(sid: str) -> str:
    """The file of samples in Ray's log folder."""
    return f"carbonsched-{sid}.samples.jsonl"


def outcome_name(sid: str) -> str:
    """The file of the outcome in Ray's log folder."""
    return f"carbonsched-{sid}.outcome.json"


def received_name(sid: str) -> str:
    """The file on our side that says when samples reached us."""
    return f"carbonsched-{sid}.received.jsonl"


def parse_samples(raw: bytes) -> list[Sample]:
    """Samples in the order of their numbers, each once; a torn last line is left for the next reading."""
    found: dict[int, Sample] = {}
    for line in raw.split(b"\n")[:-1]:
        sample = _made(_loaded(line, "a line of samples"), "a sample", _sample)
        found.setdefault(sample.n, sample)
    return [found[n] for n in sorted(found)]


def parse_outcome(raw: bytes) -> Outcome:
    """The outcome that an agent wrote."""
    return _made(_loaded(raw, "an outcome"), "an outcome", _outcome)


def _sample(data: Mapping[str, object]) -> Sample:
    """A sample from its fields."""
    return Sample(
        n=_count(data["n"]),
        at=_moment(data["t_unix"]),
        progress=_fraction(data["progress"]),
        energy_j=_joules(data["energy_j"]),
        energy_source=cast("EnergySource", _one_of(data["energy_source"], get_args(EnergySource))),
        saved_at=_moment_if_any(data.get("saved_unix")),
    )


def _outcome(data: Mapping[str, object]) -> Outcome:
    """An outcome from its fields."""
    code, trained_at, saved = data["exit_code"], data.get("trained_unix"), data.get("saved")
    return Outcome(
        sid=_text(data["sid"]),
        fence=_count(data["fence"]),
        started_at=_moment(data["started_unix"]),
        ended_at=_moment(data["ended_unix"]),
        duration_s=_at_least_0(data["duration_s"]),
        exit_code=None if code is None else _whole(code),
        reason=cast("OutcomeReason", _one_of(data["reason"], get_args(OutcomeReason))),
        stop_received_at=_moment_if_any(data["stop_received_unix"]),
        progress=_fraction(data["progress"]),
        energy_j=_joules(data["energy_j"]),
        energy_source=cast("EnergySource", _one_of(data["energy_source"], get_args(EnergySource))),
        error=_text(data["error"]),
        saved_at=_moment_if_any(data.get("saved_unix")),
        trained_at=_moment_if_any(trained_at),
        trained_s=None if trained_at is None else _at_least_0(data["trained_s"]),
        saved=None if saved is None else cast("Saved", _one_of(saved, get_args(Saved))),
        traffic=_traffic(data.get("storage")),
        measured_share=_fraction(data.get("measured_share")),
        unmetered=_text(data.get("unmetered", "")),
    )


def _traffic(data: object) -> Traffic | None:
    """Traffic where there was any."""
    if data is None:
        return None
    if not isinstance(data, dict):
        raise ValueError(f"{data!r} is no traffic")  # noqa: TRY004  # one kind of refusal for all fields
    return Traffic(
        read_bytes=_count(data["read_bytes"]),
        read_s=_at_least_0(data["read_s"]),
        read_requests=_count(data["read_requests"]),
        written_bytes=_count(data["written_bytes"]),
        written_s=_at_least_0(data["written_s"]),
        written_requests=_count(data["written_requests"]),
    )


def _loaded(raw: bytes, what: str) -> Mapping[str, object]:
    """The JSON object in `raw`, of the protocol this code reads."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BadEvidence(f"{what} is not JSON: {raw[:80]!r}") from exc
    version = data.get("v") if isinstance(data, dict) else None
    if type(version) is int and version > PROTOCOL:
        raise NewerAgent.of(what, version)
    if not isinstance(data, dict) or version != PROTOCOL:
        raise BadEvidence(f"{what} is not of agent protocol {PROTOCOL}: {raw[:80]!r}")
    return data


def _made(data: Mapping[str, object], what: str, make: Callable[[Mapping[str, object]], Made]) -> Made:
    """`make(data)`, its refusals as `BadEvidence`."""
    try:
        return make(data)
    except (KeyError, ValueError, OverflowError, OSError) as exc:
        raise BadEvidence(f"{what} is not what an agent writes: {exc!r}") from exc


def _number(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _at_least_0(value: object) -> float:
    """A number that cannot be negative."""
    number = _number(value)
    if number < 0:
        raise ValueError(f"{value!r} is below 0")
    return number


def _whole(value: object) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004  # one kind of refusal for all fields
    return value


def _count(value: object) -> int:
    """A whole number from 0 on."""
    number = _whole(value)
    if number < 0:
        raise ValueError(f"{value!r} is below 0")
    return number


def _text(value: object) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")  # noqa: TRY004  # one kind of refusal for all fields
    return value


def _moment(value: object) -> datetime:
    """An instant from seconds since 1970."""
    return datetime.fromtimestamp(_number(value), tz=UTC)


def _moment_if_any(value: object) -> datetime | None:
    """An instant where there is one."""
    return None if value is None else _moment(value)


def _joules(value: object) -> float | None:
    """Energy where something measured it. [J]"""
    return None if value is None else _at_least_0(value)


def _fraction(value: object) -> float | None:
    """A fraction where there is one. [-]"""
    if value is None:
        return None
    fraction = _number(value)
    if not 0 <= fraction <= 1:
        raise ValueError(f"{fraction:g} is no fraction")
    return fraction


def _one_of(value: object, words: tuple[str, ...]) -> str:
    """One of the words of a closed set."""
    if value not in words:
        raise ValueError(f"{value!r} is none of {', '.join(words)}")
    return str(value)
