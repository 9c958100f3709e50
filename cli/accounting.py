"""Accounts from the store: histories, the intensities they were exposed to, and the starts at home."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cli import wiring
from cli.marginals import marginal_reference
from scheduler.domain.errors import InvalidInput, SourceUnavailable
from scheduler.domain.instant import parse_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.said import Said
from scheduler.execution.clock import SystemClock
from scheduler.execution.references import parse_reference
from scheduler.execution.settling import Settling, Wanted
from scheduler.execution.windows import Found
from scheduler.records.comparison import Beside, worlds
from scheduler.records.counterfactual import verify
from scheduler.records.difference import Draws
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.exposure import month_start, next_month
from scheduler.records.gather import JobHistory, gather_all
from scheduler.records.heads_files import Attested, attested
from scheduler.records.home_queue import starts_at_home
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.neighbours import beside
from scheduler.records.periods import closed_for_good
from scheduler.records.project_past import ProjectPast, project_past
from scheduler.records.rows import JobRow
from scheduler.records.seals import registration
from scheduler.records.settlement import Closed, Standing
from scheduler.records.store import Store
from scheduler.reporting.job_report import JobReport, job_report


def one(store: Store, history: JobHistory) -> JobReport:
    """The report of one job."""
    return books_for(store, history).report(history.row.id)


def books_for(store: Store, history: JobHistory) -> Books:
    """A job with those before it at its home and of its project, and those on its nodes, which it is held against."""
    rule = history.row.counterfactual
    verify(rule, history.row.job)
    not_before = parse_instant(rule["not_before"])
    evidence, now = wiring.evidence(), wiring.now()
    with store.reading() as tx:
        near = tx.on_nodes_of(history.row.id)
        others = [
            row
            for row in tx.jobs()
            if row.id != history.row.id
            and (
                row.id in near
                # one submitted later stands behind it in the queue
                or (row.counterfactual.get("home") == rule["home"] and row.submitted_at <= not_before)
                or (row.job.project == history.row.job.project and row.submitted_at < history.row.submitted_at)
            )
        ]
        known = [*gather_all(tx, evidence, others, now=now), history]
        closed = closed_for_good(tx)
    histories = {each.row.id: each for each in beside(known)}
    return _books(histories, _settling(store), closed, attested(store))


def many(store: Store, since: datetime | None, until: datetime | None) -> list[JobReport]:
    """The reports of the jobs submitted in ``[since, until)``."""
    books = open_books(store)
    chosen = [job_id for job_id, each in books.histories.items() if within(each.row, since, until)]
    as_of = books.freshened(chosen)
    return [books.report(job_id, as_of) for job_id in chosen]


_ON_MARGINAL: Final = Said("it was accounted on a marginal signal: that comparison is the one above")
_NO_MARGINAL_SOURCE: Final = Said("no marginal source is configured: the settings sources or marginal_table name one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """The intensities that a job is accounted with.

    Args:
        standings: by zone, how firm each is; problem: why there are none.
        as_of: what sources said later is not in them.
    """

    standings: Mapping[str, Standing]
    problem: str
    as_of: datetime

    @property
    def series(self) -> dict[str, IntensitySeries]:
        """The intensity by zone, the range of what is provisional widened."""
        return {zone: each.series for zone, each in self.standings.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All jobs of the store as they stood when it was read: each report is one step from here.

    Args:
        histories: by job id, in order of submission; starts: at home, by job id; past: of their projects.
        settling: tells how firm intensities are; closed: periods that are closed for good.
        attested: the heads over all jobs, and what was sealed of them outside.
    """

    histories: Mapping[str, JobHistory]
    starts: Mapping[str, datetime]
    past: ProjectPast
    settling: Settling
    closed: tuple[Closed, ...] = ()
    attested: Attested = ((), ())
    draws: Draws = field(default_factory=Draws)
    _read: dict[tuple[Wanted, datetime], Exposed] = field(default_factory=dict)
    _wanted: dict[str, Wanted] = field(default_factory=dict)
    _marginal: dict[Wanted, Wanted | None] = field(default_factory=dict)

    def report(self, job_id: str, as_of: datetime | None = None) -> JobReport:
        """The report of one job.

        Args:
            job_id: which.
            as_of: what sources said later is not in it; None to ask them first, and then for all that they said.
        """
        return self.report_on(job_id, self.exposed(job_id, as_of))

    def report_on(self, job_id: str, exposed: Exposed) -> JobReport:
        """The report of one job on intensities that were read."""
        history = self.histories[job_id]
        starts_at = history.attempts[0].reserved[0] if history.attempts else None
        made = job_report(
            history,
            exposed.series,
            home_start=self.starts.get(job_id),
            no_intensity=exposed.problem,
            standings=exposed.standings,
            as_of=exposed.as_of,
            beside=self._beside(job_id, exposed.as_of),
            draws=self.draws,
        )
        return replace(made, registration=registration(job_id, starts_at, *self.attested)[0])

    def _beside(self, job_id: str, as_of: datetime) -> Beside:
        """What a job is held against besides its home; nothing for one that has not run."""
        history = self.histories[job_id]
        if not history.attempts:
            return Beside()
        made = Beside(reference=self.past.reference(history), home_share=self.past.home_share(history))
        own = self.wanted_by(job_id)
        wanted = self.marginal_of(own)
        if wanted is None:
            on_marginal = any(each.basis.signal == "marginal" for each in self.read(own, as_of).series.values())
            return replace(made, no_marginal=_ON_MARGINAL if on_marginal else _NO_MARGINAL_SOURCE)
        found = self.read(wanted, as_of)
        return replace(made, marginal=found.series, no_marginal=found.problem, standings=found.standings)

    def marginal_of(self, wanted: Wanted) -> Wanted | None:
        """The same hours on the marginal signal that is configured; None without one, or where they are on one."""
        if wanted not in self._marginal:
            on_marginal = parse_reference(dict(wanted.reference)).basis.signal == "marginal"
            found = None if on_marginal else marginal_reference()
            self._marginal[wanted] = None if found is None else replace(wanted, reference=tuple(found.items()))
        return self._marginal[wanted]

    def exposed(self, job_id: str, as_of: datetime | None = None) -> Exposed:
        """The intensities of a job; where its source cannot be asked, why there are none."""
        wanted = self.wanted_by(job_id)
        if as_of is None:
            try:
                _freshen(wanted)
            except (InvalidInput, SourceUnavailable) as exc:
                return Exposed(standings={}, problem=exc.message, as_of=wiring.now())
            as_of = wiring.now()
        return self.read(wanted, as_of)

    def read(self, wanted: Wanted, as_of: datetime) -> Exposed:
        """Some hours of some zones: read once for all jobs that are accounted on them."""
        if (wanted, as_of) not in self._read:
            self._read[wanted, as_of] = self._exposed(wanted, as_of)
        return self._read[wanted, as_of]

    def _exposed(self, wanted: Wanted, as_of: datetime) -> Exposed:
        """The same, where nobody read them yet."""
        reference = dict(wanted.reference)
        try:
            found = wiring.shared_grid().observed(reference, wanted.zones, wanted.start, wanted.end, as_of)
            standings = self.settling.standings(reference, found.series, as_of, self.closed)
        except (InvalidInput, SourceUnavailable) as exc:
            return Exposed(standings={}, problem=exc.message, as_of=as_of)
        return Exposed(standings=standings, problem="" if found.series else found.why, as_of=as_of)

    def freshened(self, job_ids: Iterable[str]) -> datetime:
        """Ask the sources of some jobs for what is missing or may be revised; the instant by which all of it is in."""
        own = self.wanted(job_ids)
        for wanted in dict.fromkeys([*own, *(made for each in own if (made := self.marginal_of(each)) is not None)]):
            with suppress(InvalidInput, SourceUnavailable):  # told of each job, by whoever reads
                _freshen(wanted)
        return wiring.now()

    def wanted_by(self, job_id: str) -> Wanted:
        """Which hours of which zones a job is accounted on."""
        if job_id not in self._wanted:
            self._wanted[job_id] = self._wanted_by(job_id)
        return self._wanted[job_id]

    def _wanted_by(self, job_id: str) -> Wanted:
        """The same, worked out."""
        history = self.histories[job_id]
        asked = list(worlds(history, self.starts.get(job_id), self.past.reference(history)))
        zones = [zone for zone, _, _ in asked]
        zones += [cluster.zone for cluster in (history.home, history.data_at) if cluster is not None]
        promised = history.planned.placement  # for what its forecast was off by
        zones += [history.clusters[each.cluster].zone for each in promised.segments if each.cluster in history.clusters]
        moments = [moment for _, *ends in asked for moment in ends] or [history.row.submitted_at]
        moments += [history.paused_until] if history.paused_until else []
        moments += [promised.start, promised.finish] if history.attempts else []
        return Wanted(
            reference=tuple(history.row.intensity.items()),
            zones=tuple(sorted(set(zones))),
            # whole months: a gap is priced by what is known of its month
            start=month_start(min(moments)),
            end=next_month(max(moments)),
        )

    def wanted(self, job_ids: Iterable[str]) -> list[Wanted]:
        """The same of some jobs, each once, of those that have run."""
        return list(dict.fromkeys(self.wanted_by(each) for each in job_ids if self.histories[each].attempts))


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the collector of cycles off: a report makes millions of objects and no cycles to find among them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def open_books(store: Store, evidence: EvidenceFiles | None = None, now: datetime | None = None) -> Books:
    """The store, read once.

    Args:
        store: whose jobs.
        evidence: what was harvested of them, None for that of the state folder; now: None for the current instant.
    """
    evidence, now = evidence or wiring.evidence(), now or wiring.now()
    with uncollected(), store.reading() as tx:
        histories = {each.row.id: each for each in beside(gather_all(tx, evidence, tx.jobs(), now=now))}
        closed = closed_for_good(tx)
    return _books(histories, _settling(store), closed, attested(store))


