"""Sources that are made up: what they say, when they are down, and how often they were asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

import numpy as np

from intensity_sources.registry import Sources, find_sources
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import CredentialMissing, NotCovered, SourceUnavailable, UnusableAnswer
from scheduler.domain.intensity import IntensitySeries, Kind, Provenance
from scheduler.ports import IntensitySource, SourceCard, SourceSetup

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
ZONES = tuple(f"Z{number}" for number in range(6))


@dataclass
class Wire:
    """The provider behind a source.

    Args:
        down: why it cannot be asked; refuses: why it says no; key: whether the credential is there.
        odd: zones for which it answers what cannot be used; pastless: whether it refuses all that is past.
        ahead_h: how far its forecast reaches; since: from when on it has a past; wave: its figures by hour of the day.
    """

    down: str = ""
    refuses: str = ""
    key: bool = True
    odd: tuple[str, ...] = ()
    pastless: bool = False
    ahead_h: int = 72
    since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    basis: Basis = DEFAULT_BASIS
    kind: Kind = "observed"
    wave: Callable[[int], float] = field(default=lambda hour: 100.0 + hour)
    clock: Callable[[], datetime] = field(default=lambda: T0)
    calls: list[tuple[str, str, datetime, datetime]] = field(default_factory=list)
    gate: threading.Event | None = None

    def ask(self, what: str, zone: str, basis: Basis, start: datetime, end: datetime) -> None:
        """Note a question, or refuse it."""
        self.calls.append((what, zone, start, end))
        if self.gate is not None:
            self.gate.wait(5)
        if self.down:
            raise SourceUnavailable(self.down)
        if zone in self.odd:
            raise UnusableAnswer(f"an odd answer for {zone}")
        if self.pastless and what == "series":
            raise NotCovered("the plan has no past")
        if self.refuses or basis != self.basis:
            raise NotCovered(self.refuses or f"no '{basis}'")

    def asked(self, what: str) -> list[str]:
        """The zones of the questions of a sort."""
        return [zone for kind, zone, _, _ in self.calls if kind == what]


def provider(wire: Wire, called: str = "wire", *, forecasts: bool = True) -> type[IntensitySource]:
    """The class of a source on that wire."""

    class Observing:
        """What it says of the past."""

        name: ClassVar[str] = called
        card: ClassVar[SourceCard] = SourceCard(
            title=f"The {called}", bases=(wire.basis,), licence="made up", attribution=f"by {called}",
            credentials=(f"{called.upper()}_KEY",), forecasts=forecasts,
        )  # fmt: skip

        @classmethod
        def connect(cls, setup: SourceSetup) -> Self:
            """The source, where there is a key."""
            if not wire.key:
                raise CredentialMissing(f"{called} needs {called.upper()}_KEY, which is not set")
            return cls()

        def zones(self) -> Sequence[str]:
            """All of them."""
            return ZONES

        def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
            """Whole hours, up to the current one."""
            wire.ask("series", zone, basis, start, end)
            last = min(end, wire.clock().replace(minute=0, second=0, microsecond=0) + HOUR)
            start = max(start, wire.since.replace(minute=0))
            return _hours(wire, called, zone, start, last, kind=wire.kind, issued_at=None)

    class Forecasting(Observing):
        """What it says of the future too."""

        def forecast(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
            """As far as it goes."""
            wire.ask("forecast", zone, basis, start, end)
            now = wire.clock()
            return _hours(
                wire, called, zone, start, min(end, start + wire.ahead_h * HOUR), kind="forecast", issued_at=now
            )

    return Forecasting if forecasts else Observing


def with_issues(wire: Wire, called: str = "wire") -> type[IntensitySource]:
    """The class of a source on that wire that has its past forecasts too."""

    class Remembering(provider(wire, called)):  # type: ignore[misc]  # a class made for the test
        """What it forecast before."""

        def issues(self, zone: str, basis: Basis, start: datetime, end: datetime) -> Sequence[IntensitySeries]:
            """The one issued at `start`."""
            wire.ask("issues", zone, basis, start, end)
            ends = start + wire.ahead_h * HOUR
            return [_hours(wire, called, zone, start, ends, kind="forecast", issued_at=start)]

    return Remembering


def _hours(
    wire: Wire, called: str, zone: str, start: datetime, end: datetime, *, kind: Kind, issued_at: datetime | None
) -> IntensitySeries:
    """Hours of the wave."""
    count = (end - start) // HOUR
    return IntensitySeries(
        zone=zone, basis=wire.basis, start=start, step=HOUR, kind=kind, issued_at=issued_at,
        g_per_kwh=np.array([wire.wave((start + hour * HOUR).hour) for hour in range(count)]),
        source=Provenance(name=f"The {called}", licence="made up", attribution=f"by {called}"),
    )  # fmt: skip


def with_built_in(**wires: type[IntensitySource]) -> Sources:
    """Made-up sources beside the ones that read files."""
    built_in = find_sources()
    local = {name: made for name, made in built_in.factories.items() if made.card.local}
    return Sources(points={}, made={**local, **wires})
