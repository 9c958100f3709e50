"""A real HTTP server on loopback that answers as it is told: late, slowly, cut off, refused, or with something else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import parse_qsl, urlsplit

DRIP_S = 0.05
"""Time between two bytes of a dripping answer. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request as the server read it; `number` counts those of its path from 1."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back.

    Args:
        stalls: says nothing until the server is closed.
        drips: one byte at a time, `headers` first or in the `body`, and never ends within a test.
        cut: bytes of the body after which the connection breaks, though more were announced.
    """

    body: bytes = b""
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    stalls: bool = False
    drips: str = ""
    cut: int | None = None


Behaviour = Callable[[Ask], Answer]


class EvilServer(ThreadingHTTPServer):
    """The server.

    Args:
        behave: the answer to a request; may be exchanged at any time.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, behave: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave = behave
        self.asked: list[Ask] = []
        self.closing = Event()
        self._lock = Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def note(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Ask:
        """The request, written down."""
        with self._lock:
            number = 1 + sum(ask.path == path for ask in self.asked)
            ask = Ask(path=path, query=query, headers=headers, number=number)
            self.asked.append(ask)
        return ask

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: that a client leaves is what many of these answers are for."""


@contextlib.contextmanager
def serving(behave: Behaviour) -> Iterator[EvilServer]:
    """A server for as long as the block lasts."""
    server = EvilServer(behave)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: EvilServer

    def do_GET(self) -> None:
        """Answer as told."""
        parts = urlsplit(self.path)
        answer = self.server.behave(
            self.server.note(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), dict(self.headers))
        )
        if answer.stalls:
            self.server.closing.wait()
            return
        length = {"Content-Length": str(len(answer.body))} | dict(answer.headers)
        lines = [f"HTTP/1.1 {answer.status} As-told", *(f"{name}: {value}" for name, value in length.items()), ""]
        head = "\r\n".join([*lines, ""]).encode("latin-1")
        if answer.drips == "headers":
            self._drip(head + answer.body)
        elif answer.drips == "body":
            self.wfile.write(head)
            self._drip(answer.body)
        else:
            self.wfile.write(head + answer.body[: answer.cut])
        self.close_connection = True

    def _drip(self, content: bytes) -> None:
        """Send one byte now and then, until the client leaves or the server closes."""
        for byte in content:
            if self.server.closing.wait(DRIP_S):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base calls it
        """Say nothing."""
