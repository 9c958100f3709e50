"""A job beside what would have happened: the difference, its parts in time and space, and a second opinion.

The first counterfactual is the registered home. The second is the project's own history, which nobody chose for the
occasion: where the two do not agree on the sign, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.instant import parse_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.said import Said
from scheduler.problem.assemble import basis_of
from scheduler.problem.candidates import width_on
from scheduler.records.attempts import Attempt
from scheduler.records.difference import Difference, Draws, difference
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL, series_of, slots
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import HomeRun, at_home_then, chosen_run, home_run
from scheduler.records.project_past import Reference
from scheduler.records.settlement import Standing
from scheduler.records.stretches import cuts
from scheduler.records.terms import Sign, Term, terms_of

Grid = Mapping[str, IntensitySeries]

_DUST: Final = 1e-12
"""Share of a sum that floating point may leave where its parts cancel. [-]"""
NO_MARGINAL: Final = Said("no marginal signal was given")
"""Why nothing is called avoided: on an average signal nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a job is held against besides its home.

    Args:
        reference: what its project did in a period that is over; None where that is not known.
        home_share: home's share of the project's GPU-hours before; None where that is not known. [-]
        marginal: zone -> marginal intensity; empty with `no_marginal` saying why.
        standings: zone -> how firm the marginal intensity is; one that is not there is provisional.
    """

    reference: Reference | None = None
    home_share: float | None = None
    marginal: Grid = field(default_factory=dict)
    no_marginal: str = NO_MARGINAL
    standings: Mapping[str, Standing] = field(default_factory=dict)


NOTHING_BESIDE: Final = Beside()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of a difference came with the time, what with the place, and what only with both; they sum to it. [kg]

    Args:
        temporal_kg: home at its own time less home at the chosen one.
        spatial_kg: home at its own time less the chosen clusters at that time.
        interaction_kg: the rest; restarts and copies that only moving in time and place brought are in it.
    """

    temporal_kg: float
    spatial_kg: float
    interaction_kg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference of a job from what would have happened, on one basis.

    Args:
        terms: of both sides, for sums over jobs.
        second: the same against the project's history; None with `no_second` saying why; second_terms: its terms.
        basis: of the intensities; sources: their names, with their licences.
    """

    difference: Difference
    terms: tuple[Term, ...]
    parts: Parts
    second: Difference | None
    no_second: str
    second_terms: tuple[Term, ...]
    basis: Basis
    sources: tuple[str, ...]

    @property
    def sides_kg(self) -> tuple[float, float]:
        """What would have been emitted, and what was, on the lines that are compared. [kg]"""
        return weight_kg(self.terms, 1), weight_kg(self.terms, -1)

    @property
    def agreed(self) -> bool:
        """Whether the second counterfactual, where there is one, does not say the opposite."""
        return agreed(self.difference, self.second)


def agreed(first: Difference, second: Difference | None) -> bool:
    """Whether two counterfactuals do not differ in sign."""
    return second is None or first.central_kg * second.central_kg >= 0


def all_agree(compared: Iterable[Comparison]) -> bool:
    """Whether the sums over the jobs that have both counterfactuals do not differ in sign."""
    both = [(each.difference.central_kg, each.second.central_kg) for each in compared if each.second is not None]
    return sum(first for first, _ in both) * sum(second for _, second in both) >= 0


def would_have_run(history: JobHistory, home_start: datetime | None) -> HomeRun | str:
    """The job's useful work as its rule has it, or why it cannot be laid out.

    Without a home the place is not in question: the work is laid where it ran, from when it might have started.
    """
    job, attempts, home = history.row.job, history.attempts, history.home
    if home is None:
        return chosen_run(job, attempts, parse_instant(history.row.counterfactual["not_before"]))
    if home.simulated != history.simulated:
        return Said("not comparable: of home and of where it ran, one is simulated")
    run = home_run(job, attempts, home, home_start or attempts[0].reserved[0])
    if run is None:
        return Said("not comparable: other hardware, and no ratio was registered")
    if home_start is None:
        return Said("not comparable: {home} never has the GPUs that it used", home=home.name)
    return run


def compare(
    history: JobHistory, intensity: Grid, run: HomeRun, reference: Reference | None, draws: Draws | None = None
) -> Comparison:
    """The comparison of a job with `run`.

    Args:
        history: what it did.
        intensity: zone -> observed series, all on one basis.
        run: what would have happened.
        reference: what its project did before; None where nothing is known of it.
        draws: those of the report.

    Raises:
        NotCovered: a zone has no intensity.
    """
    real = tuple(_realised(history, intensity))
    terms = (*_hypothetical(history, run, intensity, AGAINST_COUNTERFACTUAL), *real)
    made = difference(terms, draws)
    second = _by_history(history, intensity, reference)
    second_terms = () if isinstance(second, str) else (*second, *real)
    return Comparison(
        difference=made,
        terms=terms,
        parts=_parts(history, intensity, run, made.central_kg, weight_kg(terms, 1)),
        second=None if isinstance(second, str) else difference(second_terms, draws),
        no_second=second if isinstance(second, str) else "",
        second_terms=second_terms,
        basis=basis_of(intensity),
        sources=named_sources(intensity),
    )


def sides_kg(history: JobHistory, run: HomeRun, intensity: Grid) -> tuple[float, float]:
    """What would have been emitted, and what was, on the lines that are compared and on other intensities. [kg]"""
    would = weight_kg(_hypothetical(history, run, intensity, AGAINST_COUNTERFACTUAL), 1)
    return would, weight_kg(_realised(history, intensity), -1)


def named_sources(intensity: Grid) -> tuple[str, ...]:
    """The names of the sources of some intensities, with their licences."""
    origins = {piece.source for series in intensity.values() for piece in series.origins}
    return tuple(
        sorted(
            f"{source.name} ({source.licence})"
            if source.licence
            else Said("{name} (licence not stated)", name=source.name)
            for source in origins
        )
    )


def weight_kg(terms: Iterable[Term], sign: Sign) -> float:
    """What the terms of one side come to. [kg]"""
    return sum(term.kg for term in terms if term.sign == sign)


def coverage(history: JobHistory, run: HomeRun, intensity: Grid) -> float:
    """Share of the GPU-hours whose intensity is known, on the side of which less is known. [-]

    Raises:
        NotCovered: a zone has no intensity.
    """
    return min(_known(history.attempts, intensity), _known(run.pieces, intensity))


def _known(attempts: Iterable[Attempt], intensity: Grid) -> float:
    """Share of the GPU-hours of attempts whose intensity is known, all where they took none. [-]"""
    known = total = 0.0
    for cut in (cut for each in attempts for cut in cuts(each)):
        series = series_of(intensity, cut.cluster.zone)
        known += cut.gpus * slots(series, cut.start, cut.end, gap_percentile=AGAINST_REAL).known_h
        total += cut.gpus * cut.hours_h
    return known / total if total else 1.0


def worlds(
    history: JobHistory, home_start: datetime | None, reference: Reference | None
) -> Iterator[tuple[str, datetime, datetime]]:
    """Each zone, with the time, that a comparison asks the intensity of."""
    attempts, job = history.attempts, history.row.job
    for each in attempts:
        yield each.cluster.zone, *each.reserved
    if not attempts:
        return
    run = would_have_run(history, home_start)
    zones = {each.cluster.zone for each in attempts}
    if isinstance(run, HomeRun):
        zones |= {piece.cluster.zone for piece in run.pieces}
        yield from ((zone, *run.reserved) for zone in zones)
    for cluster, _ in reference.shares if reference else ():
        laid = home_run(job, attempts, cluster, _usual_start(history, reference)) if reference else None
        if laid is not None:
            yield cluster.zone, *laid.reserved


def _by_history(history: JobHistory, intensity: Grid, reference: Reference | None) -> tuple[Term, ...] | str:
    """What the project would have emitted by its own habits: each cluster at its share; or why that is not known."""
    if reference is None:
        return Said("its project has no GPU-hours in the reference period")
    found: list[Term] = []
    for cluster, share in reference.shares:
        run = home_run(history.row.job, history.attempts, cluster, _usual_start(history, reference))
        if run is None:
            return Said(
                "its project also used {cluster}: other hardware, and no ratio was registered", cluster=cluster.name
            )
        if width_on(history.row.job, cluster, run.gpus) > cluster.gpus:
            return Said("its project also used {cluster}, which never has the GPUs that it used", cluster=cluster.name)
        try:
            laid = tuple(_hypothetical(history, run, intensity, AGAINST_COUNTERFACTUAL))
        except NotCovered as exc:
            return exc.message
        found += [Term(sign=term.sign, kg=term.kg * share, factors=term.factors) for term in laid]
    return tuple(found)


def _usual_start(history: JobHistory, reference: Reference | None) -> datetime:
    """When it would have started by its project's habits."""
    not_before = parse_instant(history.row.counterfactual["not_before"])
    return not_before if reference is None else not_before + reference.delay


