"""What of a run is safe: the newest checkpoint that its agent saw, and how far the training was then. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from scheduler.records.evidence import Outcome, Sample

_SAME: Final = timedelta(seconds=2)
"""A file written so shortly before a stop is taken for its save: storages keep times to the second, by clocks of
their own."""
_NOT_THERE: Final = ("not_copied", "nothing")
"""What an agent says of a storage behind a URI that holds less than the training saved, or nothing of this run."""
KILLED: Final = -9
"""Exit code of a training that SIGKILL ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Safe:
    """What a run leaves to the next one.

    Args:
        saved_at: when the newest file of its checkpoint was written, by the node's clock; None where none was seen.
        progress: fraction of all the work that was done then; None where nobody knows. [-]
    """

    saved_at: datetime | None
    progress: float | None


def safe(samples: Sequence[Sample], outcome: Outcome | None = None, *, before: float, worked: float | None) -> Safe:
    """What is safe of a run.

    Args:
        samples: of the run, in order of time.
        outcome: of the run, None while there is none.
        before: fraction done before it. [-]
        worked: fraction done at its end by the clock, for a training that does not report any; None if unknown. [-]

    Notes:
        By the clock, the share of the run's work that is safe is the share of its time that lies before the save.
    """
    if outcome is not None and outcome.saved in _NOT_THERE:
        return Safe(saved_at=None, progress=None)  # what its storage holds is older, and from when nobody saw
    saves = [s.saved_at for s in samples if s.saved_at is not None]
    if outcome is not None and outcome.saved_at is not None:
        saves.append(outcome.saved_at)
    if not saves:
        return Safe(saved_at=None, progress=None)
    saved_at = max(saves)
    started_at, trained = outcome.training if outcome is not None else (saved_at, timedelta(0))
    if outcome is not None and saved_at >= started_at + trained - _SAME and outcome.progress is not None:
        return Safe(saved_at=saved_at, progress=outcome.progress)
    told = [s.progress for s in samples if s.progress is not None and s.at <= saved_at]
    if told:
        return Safe(saved_at=saved_at, progress=told[-1])
    reports = any(s.progress is not None for s in samples)
    if reports or worked is None or trained <= timedelta(0):
        return Safe(saved_at=saved_at, progress=before if reports else None)
    share = (saved_at - started_at) / trained
    return Safe(saved_at=saved_at, progress=before + (worked - before) * min(1.0, max(0.0, share)))


def save_failed(outcome: Outcome, saved_at: datetime | None) -> bool:
    """Whether a training that was asked to save itself did not: it was killed, or nothing newer than the stop is there.

    One that never wrote into its checkpoint folder, and ended well, may save itself elsewhere: it is believed.
    """
    if outcome.stop_received_at is None:
        return False
    if outcome.saved in _NOT_THERE:
        return True
    if saved_at is None:
        return outcome.exit_code == KILLED
    return saved_at < outcome.stop_received_at - _SAME


@dataclass(slots=True, kw_only=True)
class SaveWatch:
    """Waits for the next checkpoint of a training that saves itself in its own time.

    Args:
        began_s: when the stop was due, or was seen to be, by the monotonic clock. [s]
        due: when it was due by the plan, or by a person.
        first: the newest checkpoint when it was looked at first.
    """

    began_s: float
    due: datetime
    looked: bool = False
    first: datetime | None = None

    def has_come(self, newest: Sample | None) -> bool:
        """Whether there is a checkpoint that is newer than the due time, or than what was there at the first look."""
        if newest is None:
            return False
        fresh = self.looked and newest.saved_at != self.first
        if not self.looked:
            self.looked, self.first = True, newest.saved_at
        return newest.saved_at is not None and (fresh or newest.saved_at > self.due)
