"""What things of fixed lists are called in a language: lines, bases, groups, choices, ways to know an energy."""

from __future__ import annotations

from typing import Final

from scheduler.domain.basis import Basis
from scheduler.reporting.groups import NONE, TRANSFERS
from scheduler.reporting.language import Language

_WORDS_OF: Final = frozenset({"stage", "state"})
"""Respects in which jobs share a word of the tool's; in the others they share a name that someone gave."""
_JOINED: Final = " and "
"""Between several ways to know one energy, in its own record."""


def line_name(line: str, lang: Language) -> str:
    """A line of a footprint, or their total."""
    return lang.word("line", line.replace("_", " "))


def choice_name(group: str, lang: Language) -> str:
    """What is chosen otherwise in a row of the sensitivity table."""
    return lang.word("choice", group)


def energy_name(source: str, lang: Language) -> str:
    """How an energy is known, by the names that records have for it."""
    return lang.listed(source.split(_JOINED))


def basis_name(basis: Basis | None, lang: Language) -> str:
    """What the intensities mean, their four words."""
    if basis is None:
        return lang("unknown")
    return " ".join(lang.word("basis", word) for word in (basis.signal, basis.boundary, basis.flow, basis.gas))


def group_name(respect: str, name: str, lang: Language) -> str:
    """What jobs share in one respect."""
    if respect in _WORDS_OF:
        return lang.word(respect, name)
    return lang(name) if name in (NONE, TRANSFERS) else name
