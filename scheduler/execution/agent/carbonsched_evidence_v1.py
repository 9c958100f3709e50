"""What the agent writes down of a training, and the files of the training that it looks at."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROTOCOL = 1
LOOKED_AT = 10_000  # files of a checkpoint at most: a folder of more must not cost the training its disk


class Evidence:
    """The files that tell the scheduler what happened, each kept in every folder that can be written."""

    def __init__(self, sid: str, folders: list[Path]) -> None:
        self.samples = 0
        self._name = f"carbonsched-{sid}"
        self._folders = folders

    def sample(
        self, mono_s: float, progress: float | None, saved_unix: float | None, metered: Mapping[str, object]
    ) -> None:
        """Append one reading, `mono_s` [s] after the agent's start, with what meters said."""
        line = {"v": PROTOCOL, "n": self.samples, "t_unix": time.time(), "mono_s": round(mono_s, 3)}
        text = json.dumps({**line, "progress": progress, "saved_unix": saved_unix, **metered})
        self.samples += 1
        self._keep("samples.jsonl", lambda path: append(path, f"{text}\n"))

    def outcome(self, fields: Mapping[str, object]) -> None:
        """Write how it ended, whole or not at all."""
        self._keep("outcome.json", lambda path: write_whole(path, json.dumps(fields)))

    def files(self) -> list[str]:
        """The files beside the checkpoint."""
        return [str(self._folders[-1] / f"{self._name}.{kind}") for kind in ("samples.jsonl", "outcome.json")]

    def _keep(self, kind: str, write: Callable[[Path], None]) -> None:
        """Write into each folder; one that fails takes nothing from the others, nor from the training."""
        for folder in self._folders:
            try:
                write(folder / f"{self._name}.{kind}")
            except OSError as exc:  # noqa: PERF203  # each folder on its own
                complain(f"{kind} could not be kept: {exc}")


def ray_log_folder(sid: str) -> list[Path]:
    """The folder of Ray's session that holds the log this process prints to; none outside Ray."""
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":
            import fcntl  # 50 is F_GETPATH

            log = Path(fcntl.fcntl(1, 50, bytes(1024)).rstrip(b"\0").decode())
        else:
            log = Path("/proc/self/fd/1").readlink()
        return [log.parent] if log.name == f"job-driver-{sid}.log" else []
    return []


def read_progress(path: Path) -> float | None:
    """The fraction done that the training wrote; None where it wrote nothing that could be one. [-]"""
    with contextlib.suppress(OSError, ValueError):
        progress = float(path.read_text(encoding="utf-8"))
        return progress if 0.0 <= progress <= 1.0 else None
    return None


def newest_save(folder: Path) -> float | None:
    """When the newest file in a checkpoint's folder was written; None where there is none. [s since 1970]"""
    newest, seen, folders = -1.0, 0, [str(folder)]
    while folders and seen < LOOKED_AT:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:  # it may be replaced while we look
            for entry in entries:
                seen += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file():
                    newest = max(newest, entry.stat().st_mtime)
                if seen >= LOOKED_AT:
                    break
    return newest if newest >= 0 else None


def append(path: Path, text: str) -> None:
    """Add to the end of a file."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def complain(text: str) -> None:
    """Say what went wrong where the job's log shows it; the training goes on."""
    sys.stderr.write(f"carbonsched: {text}\n")
