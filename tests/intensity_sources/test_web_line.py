"""One exchange on a real socket: whatever the other side does, it ends in time and leaves nothing behind."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from intensity_sources import web_line
from intensity_sources.web_line import Reply, Silence, _Line, exchange

Speech = Callable[[socket.socket], None]
PATIENCE_S = 0.5


class Host:
    """A server on this machine that says the same to everyone, and how many of its talks still go on."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(5)
        self.port = self._server.getsockname()[1]
        self.ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more calls."""
        self._server.close()

    def _serve(self) -> None:
        """Talk to one caller until either side ends it."""
        try:
            caller, _ = self._server.accept()
        except OSError:
            return
        with caller:
            caller.settimeout(5)
            try:
                caller.recv(65536)
                self._speech(caller)
            except OSError:
                pass
        self.ended.set()


@pytest.fixture
def host() -> Iterator[Callable[[Speech], Host]]:
    """Makes servers, and closes them."""
    made: list[Host] = []

    def make(speech: Speech) -> Host:
        """A server that says `speech`."""
        made.append(Host(speech))
        return made[-1]

    yield make
    for each in made:
        each.close()


def drip(head: bytes) -> Speech:
    """Say `head`, then one byte every now and then for ever."""

    def speech(caller: socket.socket) -> None:
        """Never be silent for long."""
        caller.sendall(head)
        while True:
            caller.sendall(b"a")
            time.sleep(0.05)

    return speech


def ask(port: int, *, scheme: str = "http", within_s: float = PATIENCE_S) -> Reply | Silence:
    """One exchange with a server on this machine."""
    return exchange(f"{scheme}://127.0.0.1:{port}/a", params={}, headers={}, within_s=within_s)


@pytest.mark.parametrize(
    ("scheme", "head"),
    [
        ("http", b"HTTP/1.1 200 OK\r\nX-Slow: "),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("http", b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 100000\r\n\r\n"),
        ("https", b"\x16\x03\x03\x40\x00"),
    ],
)
def test_a_drip_is_cut_in_time(host: Callable[[Speech], Host], scheme: str, head: bytes) -> None:
    """In headers, body, chunks, a redirect or the TLS handshake; the connection is cut, so its thread ends too."""
    server = host(drip(head))
    began_s = time.monotonic()
    outcome = ask(server.port, scheme=scheme)
    assert time.monotonic() - began_s < PATIENCE_S + 1
    assert isinstance(outcome, Silence)
    assert "no whole answer within 0 s" == outcome.why or "TLS" in outcome.why
    assert server.ended.wait(5)


def test_a_server_that_says_nothing_is_left(host: Callable[[Speech], Host]) -> None:
    """It took the request and that was all."""
    server = host(lambda caller: time.sleep(1))
    outcome = ask(server.port)
    assert isinstance(outcome, Silence)
    assert not outcome.passing


@pytest.mark.parametrize(
    ("said", "why", "passing"),
    [
        (b"", "the connection broke", True),
        (b"SSH-2.0-OpenSSH\r\n", "the connection broke", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "its answer broke off", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "its answer broke off", True),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            "its answer cannot be unpacked",
            False,
        ),
    ],
)
def test_half_an_answer_is_none(host: Callable[[Speech], Host], said: bytes, why: str, passing: bool) -> None:  # noqa: FBT001  # a table's column
    """What came before the end is not given out as if it were the whole."""
    outcome = ask(host(lambda caller: caller.sendall(said)).port, within_s=5)
    assert isinstance(outcome, Silence)
    assert (why, passing) == (outcome.why, outcome.passing)


def test_a_whole_answer_comes_with_what_it_says(host: Callable[[Speech], Host]) -> None:
    """Status, body and the two headers that count."""
    said = b"HTTP/1.1 429 Slow Down\r\nRetry-After: 3\r\nLocation: /b\r\nContent-Length: 2\r\n\r\n[]"
    outcome = ask(host(lambda caller: caller.sendall(said)).port, within_s=5)
    assert Reply(status=429, body=b"[]", location="/b", retry_after="3") == outcome


def test_nobody_there_is_no_connection() -> None:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    outcome = ask(port, within_s=5)
    assert isinstance(outcome, Silence)
    assert ("no connection", True) == (outcome.why, outcome.passing)


def test_exchanges_do_not_cut_each_other(host: Callable[[Speech], Host]) -> None:
    """One is cut while another goes on."""

    def slow(caller: socket.socket) -> None:
        """Answer after the other exchange was cut."""
        time.sleep(2 * PATIENCE_S)
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7")

    good, bad = host(slow), host(drip(b"HTTP/1.1 200 OK\r\nX: "))
    with ThreadPoolExecutor(2) as pool:
        whole = pool.submit(ask, good.port, within_s=5)
        cut = pool.submit(ask, bad.port)
    assert isinstance(cut.result(), Silence)
    assert Reply(status=200, body=b"7") == whole.result()


def test_a_connection_that_opens_too_late_is_not_used() -> None:
    """The exchange was given up while the name was looked up."""
    line = _Line()
    line.cut()
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(OSError, match="cut before it was used"):
        line.watch(ours)
    assert -1 == ours.fileno()


def test_a_connection_that_the_other_side_ended_is_cut_all_the_same() -> None:
    """There is nothing left to shut."""
    line = _Line()
    ours, theirs = socket.socketpair()
    line.watch(ours)
    theirs.close()
    ours.shutdown(socket.SHUT_RDWR)
    ours.close()
    line.cut()
    line.cut()


def test_a_fault_of_our_own_is_raised_where_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not die in the thread, and is no silence of the provider."""

    def broken(*given: object) -> Reply:
        """A mistake in the tool."""
        raise ZeroDivisionError

    monkeypatch.setattr(web_line, "_get", broken)
    with pytest.raises(ZeroDivisionError):
        exchange("http://127.0.0.1:1/a", params={}, headers={}, within_s=5)
