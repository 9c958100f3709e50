"""Runs a training as several processes on one node, one a GPU, as torchrun would; ends as the first that failed did.

The agent starts it in place of the training. It passes no stop on: Ray's and the agent's reach every process below
the agent, and a training that gets SIGTERM twice may take the second for "abort the save".
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_agent_v1 as agent
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_agent_v1 as agent

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Order:
    """What is to run, and how often."""

    command: str | list[str]  # text for /bin/sh, or words run as they are
    ranks: int  # on this node
    grace_s: float  # between the stop of the others, once one has failed, and SIGKILL [s]
    node: int = 0  # which of the nodes this is
    nodes: int = 1


class Ranks:
    """The processes of one training on one node."""

    def __init__(self, order: Order, heard: agent.Signals) -> None:
        self.order, self.heard = order, heard
        self.running: dict[int, int] = {}  # rank by pid
        self.code = 0
        self.ordered_mono = math.inf

    def to_end(self) -> int:
        """Start all, see them through; returns the first exit code that is not 0, below 0 for a signal."""
        self.begin()
        while self.running:
            self.reap()
            now = time.monotonic()
            killing = now >= self.ordered_mono + self.order.grace_s
            if killing:
                send(signal.SIGKILL)
            if self.running:
                self.heard.wait(0.1 if killing else min(60.0, self.ordered_mono + self.order.grace_s - now))
        return self.code

    def begin(self) -> None:
        """Start every rank; where one cannot be started, or a stop came meanwhile, those that were end again."""
        try:
            for rank in range(self.order.ranks):
                self.running[self.start(rank)] = self.order.node * self.order.ranks + rank
        except OSError as exc:
            agent.complain(f"the command cannot be run: {exc}")
            self.code = 126 if isinstance(exc, PermissionError) else 127
        if self.code or self.heard.stop_unix is not None:  # not every rank can have heard it, and none has begun
            send(signal.SIGKILL)

    def start(self, rank: int) -> int:
        """Start the `rank`-th process of this node; returns its pid."""
        return agent.spawn(self.words(), self.environ(rank))

    def words(self) -> list[str]:
        """The command of every rank."""
        command = self.order.command
        return ["/bin/sh", "-c", command] if isinstance(command, str) else command

    def environ(self, rank: int) -> Mapping[str, str]:
        """The variables that torchrun sets, those that the job sets itself kept."""
        order = self.order
        os.environ.setdefault("MASTER_ADDR", HERE)
        if "MASTER_PORT" not in os.environ:
            os.environ["MASTER_PORT"] = str(free_port())
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun: every rank with all the cores is slower
        return {
            **os.environ,
            "RANK": str(order.node * order.ranks + rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(order.nodes * order.ranks),
            "LOCAL_WORLD_SIZE": str(order.ranks),
            "NODE_RANK": str(order.node),
            "GROUP_RANK": str(order.node),
            "GROUP_WORLD_SIZE": str(order.nodes),
        }

    def reap(self) -> None:
        """Collect the ranks that ended; the first that failed has the others stopped, unless a stop came before."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                rank, code = self.running.pop(ended[0], None), os.waitstatus_to_exitcode(ended[1])
                if rank is not None and code and not self.code:
                    self.code = code
                    if self.heard.stop_unix is None:
                        self.failed(rank)

    def failed(self, rank: int) -> None:
        """Say that a rank failed, and stop the others."""
        agent.complain(f"rank {rank} ended with {self.code}: the others are stopped")
        self.ordered_mono = time.monotonic()
        send(signal.SIGTERM)


def send(number: signal.Signals) -> None:
    """Send one signal to every process of every rank."""
    for pid in agent.descendants():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    """A port that nobody listens on, for the ranks to meet at."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return port


def leave(code: int) -> int:
    """The exit status of a training that ended with `code`; where that is a signal, die of it too."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the rank has left the core that tells something
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def main() -> int:
    """Run what the first argument orders; returns the exit status, or dies of the signal that a rank died of."""
    return leave(Ranks(Order(**json.loads(sys.argv[1])), agent.Signals()).to_end())


if __name__ == "__main__":
    sys.exit(main())
