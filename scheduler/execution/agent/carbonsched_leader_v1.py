"""The leader of a training over several nodes: hears each of them, and stops all once there is a reason to."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_agent_v1 as agent
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_agent_v1 as agent

import ray

NEWS_S = 5.0  # how long an actor that has nothing to tell keeps us waiting for it [s]


class Lacking(Exception):
    """Nodes cannot be had, or not any more; its words are the outcome's reason and the error."""


class Meeting(Protocol):
    """`Keeper.meeting` as it is called from here."""

    def remote(self) -> ray.ObjectRef[tuple[str, int]]:
        """Ask for it."""


class Begin(Protocol):
    """`Keeper.begin` as it is called from here."""

    def remote(self, words: Sequence[str], environ: Mapping[str, str], foreign: Sequence[str]) -> ray.ObjectRef[None]:
        """Ask for it."""


class News(Protocol):
    """`Keeper.news` as it is called from here."""

    def remote(self, number: int, wait_s: float) -> ray.ObjectRef[tuple[bytes, bool]]:
        """Ask for it."""


class Stop(Protocol):
    """`Keeper.stop` as it is called from here."""

    def remote(self) -> ray.ObjectRef[None]:
        """Ask for it."""


class Handle(Protocol):
    """A keeper as it is called from here; Ray's own types do not say as much."""

    meeting: Meeting
    begin: Begin
    news: News
    stop: Stop


class Leader:
    """The driver's side: hears every node, and tells them to stop once there is a reason to."""

    def __init__(self, keepers: Sequence[Handle], heard: agent.Signals) -> None:
        self.keepers, self.heard = keepers, heard
        self.code = 0
        self.lost = ""
        self.stopping = False
        self.ended: set[int] = set()
        self.number = [0] * len(keepers)
        self.asked: dict[ray.ObjectRef[tuple[bytes, bool]], int] = {}
        self.told_mono = 0.0
        self.orders: list[ray.ObjectRef[None]] = []

    def to_end(self) -> int:
        """See every node through; returns the code of the first rank that failed, or 0."""
        for node in range(len(self.keepers)):
            self._ask(node)
        while self.asked:
            ready, _ = ray.wait([*self.asked], timeout=0.5)
            for ref in ready:
                self._answered(self.asked.pop(ref), ref)
            if self.stopping or self.heard.stop_unix is not None:
                self._stop()
        if self.lost:
            raise Lacking("lost_node", self.lost)
        return self.code

    def _ask(self, node: int) -> None:
        """Ask a node for its next news."""
        self.asked[self.keepers[node].news.remote(self.number[node], NEWS_S)] = node

    def _answered(self, node: int, ref: ray.ObjectRef[tuple[bytes, bool]]) -> None:
        """Hear what a node said, and ask on; one that is lost has the others stopped."""
        try:
            text, over = ray.get(ref)
        except ray.exceptions.ActorUnavailableError:  # it may be back; if not, Ray says so some seconds later
            time.sleep(1.0)
            self._ask(node)
        except ray.exceptions.RayError as exc:
            self.lost = self.lost or f"node {node} was lost: {' '.join(str(exc).split())[:200]}"
            agent.complain(f"{self.lost}; the others are stopped")
            self.stopping = True
        else:
            self.number[node] += 1
            self._hear(node, text)
            if not over:
                self._ask(node)
            elif node not in self.ended:
                self._failed(-signal.SIGKILL, f"what runs the ranks of node {node} was killed")

    def _hear(self, node: int, text: bytes) -> None:
        """Print what is for the log, and note how ranks ended."""
        for line in text.splitlines():
            kind, _, rest = line.partition(b" ")
            if kind == b"f":
                rank, code = map(int, rest.split())
                self._failed(code, f"rank {rank} ended with {code}")
            elif kind == b"e":
                self.ended.add(node)
                self._failed(int(rest), f"a rank of node {node} ended with {int(rest)}")
            else:
                sys.stdout.buffer.write((rest if kind == b"o" else line) + b"\n")
        sys.stdout.buffer.flush()

    def _failed(self, code: int, what: str) -> None:
        """Note the first code that is not 0; unless a stop came before, the others are stopped for it."""
        if code and not self.code:
            self.code = code
            if self.heard.stop_unix is None and not self.stopping:
                agent.complain(f"{what}: the others are stopped")
            self.stopping = True

    def _stop(self) -> None:
        """Tell every node that has not ended to stop, now and then again, as a message may be lost."""
        if time.monotonic() >= self.told_mono + NEWS_S:
            self.told_mono = time.monotonic()
            self.orders = [self.keepers[node].stop.remote() for node in self.asked.values()]
