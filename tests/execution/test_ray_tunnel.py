"""A tunnel and a proxy that really carry requests: how ssh is called, what becomes of it, whom the token reaches."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import ClusterUnreachable
from scheduler.execution import ray_tunnel
from scheduler.execution.clock import SystemClock
from scheduler.execution.ray_http import RayHttp
from tests.execution.conftest import Until
from tests.execution.ray_answers import FastClock

FAKE = Path(__file__).with_name("fake_ssh.py")


@dataclass
class Heard:
    """What a server was asked: first line and headers."""

    port: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextlib.contextmanager
def serving(body: bytes, hand_on: int | None = None) -> Iterator[Heard]:
    """A server that notes what it is asked, and answers, or hands on what it got as a proxy does."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """Note it and answer."""
            heard.asked.append((self.path, dict(self.headers)))
            answer = body
            if hand_on is not None:
                line = http.client.HTTPConnection("127.0.0.1", hand_on)
                line.request("GET", self.path.partition("//")[2].partition("/")[2], headers=dict(self.headers))
                answer = line.getresponse().read()
                line.close()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Heard(server.server_port)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def dashboard() -> Iterator[Heard]:
    """What stands at the far end."""
    with serving(b"from the dashboard") as heard:
        yield heard


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notes of a fake ssh that is on the PATH."""
    script = tmp_path / "bin" / "ssh"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {FAKE} {tmp_path} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return tmp_path


def calls(notes: Path) -> list[dict[str, object]]:
    """How ssh was called so far."""
    file = notes / "calls.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def through(via: str, port: int, *, token: str | None = "t0ken", host: str = "127.0.0.1") -> RayHttp:
    """The way to a dashboard of this machine."""
    ray = RayAddress(address=f"http://{host}:{port}", via=via)
    return RayHttp(name="quebec", ray=ray, token=token, clock=SystemClock())


