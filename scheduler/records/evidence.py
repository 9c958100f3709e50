"""What an agent wrote about one attempt: its samples and its outcome, parsed and never corrected."""

from __future__ import annotations

import json
import math
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
        progress=_progress(data["progress"]),
        energy_j=_joules(data["energy_j"]),
        energy_source=cast("EnergySource", _one_of(data["energy_source"], get_args(EnergySource))),
    )


def _outcome(data: Mapping[str, object]) -> Outcome:
    """An outcome from its fields."""
    stop, code = data["stop_received_unix"], data["exit_code"]
    return Outcome(
        sid=_text(data["sid"]),
        fence=_count(data["fence"]),
        started_at=_moment(data["started_unix"]),
        ended_at=_moment(data["ended_unix"]),
        duration_s=_at_least_0(data["duration_s"]),
        exit_code=None if code is None else _whole(code),
        reason=cast("OutcomeReason", _one_of(data["reason"], get_args(OutcomeReason))),
        stop_received_at=None if stop is None else _moment(stop),
        progress=_progress(data["progress"]),
        energy_j=_joules(data["energy_j"]),
        energy_source=cast("EnergySource", _one_of(data["energy_source"], get_args(EnergySource))),
        error=_text(data["error"]),
    )


def _loaded(raw: bytes, what: str) -> Mapping[str, object]:
    """The JSON object in `raw`, of the protocol this code reads."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BadEvidence(f"{what} is not JSON: {raw[:80]!r}") from exc
    if not isinstance(data, dict) or data.get("v") != PROTOCOL:
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


def _joules(value: object) -> float | None:
    """Energy where something measured it. [J]"""
    return None if value is None else _at_least_0(value)


def _progress(value: object) -> float | None:
    """A fraction where the training says one. [-]"""
    if value is None:
        return None
    fraction = _number(value)
    if not 0 <= fraction <= 1:
        raise ValueError(f"progress {fraction:g} is no fraction")
    return fraction


def _one_of(value: object, words: tuple[str, ...]) -> str:
    """One of the words of a closed set."""
    if value not in words:
        raise ValueError(f"{value!r} is none of {', '.join(words)}")
    return str(value)
