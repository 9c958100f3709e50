"""An English text that still knows what it was made of, so that a report may say it in another language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class Said(str):
    """A whole sentence of this tool's: the English text, its template with named places, and what fills them.

    It is a text like any other: written to JSON or compared it is the English. A text that someone else wrote becomes
    one without values, which no catalog knows, so that a report in another language quotes it as English.

    Args:
        text: the template, which is also the key of its translation; with no values it is taken as it is.
        values: what fills the places; numbers as numbers, so that each language puts its own marks into them.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]

    def __new__(cls, text: str, **values: object) -> Self:
        """The English text, with what it was made of."""
        made = super().__new__(cls, text.format(**values) if values else text)
        made.template, made.values = text, values
        return made
