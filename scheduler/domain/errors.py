"""Every error the tool raises on purpose, and the exit code each one ends the command with.

    CarbonschedError                1
    ├── InvalidInput                2   a file, flag or value that cannot be meant
    │   └── UnknownName             2   a name that is not there; says which are
    ├── Infeasible                  3   no placement keeps every constraint
    ├── SourceUnavailable           4   an intensity source gave no usable answer
    │   ├── CredentialMissing       4   the source needs a secret that is not set
    │   ├── NotCovered              4   the source has no such zone, year or basis
    │   └── UnusableAnswer          4   the source answered one question in a way that cannot be used
    ├── ClusterUnreachable          5   a cluster did not answer
    ├── ClusterRefused              1   a cluster answered no
    ├── StorageUnreachable          5   a place where checkpoints lie did not answer
    ├── BasisMismatch               1   two intensity bases were about to meet
    └── StoreError                  1   the state folder or its database cannot be used

The command line is the only place that catches them: it prints ``error:`` and ``hint:``, each on one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import ClassVar


class CarbonschedError(Exception):
    """Base of all errors raised on purpose; `message` names the thing, `hint` names the way out.

    A hint that takes work is given as what works it out, which is done when somebody reads it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | Callable[[], str] = "") -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint

    @property
    def hint(self) -> str:
        """The way out, in one line; empty where there is none."""
        if not isinstance(self._hint, str):
            self._hint = self._hint()
        return self._hint

    @hint.setter
    def hint(self, text: str) -> None:
        """Say it otherwise, as without a secret."""
        self._hint = text


class InvalidInput(CarbonschedError, ValueError):
    """A file, a flag or a value that cannot be what was meant; a `ValueError`, so validators may raise it."""

    exit_code = 2


class UnknownName(InvalidInput):
    """A name that nothing answers to; the hint lists the nearest and the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        nearest = difflib.get_close_matches(name, names, n=1)
        listed = ", ".join(names) if names else "none"
        guess = f"did you mean {nearest[0]!r}? " if nearest else ""
        super().__init__(f"unknown {kind} {name!r}", hint=f"{guess}known: {listed}")
        self.kind = kind
        self.name = name


class Infeasible(CarbonschedError):
    """No placement keeps every constraint of the job; the hint says what to relax and by how much."""

    exit_code = 3


class SourceUnavailable(CarbonschedError):
    """An intensity source gave no usable answer."""

    exit_code = 4


class CredentialMissing(SourceUnavailable):
    """A source needs a secret that is not set; the hint says where to put it."""


class NotCovered(SourceUnavailable):
    """A source has no such zone, year, basis or hour; the hint lists what it has."""


class UnusableAnswer(SourceUnavailable):
    """What a source answered to one question cannot be what was asked for; what it says to others may be."""


class ClusterUnreachable(CarbonschedError):
    """A cluster did not answer in time; what runs there is unknown, not lost."""

    exit_code = 5


class ClusterRefused(CarbonschedError):
    """A cluster answered and said no."""


class StorageUnreachable(CarbonschedError):
    """A place where checkpoints lie did not answer, or what it takes to reach it is missing."""

    exit_code = 5


class BasisMismatch(CarbonschedError):
    """Two intensities of different basis were about to be compared or added."""


class StoreError(CarbonschedError):
    """The state folder or the database in it cannot be used."""