def lives(pid: object) -> bool:
    """Whether a process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_requests_go_through_ssh_which_is_started_once(ssh: Path, dashboard: Heard, until: Until) -> None:
    """The dashboard hears its own name and the token; ssh asks for no password and checks hosts as it always does."""
    way = through("ssh://me@bastion:2222", dashboard.port)
    assert [] == calls(ssh)
    assert [b"from the dashboard"] * 2 == [way.call("GET", "/api/version").body for _ in range(2)]
    [call] = calls(ssh)
    words = call["words"]
    assert isinstance(words, list)
    assert ["-p", "2222", "me@bastion"] == words[-3:]
    assert words[1] == "-L"
    near, target = words[2].removeprefix("127.0.0.1:").split(":", 1)
    assert ("-N", True, f"127.0.0.1:{dashboard.port}") == (words[0], near.isdigit(), target)
    assert {"BatchMode=yes", "ExitOnForwardFailure=yes"} <= set(words)
    assert not any("StrictHostKeyChecking" in word or "UserKnownHosts" in word for word in words)
    path, headers = dashboard.asked[0]
    assert ("/api/version", f"127.0.0.1:{dashboard.port}", "Bearer t0ken") == (
        path, headers["Host"], headers["Authorization"],
    )  # fmt: skip
    assert "t0ken" not in str(words)
    assert lives(call["pid"])
    del way
    gc.collect()
    until(lambda: not lives(call["pid"]))


def test_a_tunnel_that_falls_is_opened_again(ssh: Path, dashboard: Heard, until: Until) -> None:
    """The first request after it says why it does not go, a later one goes."""
    way = through("ssh://brief", dashboard.port)
    way.call("GET", "/")
    (ssh / "hang-up").touch()
    until(lambda: not lives(calls(ssh)[0]["pid"]))
    (ssh / "hang-up").unlink()
    with pytest.raises(ClusterUnreachable):
        way.call("GET", "/")
    until(lambda: _goes(way), within_s=5)
    assert 2 == len(calls(ssh))


def _goes(way: RayHttp) -> bool:
    """Whether a request gets an answer."""
    with contextlib.suppress(ClusterUnreachable):
        return way.call("GET", "/").status == 200
    return False


def test_a_login_that_is_refused_says_what_ssh_says_and_is_not_hammered(ssh: Path) -> None:
    """Ten requests at once are one try; the way out is the command to try by hand."""
    way = through("ssh://me@denied", 1)
    for _ in range(10):
        with pytest.raises(ClusterUnreachable, match=r"through me@denied is not open: .*Permission denied") as raised:
            way.call("GET", "/")
    assert "ssh -o BatchMode=yes me@denied true" in raised.value.hint
    assert 1 == len(calls(ssh))


def test_a_tunnel_that_does_not_open_holds_up_no_request_for_long(ssh: Path, dashboard: Heard) -> None:
    """A pass over many clusters goes on; the ssh that is at it is not started twice."""
    clock = FastClock()
    ray = RayAddress(address=f"http://127.0.0.1:{dashboard.port}", via="ssh://deaf")
    way = RayHttp(name="quebec", ray=ray, token=None, clock=clock)
    with pytest.raises(ClusterUnreachable, match="ssh is still at it"):
        way.call("GET", "/")
    waited_s = sum(clock.slept_s)
    assert waited_s == pytest.approx(ray_tunnel.PATIENCE_S, abs=0.1)
    for _ in range(3):
        with pytest.raises(ClusterUnreachable):
            way.call("GET", "/")
    assert 1 >= len(calls(ssh))


def test_without_ssh_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not a word of shells."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterUnreachable, match="there is no ssh on the PATH"):
        through("ssh://me@bastion", 1).call("GET", "/")


def test_ssh_does_not_outlive_a_process_that_is_killed(ssh: Path, dashboard: Heard, until: Until) -> None:
    """Not even by -9, when nothing of ours can clean up."""
    script = (
        "import sys, time\nfrom scheduler.domain.cluster import RayAddress\n"
        "from scheduler.execution.clock import SystemClock\nfrom scheduler.execution.ray_http import RayHttp\n"
        f"ray = RayAddress(address='http://127.0.0.1:{dashboard.port}', via='ssh://bastion')\n"
        "way = RayHttp(name='q', ray=ray, token=None, clock=SystemClock())\n"
        "way.call('GET', '/')\nprint('open', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=FAKE.parents[2])
    assert process.stdout is not None
    assert b"open\n" == process.stdout.readline()
    [call] = calls(ssh)
    assert lives(call["pid"])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not lives(call["pid"]))


def test_a_proxy_is_asked_for_the_dashboard(dashboard: Heard) -> None:
    """One of this machine may carry a token in the clear; that of the environment has no say."""
    with serving(b"", hand_on=dashboard.port) as proxy:
        way = through(f"http://127.0.0.1:{proxy.port}", dashboard.port)
        assert b"from the dashboard" == way.call("GET", "/api/version").body
    [(path, headers)] = proxy.asked
    assert (f"http://127.0.0.1:{dashboard.port}/api/version", "Bearer t0ken") == (path, headers["Authorization"])


def test_a_proxy_that_is_not_there_is_said(dashboard: Heard) -> None:
    """The dashboard is not asked around it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    with pytest.raises(ClusterUnreachable, match="its proxy"):
        through(f"http://127.0.0.1:{closed}", dashboard.port).call("GET", "/")
    assert [] == dashboard.asked


def test_tls_through_a_tunnel_is_checked_for_the_dashboards_own_name(ssh: Path, tmp_path: Path) -> None:
    """Not for 127.0.0.1, where it is reached: the certificate of another name is refused."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key),
         "-out", str(certificate), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(b"from the dashboard") as plain, socket.create_server(("127.0.0.1", 0)) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        threading.Thread(target=_tls, args=(server, context, plain.port), daemon=True).start()
        port = server.getsockname()[1]
        bodies, session = [], requests.Session()
        for host in ("localhost", "127.0.0.1"):
            ray = RayAddress(address=f"https://{host}:{port}", via="ssh://bastion", verify=str(certificate))
            way = RayHttp(name="quebec", ray=ray, token="t0ken", clock=SystemClock(), session=session)
            try:
                bodies.append(way.call("GET", "/").body)
            except ClusterUnreachable as exc:
                bodies.append(exc.message.encode())
        session.close()
    assert b"from the dashboard" == bodies[0]
    assert b"its TLS certificate is not trusted" in bodies[1]
    assert 2 == len(calls(ssh))


def _tls(server: socket.socket, context: ssl.SSLContext, target: int) -> None:
    """Take TLS connections and hand on what they carry."""
    while True:
        try:
            raw, _ = server.accept()
        except OSError:
            return
        with (
            contextlib.suppress(OSError),
            raw,
            context.wrap_socket(raw, server_side=True) as client,
            socket.create_connection(("127.0.0.1", target)) as far,
        ):
            far.sendall(client.recv(65536))
            while data := far.recv(65536):
                client.sendall(data)
