"""The Ray cluster that `--executor` names, and everything that is wrong with an address before it is connected to."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from scheduler.domain.errors import CarbonschedError, ClusterUnreachable, InvalidInput
from scheduler.execution.ray_via import is_loopback

_PORT: Final = 10001
"""Of a head's client server, unless it was started with another `--ray-client-server-port`."""
RAY_SETTINGS: Final = {
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "5",  # else a server that does not take us is tried for 30 s
    "RAY_ENABLE_AUTO_CONNECT": "0",  # else a call behind a lost connection starts a cluster on this machine
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else under `uv run` the current folder is sent along, and nodes need uv
}
"""What Ray is told by its environment, where that does not say otherwise."""
_CONNECT_S: Final = 5.0
_WEB: Final = ("http", "https")
_PIP: Final = "pip"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientServer:
    """The client server of a cluster's head.

    Args:
        pip: whether nodes are to install what a replay needs, at the versions that are here.
    """

    host: str
    port: int
    pip: bool = False

    @property
    def url(self) -> str:
        """As Ray wants it."""
        return f"ray://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def check(self, environ: Mapping[str, str], find: Callable[[str], object] = importlib.util.find_spec) -> None:
        """Raise where it can be known without Ray that it cannot be used.

        Raises:
            CarbonschedError: Ray is not installed here.
            InvalidInput: its token would travel readable.
            ClusterUnreachable: nothing answers there.
        """
        missing = [name for name in ("ray", "grpc") if find(name) is None]
        if missing:
            raise CarbonschedError(
                f"Ray is not installed beside carbonsched: no {missing[0]}",
                hint="pip install 'carbonsched[local]' and the version of Ray that the cluster has",
            )
        encrypted = environ.get("RAY_USE_TLS", "0").lower() in ("1", "true")
        if environ.get("RAY_AUTH_MODE") == "token" and not encrypted and not is_loopback(self.host):
            raise InvalidInput(
                f"the cluster's token would travel readable to {self.url}",
                hint=f"ssh -N -L {self.port}:localhost:{self.port} {self.host}, then --executor "
                f"ray://127.0.0.1:{self.port}; or RAY_USE_TLS=1",
            )
        try:
            socket.create_connection((self.host, self.port), _CONNECT_S).close()
        except OSError as exc:
            raise ClusterUnreachable(
                f"no connection to {self.url}: {exc.strerror or exc}",
                hint=f"is the cluster up, and is that the port of its client server ({_PORT} unless told otherwise)?",
            ) from exc


def client_server_of(text: str) -> ClientServer:
    """The client server that an `--executor` names: `ray://HOST:PORT`, with `?pip` behind it or not.

    Raises:
        InvalidInput: it names none.
    """
    hint = f"write ray://HOST:{_PORT}, the client server of the cluster's head"
    try:
        said = urlsplit(text.strip())
        host, port = said.hostname, said.port
    except ValueError as exc:
        raise InvalidInput(f"--executor {text!r} cannot be read: {exc}", hint=hint) from exc
    if said.scheme in _WEB:
        raise InvalidInput(
            f"--executor {text!r} is a dashboard, where the Jobs API answers; replays go by Ray's client server",
            hint=f"write ray://{host or 'HOST'}:{_PORT}, unless its head was started with another client server's port",
        )
    if said.scheme != "ray" or not host or said.username or said.path.strip("/") or said.query not in ("", _PIP):
        raise InvalidInput(f"--executor {text!r} is no Ray cluster", hint=hint)
    if port is None:
        raise InvalidInput(f"--executor {text!r} names no port", hint=f"write ray://{host}:{_PORT}")
    return ClientServer(host=host, port=port, pip=said.query == _PIP)
