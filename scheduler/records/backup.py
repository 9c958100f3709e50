"""A backup: one tar with a copy of the database, the evidence and the packages, made while a scheduler runs.

The chains are copied first, for they may lag behind the database and never be ahead of it; then that, for evidence and
packages are only ever added to, so whatever it names is there later. The manifest comes last, with a digest of each
file, so that an archive that was cut off is known as such.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Literal

from pydantic import BaseModel, ConfigDict

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.domain.instant import format_instant
from scheduler.records.backup_copy import copy_database, problems_in, whole_file
from scheduler.records.state_folder import StateFolder

MANIFEST: Final = "manifest.json"
DATABASE: Final = "carbonsched.db"
_PART: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
MEMBER: Final = re.compile(rf"{re.escape(DATABASE)}|evidence/{_PART}/{_PART}|(?:packages|chains|ledger)/{_PART}")
"""What an archive may hold besides its manifest: nothing that leads out of the state folder."""


class Manifest(BaseModel):
    """What the archive says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["carbonsched-backup"] = "carbonsched-backup"
    version: Literal[1] = 1
    made_at: str
    made_by: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds: how many files, and how large the archive is. [bytes]"""

    files: int
    size_bytes: int


def write_backup(folder: StateFolder, target: Path, *, made_at: datetime, made_by: str) -> Backup:
    """Write all that must survive into `target`, mode 0600, in the place of an older one only when it is whole.

    Args:
        folder: what is backed up; a scheduler may run in it.
        target: the archive; its folder has to be there.
        made_at: now; made_by: the version of carbonsched.

    Raises:
        InvalidInput: `target` lies in the state folder, or in none.
        StoreError: the store is damaged, or the archive cannot be written.
    """
    if not target.parent.is_dir():
        raise InvalidInput(f"there is no folder {target.parent}", hint="make it, or name another file")
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder", hint="name a file in it")
    if target.resolve().is_relative_to(folder.root.resolve()):
        raise InvalidInput(f"{target} lies in the state folder itself", hint="name a file elsewhere, on another disk")
    with (
        whole_file(target) as part,
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".carbonsched-backup-") as scratch,
        tarfile.open(part, "w") as tar,
    ):
        archive = _Archive(tar)
        chained = [
            _copied(name, path, Path(scratch))
            for name, path in _files(folder, {folder.chains: "*", folder.ledger: "*"})
        ]
        copy = Path(scratch) / DATABASE
        copy_database(folder.database, copy)
        problems = problems_in(copy)
        if problems:
            raise StoreError(f"the store {folder.database} is damaged: {problems[0]}", hint="carbonsched doctor")
        archive.add(DATABASE, copy)
        for name, path in (*chained, *_files(folder, {folder.all_evidence: "*/*", folder.packages: "*"})):
            archive.add(name, path)
        archive.close(Manifest(made_at=format_instant(made_at), made_by=made_by, files=archive.listed))
    return Backup(files=len(archive.listed), size_bytes=target.stat().st_size)


def _files(folder: StateFolder, patterns: Mapping[Path, str]) -> Iterator[tuple[str, Path]]:
    """The files of some folders, by their names in the archive; one being written has another form of name."""
    for path in sorted(path for root, pattern in patterns.items() for path in root.glob(pattern)):
        name = path.relative_to(folder.root).as_posix()
        if MEMBER.fullmatch(name) and path.is_file() and not path.is_symlink():
            yield name, path


def _copied(name: str, path: Path, scratch: Path) -> tuple[str, Path]:
    """A file as it stands now, copied to where nothing is added to it."""
    copy = scratch / name.replace("/", "-")
    copy.write_bytes(path.read_bytes())
    return name, copy


@dataclass(slots=True)
class _Archive:
    """A tar that remembers the digest of each file it was given."""

    tar: tarfile.TarFile
    listed: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, path: Path) -> None:
        """Add a file as it is when it is opened; one that is replaced meanwhile is added as it was."""
        with path.open("rb") as stream:
            self.listed[name] = hashlib.file_digest(stream, "sha256").hexdigest()
            size_bytes = stream.tell()
            stream.seek(0)
            self._put(name, stream, size_bytes)

    def close(self, manifest: Manifest) -> None:
        """Add the manifest, which ends the archive."""
        content = manifest.model_dump_json(indent=1).encode()
        self._put(MANIFEST, BytesIO(content), len(content))

    def _put(self, name: str, stream: BinaryIO, size_bytes: int) -> None:
        """Add content under a header that tells nothing of this account."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size_bytes, 0o600
        self.tar.addfile(info, stream)
