"""A process beside the agent that answers one question at a time, so that what may hang never holds up the agent.

The agent asks with a line of JSON and is answered with one. Ray's stops do not end this process, the agent's death
does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
DIED = {"error": "it died"}
STUCK_S = 1.0  # a process stuck in the kernel outlives SIGKILL, and must not hold up who gave it up


class Helper:
    """The agent's side.

    Args:
        words: what is run, by the agent's own Python.
        first: the line that it is given before any question.
        prepare: makes the process one that ends with the agent.
    """

    def __init__(self, words: Sequence[str], first: Mapping[str, object], prepare: Callable[[], None]) -> None:
        self._words, self._first, self._prepare = words, first, prepare
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self._stuck: set[int] = set()
        self.busy = ""
        self.asked_mono = 0.0

    @property
    def pids(self) -> set[int]:
        """Of the process, and of those before it that not even SIGKILL ended."""
        return self._stuck | ({self._process.pid} if self._process else set())

    @property
    def ears(self) -> list[int]:
        """What can be read once there is an answer."""
        return [self._process.stdout.fileno()] if self._process and self._process.stdout and self.busy else []

    def begin(self) -> None:
        """Start the process, unless it is there: what it needs takes a while to load."""
        if self._process is None:
            self._process = self._started()
            self._send(self._first)

    def ask(self, what: str, **words: object) -> None:
        """Ask; the answer before must have come."""
        self.busy, self.asked_mono = what, time.monotonic()
        self.begin()
        self._send({"what": what, **words})

    def answer(self) -> dict[str, object] | None:
        """What it says, its "error" empty where all is well; None while nothing was asked or there is no answer yet."""
        process = self._process
        if not self.busy or process is None or process.stdout is None:
            return None
        while b"\n" not in self._heard:
            if not select.select([process.stdout], [], [], 0)[0]:
                return None
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                self.end()
                return dict(DIED)
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        self.busy = ""
        try:
            said: dict[str, object] = json.loads(line)
        except ValueError:  # somebody else printed there
            self.end()
            return dict(DIED)
        return said

    def end(self) -> None:
        """Give up what was asked last."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]  # both were asked for
            try:
                self._process.wait(STUCK_S)
            except subprocess.TimeoutExpired:
                self._stuck.add(self._process.pid)
                self._process.returncode = 0  # else Python would wait for it again
        self._process, self._heard, self.busy = None, b"", ""

    def _started(self) -> subprocess.Popen[bytes]:
        """The process, which no stop reaches."""

        def prepare() -> None:
            """Leave the signals to the agent."""
            self._prepare()
            for number in STOPS:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            return subprocess.Popen(
                [sys.executable, "-I", *self._words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                preexec_fn=prepare,  # noqa: PLW1509  # no threads
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    def _send(self, said: Mapping[str, object]) -> None:
        """Send a line; that nobody reads it shows in the answer."""
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(said).encode() + b"\n")
                self._process.stdin.flush()
