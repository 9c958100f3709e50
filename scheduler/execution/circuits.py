"""A circuit a cluster: one that does not answer is asked by one request at a time, and less and less often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from scheduler.domain.errors import ClusterUnreachable
from scheduler.domain.instant import to_the_second
from scheduler.ports import Clock

_BACKOFF_S: Final = (2.0, 60.0)
"""First and longest pause before a silent cluster is asked again. [s]"""

State = Literal["closed", "open", "half-open"]


@dataclass(slots=True, kw_only=True)
class Circuit:
    """How one cluster has answered.

    A single failure opens it: each is one that the way to the cluster has already tried again, or a long wait.

    Args:
        failures: in a row.
        why: what was wrong the last time; since: when that began.
        until_s: when it may be asked again, by the monotonic clock. [s]
    """

    failures: int = 0
    why: str = ""
    since: datetime | None = None
    until_s: float = 0.0

    def state(self, now_s: float) -> State:
        """Whether requests pass: all, none, or the one that finds out."""
        if not self.failures:
            return "closed"
        return "open" if now_s < self.until_s else "half-open"

    @property
    def silence(self) -> str:
        """Why the cluster counts as silent, and since when; empty where it answers."""
        return f"{self.why}; silent since {to_the_second(self.since)}" if self.since is not None else ""

    def failed(self, why: str, now: datetime, now_s: float) -> None:
        """Open it, for longer each time."""
        first, longest = _BACKOFF_S
        self.until_s = now_s + min(longest, first * 2**self.failures)
        self.failures += 1
        self.why, self.since = why, self.since or now

    def answered(self) -> None:
        """Close it."""
        self.failures, self.why, self.since, self.until_s = 0, "", None, 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuits:
    """The circuit of every cluster; each is opened and closed on its cluster's own lane."""

    clock: Clock
    _by_name: dict[str, Circuit] = field(default_factory=dict)

    def of(self, name: str) -> Circuit:
        """The circuit of a cluster."""
        return self._by_name.setdefault(name, Circuit())

    @contextmanager
    def asking(self, name: str) -> Iterator[None]:
        """Ask a cluster, unless its circuit is open: then its silence is raised without a try."""
        circuit = self.of(name)
        if circuit.state(self.clock.monotonic_s()) == "open":
            raise ClusterUnreachable(circuit.why)
        try:
            yield
        except ClusterUnreachable as exc:
            circuit.failed(exc.message, self.clock.now(), self.clock.monotonic_s())
            raise
        circuit.answered()

    def told(self) -> Mapping[str, Mapping[str, object]]:
        """What there is to tell of each cluster that was asked."""
        now_s = self.clock.monotonic_s()
        return {
            name: {
                "silent": circuit.why,
                "circuit": circuit.state(now_s),
                "failures": circuit.failures,
                "since": to_the_second(circuit.since) if circuit.since else None,
            }
            for name, circuit in sorted(self._by_name.items())
        }
