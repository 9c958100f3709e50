"""One HTTP exchange that ends when its time is up, whatever the other side does.

The timeouts of a socket count from byte to byte: a server that sends one now and then, in its headers, its body or
its TLS handshake, is never late. So the exchange has a thread of its own, and its connection is cut from outside.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Final, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from intensity_sources.web_words import is_loopback

CONNECT_S: Final = 5.0
SILENCE_S: Final = 15.0
"""Longest wait for a connection, and between two bytes of an answer. [s]"""
MOST_BYTES: Final = 32 * 2**20
"""A day of five-minute forecasts, each three days long, is a third of this. [bytes]"""
HEADERS: Final = {"User-Agent": "carbonsched", "Accept": "application/json"}
_CHUNK: Final = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, whole.

    Args:
        status: HTTP status; body: decoded as its headers say.
        location: where a redirect points; retry_after: the header of that name.
    """

    status: int
    body: bytes = field(repr=False)
    location: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Why nothing whole came back.

    Args:
        why: in words that quote neither the request nor the library.
        passing: whether the next try may do better.
    """

    why: str
    hint: str
    passing: bool = False


def exchange(url: str, *, params: Mapping[str, str], headers: Mapping[str, str], within_s: float) -> Reply | Silence:
    """GET `url` once, or say why not, in `within_s` [s] at most."""
    line = _Line()
    future: Future[Reply | Silence] = Future()

    def work() -> None:
        """Bring the answer, or what went wrong, to the thread that waits."""
        try:
            future.set_result(_get(line, url, params, headers, within_s))
        except BaseException as exc:  # noqa: BLE001  # raised again where it is waited for
            future.set_exception(exc)

    Thread(target=work, name="intensity-source", daemon=True).start()
    try:
        return future.result(timeout=within_s)
    except TimeoutError:
        return Silence(why=f"no whole answer within {within_s:.0f} s", hint="it is slow or stuck: try again later")
    finally:
        line.cut()


def _get(
    line: _Line, url: str, params: Mapping[str, str], headers: Mapping[str, str], within_s: float
) -> Reply | Silence:
    """The exchange itself, on a connection that is used once.

    Past the session's own `send`, which would read the whole body of a redirect and look where it leads.
    """
    adapter = _Adapter(line)
    timeout = (min(CONNECT_S, within_s), min(SILENCE_S, within_s))
    with requests.Session() as session:
        # This machine's proxies and CA bundle are meant for providers, except on the way to itself.
        session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        try:
            request = requests.Request("GET", url, params=params, headers={**HEADERS, **headers}, auth=_as_it_is)
            prepared = session.prepare_request(request)
            settings = session.merge_environment_settings(
                prepared.url or url, proxies={}, stream=True, verify=None, cert=None
            )
            with adapter.send(prepared, timeout=timeout, **settings) as response:
                return _read(response)
        except requests.RequestException as exc:
            return _silence(exc)
        finally:
            adapter.close()


def _read(response: requests.Response) -> Reply | Silence:
    """The whole answer, unless it is too long."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            return Silence(why=f"its answer is longer than {MOST_BYTES // 2**20} MiB", hint="ask for less at a time")
    return Reply(
        status=response.status_code,
        body=bytes(body),
        location=response.headers.get("Location", ""),
        retry_after=response.headers.get("Retry-After", ""),
    )


def _silence(exc: requests.RequestException) -> Silence:
    """The words for a request that got no answer."""
    if isinstance(exc, requests.exceptions.SSLError):
        return Silence(
            why="its TLS certificate is not trusted", hint="set REQUESTS_CA_BUNDLE where a proxy has its own"
        )
    if isinstance(exc, requests.exceptions.ProxyError):
        return Silence(why="the proxy gave no connection", hint="check HTTPS_PROXY and NO_PROXY", passing=True)
    if isinstance(exc, requests.ConnectTimeout):
        return Silence(why=f"no connection within {CONNECT_S:g} s", hint="is there a way to the Internet from here?")
    if isinstance(exc, requests.Timeout):
        return Silence(why=f"nothing came for {SILENCE_S:g} s", hint="it is slow or stuck: try again later")
    if isinstance(exc, requests.exceptions.ContentDecodingError):
        return Silence(why="its answer cannot be unpacked", hint="try again later")
    if isinstance(exc, requests.exceptions.ChunkedEncodingError):
        return Silence(why="its answer broke off", hint="try again later", passing=True)
    if isinstance(exc, requests.ConnectionError):
        if "timed out" in str(exc):  # how the library tells of silence within a body
            return Silence(why=f"nothing came for {SILENCE_S:g} s", hint="it is slow or stuck: try again later")
        why = "no connection" if "refused" in str(exc) or "resolve" in str(exc) else "the connection broke"
        return Silence(why=why, hint="is there a way to the Internet from here?", passing=True)
    return Silence(why=f"the request could not be made ({type(exc).__name__})", hint="check its base_url")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request unchanged; without it requests would look for a password in ~/.netrc."""
    return request


class _Line:
    """The connections of one exchange, which another thread may cut."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: list[socket.socket] = []
        self._is_cut = False

    def watch(self, opened: socket.socket) -> socket.socket:
        """The connection just opened, known from here on: a second handle on it outlives its wrapping in TLS."""
        with self._lock:
            if self._is_cut:
                opened.close()
                raise OSError("cut before it was used")
            self._ends.append(opened.dup())
        return opened

    def cut(self) -> None:
        """End every connection, whoever waits on it."""
        with self._lock:
            self._is_cut = True
            for end in self._ends:
                with end:
                    _shut(end)
            self._ends.clear()


def _shut(end: socket.socket) -> None:
    """Shut a connection both ways; the other side may have been first."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Adapter(HTTPAdapter):
    """The transport of requests, its connections known to a line."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:  # noqa: ANN401  # as the base has it
        """The pool for a request, through the proxy where there is one, with watched connections."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        line, plain = self._line, cast("type[HTTPConnection]", pool.ConnectionCls)

        def watched(connection: HTTPConnection) -> socket.socket:
            """A new connection, watched before anything is said on it."""
            return line.watch(plain._new_conn(connection))  # noqa: SLF001  # the one place before the TLS handshake

        pool.ConnectionCls = type(plain.__name__, (plain,), {"_new_conn": watched})
        return pool
