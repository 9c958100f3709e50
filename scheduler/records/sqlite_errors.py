"""What SQLite complains of, in our words and with the way out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import exc

from scheduler.domain.errors import StoreError

_HINTS: Final = {
    "locked": "another command holds it; try again",
    "full": "free some disk space; nothing was half-written",
    "disk I/O error": "look at the disk and its free space; nothing was half-written",
    "readonly": "mend the permissions of the state folder",
    "malformed": "restore it from a copy: carbonsched restore FILE --replace",
    "not a database": "move the file away, or set CARBONSCHED_STATE_DIR to another folder",
}
"""The way out by a word of SQLite's message."""


@contextmanager
def translated(database: Path) -> Iterator[None]:
    """Whatever SQLite raises inside, as a `StoreError` that names the file."""
    try:
        yield
    except exc.DatabaseError as error:
        raise store_error(database, str(error.orig)) from error
    except sqlite3.Error as error:
        raise store_error(database, str(error)) from error


def store_error(database: Path, said: str) -> StoreError:
    """The error for what SQLite said of a file."""
    hint = next((way for word, way in _HINTS.items() if word in said), "check the state folder and its disk")
    return StoreError(f"the store {database}: {said}", hint=hint)
