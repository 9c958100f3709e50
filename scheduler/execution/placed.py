"""A plan as the engine takes it from whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.planning.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A plan as it is stored, what there is to say about it, and whose word the job's home is."""

    plan: Plan
    document: Mapping[str, object]
    reason: str = ""
    home_by: str = "job"
