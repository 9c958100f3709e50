"""The operator's word on where each project would have run: dated, and binding for what is submitted from then on.

A home is registered with each job as it is submitted. What is written here later changes no job that was there before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records.dated import by_project

_HINT: Final = "write them as 'PROJECT = 2026-01-01 CLUSTER, 2026-06-01 CLUSTER; PROJECT = ...'"
_DAY: Final = len("2026-01-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """Homes by project, each with the instant from which it is one, in order of time."""

    by_project: Mapping[str, tuple[tuple[datetime, str], ...]] = field(default_factory=dict)

    def of(self, project: str, at: datetime) -> str | None:
        """The home of a project at an instant; None where the operator has not named one for it."""
        named = [home for since, home in self.by_project.get(project, ()) if since <= at]
        return named[-1] if named else None

    def __str__(self) -> str:
        """The text that `parse_homes` reads."""
        return "; ".join(
            f"{project} = {', '.join(f'{format_instant(since)} {home}' for since, home in dated)}"
            for project, dated in sorted(self.by_project.items())
        )


def parse_homes(text: str) -> Homes:
    """The homes that a text says: ``PROJECT = DATE CLUSTER, DATE CLUSTER``, projects apart by semicolons.

    Raises:
        InvalidInput: it cannot be meant, or one project has two homes from one instant on.
    """
    return Homes(by_project=by_project(text, "homes", _dated, hint=_HINT))


def homes_text(value: object) -> str:
    """The text of what a settings file says: by project, a home by the date from which it is one."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise InvalidInput(f"{value!r} are no homes", hint="write under each project '2026-01-01: CLUSTER'")
    entries = []
    for project, dated in value.items():
        if not isinstance(dated, dict) or not dated:
            raise InvalidInput(f"the homes of {project} have no dates", hint="write '2026-01-01: CLUSTER'")
        entries.append(f"{project} = {', '.join(f'{since} {home}' for since, home in dated.items())}")
    return "; ".join(entries)


def _dated(text: str, project: str) -> tuple[datetime, str]:
    """A home with its date, a day in UTC or an instant."""
    words = text.split()
    if len(words) != len(("since", "home")):
        raise InvalidInput(f"homes: {project}: {text.strip()!r} is no date and a cluster", hint=_HINT)
    since, home = words
    return parse_instant(f"{since}T00:00:00Z" if len(since) == _DAY else since, what=f"homes of {project}"), home
