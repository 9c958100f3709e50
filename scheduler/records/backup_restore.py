"""A backup put back: unpacked beside the store, checked whole, then moved into its place.

Jobs may have gone on after the backup was made, with numbers that the restored store does not know. So that no
new attempt is taken for an older one by the agents, fences begin again at the second of the restore, which is
above every number given out so far.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from filelock import Timeout
from pydantic import ValidationError

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.records import schema
from scheduler.records.backup import DATABASE, MANIFEST, MEMBER, Manifest
from scheduler.records.backup_copy import problems_in, revision_of
from scheduler.records.locks import lock_file
from scheduler.records.sqlite_errors import store_error, translated
from scheduler.records.state_folder import StateFolder

_FOREIGN: Final = "give a file that carbonsched backup wrote"
_MANIFEST_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back: the archive's own words, and where the state went that was there before."""

    manifest: Manifest
    aside: Path | None


def restore_backup(folder: StateFolder, archive: Path, *, replace: bool, now: datetime) -> Restored:
    """Put a backup into the state folder.

    Args:
        folder: where it goes.
        archive: what `write_backup` wrote.
        replace: whether a state that is there is moved aside; otherwise it is refused.
        now: names the folder that the old state is moved to, and begins the fences.

    Raises:
        InvalidInput: the archive is none of ours, damaged or cut off, or a state is there.
        StoreError: a scheduler runs, or the folder cannot be written.
    """
    folder.prepare()
    try:
        with (
            lock_file(folder.lease).acquire(timeout=2.0),
            tempfile.TemporaryDirectory(dir=folder.root, prefix=".restoring-") as scratch,
        ):
            if _is_used(folder) and not replace:
                raise InvalidInput(
                    f"the state folder {folder.root} is not empty",
                    hint="--replace moves what is there aside; or set CARBONSCHED_STATE_DIR to another folder",
                )
            staged = Path(scratch)
            manifest = _unpack(archive, staged)
            _check(archive, staged / DATABASE)
            _lift_fences(staged / DATABASE, int(now.timestamp()))
            return Restored(manifest=manifest, aside=_swap(folder, staged, now))
    except Timeout as exc:
        raise StoreError(
            f"a scheduler runs in {folder.root}", hint="end it first (carbonsched status names its process)"
        ) from exc
    except OSError as exc:
        raise StoreError(f"{archive} cannot be restored: {exc.strerror}", hint="check the path and the disk") from exc


def _is_used(folder: StateFolder) -> bool:
    """Whether the folder holds anything that a restore would hide."""
    held = folder.database.exists() and folder.database.stat().st_size > 0
    return held or any(path.exists() and any(path.iterdir()) for path in folder.kept)


def _unpack(archive: Path, staged: Path) -> Manifest:
    """Write the archive's files below `staged`, each checked against the manifest."""
    digests: dict[str, str] = {}
    said = None
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None or not (member.name == MANIFEST or MEMBER.fullmatch(member.name)):
                    raise InvalidInput(f"{archive} holds {member.name!r}, which no backup does", hint=_FOREIGN)
                if member.name == MANIFEST:
                    said = stream.read(_MANIFEST_BYTES)
                    continue
                path = staged / member.name
                for parent in (path.parent.parent, path.parent):
                    parent.mkdir(mode=0o700, exist_ok=True)
                path.touch(mode=0o600)
                with path.open("r+b") as out:
                    shutil.copyfileobj(stream, out)
                    out.seek(0)
                    digests[member.name] = hashlib.file_digest(out, "sha256").hexdigest()
    except (tarfile.TarError, EOFError) as exc:
        raise InvalidInput(f"{archive} cannot be read: {exc}", hint=_FOREIGN) from exc
    if said is None:
        raise InvalidInput(f"{archive} has no manifest: it is no backup, or was cut off", hint=_FOREIGN)
    manifest = _manifest(archive, said)
    changed = sorted(name for name, _ in digests.items() ^ manifest.files.items())
    if changed or DATABASE not in digests:
        raise InvalidInput(
            f"{archive} is damaged: {changed[0] if changed else DATABASE} is not as it was written",
            hint="use another backup",
        )
    return manifest


def _manifest(archive: Path, said: bytes) -> Manifest:
    """The manifest, if it is one that this carbonsched knows."""
    try:
        return Manifest.model_validate_json(said)
    except ValidationError as exc:
        raise InvalidInput(
            f"{archive} has a manifest that this carbonsched does not know", hint="use the carbonsched that made it"
        ) from exc


def _check(archive: Path, database: Path) -> None:
    """Refuse a database that is damaged or of a newer carbonsched, before anything is moved."""
    problems = problems_in(database)
    if problems:
        raise InvalidInput(f"the database in {archive} is damaged: {problems[0]}", hint="use another backup")
    found = revision_of(database)
    if found != schema.REVISION and (found is None or not schema.is_older(found)):
        raise InvalidInput(
            f"{archive} has schema {found}, this carbonsched knows {schema.REVISION}",
            hint="use the carbonsched that made it, or a newer one",
        )


def _lift_fences(database: Path, least: int) -> None:
    """Let the next fence be above `least` and above every earlier one."""
    with translated(database), closing(sqlite3.connect(database)) as opened, opened:
        done = opened.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'segment'", (least,))
        if not done.rowcount:
            opened.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('segment', ?)", (least,))


def _close_for_all(database: Path) -> None:
    """Write the log of a database into it, which fails while any other command has it open; a damaged one stays."""
    try:
        with closing(sqlite3.connect(database, timeout=2.0)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE").close()
    except sqlite3.DatabaseError as exc:
        if "locked" in str(exc):
            raise store_error(database, str(exc)) from exc


def _swap(folder: StateFolder, staged: Path, now: datetime) -> Path | None:
    """Move what is there aside, and the staged files in, the database last; returns where the old ones are."""
    aside = folder.root / f"replaced-{now:%Y%m%dT%H%M%SZ}"
    used = _is_used(folder)
    _close_for_all(folder.database)
    beside = [folder.database.with_name(folder.database.name + suffix) for suffix in ("", "-wal", "-shm")]
    old = [path for path in (*beside, *folder.kept) if path.exists()]
    aside.mkdir(mode=0o700)
    for path in old:
        path.rename(aside / path.name)
    if not used:
        shutil.rmtree(aside)
    for path in (*folder.kept, folder.database):
        if (staged / path.name).exists():
            (staged / path.name).rename(path)
    folder.prepare()
    return aside if used else None
