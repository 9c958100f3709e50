"""JSON by its content, and its parts by what they must be: anything else is an answer that cannot be used.

Content types are not looked at: providers send bare words as JSON and JSON as text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NoReturn

from intensity_sources.web_words import one_line
from scheduler.domain.errors import InvalidInput, UnusableAnswer
from scheduler.domain.instant import parse_instant

_HINT: Final = "its answers may have changed: look for a newer version of this tool, or name another source"

Members = Mapping[str, object]


def parse_json(body: bytes, *, source: str) -> object:
    """What the body says.

    Raises:
        UnusableAnswer: it is no JSON: a web page, cut off, or with a literal such as NaN that JSON has not.
    """
    try:
        value: object = json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise malformed(source, "its answer is nested beyond reading") from None
    except ValueError as exc:
        start = body[:64].lstrip()
        if not start:
            raise malformed(source, "its answer is empty") from None
        if start.startswith(b"<"):
            raise malformed(source, "it answered with a web page") from None
        where = f" (at character {exc.pos})" if isinstance(exc, json.JSONDecodeError) else ""
        raise malformed(source, f"its answer is no whole JSON{where}") from None
    return value


def malformed(source: str, why: str) -> UnusableAnswer:
    """The error for an answer that cannot be what was asked for."""
    return UnusableAnswer(f"{source}: {one_line(why)}", hint=_HINT)


def members(value: object, what: str, *, source: str) -> Members:
    """`value` as an object; `what` names it in errors."""
    if not isinstance(value, dict):
        raise malformed(source, f"{what} is no object")
    return value


def items(value: object, what: str, *, source: str) -> Sequence[object]:
    """`value` as a list."""
    if not isinstance(value, list):
        raise malformed(source, f"{what} is no list")
    return value


def text(value: object, what: str, *, source: str) -> str:
    """`value` as text that is not empty."""
    if not isinstance(value, str) or not value:
        raise malformed(source, f"{what} is no text")
    return value


def instant(value: object, what: str, *, source: str) -> datetime:
    """`value` as a time with its zone."""
    try:
        return parse_instant(text(value, what, source=source), what=what)
    except (InvalidInput, OverflowError) as exc:
        raise malformed(source, f"{what}: {exc}") from None


def amount(value: object, what: str, *, source: str) -> float | None:
    """`value` as a number, finite and not negative; None where there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(source, f"{what} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 <= number < math.inf:
        raise malformed(source, f"{what} is negative or infinite")
    return number


def _no_number(name: str) -> NoReturn:
    """Refuse a literal that is not JSON."""
    raise ValueError(f"{name} is not JSON")
