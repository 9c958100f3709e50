"""The faults that a run of chaos promises: one that never struck proves nothing, and the run says so and fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEATHS: Final = "deaths of the scheduler in all"
DOUBLED: Final = "submissions, stops and uploads sent twice"
LEAST_DEATHS: Final = 200
"""Deaths of the scheduler that a run promises, each at another instant."""
SIMULATED: Final = (
    *(f"scheduler killed {side} {step}" for side in ("before", "after")
      for step in ("a write", "evidence", "logs", "observe", "probe", "stop", "submit")),
    *(f"answers lost to {call}" for call in ("observe", "probe", "stop", "submit")),
    "agents killed", "supervisors killed", "clusters restarted", "trainings orphaned",
    "clock jumped ahead by an hour", "clock jumped back by an hour",
    "requests that did not get there", "submissions that landed late", "submissions that stayed pending",
    "evidence that could not be read", "evidence that came cut in half",
    "writes of the store that a full disk refused", "writes of evidence that a full disk refused",
    "storages away for ten minutes", "what a storage missed while it was away",
    "jobs a person asked to cancel", "jobs a person asked to hold", "jobs a person asked to release",
)  # fmt: skip
REAL: Final = (
    "scheduler killed by -9", "supervisors killed by -9", "agents killed by -9", "trainings killed by -9",
    *(f"{victim} of a head killed by -9, the head started again" for victim in ("gcs", "raylet", "dashboard")),
    *(f"requests struck while a line was {mood}" for mood in ("cut", "slow", "mute", "twice")),
    DOUBLED, "storages away for two thirds of the lease", "saves of trainings that a storage missed",
    "jobs a person asked to cancel", "jobs a person asked to hold",
    "trainings that outlived their head",
)  # fmt: skip


def unexercised(struck: Mapping[str, int], promised: tuple[str, ...]) -> list[str]:
    """What was promised and never struck."""
    short = DEATHS in struck and struck[DEATHS] < LEAST_DEATHS
    few = [f"{DEATHS}: {struck[DEATHS]} of {LEAST_DEATHS}"] if short else []
    return [name for name in promised if not struck.get(name)] + few
