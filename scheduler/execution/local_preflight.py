"""What must hold before a Ray cluster is started here, checked first, so that nothing has to be undone."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scheduler.domain.errors import CarbonschedError

NEEDED_BYTES: Final = 5 * 2**29
"""Memory that two clusters take with room for a small job: 0.7 to 0.8 GB each, measured with Ray 2.60. [bytes]"""

_SOCKET_PATH: Final = 107  # sun_path of unix(7), less its end
_RAYS_LONGEST: Final = "/session_2026-01-01_00-00-00_000000_4194304/sockets/dash_MetricsHead"
_PARTS: Final = ("ray", "aiohttp", "grpc")
"""Modules that `ray[default]` brings: plain `ray` has no dashboard, hence no Jobs API."""

Find = Callable[[str], object]


def check_ray(find: Find = importlib.util.find_spec) -> None:
    """Raise unless Ray with its dashboard can run in this environment."""
    if sys.platform not in ("linux", "darwin"):
        raise CarbonschedError(f"local clusters do not run on {sys.platform}", hint="use Linux, macOS or WSL")
    missing = [name for name in _PARTS if find(name) is None]
    if missing:
        raise CarbonschedError(
            f"Ray is not installed beside carbonsched: no {missing[0]}", hint="pip install 'carbonsched[local]'"
        )


def check_memory(available_bytes: int | None) -> None:
    """Raise where the memory that is free is known and too little."""
    if available_bytes is not None and available_bytes < NEEDED_BYTES:
        raise CarbonschedError(
            f"{available_bytes / 2**30:.1f} GiB of memory are free; two clusters need {NEEDED_BYTES / 2**30:.1f}",
            hint="close something, or use a larger machine",
        )


def available_bytes(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Memory that can still be had, a container's limit included; None where the system does not say. [bytes]"""
    found: list[int] = []
    with contextlib.suppress(OSError):
        lines = meminfo.read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    with contextlib.suppress(OSError, ValueError):  # "max": no limit
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        found.append(limit - int((cgroup / "memory.current").read_text(encoding="ascii")))
    return min(found, default=None)


def private_folder(path: Path) -> None:
    """Make `path` for this account only, or accept it if it is so already.

    Raises:
        CarbonschedError: it is somebody else's, or too long for Ray's sockets.
    """
    length = len(str(path)) + len("/q") + len(_RAYS_LONGEST)
    if length > _SOCKET_PATH:
        raise CarbonschedError(f"{path} is too long for Ray's sockets by {length - _SOCKET_PATH} characters")
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise CarbonschedError(f"{path} is not a folder of yours alone", hint="find out whose it is, and remove it")
