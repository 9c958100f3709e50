"""A TCP proxy between the scheduler and a cluster: it cuts the line, holds answers back, loses them, or asks twice."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Literal, Self

Mood = Literal["open", "cut", "slow", "mute", "twice"]
_SLOW_S = 1.5
_AGAIN_S = 0.4
"""How much later the second copy of a request comes. [s]"""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Proxy:
    """Hands connections to a port of this machine, as its mood is.

    Args:
        target: port of the cluster's dashboard.
        mood: open; cut refuses; slow holds each answer back for a while; mute carries requests out and loses answers;
            twice sends every request once more, a moment later.
        struck: requests that the mood did something to; doubled: those among them that were to change something.
    """

    target: int
    mood: Mood = "open"
    struck: int = 0
    doubled: int = 0
    _server: socket.socket = field(default_factory=socket.socket)
    _closed: bool = False

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        """Listen."""
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(32)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop listening."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        """Take connections until the end."""
        while not self._closed:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.mood == "cut":
                self.struck += 1
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=3)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:  # noqa: FBT001  # a thread's argument
        """Carry one direction of a connection."""
        asked = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                asked = b"" if answers else self._asked(asked + data)
                if self.mood == "cut" or (answers and self.mood == "mute"):
                    self.struck += 1
                    break
                if answers and self.mood == "slow":
                    self.struck += 1
                    time.sleep(_SLOW_S)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _asked(self, asked: bytes) -> bytes:
        """See each request that is whole, once more where that is the mood; what is left of the next one."""
        while (end := _end_of(asked)) is not None:
            request, asked = asked[:end], asked[end:]
            if self.mood == "twice":
                self.struck += 1
                self.doubled += not request.startswith(b"GET ")
                threading.Thread(target=self._again, args=(request,), daemon=True).start()
        return asked

    def _again(self, request: bytes) -> None:
        """Send a request a second time, on a line of its own; nobody hears the answer."""
        time.sleep(_AGAIN_S)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target), timeout=3) as line:
            line.sendall(request)
            line.recv(65536)


def _end_of(asked: bytes) -> int | None:
    """Where the first request ends, None where it has not come whole."""
    head, found, _ = asked.partition(b"\r\n\r\n")
    if not found:
        return None
    length = _LENGTH.search(head)
    end = len(head) + len(found) + (int(length[1]) if length else 0)
    return end if len(asked) >= end else None
