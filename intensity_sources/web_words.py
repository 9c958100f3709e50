"""What an answer says in one line, and where an address points, for people."""

from __future__ import annotations

import ipaddress
import json
from typing import Final
from urllib.parse import urlsplit

SHOWN: Final = 160
"""Characters of a provider's own words that an error quotes. [-]"""
_QUOTED_FROM: Final = 4096
_SPOKEN: Final = ("message", "msg", "error", "error_code", "errorcode", "detail")
"""Members that providers explain an error in, the longer explanation first."""


def said(body: bytes) -> str:
    """The words of an error's body in one line; a web page is not quoted."""
    text = body[:_QUOTED_FROM].decode("utf-8", errors="replace").strip()
    if not text:
        return "nothing"
    if text.startswith("<"):
        return "a web page"
    try:
        value = json.loads(body) if len(body) <= _QUOTED_FROM else text
    except (ValueError, RecursionError):
        value = text
    return one_line(". ".join(_spoken(value)) or text)


def _spoken(value: object) -> list[str]:
    """The explanations in an error's body, wherever the provider puts them."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("error"), dict):
        return _spoken(value["error"])
    return list(dict.fromkeys(value[key] for key in _SPOKEN if isinstance(value.get(key), str) and value[key]))


def one_line(text: str) -> str:
    """Printable text in one short line, whatever a provider put into it."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."


def where_to(location: str) -> str:
    """Host and path of an address, without what may be secret in it."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        return "an address that is none"
    return one_line(f"{host}{parts.path}") or "nowhere"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
