"""The seams: what the core asks of the world, each small enough to fake in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

from scheduler.domain.basis import Basis
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.placement import Placement
from scheduler.problem.problem import Problem


class Clock(Protocol):
    """Time, as an argument."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""

    def monotonic_s(self) -> float:
        """A clock that never goes back. [s]"""

    def sleep(self, duration: timedelta) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCard:
    """What an intensity source is, for people and for reports.

    Args:
        title: the provider's name.
        bases: what its numbers can mean.
        licence: under which its numbers may be used; attribution: the credit that a report prints.
        url: its documentation.
        credentials: names of the secrets that it cannot do without.
        forecasts: whether it issues forecasts.
        limits: what it lets one ask, as it is published.
        local: whether it reads files of this machine and asks nobody, so that nothing of it is kept.
    """

    title: str
    bases: tuple[Basis, ...]
    licence: str
    attribution: str
    url: str = ""
    credentials: tuple[str, ...] = ()
    forecasts: bool = False
    limits: str = ""
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetup:
    """What a source is connected with.

    Args:
        options: its own settings as text, such as ``base_url``, ``path`` or ``year``.
        secret: the value of a secret by its name, None where it is not set.
        clock: time.
    """

    options: Mapping[str, str]
    secret: Callable[[str], str | None]
    clock: Clock


class IntensitySource(Protocol):
    """A provider of carbon intensity."""

    name: ClassVar[str]
    card: ClassVar[SourceCard]

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The source, ready to be asked; asks nobody yet.

        Raises:
            CredentialMissing: a secret that it cannot do without is not set.
            InvalidInput: an option cannot be meant.
        """

    def zones(self) -> Sequence[str]:
        """The zones it has."""

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """What it knows of ``[start, end)``; may cover less, never answers for another zone or basis.

        Raises:
            NotCovered: it has no such zone, basis or hour; the hint lists what it has.
            UnusableAnswer: it answered another question, or not as it should.
            SourceUnavailable: it could not be asked.
        """


@runtime_checkable
class ForecastSource(IntensitySource, Protocol):
    """A provider that also issues forecasts."""

    def forecast(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """Its newest forecast of ``[start, end)``, with `issued_at`; may cover less, never another zone or basis.

        Raises:
            NotCovered: it has no forecast for such a zone or basis; the hint lists what it has.
            SourceUnavailable: it could not be asked.
        """


@runtime_checkable
class IssueSource(ForecastSource, Protocol):
    """A provider that also has its past forecasts, as they were issued."""

    def issues(self, zone: str, basis: Basis, start: datetime, end: datetime) -> Sequence[IntensitySeries]:
        """The forecasts issued in ``[start, end)``, in order of their issue; raises as `forecast` does."""


@runtime_checkable
class PlanSource(IntensitySource, Protocol):
    """A provider that tells what the plan behind its credentials reaches."""

    def reaches(self, zone: str) -> Sequence[str]:
        """The provider's own words for what it lists of a zone, such as ``carbon-intensity/history``; ``*`` for all.

        Raises:
            SourceUnavailable: it could not be asked.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose figures are kept: those of a source, by its registered name, for a zone on a basis."""

    source: str
    zone: str
    basis: Basis


Asked = Literal["history", "forecast", "issues"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A stretch that a source was asked for last at `at`, whatever it said."""

    start: datetime
    end: datetime
    at: datetime


class IntensityStore(Protocol):
    """What sources said, cache and evidence in one: a later figure stands beside an earlier one, never over it."""

    def keep(self, subject: Subject, series: IntensitySeries, *, at: datetime) -> int:
        """Store what is not there yet; how many intervals that were.

        Args:
            subject: whose they are.
            series: observed, estimated or forecast; one that says no `retrieved_at` was retrieved at `at`.
        """

    def noted(self, subject: Subject, asked: Asked, check: Check) -> None:
        """Remember that the source was asked, also where what it said was known or was nothing."""

    def checks(self, subject: Subject, asked: Asked) -> Sequence[Check]:
        """When each stretch was asked for last, in order of time, without overlap."""

    def history(
        self, subject: Subject, start: datetime, end: datetime, *, known_at: datetime | None = None
    ) -> IntensitySeries | None:
        """The newest figures of ``[start, end)`` that are no forecast, or those that were known at an instant."""

    def forecasts(
        self,
        subject: Subject,
        start: datetime,
        end: datetime,
        *,
        issued_by: datetime | None = None,
        hours: Collection[int] | None = None,
    ) -> Sequence[IntensitySeries]:
        """The forecasts that touch ``[start, end)``, in the order of their issue.

        Args:
            subject: whose they are; start: of the interval; end: of the interval.
            issued_by: leaves out later ones.
            hours: leaves out those that were issued in other hours of the day, UTC.
        """

    def stamp(self) -> int:
        """A number that rises whenever something new is stored."""


Need = Literal["forecast", "duration", "history"]


class Policy(Protocol):
    """A rule that places a job: deterministic, feasible whenever something feasible exists."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[Need]]

    def place(self, problem: Problem) -> Placement:
        """Where and when.

        Raises:
            Infeasible: nothing in the policy's reach keeps the constraints.
        """


Together = Callable[[Sequence[Problem]], Sequence[Placement | None]]
"""Placements of several jobs on room that they share, None for one that finds none."""


@runtime_checkable
class FleetPolicy(Policy, Protocol):
    """A policy whose jobs can be placed together, on room that they share."""

    def place_many(self, problems: Sequence[Problem], together: Together) -> Sequence[Placement | None]:
        """Where and when each job runs, None for one that is to be placed alone on what the others leave.

        Args:
            problems: the jobs, in order of their submission; the room of each is there for all of them.
            together: what places jobs on shared room with the least emissions in all.
        """
