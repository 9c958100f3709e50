"""What the commands print with: data on stdout, as aligned text or JSON; talk on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

SCHEMA: Final = 1
"""Version of the JSON that commands print; it rises when a key changes its meaning or goes."""
_GAP: Final = "  "
_NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?( ?%)?")
_NO_VALUE: Final = ("", "-")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under their headers, columns aligned: numbers to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    right = [_is_numeric(column) for column in zip(*rows, strict=True)] if rows else [False] * len(headers)
    lines = []
    for row in (headers, *rows):
        cells = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def emit(text: str) -> None:
    """Put a text and a line end on stdout."""
    sys.stdout.write(f"{text}\n")


def emit_json(payload: Mapping[str, object]) -> None:
    """Put one JSON object with its schema version on stdout; NaN is refused, null is its place."""
    emit(json.dumps({"schema": SCHEMA, **payload}, indent=2, ensure_ascii=False, allow_nan=False))


def emit_json_list(entries: Iterable[Mapping[str, object]]) -> None:
    """Put one JSON array on stdout, its schema version in every entry."""
    listed = [{"schema": SCHEMA, **entry} for entry in entries]
    emit(json.dumps(listed, indent=2, ensure_ascii=False, allow_nan=False))


def say(text: str) -> None:
    """Put a line of talk on stderr."""
    sys.stderr.write(f"{text}\n")


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers, with or without blanks among them."""
    filled = [cell for cell in cells if cell not in _NO_VALUE]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)
