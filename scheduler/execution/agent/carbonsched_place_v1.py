"""A place where files of a job lie: a folder, or what is behind a URI that fsspec reaches.

The scheduler uses this file too, so that both mean the same. A file is written whole or not at all; what goes wrong is
an `OSError` whatever library it came from.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar, Union

PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}  # beside fsspec itself
PART_BYTES = 50 * 2**20  # larger files travel in parts of this size, each a request (s3fs and gcsfs alike)
S3_PATIENCE = {"connect_timeout": 5, "read_timeout": 20, "retries": {"total_max_attempts": 2, "mode": "standard"}}

Answer = TypeVar("Answer")


class Files(Protocol):
    """What is used of a file system of fsspec, which has no types of its own."""

    retries: int

    def cat_file(self, path: str) -> bytes:
        """What a file holds."""

    def pipe_file(self, path: str, value: bytes) -> object:
        """Write a file."""

    def put_file(self, lpath: str, rpath: str) -> object:
        """Copy a file there."""

    def get_file(self, rpath: str, lpath: str) -> object:
        """Copy a file from there."""

    def ls(self, path: str, *, detail: bool, refresh: bool) -> list[dict[str, object]]:
        """What lies in a folder."""

    def rm(self, path: str, *, recursive: bool) -> object:
        """Remove a file or a folder."""


class Folder:
    """A place on a disk that is mounted here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read_bytes = self.written_bytes = self.read_requests = self.written_requests = 0  # nothing is billed

    def read(self, name: str) -> bytes | None:
        """What the file holds; None where there is none."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)

    def put(self, local: Path, name: str) -> None:
        """Copy a file of any size there."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local, path)
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.written_bytes += path.stat().st_size

    def get(self, name: str, local: Path) -> None:
        """Copy a file of any size from there; raises FileNotFoundError."""
        shutil.copyfile(self.root / name, local)
        self.read_bytes += local.stat().st_size

    def written(self, folder: str = "") -> dict[str, float]:
        """The files in a folder of it, each with when it was written by the storage's clock. [s since 1970]"""
        found = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root / folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # it may be removed while we look
                    if entry.is_file() and not entry.name.startswith("."):
                        found[entry.name] = entry.stat().st_mtime
        return found

    def folders(self) -> list[str]:
        """The folders in it."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
        return []

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; one that is not there is removed already."""
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class Bucket:
    """A place behind a URI."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._fs = filesystem(uri)
        self._root = self._uri.partition("://")[2]
        self.read_bytes = self.written_bytes = self.read_requests = self.written_requests = 0

    def read(self, name: str) -> bytes | None:
        """What the file holds; None where there is none."""
        self.read_requests += 1
        try:
            content: bytes = self._asked(lambda: self._fs.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None
        self.read_bytes += len(content)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        self.written_requests += 1
        self._asked(lambda: self._fs.pipe_file(f"{self._root}/{name}", content))
        self.written_bytes += len(content)

    def put(self, local: Path, name: str) -> None:
        """Copy a file of any size there."""
        size = local.stat().st_size
        parts = -(-size // PART_BYTES)
        self.written_requests += 1 if parts <= 1 else parts + 2  # a beginning and an end
        self._asked(lambda: self._fs.put_file(str(local), f"{self._root}/{name}"))
        self.written_bytes += size

    def get(self, name: str, local: Path) -> None:
        """Copy a file of any size from there; raises FileNotFoundError."""
        self.read_requests += 2  # its size is asked first
        self._asked(lambda: self._fs.get_file(f"{self._root}/{name}", str(local)))
        self.read_bytes += local.stat().st_size

    def written(self, folder: str = "") -> dict[str, float]:
        """The files in a folder of it, each with when it was written by the storage's clock. [s since 1970]"""
        return {name: _when(entry) for name, entry in self._listed(folder) if entry["type"] == "file"}

    def folders(self) -> list[str]:
        """The folders in it."""
        return [name for name, entry in self._listed("") if entry["type"] == "directory"]

    def _listed(self, folder: str) -> list[tuple[str, dict[str, object]]]:
        """What lies in a folder of it, by name; there is none without a file in it."""
        self.read_requests += 1
        path = f"{self._root}/{folder}".rstrip("/")
        try:
            entries = self._asked(lambda: self._fs.ls(path, detail=True, refresh=True))
        except FileNotFoundError:
            return []
        named = [(str(entry["name"]).rstrip("/"), entry) for entry in entries]
        return [(name.rpartition("/")[2], entry) for name, entry in named if name.strip("/") != path.strip("/")]

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; one that is not there is removed already."""
        self.written_requests += 1
        try:
            self._asked(lambda: self._fs.rm(f"{self._root}/{name}", recursive=True))
        except FileNotFoundError:
            return

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """What the library answers to `ask`; its refusals as OSError."""
        try:
            return ask()
        except OSError:
            raise
        except Exception as exc:  # the errors of the many libraries behind fsspec have no other base
            raise OSError(f"{self._uri}: {type(exc).__name__}: {exc}") from exc


Place = Union[Folder, Bucket]


def place(where: str) -> Place:
    """The place at a path or a URI; asks nobody yet. Raises OSError where what it takes to reach it is missing."""
    scheme, separator, rest = where.partition("://")
    if not separator:
        return Folder(Path(where).expanduser())
    return Folder(Path(rest)) if scheme in ("file", "local") else Bucket(where)


def filesystem(uri: str) -> Files:
    """What reaches `uri`; raises OSError naming the package that is missing."""
    scheme = uri.partition("://")[0]
    needs = " and ".join(filter(None, ("fsspec", PACKAGES.get(scheme))))
    try:
        options = {"config_kwargs": S3_PATIENCE} if PACKAGES.get(scheme) == "s3fs" else {}
        fsspec = importlib.import_module("fsspec")  # it may not be there
        found: Files = fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **options)
    except ImportError as exc:
        raise OSError(f"{scheme}:// needs the Python package {needs}: {exc}") from exc
    except ValueError as exc:
        raise OSError(f"fsspec knows no {scheme}://: {exc}") from exc
    found.retries = 2  # of s3fs and gcsfs: who asks here asks again, and knows how long that may take
    return found


def _when(entry: dict[str, object]) -> float:
    """When a file was written, as the library at hand says it. [s since 1970]"""
    said = next(entry[key] for key in ("LastModified", "updated", "mtime", "created") if entry.get(key) is not None)
    if isinstance(said, str):
        said = datetime.fromisoformat(said.replace("Z", "+00:00"))
    return said.timestamp() if isinstance(said, datetime) else float(str(said))
