"""Copies of a checkpoint's folder on a storage that cannot be mounted: each a generation, whole or never used.

A generation's files are written first and its marker, with the size and SHA-256 of each, last. One without a marker, or
that is not what its marker says, is torn, and the next older whole one is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from scheduler.execution.agent.carbonsched_place_v1 import Place

MARKER = ".json"
CHUNK_BYTES = 1 << 20

Seen = Mapping[str, Union[tuple[int, ...], str]]
"""A folder at one moment: by name the size, time and inode of a file, or where a link leads."""


class Torn(Exception):
    """A generation that is not what its marker says."""


class Changed(Exception):
    """The folder was written to while it was copied."""


class Copies:
    """The generations of one job's checkpoint.

    Args:
        fence: number of the attempt that copies; part of the name of its generations.
        keep: how many are kept beside the newest.
    """

    def __init__(self, where: Place, fence: int, keep: int) -> None:
        self._where, self._fence, self._keep = where, fence, keep
        self._marked: Seen | None = None
        self._number = 0

    def fetch(self, folder: Path) -> dict[str, object]:
        """Fill a fresh folder with the newest whole generation, if there is one; tells which, and which were torn.

        Raises OSError where the storage does not answer.
        """
        part = folder.with_name(f"{folder.name}.part")
        torn = []
        for marker in sorted((name for name in self._where.written() if name.endswith(MARKER)), reverse=True):
            generation = marker[: -len(MARKER)]
            try:
                self._fill(generation, part)
            except Torn as exc:
                torn.append(f"{generation}: {exc}")
                continue
            shutil.rmtree(folder, ignore_errors=True)
            part.replace(folder)
            self._marked = seen(folder)
            return {"generation": generation, "torn": torn}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return {"generation": "", "torn": torn}

    def copy(self, folder: Path, outranked: Callable[[], bool]) -> dict[str, object]:
        """Make a generation of the folder as it is; tells whether it was marked, and why not.

        Args:
            outranked: whether a higher fence stands; asked right before the marker is written.
        """
        before = seen(folder)
        if not before or before == self._marked:
            return {"marked": bool(before), "why": "" if before else "empty"}
        generation = self._next()
        try:
            files = [self._put(folder, name, generation) for name, is_ in before.items() if not isinstance(is_, str)]
            why = "changed" if seen(folder) != before else "fenced" if outranked() else ""
        except Changed:
            why = "changed"
        if why:
            self._where.remove(generation)
            return {"marked": False, "why": why}
        links = {name: is_ for name, is_ in before.items() if isinstance(is_, str)}
        self._where.write(f"{generation}{MARKER}", json.dumps({"files": files, "links": links}).encode())
        self._marked = before
        self._forget(generation)
        return {"marked": True, "why": ""}

    def _next(self) -> str:
        """The name of the next generation, later than any of this fence that was ever begun and is still there."""
        if not self._number:
            mine = f"{self._fence:08d}-"
            names = [*self._where.folders(), *(name[: -len(MARKER)] for name in self._where.written())]
            begun = [int(n[len(mine) :]) for n in names if n.startswith(mine) and n[len(mine) :].isdigit()]
            self._number = max(begun, default=0)
        self._number += 1
        return f"{self._fence:08d}-{self._number:06d}"

    def _put(self, folder: Path, name: str, generation: str) -> dict[str, object]:
        """Copy a file there; returns what the marker says of it."""
        local = folder / name
        try:
            digest, stat = digest_of(local), local.stat()
        except FileNotFoundError as exc:
            raise Changed from exc
        try:
            self._where.put(local, f"{generation}/{name}")
        except FileNotFoundError as exc:
            if local.exists():
                raise
            raise Changed from exc
        return {"name": name, "bytes": stat.st_size, "sha256": digest, "mtime_ns": stat.st_mtime_ns}

    def _fill(self, generation: str, part: Path) -> None:
        """Copy a generation from there into a fresh folder; raises Torn, and OSError."""
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        files, links = self._marker(generation)
        for file in files:
            local = inside(part, str(file["name"]))
            local.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._where.get(f"{generation}/{file['name']}", local)
            except FileNotFoundError as exc:
                raise Torn(f"{file['name']} is missing") from exc
            if (local.stat().st_size, digest_of(local)) != (file["bytes"], file["sha256"]):
                raise Torn(f"{file['name']} is not what was copied")
            os.utime(local, ns=(int(str(file["mtime_ns"])), int(str(file["mtime_ns"]))))
        for name, target in links.items():
            link = inside(part, name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)

    def _marker(self, generation: str) -> tuple[list[dict[str, object]], dict[str, str]]:
        """What the marker of a generation says of its files and links; raises Torn, and OSError."""
        try:
            said = json.loads(self._where.read(f"{generation}{MARKER}") or b"")
            files = [{key: file[key] for key in ("name", "bytes", "sha256", "mtime_ns")} for file in said["files"]]
            return files, {str(name): str(target) for name, target in said["links"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise Torn("its marker cannot be read") from exc

    def _forget(self, newest: str) -> None:
        """Remove what is older than the generations to keep, and what was torn before the newest."""
        marked = sorted(name[: -len(MARKER)] for name in self._where.written() if name.endswith(MARKER))
        kept = [name for name in marked if name <= newest][-1 - self._keep :]
        for name in marked:
            if name < kept[0]:
                self._where.remove(f"{name}{MARKER}")  # first, so that what is half removed is not whole
        for name in self._where.folders():
            if name < newest and name not in kept:
                self._where.remove(name)


def seen(folder: Path) -> Seen:
    """The files and links in a folder now. Raises OSError where one leads to a folder outside."""
    found: dict[str, tuple[int, ...] | str] = {}
    root, below = folder.resolve(), [""]
    while below:
        where = below.pop()
        try:
            entries = sorted(os.scandir(root / where), key=lambda entry: entry.name)
        except FileNotFoundError:  # it is being replaced: what is found later differs from this
            continue
        for entry in entries:
            name = f"{where}{entry.name}"
            if entry.is_symlink() and not leads_out(Path(entry.path), root):
                found[name] = leads_to(Path(entry.path))
            elif entry.is_dir(follow_symlinks=False):
                below.append(f"{name}/")
            elif entry.is_file():
                with contextlib.suppress(FileNotFoundError):
                    stat = entry.stat()
                    found[name] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            elif entry.is_dir():
                raise OSError(f"the link {name} leads out of the checkpoint's folder, to another folder")
    return found


def leads_out(link: Path, root: Path) -> bool:
    """Whether a link leads to what lies outside of `root` and is there."""
    target = link.resolve()
    return target.exists() and root not in (target, *target.parents)


def leads_to(link: Path) -> str:
    """Where a link leads, said so that it holds wherever the folder is copied to."""
    target = link.readlink()
    return os.path.relpath(link.resolve(), link.parent.resolve()) if target.is_absolute() else str(target)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def inside(folder: Path, name: str) -> Path:
    """The path of a name in a folder; raises Torn where the name leads out of it."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or not name:
        raise Torn(f"{name!r} lies outside of the checkpoint's folder")
    return folder / parts
