"""Copies of files that are whole or not there, and of a database while others write to it."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from scheduler.domain.errors import StoreError
from scheduler.records import schema
from scheduler.records.sqlite_errors import translated

_SHOWN_PROBLEMS = 10


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A new private file to write, which becomes `target` when the block ends well and leaves nothing when it fails.

    Raises:
        StoreError: it cannot be written.
    """
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.part-", delete=False) as stream:
            part = Path(stream.name)
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as exc:
        raise StoreError(
            f"{target} cannot be written: {exc.strerror}",
            hint="name a file in a folder of yours with enough free space",
        ) from exc
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it stands in one instant, while others may write to it, by SQLite's own backup.

    Raises:
        StoreError: it cannot be read, or the copy cannot be written.
    """
    with (
        whole_file(target) as part,
        translated(source),
        closing(sqlite3.connect(source)) as original,
        closing(sqlite3.connect(part)) as copy,
    ):
        try:
            original.backup(copy)
        except sqlite3.OperationalError as exc:
            if "full" in str(exc):  # the disk of the copy, not that of the store
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from exc
            raise
        copy.execute("PRAGMA journal_mode = DELETE").close()  # one file, with nothing beside it


def problems_in(database: Path) -> list[str]:
    """What SQLite finds wrong in a database: damaged pages, and rows that point to none; empty where all is well."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_SHOWN_PROBLEMS})")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchmany(_SHOWN_PROBLEMS)
    except sqlite3.Error as exc:
        return [str(exc)]
    return [line for line in found if line != "ok"] + [f"a row of {row[0]} points to no {row[2]}" for row in broken]


def revision_of(database: Path) -> str | None:
    """The revision of the tables in a database file, None where there are none."""
    with translated(database), closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as opened:
        return schema.revision_in(opened.execute)
