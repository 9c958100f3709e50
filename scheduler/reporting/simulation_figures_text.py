"""Figures of a replay as text: as many decimals down a column, and a dash where there is no figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scheduler.reporting.language import Language

DASH: Final = "–"
_MOST_DECIMALS: Final = 9


def fixed(value: float | None, decimals: int, lang: Language) -> str:
    """A figure with so many decimals, a dash for None; what rounds to nothing has no sign."""
    if value is None:
        return DASH
    return lang.marked(f"{round(value, decimals) + 0.0:,.{decimals}f}")


def column(values: Sequence[float | None], lang: Language, digits: int = 4) -> list[str]:
    """Figures under each other with the same decimals: those that show so many digits of the greatest."""
    most = max((abs(value) for value in values if value is not None), default=0.0)
    whole = math.floor(math.log10(most)) + 1 if most > 0 else 1
    decimals = min(max(digits - whole, 0), _MOST_DECIMALS)
    return [fixed(value, decimals, lang) for value in values]


def percent(value: float | None, lang: Language) -> str:
    """A share in percent to one decimal, with its sign. [%]"""
    return fixed(value, 1, lang)


def hours(value: float | None, lang: Language) -> str:
    """A time to a hundredth of an hour. [h]"""
    return fixed(value, 2, lang)


def points_more(value: float, lang: Language) -> str:
    """A difference in points with its sign, + too; never a bare 0 for something small. [%]"""
    text = percent(value, lang) if round(value, 1) else lang.number(value, 2)
    return f"+{text}" if value > 0 else text


def hours_more(value: float, lang: Language) -> str:
    """A difference in hours with its sign, + too. [h]"""
    text = hours(value, lang)
    return f"+{text}" if round(value, 2) > 0 else text
