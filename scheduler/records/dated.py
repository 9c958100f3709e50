"""Settings that hold for a project from a date on: ``PROJECT = DATED, DATED; PROJECT = ...``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from scheduler.domain.errors import InvalidInput

Value = TypeVar("Value")


def by_project(
    text: str, what: str, dated: Callable[[str, str], tuple[datetime, Value]], *, hint: str
) -> dict[str, tuple[tuple[datetime, Value], ...]]:
    """What a text says of each project, in order of time.

    Args:
        text: projects apart by semicolons, what holds from different dates by commas.
        what: the setting's name, in the plural.
        dated: reads one part of a project.
        hint: how such a text is written.

    Raises:
        InvalidInput: it cannot be meant, or two parts of one project hold from one instant on.
    """
    found: dict[str, tuple[tuple[datetime, Value], ...]] = {}
    for entry in filter(str.strip, text.split(";")):
        project, equals, listed = (part.strip() for part in entry.partition("="))
        if not project or not equals or project in found:
            raise InvalidInput(f"{what}: {entry.strip()!r} is not understood, or names its project twice", hint=hint)
        parts = sorted((dated(each, project) for each in listed.split(",")), key=lambda part: part[0])
        if len({since for since, _ in parts}) < len(parts):
            raise InvalidInput(f"{what}: {project} has two {what} from one day on", hint="keep one of them")
        found[project] = tuple(parts)
    return found
