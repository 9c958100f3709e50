"""What an agent wrote about one attempt: its samples and its outcome, parsed and never corrected."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeVar, cast, get_args

from scheduler.domain.errors import CarbonschedError

PROTOCOL = 1
"""Version of the agent's files that this code reads."""

EnergySource = Literal["model", "nvml_counter", "nvml_power"]
OutcomeReason = Literal["exited", "stopped", "fenced", "lost_lease", "not_started"]


Made = TypeVar("Made")


class BadEvidence(CarbonschedError):
    """A file of an agent that cannot be what an agent writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading while the training runs.

    Args:
        n: 0, 1, 2, ...; a number that is missing is a reading that was lost.
        at: the node's clock.
        progress: fraction of the work done, where the training says. [-]
        energy_j: energy since the agent's start, where something measured it. [J]
    """

    n: int
    at: datetime
    progress: float | None
    energy_j: float | None
    energy_source: EnergySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt ended.

    Args:
        started_at, ended_at: the node's clock; duration_s: by its monotonic clock. [s]
        exit_code: of the training; negative for a signal.
        stop_received_at: when SIGTERM came, None if it did not.
        progress: fraction of all the work done at the end, None where the training does not say. [-]
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


def samples_name(sid: str) -> str:
    """The file of samples in Ray's log folder."""
    return f"carbonsched-{sid}.samples.jsonl"


def outcome_name(sid: str) -> str:
    """The file of the outcome in Ray's log folder."""
    return f"carbonsched-{sid}.outcome.json"


def parse_samples(raw: bytes) -> list[Sample]:
    """Samples in the order of their numbers, each once; a torn last line is left for the next reading."""
    found: dict[int, Sample] = {}
    lines = raw.split(b"\n")
    for line in lines[:-1]:
        data = _loaded(line, "a line of samples")
        sample = _made(data, "a sample", _sample)
        found.setdefault(sample.n, sample)
    return [found[n] for n in sorted(found)]


def parse_outcome(raw: bytes) -> Outcome:
    """The outcome that an agent wrote."""
    return _made(_loaded(raw, "an outcome"), "an outcome", _outcome)


def _sample(data: Mapping[str, object]) -> Sample:
    """A sample from its fields."""
    return Sample(
        n=int(cast("int", data["n"])),
        at=_moment(data["t_unix"]),
        progress=_number(data["progress"]),
        energy_j=_number(data["energy_j"]),
        energy_source=_source(data["energy_source"]),
    )


def _outcome(data: Mapping[str, object]) -> Outcome:
    """An outcome from its fields."""
    reason, stop, code = data["reason"], data["stop_received_unix"], data["exit_code"]
    if reason not in get_args(OutcomeReason):
        raise ValueError(f"reason {reason!r}")
    return Outcome(
        sid=str(data["sid"]),
        fence=int(cast("int", data["fence"])),
        started_at=_moment(data["started_unix"]),
        ended_at=_moment(data["ended_unix"]),
        duration_s=float(cast("float", data["duration_s"])),
        exit_code=None if code is None else int(cast("int", code)),
        reason=cast("OutcomeReason", reason),
        stop_received_at=None if stop is None else _moment(stop),
        progress=_number(data["progress"]),
        energy_j=_number(data["energy_j"]),
        energy_source=_source(data["energy_source"]),
        error=str(data["error"]),
    )


def _loaded(raw: bytes, what: str) -> Mapping[str, object]:
    """The JSON object in `raw`, of the protocol this code reads."""
    try:
        data = json.loads(raw)
    except ValueError as exc:
        raise BadEvidence(f"{what} is not JSON: {raw[:80]!r}") from exc
    if not isinstance(data, dict) or data.get("v") != PROTOCOL:
        raise BadEvidence(f"{what} is not of agent protocol {PROTOCOL}: {raw[:80]!r}")
    return data


def _made(data: Mapping[str, object], what: str, make: Callable[[Mapping[str, object]], Made]) -> Made:
    """`make(data)`, its refusals as `BadEvidence`."""
    try:
        return make(data)
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise BadEvidence(f"{what} is not what an agent writes: {exc!r}") from exc


def _moment(value: object) -> datetime:
    """An instant from seconds since 1970."""
    return datetime.fromtimestamp(float(cast("float", value)), tz=UTC)


def _number(value: object) -> float | None:
    """A number that may be absent."""
    return None if value is None else float(cast("float", value))


def _source(value: object) -> EnergySource:
    """One of the known ways to know the energy."""
    if value not in get_args(EnergySource):
        raise ValueError(f"energy_source {value!r}")
    return cast("EnergySource", value)
