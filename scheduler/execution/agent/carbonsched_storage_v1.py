"""Reaches a job's storage by a process of its own, so that a storage that hangs never holds up the agent.

The agent asks with a line of JSON and is answered with one. Ray's stops do not end this process, the agent's death
does.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_copies_v1 as copies
    from scheduler.execution.agent import carbonsched_fence_v1 as fence
    from scheduler.execution.agent import carbonsched_place_v1 as place
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_copies_v1 as copies
    import carbonsched_fence_v1 as fence
    import carbonsched_place_v1 as place

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
COUNTED = ("read_bytes", "read_requests", "written_bytes", "written_requests")


@dataclass(frozen=True)
class Order:
    """What is to be reached."""

    beside: str  # path or URI of the folder of fences and evidence
    generations: str  # path or URI of the checkpoint's copies; empty where it lies on the storage itself
    number: int
    every_s: float  # between two renewals of the fence [s]
    keep: int  # generations beside the newest


class Storage:
    """The agent's side: one question at a time, and what it cost.

    Args:
        prepare: makes the process one that ends with the agent.
    """

    def __init__(self, order: Order, prepare: Callable[[], None]) -> None:
        self._order, self._prepare = order, prepare
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self.where = order.beside
        self.busy = ""
        self.asked_mono = 0.0
        self.spent: dict[str, float] = dict.fromkeys(COUNTED, 0)

    @property
    def pid(self) -> int:
        """Of the process, 0 while there is none."""
        return self._process.pid if self._process else 0

    @property
    def ears(self) -> list[int]:
        """What can be read once there is an answer."""
        return [self._process.stdout.fileno()] if self._process and self._process.stdout and self.busy else []

    def begin(self) -> None:
        """Start the process, unless it is there: what it needs takes a second to load."""
        if self._process is None:
            self._process = self._started()
            self._send(asdict(self._order))

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
                return {"error": "the process that reaches the storage died"}
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        self.busy = ""
        said: dict[str, object] = json.loads(line)
        spent = said.pop("spent")
        for name in COUNTED:
            self.spent[name] += spent[name]  # type: ignore[index]  # from our own process
        return said

    def end(self) -> None:
        """Give up what was asked last."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.communicate()
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
                [sys.executable, "-I", str(Path(__file__).resolve())],
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


class Server:
    """The process's side."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._beside: place.Place | None = None
        self._generations: place.Place | None = None
        self._copies: copies.Copies | None = None

    def answer(self, what: str, words: Mapping[str, str]) -> dict[str, object]:
        """Do what was asked; an error is an answer."""
        try:
            said = {**getattr(self, f"_{what}")(**words), "error": ""}
        except OSError as exc:
            said = {"error": str(exc) or repr(exc)}
        return {**said, "spent": self._spent()}

    def get_ready(self) -> None:
        """Load what it takes to reach the storage; whether that is there shows in the first answer."""
        with contextlib.suppress(OSError):
            self._at_beside()

    def _claim(self) -> dict[str, object]:
        """Claim or keep the fence; whether a higher one stands, and whether a lower one has yet to be waited for."""
        mine = self._fence()
        if not mine.renew():
            return {"higher": True}
        blocked = mine.blocked()
        if not blocked:
            mine.tidy()
        return {"higher": False, "blocked": blocked}

    def _renew(self) -> dict[str, object]:
        """Keep the fence; whether a higher one stands."""
        return {"higher": not self._fence().renew()}

    def _release(self) -> dict[str, object]:
        """Say that the training is over."""
        self._fence().release()
        return {}

    def _keep(self, files: list[str]) -> dict[str, object]:
        """Copy files of evidence there."""
        for file in map(Path, files):
            if file.exists():
                self._at_beside().put(file, file.name)
        return {}

    def _fetch(self, folder: str) -> dict[str, object]:
        """Fill the checkpoint's folder with the newest whole generation."""
        return self._made_copies().fetch(Path(folder))

    def _copy(self, folder: str) -> dict[str, object]:
        """Make a generation of the checkpoint's folder."""
        return self._made_copies().copy(Path(folder), lambda: outranked(self._at_beside(), self._order.number))

    def _at_beside(self) -> place.Place:
        """Where fences and evidence lie."""
        self._beside = self._beside or place.place(self._order.beside)
        return self._beside

    def _fence(self) -> fence.Fence:
        """The own fence."""
        return fence.Fence(self._at_beside(), self._order.number, self._order.every_s)

    def _made_copies(self) -> copies.Copies:
        """The generations, which remember what was copied last."""
        if self._copies is None:
            self._generations = place.place(self._order.generations)
            self._copies = copies.Copies(self._generations, self._order.number, self._order.keep)
        return self._copies

    def _spent(self) -> dict[str, int]:
        """What was read and written since the last answer."""
        spent = dict.fromkeys(COUNTED, 0)
        for where in filter(None, (self._beside, self._generations)):
            for name in COUNTED:
                spent[name] += getattr(where, name)
                setattr(where, name, 0)
        return spent


def outranked(where: place.Place, number: int) -> bool:
    """Whether a higher fence stands. Raises OSError."""
    return any(other > number for other in fence.standing(where))


def main() -> int:
    """Answer until the agent is gone; returns the exit status."""
    logging.disable()  # what is wrong is in the answer; the libraries fill the job's log with tracebacks
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(Order(**json.loads(sys.stdin.readline())))
    server.get_ready()
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(server.answer(asked.pop("what"), asked)) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
