"""A period's figures from the store: each job's part in it, and what of the clusters was nobody's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from cli import accounting, wiring
from cli.settling import of_all_clusters
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput, NotCovered, SourceUnavailable
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.said import Said
from scheduler.problem.assemble import basis_of
from scheduler.records.accounts import Account
from scheduler.records.gather import JobHistory, clusters_of
from scheduler.records.identity import Closing, Declaration, closings, declarations
from scheduler.records.periods_accrual import accrued, touches
from scheduler.records.periods_calendar import Period
from scheduler.records.rows import FINAL
from scheduler.records.settlement import Span, Standing
from scheduler.records.settlement_share import provisional_share
from scheduler.records.store import Store
from scheduler.reporting.period_figures import Idle, Part, PeriodFigures, period_figures


def figures_of(store: Store, period: Period, *, keep: bool = False) -> PeriodFigures:
    """The figures of a period as they are made today; sources are asked for what may have been revised.

    Args:
        store: where the jobs are; period: which.
        keep: whether what tables say is kept too, for figures that are to be published.
    """
    books = accounting.open_books(store)
    span = period.since, period.until
    chosen = [
        job_id for job_id, each in books.histories.items() if touches(each.attempts, each.paused_until, span)
    ]  # fmt: skip
    unanswered = _asked(books, chosen) if keep else ()
    as_of = books.freshened(chosen)
    parts = [_part(books, job_id, span, as_of) for job_id in chosen]
    idle = _idle(store, books, span, parts, as_of)
    made = period_figures(period, parts, idle, as_of=as_of)
    return replace(made, notes=(*made.notes, *(Said("could not be asked: {why}", why=Said(why)) for why in unanswered)))


def _asked(books: accounting.Books, job_ids: Sequence[str]) -> Iterable[str]:
    """Ask the sources of some jobs and keep what they say, tables too; why one of them could not be asked."""
    unanswered: dict[str, None] = {}
    for wanted in dict.fromkeys(of_all_clusters(books, job_id) for job_id in job_ids):
        try:
            unanswered |= dict.fromkeys(books.settling.ask(wanted))
        except InvalidInput as exc:
            unanswered[exc.message] = None
    return unanswered


def _part(books: accounting.Books, job_id: str, span: Span, as_of: datetime) -> Part:
    """What of a job falls into a period."""
    history, exposed = books.histories[job_id], books.exposed(job_id, as_of)
    made = None if exposed.problem else _accrued(history, exposed.series, span)
    share = 1.0
    if made is not None:
        share = _share(history, exposed.standings, span, made)
    return Part(
        job_id=job_id,
        project=history.row.job.project,
        simulated=history.simulated,
        ended=history.row.state in FINAL,
        basis=basis_of(exposed.series) if exposed.series else None,
        account=made,
        provisional_share=share,
    )


def _accrued(history: JobHistory, series: Mapping[str, IntensitySeries], span: Span) -> Account | None:
    """The account of a job's part; None where it cannot be priced."""
    try:
        return accrued(
            history.row.job, history.attempts, series, span, data_at=history.data_at, paused_until=history.paused_until
        )
    except NotCovered:
        return None


def _share(history: JobHistory, standings: Mapping[str, Standing], span: Span, made: Account) -> float:
    """The share of a part that is provisional. [-]"""

    def priced(settled: Mapping[str, IntensitySeries]) -> float:
        """What it emitted on other intensities, embodied apart. [kg]"""
        known = _accrued(history, settled, span)
        return known.central.operational if known else 0.0

    moments = [moment for each in history.attempts for moment in each.reserved]
    first, last = max(span[0], min(moments)), min(span[1], max([*moments, history.paused_until or moments[0]]))
    zones = {each.cluster.zone for each in history.attempts}
    return provisional_share(standings, zones, (first, max(first, last)), made.central.operational, priced)[0]


def _idle(store: Store, books: accounting.Books, span: Span, parts: list[Part], as_of: datetime) -> list[Idle]:
    """What of each cluster that is there was nobody's in a period."""
    cut = [each for each in _declared(store) if not each.cluster.simulated]
    cut = [
        Declaration(cluster=each.cluster, since=max(each.since, span[0]), until=min(each.until, span[1]))
        for each in cut
        if each.since < span[1] and each.until > span[0]
    ]
    standings = _standings(books, {each.cluster.zone for each in cut}, span, as_of)
    made = closings(
        list(books.histories.values()),
        [accrual for each in parts if each.account is not None for accrual in each.account.accruals],
        cut,
        {zone: each.series for zone, each in standings.items()},
    )
    found: dict[str, list[Closing]] = {}
    for each in made:
        found.setdefault(each.cluster.name, []).append(each)
    there = {name: [each for each in cut if each.cluster.name == name] for name in found}
    spans = {name: (min(d.since for d in each), max(d.until for d in each)) for name, each in there.items()}
    return [_of_cluster(name, each, standings, spans[name]) for name, each in found.items()]


def _of_cluster(name: str, months: list[Closing], standings: Mapping[str, Standing], span: Span) -> Idle:
    """What of one cluster was nobody's over its months; `span` is when it was there."""
    it_kwh = [each.unallocated_kwh + each.head_kwh for each in months]
    kg = [each.unallocated_kg for each in months]
    standing = standings.get(months[0].cluster.zone)
    return Idle(
        cluster=name,
        it_kwh=sum(it_kwh),
        facility_kwh=sum(kwh * each.cluster.stated_pue.central for kwh, each in zip(it_kwh, months, strict=True)),
        kg=None if None in kg else sum(each or 0.0 for each in kg),
        provisional_share=1.0 if standing is None else _hours_share(standing, span),
    )


def _hours_share(standing: Standing, span: Span) -> float:
    """The share of a period's hours whose intensity is provisional. [-]"""
    hours_h = (span[1] - span[0]).total_seconds()
    edges = np.clip(standing.series.edges_h(span[0]) * 3600.0, 0.0, hours_h)
    return float(1 - np.diff(edges)[standing.settled].sum() / hours_h)


def _declared(store: Store) -> list[Declaration]:
    """From when to when each cluster was declared as what, by the plans of all jobs."""
    known: dict[str, dict[str, Cluster]] = {}
    seen = []
    with store.reading() as tx:
        for row in tx.jobs():
            for plan in tx.plans(row.id):
                text = json.dumps(plan.document["clusters"], sort_keys=True)
                if text not in known:
                    known[text] = clusters_of(plan)
                seen.append((plan.made_at, known[text]))
    return declarations(seen, now=wiring.now())


def _standings(books: accounting.Books, zones: set[str], span: Span, as_of: datetime) -> dict[str, Standing]:
    """The intensity of each zone over a period, by the sources of the newest job that knows of it."""
    found: dict[str, Standing] = {}
    for history in reversed([*books.histories.values()]):
        wanted = [zone for zone in zones - set(found) if zone in {each.zone for each in history.clusters.values()}]
        if not wanted:
            continue
        reference = history.row.intensity
        try:
            wiring.shared_grid().freshen(reference, wanted, span[0], min(span[1], as_of))
            observed = wiring.shared_grid().observed(reference, wanted, *span, as_of)
            found |= books.settling.standings(reference, observed.series, as_of, books.closed)
        except (InvalidInput, SourceUnavailable):
            continue  # an older job may name a source that answers
    return found
