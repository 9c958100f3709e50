"""The package of a job: one zip, named by its content, with the user's folder as it was and the agent beside it.

Made once, at submission, and used by every segment and retry, so that an edit meanwhile changes no job.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Final

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.execution.agent import AGENT_FILE, agent_source

LIMIT_BYTES: Final = 100 * 2**20
"""Largest package that Ray takes by its API; above it answers 413 (MAX_PACKAGE_SIZE, ray/_private/runtime_env)."""

DEFAULT_EXCLUDES: Final = (".git", "__pycache__", ".venv")
"""Left out of every snapshot: history, caches and environments that the cluster has of its own."""

WORK: Final = "work"
"""Folder of the package in which the training runs."""

AGENT_PATH: Final = f".carbonsched/{AGENT_FILE}"
"""Where the agent lies in the package."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can hold: times would make equal content differ
_LARGEST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A package on our disk.

    Args:
        path: the zip; digest: SHA-256 of its bytes, which is its name too.
        size_bytes: size of the zip. [bytes]
        files: how many files of the user's it holds.
    """

    path: Path
    digest: str
    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that goes into the package."""

    name: str
    path: Path
    size_bytes: int
    executable: bool


def snapshot(folder: Path, excludes: Sequence[str], target: Path) -> Snapshot:
    """Pack `folder` into ``<target>/<digest>.zip``; the same content gives the same file.

    Args:
        folder: what the training runs in.
        excludes: patterns with ``*`` and ``?``; one without a slash fits a name at any depth, one with a slash
            the path from `folder`. What fits is left out, a folder with all in it.
        target: folder of packages, made if it is not there.

    Raises:
        InvalidInput: no such folder, a link out of it, something that is no file, or too large.
        StoreError: the package cannot be written.
    """
    if not folder.is_dir():
        raise InvalidInput(f"working_dir {folder} is not a folder", hint="give a folder, relative to the job file")
    entries = sorted(_Walk(folder.resolve(), (*DEFAULT_EXCLUDES, *excludes)).entries(), key=lambda e: e.name)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target, prefix=".package-") as part:
            _pack(part, entries, folder)
            part.flush()
            os.fsync(part.fileno())
            part.seek(0)
            digest = hashlib.file_digest(part, "sha256").hexdigest()
            path = target / f"{digest}.zip"
            if not path.exists():
                _publish(Path(part.name), path)
        return Snapshot(path=path, digest=digest, size_bytes=path.stat().st_size, files=len(entries))
    except OSError as exc:
        raise StoreError(
            f"working_dir {folder} cannot be packed: {exc.strerror}: {exc.filename}", hint="mend that file, or exclude it"
        ) from exc


def bare_package() -> bytes:
    """The package of a job without a folder: the agent and an empty place to run in."""
    content = BytesIO()
    _pack(content, [], Path())
    return content.getvalue()


def _publish(part: Path, path: Path) -> None:
    """Give the finished zip its name in one step; whoever lost a race finds the same bytes there."""
    link = path.with_name(f"{part.name}.done")
    link.hardlink_to(part)
    link.replace(path)


def _pack(stream: IO[bytes], entries: Sequence[_Entry], folder: Path) -> None:
    """Write the zip: names in order, one time for all, so that it depends on the content alone."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(_info(AGENT_PATH, executable=False), agent_source())
        package.writestr(_info(f"{WORK}/", executable=True), b"")
        for entry in entries:
            with package.open(_info(f"{WORK}/{entry.name}", executable=entry.executable), "w") as inside:
                inside.write(entry.path.read_bytes())
            if stream.tell() > LIMIT_BYTES:
                raise _too_large(entries, folder)


def _info(name: str, *, executable: bool) -> zipfile.ZipInfo:
    """The header of one entry; of the mode only what a training may need is kept."""
    info = zipfile.ZipInfo(name, date_time=_EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, whatever system packs
    kind = 0o040000 if name.endswith("/") else 0o100000
    info.external_attr = (kind | (0o755 if executable else 0o644)) << 16
    return info


def _too_large(entries: Sequence[_Entry], folder: Path) -> InvalidInput:
    """What to say of a folder over the limit: its largest files, so that they can be excluded."""
    largest = sorted(entries, key=lambda e: (-e.size_bytes, e.name))[:_LARGEST]
    named = ", ".join(f"{entry.name} ({entry.size_bytes / 2**20:.1f} MiB)" for entry in largest)
    return InvalidInput(
        f"working_dir {folder} packs to over {LIMIT_BYTES // 2**20} MiB; largest files: {named}",
        hint="put data and checkpoints on the cluster's storage, or name them in excludes",
    )


@dataclass(slots=True)
class _Walk:
    """The files below a folder, links followed as long as they stay in it."""

    root: Path
    excludes: Sequence[str]
    _open: list[Path] = field(default_factory=list)

    def entries(self, folder: PurePosixPath = PurePosixPath()) -> Iterator[_Entry]:
        """Every file in `folder` of the root that no pattern excludes."""
        real = (self.root / folder).resolve()
        if real in self._open:
            raise InvalidInput(f"working_dir {self.root}: the link {folder} leads back to a folder that holds it",
                               hint="remove it, or name it in excludes")  # fmt: skip
        self._open.append(real)
        for path in sorted((self.root / folder).iterdir()):
            name = folder / path.name
            if not self._excluded(name):
                self._stays_inside(path, name)
                yield from self.entries(name) if path.is_dir() else [self._entry(path, name)]
        self._open.pop()

    def _excluded(self, name: PurePosixPath) -> bool:
        """Whether a pattern fits."""
        for pattern in self.excludes:
            plain = pattern.strip("/").removeprefix("./")
            whole = "/" in pattern.rstrip("/")
            if fnmatchcase(str(name) if whole else name.name, plain):
                return True
        return False

    def _stays_inside(self, path: Path, name: PurePosixPath) -> None:
        """Refuse a link that leads out: what it shows is not the user's folder, and may be secret."""
        if path.is_symlink() and not path.resolve().is_relative_to(self.root):
            raise InvalidInput(
                f"working_dir {self.root}: the link {name} leads out of it, to {path.resolve()}",
                hint="copy what it shows, or name it in excludes",
            )

    def _entry(self, path: Path, name: PurePosixPath) -> _Entry:
        """The file at `path`; anything that is none is refused."""
        if not path.is_file():
            what = "a broken link" if path.is_symlink() else "neither a file nor a folder"
            raise InvalidInput(f"working_dir {self.root}: {name} is {what}", hint="remove it, or name it in excludes")
        stat = path.stat()
        return _Entry(str(name), path, stat.st_size, bool(stat.st_mode & 0o100))
