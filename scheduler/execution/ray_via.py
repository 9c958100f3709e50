"""What `ray.via` of a cluster file means: an HTTP proxy on the way to the dashboard, or a machine that ssh leads to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from scheduler.domain.errors import InvalidInput

_SSH_PORT: Final = 22
_HTTP_PORTS: Final = {"http": 80, "https": 443}
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FORMS: Final = "ssh://user@host, http://host:port or https://host:port"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `private` says that nobody between here and it can read what passes."""

    url: str
    private: bool


@dataclass(frozen=True, slots=True)
class Bastion:
    """A machine that the system's ssh logs in to; the user's own ssh configuration applies."""

    user: str
    host: str
    port: int | None

    @property
    def words(self) -> tuple[str, ...]:
        """The end of an ssh command line that leads there; no word of it can be taken for an option."""
        where = f"{self.user}@{self.host}" if self.user else self.host
        return (*(() if self.port is None else ("-p", str(self.port))), where)


def parse_via(text: str, *, cluster: str) -> Proxy | Bastion:
    """What `via` of a cluster names.

    Raises:
        InvalidInput: it is neither, holds a password, or could be read as an option of ssh.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise _refusal(cluster, text, str(exc)) from exc
    if not text.isprintable() or " " in text:
        raise _refusal(cluster, text, "blanks are in it")
    if parts.password is not None:
        raise InvalidInput(
            f"cluster {cluster!r}: its via holds a password", hint="ssh takes keys; use a proxy that asks for none"
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _refusal(cluster, text, "nothing follows the port")
    if parts.scheme == "ssh":
        return _bastion(cluster, text, parts, port)
    if parts.scheme not in _HTTP_PORTS:
        raise _refusal(cluster, text, f"{parts.scheme or 'no scheme'} is not supported")
    if not parts.hostname or parts.username is not None:
        raise _refusal(cluster, text, "a proxy is a host and a port")
    return Proxy(url=text.rstrip("/"), private=parts.scheme == "https" or is_loopback(parts.hostname))


def target_of(address: str) -> str:
    """Host and port of a dashboard's address, as `ssh -L` wants them."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or _HTTP_PORTS[parts.scheme]}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bastion(cluster: str, text: str, parts: SplitResult, port: int | None) -> Bastion:
    """The machine that an ssh address names."""
    user, host = parts.username or "", parts.hostname or ""
    named = parts.netloc.rpartition("@")[2].partition(":")[0]
    if named.lower() == host:
        host = named  # an alias of the user's ssh configuration may have capitals
    if parts.username is not None and not _USER.fullmatch(user):
        raise _refusal(cluster, text, f"{user!r} is no user name")
    if not (_HOST.fullmatch(host) or _is_address(host)):
        raise _refusal(cluster, text, f"{host!r} is no host name")
    return Bastion(user=user, host=host, port=port if port != _SSH_PORT else None)


def _is_address(host: str) -> bool:
    """Whether `host` is a number of the net."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refusal(cluster: str, text: str, why: str) -> InvalidInput:
    """The error for a `via` that cannot be meant."""
    return InvalidInput(f"cluster {cluster!r}: via {text!r}: {why}", hint=f"write {_FORMS}")
