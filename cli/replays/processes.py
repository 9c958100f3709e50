"""Replays on the cores of this machine: processes that end with the one that started them, however that ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import struct
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from cli.replays.crew import Far, Making
from cli.replays.work import Order
from scheduler.domain.errors import CarbonschedError
from scheduler.simulation.results import Replayed

_LOOK_S: Final = 0.5
"""How often it is looked how far replays are. [s]"""


class Processes:
    """Processes of this machine, one a core.

    Args:
        width: how many.
        way_out: what becomes of the finished replays where a process is killed, for a person.
    """

    def __init__(self, width: int, way_out: str) -> None:
        self.width = width
        self._way_out = way_out

    def made(self, orders: Sequence[Order], far: Far) -> Making:
        """Each replay as soon as it is done.

        Raises:
            CarbonschedError: a process was killed.
        """
        # spawn: a fork would take along the threads and the database connections of this process
        context = multiprocessing.get_context("spawn")
        leash, held = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(self.width, mp_context=context, initializer=_leashed, initargs=(leash,))
        with tempfile.TemporaryDirectory(prefix="carbonsched-") as folder:
            board = _Board(Path(folder) / "far")
            board.path.touch()
            try:
                with _undisturbed():
                    waiting = {pool.submit(_in_process, board, n, order): (n, order) for n, order in enumerate(orders)}
                yield from _finished(waiting, board, far)
            except BrokenProcessPool as exc:
                raise CarbonschedError(
                    "a process that made replays was killed, as systems do when memory runs out",
                    hint=f"--workers 1 needs the least memory; {self._way_out}",
                ) from exc
            except BaseException:
                held.close()  # what they are at is of no use to anybody: they end at once
                raise
            finally:
                pool.shutdown(cancel_futures=True)
                held.close()
                leash.close()


@dataclass(frozen=True, slots=True)
class _Board:
    """A file on which processes write how far their replays are."""

    path: Path

    def write(self, number: int, jobs: int, took_s: float) -> None:
        """The replay of this number has placed so many jobs in that time. [s]"""
        with self.path.open("r+b") as stream:
            stream.seek(number * _NOTE.size)
            stream.write(_NOTE.pack(jobs, took_s))

    def read(self, number: int) -> tuple[int, float]:
        """How many jobs it has placed, in what time [s]; none where it has not begun."""
        with self.path.open("rb") as stream:
            stream.seek(number * _NOTE.size)
            said = stream.read(_NOTE.size)
        jobs, took_s = _NOTE.unpack(said) if len(said) == _NOTE.size else (0, 0.0)
        return jobs, took_s


_NOTE: Final = struct.Struct("<qd")


def _finished(waiting: dict[Future[Replayed], tuple[int, Order]], board: _Board, far: Far) -> Making:
    """What is done, and in between how far the others are."""
    while waiting:
        ended, _ = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
        # where a process was killed all that is left fails with it: what is done comes first
        for future in sorted(ended, key=lambda each: each.exception() is not None):
            _, order = waiting.pop(future)
            yield order, future.result()
        for number, order in waiting.values():
            jobs, took_s = board.read(number)
            if jobs:
                far(order, jobs, took_s)


def _in_process(board: _Board, number: int, order: Order) -> Replayed:
    """One replay in a process of its own."""
    return order.made(lambda jobs, took_s: board.write(number, jobs, took_s))


def _leashed(leash: Connection) -> None:
    """Tie this process to the one that holds the other end: it ends when that lets go, or is gone."""

    def follow() -> None:
        """Wait for the end of it; nothing is ever sent."""
        with contextlib.suppress(EOFError, OSError):
            leash.recv_bytes()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, for it is this one's to end them; here it is kept until after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
