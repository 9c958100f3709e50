"""The processes of one local cluster: found by what only they have, ended by pid, never by name.

Each inherits a mark in its environment, which Linux lets its owner read, so that an orphan is found too.
Elsewhere the tree below the first process is all that can be known. A pid alone is never trusted: the system
may have given it to somebody else, so it goes with the time its process started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from scheduler.ports import Clock

MARK_ENV: Final = "CARBONSCHED_LOCAL"
"""Environment variable that marks whatever a local cluster starts."""

_POLL: Final = timedelta(milliseconds=100)
_FOLLOW_WITHIN: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be told from a later one of the same pid."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A process as the system lists it."""

    process: Process
    parent: int


def process_of(pid: int) -> Process | None:
    """The process that has this pid now; None where none runs, an ended one that nobody reaped included."""
    return next((row.process for row in _listed() if row.process.pid == pid), None)


def runs(process: Process) -> bool:
    """Whether it is still that process."""
    return process_of(process.pid) == process


def family(first: Process, mark: str) -> set[Process]:
    """`first`, everything below it, and everything that has the mark."""
    rows = list(_listed())
    found = {row.process for row in rows if row.process == first or _has_mark(row.process.pid, mark)}
    while True:
        pids = {process.pid for process in found}
        more = {row.process for row in rows if row.parent in pids} - found
        if not more:
            return found
        found |= more


def end(first: Process, mark: str, clock: Clock, *, within: timedelta) -> None:
    """End a family: SIGTERM to the first, who ends the others; to those it left behind; SIGKILL after `within`."""
    known = family(first, mark)

    def left() -> set[Process]:
        """Who of them, or of those they started since, still runs."""
        return family(first, mark) | (known & {row.process for row in _listed()})

    _signal({first} & known, signal.SIGTERM)
    _wait(lambda: first not in left(), clock, within)
    if not _wait(lambda: not left(), clock, _FOLLOW_WITHIN):
        _signal(left(), signal.SIGTERM)
    if not _wait(lambda: not left(), clock, _FOLLOW_WITHIN):
        while remaining := left():
            _signal(remaining, signal.SIGKILL)
            clock.sleep(_POLL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(first.pid, os.WNOHANG)  # where it is our own child, as right after its start


def _wait(condition: Callable[[], bool], clock: Clock, within: timedelta) -> bool:
    """Whether `condition` comes true in time."""
    end_s = clock.monotonic_s() + within.total_seconds()
    while not condition():
        if clock.monotonic_s() > end_s:
            return False
        clock.sleep(_POLL)
    return True


def _signal(processes: set[Process], number: signal.Signals) -> None:
    """Send a signal to each."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _listed() -> Iterator[_Row]:
    """Every process of the machine that runs."""
    return _listed_by_proc() if sys.platform == "linux" else _listed_by_ps()


def _listed_by_ps() -> Iterator[_Row]:
    """The processes that ps(1) lists."""
    command = ["/bin/ps", "-A", "-o", "pid=,ppid=,stat=,lstart="]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        pid, parent, state, started = line.split(maxsplit=3)
        if not state.startswith("Z"):
            yield _Row(Process(int(pid), started), int(parent))


def _listed_by_proc() -> Iterator[_Row]:
    """The processes that /proc/<pid>/stat tells of: state, parent and start are fields 3, 4 and 22 (proc(5))."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if fields[0] != "Z":
                yield _Row(Process(int(folder.name), fields[19]), int(fields[1]))


def _has_mark(pid: int, mark: str) -> bool:
    """Whether the process was started with this mark, where the system tells."""
    with contextlib.suppress(OSError):
        return f"{MARK_ENV}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False
