"""Secret values taken out of text that somebody else wrote, in whatever form it may quote them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

MARK: Final = "***"
_SHORTEST: Final = 3
"""A value, or line of one, of one or two characters stands in any text by chance: marks in its place would make the
text unreadable, and tell the value by the letters that are missing. [characters]"""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced, the longest first; also where it is escaped, quoted or cut in lines."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MARK)
    return text


def _forms(secret: str) -> Iterator[str]:
    """The ways in which an error may quote a value."""
    for plain in (part for part in (secret, secret.strip(), *secret.splitlines()) if len(part.strip()) >= _SHORTEST):
        once = json.dumps(plain)[1:-1]
        yield from (plain, once, json.dumps(once)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1])
        yield from (repr(plain)[1:-1], repr(plain.encode(errors="surrogateescape"))[2:-1], ascii(plain)[1:-1])
        yield from (shlex.quote(plain), quote(plain, safe="", errors="replace"), quote(plain, errors="replace"))