def _parts(history: JobHistory, intensity: Grid, run: HomeRun, total_kg: float, home_kg: float) -> Parts:
    """The parts of a difference; gaps are priced as in what really happened, so that none of them flatters."""
    home, attempts = history.home, history.attempts
    if home is None or all(each.cluster.name == home.name for each in attempts):
        return Parts(temporal_kg=total_kg, spatial_kg=0.0, interaction_kg=0.0)
    then = at_home_then(history.row.job, attempts, home)
    assert then is not None, home.name  # noqa: S101  # the run at home could be laid out, so its hardware compares
    chosen = chosen_run(history.row.job, attempts, run.reserved[0])
    temporal = home_kg - weight_kg(_hypothetical(history, then, intensity, AGAINST_REAL), 1)
    spatial = home_kg - weight_kg(_hypothetical(history, chosen, intensity, AGAINST_REAL), 1)
    rest = total_kg - temporal - spatial
    dust = abs(rest) <= _DUST * (abs(total_kg) + abs(temporal) + abs(spatial))
    return Parts(temporal_kg=temporal, spatial_kg=spatial, interaction_kg=0.0 if dust else rest)


def _hypothetical(history: JobHistory, run: HomeRun, intensity: Grid, gap_percentile: float) -> Iterator[Term]:
    """The terms of what did not happen."""
    return terms_of(
        1,
        history.row.job,
        run.pieces,
        intensity,
        data_at=history.data_at,
        gap_percentile=gap_percentile,
        by_ratio=run.by_ratio,
    )


def _realised(history: JobHistory, intensity: Grid) -> Iterator[Term]:
    """The terms of what happened."""
    job, attempts = history.row.job, history.attempts
    return terms_of(-1, job, attempts, intensity, data_at=history.data_at, gap_percentile=AGAINST_REAL)
