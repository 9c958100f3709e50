"""Who is not asked for now, and why: sources that are down, questions that were answered oddly, and ones refused.

A source that is down is left alone as a whole, longer and longer. An answer that cannot be used, of another zone for
instance, stops that one question in the same way; a refusal stops it until the next refresh.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from scheduler.domain.errors import CredentialMissing, NotCovered, SourceUnavailable, UnusableAnswer
from scheduler.domain.instant import to_the_second
from scheduler.ports import Asked, Clock, Subject

FIRST_S: Final = 60.0
"""The first pause; each further failure makes it twice as long. [s]"""
LONGEST_S: Final = 3600.0
"""At most. [s]"""

Whom = str | tuple[Subject, Asked]
"""A source by its name, or one question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pause:
    """Until when somebody is left alone, how long that is in all, and why."""

    until_s: float
    length_s: float
    reason: str


@dataclass(slots=True, kw_only=True)
class Pauses:
    """The pauses of one process.

    Args:
        clock: time; refresh: how long a refusal stands.
    """

    clock: Clock
    refresh: timedelta
    _pauses: dict[Whom, _Pause] = field(default_factory=dict)
    _refused: dict[tuple[Subject, Asked], _Pause] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, subject: Subject, asked: Asked, exc: SourceUnavailable) -> None:
        """Remember what went wrong with a question."""
        if isinstance(exc, NotCovered | CredentialMissing):
            self.refuse(subject, asked, exc)
            return
        whom: Whom = (subject, asked) if isinstance(exc, UnusableAnswer) else subject.source
        with self._guard:
            before = self._pauses.get(whom)
            length_s = min(LONGEST_S, 2 * before.length_s) if before else FIRST_S
            reason = f"{exc.message} (asked {to_the_second(self.clock.now())})"
            self._pauses[whom] = _Pause(until_s=self.clock.monotonic_s() + length_s, length_s=length_s, reason=reason)

    def refuse(self, subject: Subject, asked: Asked, exc: SourceUnavailable) -> None:
        """Remember that a question is not to be asked before the next refresh, whatever went wrong."""
        length_s = self.refresh.total_seconds()
        with self._guard:
            self._refused[subject, asked] = _Pause(
                until_s=self.clock.monotonic_s() + length_s, length_s=length_s, reason=exc.message
            )

    def end(self, subject: Subject, asked: Asked) -> None:
        """Forget what went wrong: the question was answered."""
        with self._guard:
            self._pauses.pop(subject.source, None)
            self._pauses.pop((subject, asked), None)
            self._refused.pop((subject, asked), None)

    def may_ask(self, subject: Subject, asked: Asked) -> bool:
        """Whether neither the source is left alone nor the question was refused a moment ago."""
        now_s = self.clock.monotonic_s()
        return all(now_s >= pause.until_s for pause in self._of(subject, asked))

    def trouble(self, subject: Subject, asked: Asked) -> str:
        """Why the source could not be asked last, or what it refused; empty where nothing is wrong."""
        found = self._of(subject, asked)
        return found[0].reason if found else ""

    def outage(self, subject: Subject, asked: Asked) -> str:
        """Why the source or the question is paused, a refusal apart; empty where neither is."""
        with self._guard:
            found = self._pauses.get(subject.source) or self._pauses.get((subject, asked))
        return "" if found is None else found.reason

    def _of(self, subject: Subject, asked: Asked) -> list[_Pause]:
        """What holds a question up: the pause of its source, its own, its refusal."""
        question = (subject, asked)
        with self._guard:
            found = (self._pauses.get(subject.source), self._pauses.get(question), self._refused.get(question))
        return [pause for pause in found if pause is not None]
