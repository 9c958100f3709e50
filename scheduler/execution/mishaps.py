"""Bugs met while a job was advanced: each holds up its own job, for longer each time, and is told in full."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

INTERNAL: Final = "internal error"
"""Begins the reason of a job that a bug holds up."""
_PAUSE_S: Final = (2.0, 600.0)
"""First and longest pause before the job is tried again. [s]"""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Mishaps:
    """The jobs that a bug holds up, and until when."""

    _until_s: dict[str, float] = field(default_factory=dict)
    _pause_s: dict[str, float] = field(default_factory=dict)

    def rests(self, job_id: str, now_s: float) -> bool:
        """Whether the job's pause lasts at `now_s` [s]."""
        return now_s < self._until_s.get(job_id, now_s)

    def happened(self, job_id: str, exc: Exception, now_s: float) -> str:
        """Log the traceback and begin the job's pause; the reason it waits, without values, which may be secret."""
        first, longest = _PAUSE_S
        pause_s = min(longest, 2 * self._pause_s.get(job_id, first / 2))
        self._pause_s[job_id], self._until_s[job_id] = pause_s, now_s + pause_s
        _log.error("%s: a bug; tried again in %g s", job_id, pause_s, exc_info=exc, extra={"job": job_id})
        where = traceback.extract_tb(exc.__traceback__)[-1]
        return f"{INTERNAL}: {type(exc).__name__} at {Path(where.filename).name}:{where.lineno}; see scheduler.log"

    def over(self, job_id: str) -> None:
        """Forget the job's bugs once it was advanced without one."""
        self._until_s.pop(job_id, None)
        self._pause_s.pop(job_id, None)
