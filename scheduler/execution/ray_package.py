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
from scheduler.execution.agent import AGENT_FILE, agent_sources

LIMIT_BYTES: Final = 100 * 2**20
"""A package of this size is refused by Ray's API (GCS_STORAGE_MAX_SIZE, ray/_private/runtime_env/packaging.py)."""

DEFAULT_EXCLUDES: Final = (".git", "__pycache__", ".venv")
"""Left out of every snapshot: history, caches and environments that the cluster has of its own."""

WORK: Final = "work"
"""Folder of the package in which the training runs."""

AGENT_FOLDER: Final = ".carbonsched"
"""Folder of the package in which the agent's files lie."""

AGENT_PATH: Final = f"{AGENT_FOLDER}/{AGENT_FILE}"
"""Where the agent lies in the package."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can hold: times would make equal content differ
_LARGEST: Final = 5
_CHUNK_BYTES: Final = 1 << 20


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
    """A file that goes into the package, or a folder, whose name then ends in a slash."""

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
    try:
        entries = list(_Walk(folder.resolve(), (*DEFAULT_EXCLUDES, *excludes)).entries(PurePosixPath()))
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".packing-") as scratch:
            part = Path(scratch) / "package.zip"
            digest, size_bytes = _write(part, entries, folder)
            path = part.replace(target / f"{digest}.zip")  # over the same bytes, where they are there already
    except OSError as exc:
        raise StoreError(
            f"working_dir {folder} cannot be packed: {exc.strerror}: {exc.filename}",
            hint="mend that file, or name it in excludes",
        ) from exc
    files = sum(not entry.name.endswith("/") for entry in entries)
    return Snapshot(path=path, digest=digest, size_bytes=size_bytes, files=files)


def bare_package() -> bytes:
    """The package of a job without a folder: the agent and an empty place to run in."""
    content = BytesIO()
    _pack(content, [], Path())
    return content.getvalue()


def _write(part: Path, entries: Sequence[_Entry], folder: Path) -> tuple[str, int]:
    """Write the zip to the disk; returns its digest and its size [bytes]."""
    part.touch(mode=0o600)  # code and what lies beside it are this account's own
    with part.open("w+b") as stream:
        _pack(stream, entries, folder)
        size_bytes = stream.tell()
        stream.flush()
        os.fsync(stream.fileno())
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest(), size_bytes


def _pack(stream: IO[bytes], entries: Sequence[_Entry], folder: Path) -> None:
    """Write the zip: names in order, one time for all, so that it depends on the content alone."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, source in agent_sources().items():
            package.writestr(_info(f"{AGENT_FOLDER}/{name}", executable=False), source)
        package.writestr(_info(f"{WORK}/", executable=True), b"")
        for entry in sorted(entries, key=lambda e: e.name):
            info = _info(f"{WORK}/{entry.name}", executable=entry.executable)
            with package.open(info, "w", force_zip64=entry.size_bytes >= zipfile.ZIP64_LIMIT) as inside:
                for chunk in _chunks(entry):
                    inside.write(chunk)
                    if stream.tell() >= LIMIT_BYTES:
                        raise _too_large(entries, folder)
    if stream.tell() >= LIMIT_BYTES:
        raise _too_large(entries, folder)


def _chunks(entry: _Entry) -> Iterator[bytes]:
    """The content of a file, in parts that fit into memory; a folder has none."""
    if not entry.name.endswith("/"):
        with entry.path.open("rb") as stream:
            yield from iter(lambda: stream.read(_CHUNK_BYTES), b"")


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

    def entries(self, folder: PurePosixPath) -> Iterator[_Entry]:
        """Everything in `folder` of the root that no pattern excludes."""
        real = _real(self.root / folder)
        if real in self._open:
            raise self._refusal(f"the link {folder} leads back to a folder that holds it")
        self._open.append(real)
        for path in (self.root / folder).iterdir():
            name = folder / path.name
            if not self._excluded(name):
                self._stays_inside(path, name)
                yield self._entry(path, name)
                if path.is_dir():
                    yield from self.entries(name)
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
        if path.is_symlink() and not _real(path).is_relative_to(self.root):
            raise self._refusal(f"the link {name} leads out of it, to {_real(path)}")

    def _entry(self, path: Path, name: PurePosixPath) -> _Entry:
        """The file or folder at `path`; anything that is neither is refused."""
        if path.is_dir():
            return _Entry(f"{name}/", path, 0, executable=True)
        if not path.is_file():
            raise self._refusal(f"{name} is {'a broken link' if path.is_symlink() else 'neither a file nor a folder'}")
        stat = path.stat()
        return _Entry(str(name), path, stat.st_size, executable=bool(stat.st_mode & 0o100))

    def _refusal(self, why: str) -> InvalidInput:
        """What to say of something that cannot be packed."""
        return InvalidInput(f"working_dir {self.root}: {why}", hint="copy or remove it, or name it in excludes")


def _real(path: Path) -> Path:
    """Where `path` leads; unlike `Path.resolve` it answers for links in a circle too."""
    return Path(os.path.realpath(path))
