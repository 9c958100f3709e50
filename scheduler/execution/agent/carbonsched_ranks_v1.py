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
    ranks: int
    grace_s: float  # between the stop of the others, once one has failed, and SIGKILL [s]


class Ranks:
    """The processes of one training."""

    def __init__(self, order: Order, heard: agent.Signals) -> None:
        self.order, self.heard = order, heard
        self.running: dict[int, int] = {}  # rank by pid
        self.code = 0
        self.ordered_mono = math.inf

    def to_end(self) -> int:
        """Start all, see them through; returns the first exit code that is not 0, below 0 for a signal."""
        try:
            for rank in range(self.order.ranks):
                self.running[agent.spawn(self._words(), self._environ(rank))] = rank
        except OSError as exc:
            agent.complain(f"the command cannot be run: {exc}")
            self.code = 126 if isinstance(exc, PermissionError) else 127
        if self.code or self.heard.stop_unix is not None:  # not every rank can have heard it, and none has begun
            self._signal(signal.SIGKILL)
        while self.running:
            self._reap()
            now = time.monotonic()
            killing = now >= self.ordered_mono + self.order.grace_s
            if killing:
                self._signal(signal.SIGKILL)
            if self.running:
                self.heard.wait(0.1 if killing else min(60.0, self.ordered_mono + self.order.grace_s - now))
        return self.code

    def _words(self) -> list[str]:
        """The command of every rank."""
        command = self.order.command
        return ["/bin/sh", "-c", command] if isinstance(command, str) else command

    def _environ(self, rank: int) -> Mapping[str, str]:
        """The variables that torchrun sets for a run on one node, those that the job sets itself kept."""
        width = str(self.order.ranks)
        os.environ.setdefault("MASTER_ADDR", HERE)
        if "MASTER_PORT" not in os.environ:
            os.environ["MASTER_PORT"] = str(free_port())
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun: every rank with all the cores is slower
        ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": width, "LOCAL_WORLD_SIZE": width}
        return {**os.environ, **ranks, "NODE_RANK": "0", "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1"}

    def _reap(self) -> None:
        """Collect the ranks that ended; the first that failed has the others stopped, unless a stop came before."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                rank, code = self.running.pop(ended[0]), os.waitstatus_to_exitcode(ended[1])
                if code and not self.code:
                    self.code = code
                    if self.heard.stop_unix is None:
                        agent.complain(f"rank {rank} ended with {code}: the others are stopped")
                        self.ordered_mono = time.monotonic()
                        self._signal(signal.SIGTERM)

    @staticmethod
    def _signal(number: signal.Signals) -> None:
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


def main() -> int:
    """Run what the first argument orders; returns the exit status, or dies of the signal that a rank died of."""
    heard = agent.Signals()
    code = Ranks(Order(**json.loads(sys.argv[1])), heard).to_end()
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the rank has left the core that tells something
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
