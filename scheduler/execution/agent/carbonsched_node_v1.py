"""Runs the ranks of one node of a training that goes over several, below an actor of the gang's driver.

It says all in lines: ``o <text>`` for the log, ``f <rank> <code>`` for the first rank that failed, and last
``e <code>``. What it hears comes by its standard input: a line means stop, the end of it that nobody is above it any
more, and then no rank may go on.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_agent_v1 as agent
    from scheduler.execution.agent import carbonsched_ranks_v1 as ranks
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_agent_v1 as agent
    import carbonsched_ranks_v1 as ranks

LINE_BYTES = 8192  # what a rank prints without the end of a line is passed on after so much
DRAIN_S = 5.0  # how long the last output is waited for, should something that got away hold it open [s]


class Node(ranks.Ranks):
    """The ranks of one node, each with a pipe for what it prints."""

    def __init__(self, order: ranks.Order, heard: agent.Signals, control: int) -> None:
        super().__init__(order, heard)
        self.control = control
        self.outputs: dict[int, int] = {}  # the pipe of each rank
        self.ended_mono = math.inf
        self.passed_on = False
        self._speaking = threading.Lock()

    def to_end(self) -> int:
        """Start all, see them and whatever they leave behind through; returns the first exit code that is not 0."""
        self.begin()
        readers = [threading.Thread(target=self._relay, args=pipe, daemon=True) for pipe in self.outputs.items()]
        for thread in (*readers, threading.Thread(target=listen, args=(self.control,), daemon=True)):
            thread.start()  # not before every rank was: a process of several threads is not forked safely
        while self.running or agent.descendants():
            self._turn()
        for reader in readers:
            reader.join(DRAIN_S)
        return self.code

    def start(self, rank: int) -> int:
        """Start the `rank`-th process of this node; returns its pid."""
        ear, mouth = os.pipe()
        try:
            pid = agent.spawn(self.words(), self.environ(rank), out=mouth)
        finally:
            os.close(mouth)
        self.outputs[self.order.node * self.order.ranks + rank] = ear
        return pid

    def failed(self, rank: int) -> None:
        """Have the other nodes hear of it before the own ranks are stopped."""
        self.say(b"f %d %d" % (rank, self.code))
        self.ordered_mono = time.monotonic()
        ranks.send(signal.SIGTERM)
        self.passed_on = True

    def say(self, line: bytes) -> None:
        """Say one line, whole; nobody to say it to is no reason to die before the ranks are seen through."""
        with self._speaking, contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()

    def _turn(self) -> None:
        """Collect what ended, pass a stop on once, kill when the grace is over, and wait for more."""
        self.reap()
        now = time.monotonic()
        if not self.running:
            self.ended_mono = min(self.ended_mono, now)
        if self.heard.stop_unix is not None and not self.passed_on:
            self.passed_on = True
            ranks.send(signal.SIGTERM)
        patience = min(self.ordered_mono, self.heard.stop_mono, self.ended_mono) + self.order.grace_s
        if now >= patience:
            ranks.send(signal.SIGKILL)
        if self.running and now < patience:
            self.heard.wait(min(60.0, patience - now))
        else:
            time.sleep(0.1)  # who is left behind a shell is found by looking, not by a signal

    def _relay(self, rank: int, ear: int) -> None:
        """Pass on what a rank prints, line by line, with its number in front."""
        rest = b""
        while chunk := os.read(ear, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self.say(b"o [%d] %s" % (rank, line))
        if rest:
            self.say(b"o [%d] %s" % (rank, rest))


def listen(control: int) -> None:
    """Take a line for a stop, and the end for the death of whoever is above: then nothing may go on here."""
    while os.read(control, 64):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(0, signal.SIGKILL)


def main() -> int:
    """Run what the first argument orders, in a process group of its own."""
    control = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:  # the ranks would read what is for us
        os.dup2(nothing.fileno(), 0)
    agent.prctl(agent.PR_SET_CHILD_SUBREAPER, 1)  # what a shell leaves behind becomes ours to wait for
    node = Node(ranks.Order(**json.loads(sys.argv[1])), agent.Signals(), control)
    node.say(b"e %d" % node.to_end())
    return 0


if __name__ == "__main__":
    sys.exit(main())
