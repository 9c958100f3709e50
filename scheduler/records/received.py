"""When samples reached us, which ties the clock of their node to our own.

An agent numbers its time from its start by a clock that nobody sets. A sample that is here was written before, and one
that was not here when we looked was written later: so its start lies between two instants of our clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from scheduler.records.evidence import PROTOCOL, BadEvidence

CLOCK_OFF: Final = timedelta(minutes=5)
"""Most that a node's clock may be off before what it says of instants is corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Between which instants of our own clock an agent began, as the readings that reached us prove.

    Args:
        not_before: a sample was not there yet when we looked, so it was written later; None where we never looked.
        not_after: a sample was there when we looked, so it was written before.
    """

    not_before: datetime | None
    not_after: datetime

    def corrected(self, told: datetime) -> datetime:
        """When it began by our clock: as the node told, unless that is off by more than `CLOCK_OFF`."""
        late = told > self.not_after + CLOCK_OFF
        early = self.not_before is not None and told < min(self.not_before, self.not_after) - CLOCK_OFF
        return self.not_after if late or early else told

    def and_also(self, other: Received) -> Received:
        """What both together prove."""
        lows = [each for each in (self.not_before, other.not_before) if each is not None]
        return Received(not_before=max(lows, default=None), not_after=min(self.not_after, other.not_after))

    def loosest_s(self, other: Received) -> float:
        """How much closer `other` ties it, at the one end or the other. [s]"""
        both = self.and_also(other)
        low = both.not_before
        known = self.not_before
        lower_s = 0.0 if low is None else float("inf") if known is None else (low - known).total_seconds()
        return max(lower_s, (self.not_after - both.not_after).total_seconds())


def arrived(new: bytes, *, at: datetime, looked: datetime | None) -> Received | None:
    """What the arrival of new lines of samples proves; None where none is whole.

    Args:
        new: the lines that were not here before.
        at: when they were here; looked: when they were not there yet.
    """
    lines = new[: new.rfind(b"\n") + 1].splitlines()
    ends = [_since_start(line) for line in (lines[0], lines[-1])] if lines else []
    if not ends or None in ends:
        return None
    first, newest = (each or timedelta(0) for each in ends)
    return Received(not_before=None if looked is None else looked - first, not_after=at - newest)


def line_of_received(received: Received) -> bytes:
    """A line of the file that keeps it."""
    low = received.not_before
    said = {
        "v": PROTOCOL,
        "not_before_unix": None if low is None else low.timestamp(),
        "not_after_unix": received.not_after.timestamp(),
    }
    return json.dumps(said).encode() + b"\n"


def parse_received(raw: bytes) -> Received:
    """What the last line of that file says, which is the closest."""
    try:
        said = json.loads(raw.splitlines()[-1])
        low = said["not_before_unix"]
        return Received(
            not_before=None if low is None else datetime.fromtimestamp(low, tz=UTC),
            not_after=datetime.fromtimestamp(said["not_after_unix"], tz=UTC),
        )
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, OSError) as exc:
        raise BadEvidence(f"the receipts of samples cannot be read: {exc!r}") from exc


def _since_start(line: bytes) -> timedelta | None:
    """When a sample was written, from the agent's start; None where the line does not say."""
    try:
        return timedelta(seconds=float(json.loads(line)["mono_s"]))
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
