"""Other carbon-aware schedulers that plan a job without a network, each asked in its own terms for a start.

cats (climate-aware-task-scheduler, `pip install climate-aware-task-scheduler`) searches the hourly starts of one job in
one zone for the lowest mean intensity over its run, values joined by straight lines. Its command line refuses jobs over
47 h; its search, which is asked here, takes any.

tidegap (`pip install tidegap`) defers calls of language models: it looks for the cleanest hour to start in before a
deadline, and knows no length. It is told the latest start as the deadline, and an `rng` of nothing, by which it gives
the cleanest hour and not one at random among near-equal ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CATS_MOST_MINUTES = 2820
"""The longest job, and the furthest start, that cats' command line takes. [min]"""

CATS = "cats, any length"
Ask = Callable[[], datetime]
"""Asks a peer for a start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One job as any peer can be told of it.

    Args:
        now: of its submission; latest: start that keeps its deadline.
        length: one uninterrupted run.
        first: start of the slot of `now`; g_per_kwh: intensity of its zone from there on, by the hour.
    """

    now: datetime
    latest: datetime
    length: timedelta
    first: datetime
    g_per_kwh: Sequence[float]


class Peer(Protocol):
    """Another scheduler."""

    @property
    def name(self) -> str:
        """As it is printed."""

    def ask(self, question: Question) -> Ask:
        """The question in the peer's own words; what answering takes is the peer's time, what telling takes is not."""


@dataclass(frozen=True, slots=True)
class Cats:
    """cats."""

    @property
    def name(self) -> str:
        """As it is printed."""
        return CATS

    def ask(self, question: Question) -> Ask:
        """The search of its command line, with the latest start as its `--end-window`."""
        from cats.forecast import PointEstimate, WindowedForecast  # noqa: PLC0415  # it need not be there

        minutes = max(1, math.ceil(question.length / MINUTE))
        if question.latest <= question.now:
            return lambda: question.now
        points = [PointEstimate(value, question.first + HOUR * n) for n, value in enumerate(question.g_per_kwh)]

        def answer() -> datetime:
            """The start of the best window."""
            windows = WindowedForecast(
                points, minutes, start=question.now, max_window_minutes=CATS_MOST_MINUTES,
                end_constraint=question.latest,
            )  # fmt: skip
            found: datetime = min(windows).start
            return found

        return answer


@dataclass(frozen=True, slots=True)
class Tidegap:
    """tidegap."""

    @property
    def name(self) -> str:
        """As it is printed."""
        return "tidegap"

    def ask(self, question: Question) -> Ask:
        """Its recommendation; the hour of now means at once."""
        from tidegap import recommend_window  # noqa: PLC0415  # it need not be there
        from tidegap.types import GridForecast, GridForecastEntry  # noqa: PLC0415  # the same

        hours = [
            GridForecastEntry((question.first + HOUR * n).isoformat(), value, "average")
            for n, value in enumerate(question.g_per_kwh)
        ]

        class Feed:
            """The hours ahead."""

            async def fetch_forecast(self, region: str, count: int) -> object:
                """As many as it wants."""
                return GridForecast(region, "mock", question.first.isoformat(), hours[:count], "forecast")

        def answer() -> datetime:
            """The hour that it says. The coroutine waits for nothing, so it needs no loop."""
            told = recommend_window(
                deadline=question.latest, region="home", feed=Feed(), now=lambda: question.now, rng=lambda: 0.0
            )
            try:
                told.send(None)
            except StopIteration as done:
                return max(question.now, datetime.fromisoformat(done.value.scheduled_for))
            raise RuntimeError("tidegap waits for something")

        return answer


def found_here() -> list[Peer]:
    """Those that are installed."""
    found: list[Peer] = []
    for module, peer in (("cats", Cats()), ("tidegap", Tidegap())):
        try:
            __import__(module)
        except ImportError:
            continue
        found.append(peer)
    return found
