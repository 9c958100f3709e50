"""A TCP proxy between the scheduler and a cluster: it can cut the line, hold answers back, or lose them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Literal, Self

Mood = Literal["open", "cut", "slow", "mute"]
_SLOW_S = 1.5


@dataclass(slots=True)
class Proxy:
    """Hands connections to a port of this machine, as its mood is.

    Args:
        target: port of the cluster's dashboard.
        mood: open; cut refuses; slow holds each answer back for a while; mute carries requests out and loses answers.
    """

    target: int
    mood: Mood = "open"
    struck: int = 0
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
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
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
