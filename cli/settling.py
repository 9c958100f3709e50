"""One round of settling: sources are asked again, each job is accounted anew, and what differs is stated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from cli import accounting, wiring
from scheduler.domain.errors import InvalidInput
from scheduler.execution.settling import Wanted
from scheduler.records.heads_files import headed
from scheduler.records.rows import FINAL
from scheduler.records.statements import Statement, following, newest_statements, state
from scheduler.records.store import Store
from scheduler.reporting.stated import figures_of

_LOOSE: Final = (None, "provisional")
"""Status of hours of which some are not settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a round found of one job.

    Args:
        before: the statement that was the newest; None where there was none.
        now: what it is stated as now, `before` itself where nothing has changed; None where it cannot be priced.
        problem: why it cannot be priced.
    """

    job_id: str
    name: str
    before: Statement | None
    now: Statement | None
    problem: str = ""

    @property
    def is_news(self) -> bool:
        """Whether anything differs from what was stated."""
        return self.now is not None and self.now is not self.before


@dataclass(slots=True, kw_only=True)
class Round:
    """A round over the jobs that have ended.

    Args:
        store: where jobs and statements are.
        until: jobs that ended before it alone; None for all.
        project: jobs of it alone; None for all.
        dry: ask nobody and store nothing.
        sparing: ask for nothing that was asked for within a day.
        settled: what was found, job by job; open_jobs: how many have not ended; unanswered: who could not be asked.
    """

    store: Store
    until: datetime | None = None
    project: str | None = None
    dry: bool = False
    sparing: bool = False
    settled: list[Settled] = field(default_factory=list)
    open_jobs: int = 0
    unanswered: dict[str, None] = field(default_factory=dict)

    def run(self) -> None:
        """All of it."""
        for step in self.steps():
            step()

    def steps(self) -> Iterator[Callable[[], object]]:
        """The round in pieces, in order: one that may wait for the network for each month of some zones, one a job."""
        books = accounting.open_books(self.store)
        with self.store.reading() as tx:
            stated = newest_statements(tx)
        chosen = self._chosen(books)
        if not self.dry:
            moving = [job_id for job_id in chosen if _may_move(stated.get(job_id))]
            for wanted in dict.fromkeys(of_all_clusters(books, job_id) for job_id in moving):
                yield partial(self._ask, books, wanted)
            for wanted in _beside(books, chosen):
                yield partial(self._ask_beside, books, wanted)
        as_of = wiring.now()
        for job_id in chosen:
            yield partial(self._state, books, job_id, stated.get(job_id), as_of)
        if not self.dry:
            yield from headed(self.store, books.histories, wiring.now)

    def _chosen(self, books: accounting.Books) -> list[str]:
        """The jobs that are to be settled: those that have ended, ran, and were asked for."""
        found = []
        for job_id, history in books.histories.items():
            row = history.row
            if self.project is not None and row.job.project != self.project:
                continue
            if row.state not in FINAL:
                self.open_jobs += 1
            elif history.attempts and (self.until is None or (row.finished_at or row.submitted_at) < self.until):
                found.append(job_id)
        return found

    def _ask(self, books: accounting.Books, wanted: Wanted) -> None:
        """Ask for what may have been revised; who could not be asked is noted, and the others are."""
        try:
            if not self.sparing or not books.settling.asked_lately(wanted):
                self.unanswered |= dict.fromkeys(books.settling.ask(wanted))
        except InvalidInput as exc:
            self.unanswered[exc.message] = None

    def _ask_beside(self, books: accounting.Books, wanted: Wanted) -> None:
        """The same of what stands beside, which no account needs: who could not be asked is told by the report."""
        with suppress(InvalidInput):
            if not self.sparing or not books.settling.asked_lately(wanted):
                books.settling.ask(wanted)

    def _state(self, books: accounting.Books, job_id: str, before: Statement | None, as_of: datetime) -> None:
        """Account for one job as of an instant, and state what differs."""
        row, exposed = books.histories[job_id].row, books.exposed(job_id, as_of)
        report = books.report_on(job_id, exposed)
        now = None
        if report.account is not None:
            drafted = Statement(
                job_id=job_id,
                number=0,
                as_of=as_of,
                made_at=wiring.now(),
                status=report.status,
                cause="first",
                why="",
                figures=figures_of(report, exposed.series),
            )
            now = following(before, drafted)
            if now is not before and not self.dry:
                with self.store.writing() as tx:
                    now = state(tx, drafted)
        self.settled.append(
            Settled(job_id=job_id, name=row.job.name, before=before, now=now, problem=report.no_account)
        )


def of_all_clusters(books: accounting.Books, job_id: str) -> Wanted:
    """The hours of a job in the zones of every cluster that was declared: idle hardware is accounted in them too."""
    wanted, declared = books.wanted_by(job_id), books.histories[job_id].clusters.values()
    zones = (*wanted.zones, *sorted(cluster.zone for cluster in declared if not cluster.simulated))
    return replace(wanted, zones=tuple(dict.fromkeys(zones)))


def _beside(books: accounting.Books, job_ids: Iterable[str]) -> Iterator[Wanted]:
    """The marginal intensities of some jobs that are not settled throughout."""
    asked, as_of = (books.marginal_of(books.wanted_by(job_id)) for job_id in job_ids), wiring.now()
    for wanted in dict.fromkeys(each for each in asked if each is not None):
        standings = books.read(wanted, as_of).standings.values()
        if not standings or any(each.within(wanted.start, wanted.end) in _LOOSE for each in standings):
            yield wanted


def _may_move(before: Statement | None) -> bool:
    """Whether any intensity of a job may still be revised."""
    return before is None or before.status == "provisional" or before.figures["provisional_share"] != 0
