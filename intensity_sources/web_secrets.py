"""Credentials of a source, and their removal from every word that leaves it.

A provider may quote a key back, whole or cut, and a library may print a request: so it is not looked at where the
words come from. Whatever error leaves a source passes here, and so does free text of an answer that is kept.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, quote_plus

from scheduler.domain.errors import CarbonschedError, CredentialMissing, InvalidInput
from scheduler.ports import SourceSetup

MASK: Final = "***"
_RUN: Final = 10
"""So many characters of a credential in a row are hidden, also where the rest of it was cut off. [-]"""
_SHORTEST: Final = 4
"""Text shorter than this guards nothing, and hiding it would hide half of every message. [-]"""
_REMEMBERED: Final = 16


class Secrets:
    """What must not be said, the newest few of what changes.

    Args:
        values: credentials that stay.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._fixed = tuple(form for value in values for form in _forms(value))
        self._passing: tuple[tuple[str, ...], ...] = ()

    def __repr__(self) -> str:
        """Nothing of them."""
        return f"Secrets({MASK})"

    def add(self, value: str) -> None:
        """Hide `value` too, a token that was issued just now."""
        self._passing = (*self._passing, _forms(value))[-_REMEMBERED:]

    def hide(self, text: str) -> str:
        """`text` with every long enough run of a credential masked, in letters of whatever case."""
        marked, told = [False] * len(text), _lower(text)
        for form in (*self._fixed, *(form for forms in self._passing for form in forms)):
            width = min(len(form), _RUN)
            pieces = {form[i : i + width] for i in range(len(form) - width + 1)}
            for i in range(len(text) - width + 1):
                if told[i : i + width] in pieces:
                    marked[i : i + width] = [True] * width
        kept = [MASK if mark else char for char, mark in zip(text, marked, strict=True)]
        return "".join(part for i, part in enumerate(kept) if not (marked[i] and i and marked[i - 1]))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Mask the errors that pass, and drop what led to them: it may quote the request."""
        try:
            yield
        except CarbonschedError as exc:
            exc.message, exc.hint = self.hide(exc.message), self.hide(exc.hint)
            exc.args = (exc.message,)
            exc.__cause__ = exc.__context__ = None
            raise


def required_secret(setup: SourceSetup, name: str, *, source: str, where: str) -> str:
    """The secret `name` of a source, without blanks around it.

    Args:
        setup: what the source is connected with.
        name: of the secret.
        source: who needs it; where: a page that gives one out.

    Raises:
        CredentialMissing: it is not set, may not be read, or no request can carry it.
    """
    try:
        value = (setup.secret(name) or "").strip()
    except InvalidInput as exc:
        raise CredentialMissing(f"{source} needs {name}: {exc.message}", hint=exc.hint) from None
    if not value:
        raise CredentialMissing(
            f"{source} needs {name}, which is not set",
            hint=f"export {name}, or write it to its secret file of mode 0600; get one at {where}",
        )
    if not (value.isascii() and value.isprintable()):
        raise CredentialMissing(
            f"{source}: {name} has a character that no request can carry", hint=f"copy {name} again, from {where}"
        )
    return value


def basic_header(username: str, password: str) -> str:
    """The value of an HTTP Basic ``Authorization`` header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _forms(value: str) -> tuple[str, ...]:
    """A credential as it may be written down by whoever quotes it."""
    if len(value) < _SHORTEST:
        return ()
    spaced = " ".join(value.split())  # as an error's one line has it
    urls = (quote(value), quote(value, safe=""), quote_plus(value))  # a slash may stay in a path
    forms = (value, spaced, *urls, json.dumps(value)[1:-1], html.escape(value))
    return tuple(dict.fromkeys(map(_lower, forms)))


def _lower(text: str) -> str:
    """The text with its ASCII letters small, and every character in its place."""
    return "".join(char.lower() if char.isascii() else char for char in text)
