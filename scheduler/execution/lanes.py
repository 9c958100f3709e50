"""Lanes: whatever may make the scheduler wait is asked on a lane of its own, one after the other, and awaited.

A coroutine of the engine says ``await lanes.ask("qc", work)``. All of them run on one thread, which alone decides and
writes to the store; only the work itself runs elsewhere. asyncio would do the same with a loop that outlives each
pass, signals of its own, and tests that depend on what thread was faster.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, Protocol, TypeVar

from scheduler.ports import Clock

Answer = TypeVar("Answer")


class Call(Generic[Answer]):
    """A question on its lane, and the answer once it is there."""

    __slots__ = ("_answer", "_error", "_work", "done")

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._work = work
        self._answer: Answer
        self._error: BaseException | None = None
        self.done = False

    def run(self) -> None:
        """Do the work; what it raises is raised where the answer is awaited."""
        try:
            self._answer = self._work()
        except BaseException as exc:  # noqa: BLE001  # nothing is swallowed: `result` raises it on the other thread
            self._error = exc
        self.done = True

    def result(self) -> Answer:
        """The answer of a call that is done."""
        if self._error is not None:
            raise self._error
        return self._answer

    def __await__(self) -> Generator[Call[Answer], None, Answer]:
        """Wait; being woken up too early does no harm."""
        while not self.done:
            yield self
        return self.result()


@dataclass(frozen=True, slots=True)
class Within(Generic[Answer]):
    """A call that is waited for until a moment of the monotonic clock, and then no longer: its answer is None then."""

    call: Call[Answer]
    clock: Clock
    until_s: float

    def __await__(self) -> Generator[Call[Answer], None, Answer | None]:
        """Wait; whoever drives the coroutine wakes it now and then."""
        while not self.call.done and self.clock.monotonic_s() < self.until_s:
            yield self.call
        return self.call.result() if self.call.done else None


class Lanes(Protocol):
    """Where questions are asked."""

    def ask(self, lane: str, work: Callable[[], Answer], /) -> Call[Answer]:
        """Put the work on the lane of that name, behind what was put there before."""

    def answered(self, wait_s: float, /) -> list[Call[object]]:
        """The calls that were answered since this was last asked, waiting for a first one at most so long. [s]"""


@dataclass(frozen=True, slots=True)
class InTurn:
    """No thread at all: each question is answered before the next is asked. For tests and rehearsals."""

    def ask(self, _lane: str, work: Callable[[], Answer], /) -> Call[Answer]:
        """Answer it now."""
        call = Call(work)
        call.run()
        return call

    def answered(self, _wait_s: float, /) -> list[Call[object]]:
        """Nobody waits for any."""
        return []


@dataclass(slots=True)
class Threads:
    """A thread a lane, started when it is first needed.

    They are daemons: a cluster that takes its time to answer does not hold up the end of the process, for which every
    instant is as good as any other.
    """

    _queues: dict[str, SimpleQueue[Call[object]]] = field(default_factory=dict)
    _done: SimpleQueue[Call[object]] = field(default_factory=SimpleQueue)

    def ask(self, lane: str, work: Callable[[], Answer], /) -> Call[Answer]:
        """Put the work on the lane of that name, behind what was put there before."""
        call = Call(work)
        if lane not in self._queues:
            queue: SimpleQueue[Call[object]] = SimpleQueue()
            self._queues[lane] = queue
            Thread(target=self._serve, args=(queue,), name=f"lane {lane}", daemon=True).start()
        self._queues[lane].put(call)  # type: ignore[arg-type]  # a lane does not look into what it carries
        return call

    def answered(self, wait_s: float, /) -> list[Call[object]]:
        """The calls that were answered since this was last asked, waiting for a first one at most so long. [s]"""
        found = []
        try:
            found.append(self._done.get(timeout=wait_s) if wait_s > 0 else self._done.get_nowait())
            while True:
                found.append(self._done.get_nowait())
        except Empty:
            return found

    def _serve(self, queue: SimpleQueue[Call[object]]) -> None:
        """Do what is put on one lane, for ever."""
        while True:
            call = queue.get()
            call.run()
            self._done.put(call)
