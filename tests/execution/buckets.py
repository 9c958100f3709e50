"""An S3 on this machine, with a wire in front of it that can be cut."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
from moto.server import ThreadedMotoServer

HERE = "127.0.0.1"


@dataclass(slots=True)
class Wire:
    """Forwards TCP to a port of this machine, until it is cut."""

    to_port: int
    cut: bool = False
    _open: list[socket.socket] = field(default_factory=list)
    _door: socket.socket = field(default_factory=lambda: socket.create_server((HERE, 0)))

    @property
    def port(self) -> int:
        """Where it is entered."""
        port: int = self._door.getsockname()[1]
        return port

    def serve(self) -> None:
        """Take connections until the door is closed."""
        while True:
            try:
                here, _ = self._door.accept()
            except OSError:
                return
            if self.cut:
                here.close()
                continue
            there = socket.create_connection((HERE, self.to_port))
            self._open += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def set_cut(self, *, cut: bool) -> None:
        """Cut it, open connections too, or mend it."""
        self.cut = cut
        while cut and self._open:
            self._close(self._open.pop())

    def close(self) -> None:
        """End it."""
        self.set_cut(cut=True)
        self._close(self._door)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        """Carry bytes one way."""
        with contextlib.suppress(OSError):  # the wire was cut
            while piece := one.recv(1 << 16):
                other.sendall(piece)
        self._close(other)

    @staticmethod
    def _close(end: socket.socket) -> None:
        """Close a socket that another thread may be waiting on."""
        with contextlib.suppress(OSError):  # it is closed already
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket, and what a process needs to reach it."""

    uri: str
    env: dict[str, str]
    wire: Wire


@pytest.fixture(scope="session")
def s3_server() -> Iterator[int]:
    """The port of the server."""
    server = ThreadedMotoServer(ip_address=HERE, port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request hides what failed
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def s3(s3_server: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[S3]:
    """A bucket of the test's own; this process reaches it too."""
    wire = Wire(s3_server)
    threading.Thread(target=wire.serve, daemon=True).start()
    env = {
        "AWS_ENDPOINT_URL": f"http://{HERE}:{wire.port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{abs(hash(request.node.nodeid))}"
    requests.put(f"http://{HERE}:{s3_server}/{bucket}", timeout=10).raise_for_status()
    yield S3(f"s3://{bucket}/jobs/7f3a", env, wire)
    wire.close()
