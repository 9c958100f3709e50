"""`/healthz` for whatever watches the scheduler: 200 while it passes, 503 when it is stuck; nothing else is served."""

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
from scheduler.execution.health import Health

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
def served(health: Health, host: str, port: int) -> Iterator[int]:
    """Answers in a thread while the block runs; gives the port, which the system chooses where it is 0.

    Raises:
        InvalidInput: the address cannot be listened on.
    """

    class Bound(_Handler):
        """Answers for this health."""

        asked = health

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

    asked: ClassVar[Health]
    timeout: ClassVar[float] = 5.0
    server_version = "carbonsched"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer how the loop is."""
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        answer = self.asked.as_json()
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if "problem" in answer else HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
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
