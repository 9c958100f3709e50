"""Locks of the state folder that the system lets go of when their holder dies, however it dies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filelock import FileLock

_MODE: Final = 0o600


def lock_file(path: Path) -> FileLock:
    """The lock of a file that only this account may read."""
    from filelock import FileLock  # noqa: PLC0415  # it takes time, and most commands need none

    return FileLock(path, mode=_MODE)
