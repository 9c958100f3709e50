"""What the languages of a report are called, for who only needs to know whether there is one."""

from __future__ import annotations

from typing import Final

from scheduler.domain.errors import UnknownName

ENGLISH_CODE: Final = "en"
CODES: Final = (ENGLISH_CODE, "fr-CA", "fr-FR")
"""As in BCP 47."""


def parse_language(text: str) -> str:
    """The code of a language that there are reports in.

    Raises:
        UnknownName: there are none in it.
    """
    if text not in CODES:
        raise UnknownName("language", text, CODES)
    return text
