"""`/healthz` for what watches the scheduler: 200 while it passes, 503 when it is stuck; `/metrics` for Prometheus."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from typing import ClassVar, Final

from scheduler.domain.errors import InvalidInput
from scheduler.execution import metrics
from scheduler.execution.metrics import Metrics

PATH: Final = "/healthz"
_HIGHEST_PORT: Final = 65535


def parse_address(text: str, *, insecure: bool) -> tuple[str, int]:
    """Host and port that `HOST:PORT` or `PORT` names; this machine alone unless `insecure`.

    Raises:
        InvalidInput: it is no such thing, or others could reach it.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT):
        raise InvalidInput(f"--http {text!r} is not HOST:PORT", hint="write 127.0.0.1:8764")
    if not insecure and not _is_loopback(host):
        raise InvalidInput(
            f"--http {text!r} would answer other machines, without asking who they are",
            hint="use 127.0.0.1, or add --insecure",
        )
    return host, int(port)


@contextmanager
def served(told: Metrics, host: str, port: int) -> Iterator[int]:
    """Answers in a thread while the block runs; gives the port, which the system chooses where it is 0.

    Raises:
        InvalidInput: the address cannot be listened on.
    """

    class Bound(_Handler):
        """Answers for this scheduler."""

        asked = told

    class Server(ThreadingHTTPServer):
        """Of the address's own family."""

        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def server_bind(self) -> None:
            """Bind without the look-up of the host's name, which may take long and is used for nothing."""
            TCPServer.server_bind(self)
            self.server_name, self.server_port = host, self.server_address[1]

    try:
        server = Server((host, port), Bound)
    except OSError as exc:
        raise InvalidInput(
            f"--http {host}:{port} cannot be listened on: {exc.strerror or exc}", hint="choose another port"
        ) from exc
    thread = Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One question."""

    asked: ClassVar[Metrics]
    timeout: ClassVar[float] = 5.0
    server_version = "carbonsched"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer how the loop is, or with the figures for Prometheus."""
        path = self.path.partition("?")[0]
        if path == metrics.PATH:
            self._answer(HTTPStatus.OK, *self.asked.page(self.headers.get("Accept", "")))
        elif path == PATH:
            told = self.asked.health.as_json()
            status = HTTPStatus.SERVICE_UNAVAILABLE if "problem" in told else HTTPStatus.OK
            self._answer(status, "application/json", json.dumps(told).encode() + b"\n")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        """Send a whole answer, which nobody is to keep."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Say nothing of it: a question each few seconds would bury the log."""


def _is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
