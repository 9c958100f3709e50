"""When to look at a waiting job again, so that a pass costs what is active and not what is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from scheduler.records.rows import JobMark


@dataclass(frozen=True, slots=True)
class Alarms:
    """Jobs that need no look before a moment, unless a person or another process changes what is stored of them."""

    _until: dict[JobMark, datetime] = field(default_factory=dict)

    def asleep(self, mark: JobMark, now: datetime) -> bool:
        """Whether the job, as it was when it was put to sleep, may sleep on."""
        until = self._until.get(mark)
        if until is None or now < until:
            return until is not None
        del self._until[mark]
        return False

    def set(self, mark: JobMark, at: datetime) -> None:
        """Let the job sleep until `at`, as long as it stays as it is."""
        self._until[mark] = at