def _books(
    histories: Mapping[str, JobHistory], settling: Settling, closed: tuple[Closed, ...], attested: Attested
) -> Books:
    """The books of some histories."""
    every = histories.values()
    starts, past = starts_at_home(every), project_past(every)
    return Books(histories=histories, starts=starts, past=past, settling=settling, closed=closed, attested=attested)


def intensity(row: JobRow, zones: Iterable[str], start: datetime, end: datetime) -> Found:
    """What the job's own sources have observed of some zones; they are asked for what is missing or may be revised."""
    grid, named = wiring.shared_grid(), tuple(zones)
    grid.freshen(row.intensity, named, start, min(end, wiring.now()))
    return grid.observed(row.intensity, named, start, end)


def within(row: JobRow, since: datetime | None, until: datetime | None) -> bool:
    """Whether the job was submitted in ``[since, until)``."""
    return (since is None or row.submitted_at >= since) and (until is None or row.submitted_at < until)


def _settling(store: Store) -> Settling:
    """What tells how firm the intensities of the settings' sources are, and asks them again."""
    return Settling(grid=wiring.shared_grid(), kept=KeptIntensities(store), clock=SystemClock())


def _freshen(wanted: Wanted) -> None:
    """Ask the sources for what is missing or may be revised of some hours."""
    wiring.shared_grid().freshen(dict(wanted.reference), wanted.zones, wanted.start, min(wanted.end, wiring.now()))
