"""Processes on a cluster's node: the stops they hear, the tie between their lives, and who is below whom."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Container, Mapping
from pathlib import Path
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class Signals:
    """The first stop that was heard, and a wait that any signal ends."""

    def __init__(self) -> None:
        self.stop_unix: float | None = None
        self.stop_mono = math.inf
        self._ear, mouth = os.pipe()
        os.set_blocking(mouth, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        for number in STOPS:
            signal.signal(number, self._note)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """Remember when the first stop came."""
        if self.stop_unix is None:
            self.stop_unix, self.stop_mono = time.time(), time.monotonic()

    def wait(self, seconds: float, *ears: int) -> None:
        """Return after `seconds` [s], or at once when a signal comes or came since the last wait, or `ears` hear."""
        if self._ear in select.select([self._ear, *ears], [], [], max(0.0, seconds))[0]:
            os.read(self._ear, 4096)


class Guard:
    """A process that kills the job's process group should the agent die without a word, so that no orphan trains on.

    Only where the agent leads its group, as under Ray: any other group is somebody else's.
    """

    def __init__(self) -> None:
        words = ["/bin/sh", "-c", "trap '' TERM INT HUP; read word || kill -9 0"]
        leads = os.getpgrp() == os.getpid()
        self._shell = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) if leads else None
        self.pid = self._shell.pid if self._shell else 0

    def dismiss(self) -> None:
        """End the guard: the agent is about to exit on purpose."""
        if self._shell:
            self._shell.communicate(b"well\n")


def spawn(command: list[str], environ: Mapping[str, str], out: int | None = None) -> int:
    """Start the training in the agent's process group, printing to `out` where that is given; returns its pid."""
    work = Path(__file__).resolve().parent.parent / "work"
    work.mkdir(exist_ok=True)

    def prepare() -> None:
        """Tie the training's life to the agent's and give it signals as a fresh process has them."""
        tied()
        for number in (*STOPS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # no stop may fall between fork and exec
    try:
        training = subprocess.Popen(
            command,
            cwd=work,
            env=environ,
            stdout=out,
            stderr=out,
            preexec_fn=prepare,  # noqa: PLW1509  # no threads
        )
        training.returncode = 0  # reaped by who waits for all, with all that the training leaves behind
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    return training.pid


def tied() -> None:
    """Tie the life of a process that is about to begin to that of its parent."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def descendants(but: Container[int] = (), above: int = 0) -> list[int]:
    """The processes below `above`, or this one, at any depth; those of `but` and what is below them left out."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents():
        children.setdefault(parent, []).append(pid)
    found, row = [], [above or os.getpid()]
    while row:
        row = [child for pid in row for child in children.get(pid, []) if child not in but]
        found += row
    return found


def parents() -> list[tuple[int, int]]:
    """Every process of the machine and its parent."""
    if sys.platform != "linux":
        with subprocess.Popen(["/bin/ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
            rows = [tuple(map(int, line.split())) for line in ps.communicate()[0].splitlines()]
        return [(pid, parent) for pid, parent in rows if pid != ps.pid]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            found.append((int(folder.name), int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])))
    return found


def prctl(option: int, value: int) -> None:
    """Set a property of this process, where the system has such a thing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
