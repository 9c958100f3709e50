"""A job, clusters and intensities become a problem: the one place where the emission model meets the grid."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isclose
from typing import Final

import numpy as np

from scheduler.domain.basis import Basis
from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import Line
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.problem.candidates import Rejected, can_run
from scheduler.problem.closed import closures, lost_at_suspend, too_long
from scheduler.problem.ground import Ground, ground_of
from scheduler.problem.learnt import Learnt
from scheduler.problem.limits import NO_TIME, Limits, limits
from scheduler.problem.past import past_of
from scheduler.problem.problem import Interruption, Problem, Width
from scheduler.problem.rates import hold_lines, job_gpu_hour, moves, row_intensity
from scheduler.problem.room import room_of
from scheduler.problem.slots import hours, slot_edges
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats, Ints, Surface

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assembled:
    """A problem, with what a policy may not see but a person wants to know.

    Args:
        problem: what a policy decides on.
        ground: the clusters behind the surface's rows, those rejected, and the home. Its stranded cluster has a row
            without room and with unknown rates, so that a checkpoint can leave it.
        limits: the window, as instants.
        basis: of every intensity.
        g_per_kwh: mean intensity, shape [C, S]. [g/kWh]
        level: the corner at which every figure was taken.
    """

    problem: Problem
    ground: Ground
    limits: Limits
    basis: Basis
    g_per_kwh: Floats
    level: Level

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The clusters that cannot take the job, with their reasons."""
        return self.ground.rejected


def assemble(
    job: Job,
    clusters: Sequence[Cluster],
    intensity: Mapping[str, IntensitySeries],
    now: datetime,
    *,
    level: Level = "central",
    submitted_at: datetime | None = None,
    allowed: Collection[str] | None = None,
    operator_home: str | None = None,
    default_slack: timedelta = NO_TIME,
    deadline_margin: timedelta = NO_TIME,
    learnt: Learnt | None = None,
    reservations: Sequence[Segment] = (),
    progress: float = 0.0,
    resumed_from: str | None = None,
    suspends_done: int = 0,
    moves_done: int = 0,
    step: timedelta | None = None,
    until: datetime | None = None,
    moments: Sequence[datetime] = (),
    history: Mapping[str, IntensitySeries] | None = None,
) -> Assembled:
    """The problem of placing what is left of `job` at `now`.

    Args:
        job: what is to run.
        clusters: all that are configured.
        intensity: zone -> its series, all on one basis; a zone that is not there rejects its clusters.
        now: hour 0 of the surface.
        level: the corner of their ranges at which hardware and intensity are taken.
        submitted_at: what durations in the job count from; None for now.
        allowed: cluster names that stand in for the job's own list; None for that list.
        operator_home: the project's home by the operator's word, which wins over the job's.
        default_slack: slack of a job that states neither deadline nor slack.
        deadline_margin: kept free before the deadline, as far as there is slack.
        learnt: what past runs took, for a job that states no duration; its margin adds to the other.
        reservations: what other jobs occupy, held GPUs included; what clusters keep from all jobs comes on top.
        progress: fraction of the work done. [-]
        resumed_from: cluster that the checkpoint lies on; None for a first start.
        suspends_done: how often it was suspended before, which counts towards its limit.
        moves_done: how often it was moved before.
        step: finest slot, see `slot_edges`.
        until: the surface reaches to this where it is past the deadline, so that a late run has a price.
        moments: more instants that are to be edges, such as those of an older plan.
        history: zone -> what was observed before `now`; None where no policy looks at it.

    Raises:
        NoCandidate: every cluster was rejected.
        Infeasible: the deadline has passed.
        InvalidInput: the job has no home or no duration, or names a cluster that is not there.
        BasisMismatch: two series differ in basis.
    """
    if not 0 <= progress < 1:
        raise InvalidInput(f"a progress of {progress:g} leaves no job to place", hint="it is from 0 to below 1")
    basis = basis_of(intensity)
    ground = ground_of(
        job,
        clusters,
        allowed=job.allowed if allowed is None else tuple(allowed),
        zones=intensity,
        operator_home=operator_home,
        learnt=learnt,
        resumed_from=resumed_from,
        progress=progress,
    )
    window = limits(
        job,
        now=now,
        submitted_at=submitted_at or now,
        run=ground.duration,
        shortest=min(ground.spans) * (1 - progress) + (_restart(job) if resumed_from else NO_TIME),
        default_slack=default_slack,
        margin=deadline_margin + (learnt.margin if learnt and job.duration is None else NO_TIME),
    )
    end = max(window.deadline, until or window.deadline)
    shut = closures(ground.candidates, now, end)
    edges_us = slot_edges(
        [intensity[zone] for zone in sorted({cluster.zone for cluster in ground.candidates})],
        now,
        end,
        moments=[window.earliest, window.deadline, *moments, *_changes((*reservations, *shut), ground)],
        step=step,
    )
    by_zone = {row.zone: row for row in ground.rows}
    means = {zone: row_intensity(row, intensity, now, edges_us, level) for zone, row in by_zone.items()}
    g_per_kwh = np.stack([means[row.zone] for row in ground.rows])
    surface = _surface(job, ground, now, edges_us, g_per_kwh, taken=(reservations, shut), level=level)
    problem = Problem(
        surface=surface,
        gpus=job.gpus,
        work_h=ground.duration / _HOUR * (1 - progress),
        earliest_h=surface.hour(window.earliest),
        deadline_h=surface.hour(window.deadline),
        home=ground.home_row,
        interruption=_interruption(job, suspends_done, moves_done),
        resumed_from=ground.resumed_from,
        min_saving_pct=job.min_saving,
        objective=job.objective,
        widths=_widths(job, ground, 1 - progress),
    )
    if history is not None:
        now_rate = problem.run_rate[:, 0]
        past = past_of(job, ground.rows, history, now, now_rate, objective=job.objective, level=level)
        problem = replace(problem, past=past)
    return Assembled(problem=problem, ground=ground, limits=window, basis=basis, g_per_kwh=g_per_kwh, level=level)


def basis_of(intensity: Mapping[str, IntensitySeries]) -> Basis:
    """The basis that every series is on."""
    bases = [series.basis for series in intensity.values()]
    if not bases:
        raise InvalidInput("there is no intensity of any zone", hint="give an intensity table that has the zones")
    for basis in bases[1:]:
        bases[0].require_same(basis)
    return bases[0]


def _restart(job: Job) -> timedelta:
    """Time from a resume to progress."""
    return job.interruptible.restart if job.interruptible else NO_TIME


def _changes(reservations: Sequence[Segment], ground: Ground) -> list[datetime]:
    """The instants at which room changes on a candidate."""
    names = {cluster.name for cluster in ground.candidates}
    return [moment for each in reservations if each.cluster in names for moment in (each.start, each.end)]


def _surface(
    job: Job,
    ground: Ground,
    now: datetime,
    edges_us: Ints,
    g_per_kwh: Floats,
    *,
    taken: tuple[Sequence[Segment], Sequence[Segment]],
    level: Level,
) -> Surface:
    """Rates, room and overheads over the slots, at a mean intensity. [g/kWh]"""
    rows = ground.rows
    run_g, hold_g = _lines(job, ground, g_per_kwh, level)
    room = [room_of(job, cluster, taken, now, edges_us) for cluster in ground.candidates]
    room += [np.zeros(len(edges_us) - 1, dtype=np.int64) for _ in ground.stranded]
    move_h, move_g = moves(job, rows, g_per_kwh, level)
    return Surface(
        origin=now,
        clusters=tuple(cluster.name for cluster in rows),
        edges_h=hours(edges_us),
        run_g=run_g,
        hold_g=hold_g,
        holds=np.array([cluster.holds_paused for cluster in rows]),
        capacity=np.stack(room),
        speed=ground.speed,
        restart_h=np.full(len(rows), _restart(job) / _HOUR),
        move_h=move_h,
        move_g=move_g,
    )


def _lines(job: Job, ground: Ground, g_per_kwh: Floats, level: Level) -> tuple[dict[Line, Floats], dict[Line, Floats]]:
    """Emissions of running and of holding by line, shape [C, S]; unknown on the stranded row. [g/GPU-h]"""
    run_g: dict[Line, Floats] = {line: np.full(g_per_kwh.shape, np.nan) for line in RUN_LINES}
    hold_g: dict[Line, Floats] = {line: np.full(g_per_kwh.shape, np.nan) for line in HOLD_LINES}
    for row, (cluster, intensity) in enumerate(zip(ground.candidates, g_per_kwh, strict=False)):
        hour = job_gpu_hour(job, cluster, level)
        for line, rate in hour.running(intensity).items():
            run_g[line][row] = rate
        for line, rate in hold_lines(cluster, hour, intensity).items():
            hold_g[line][row] = rate
    return run_g, hold_g


def listed_widths(job: Job) -> tuple[int, ...]:
    """The widths between its limits that a job lists beside its own. [GPUs]"""
    said = job.elastic
    if said is None:
        return ()
    return tuple(gpus for gpus in sorted(said.speedup) if said.min_gpus <= gpus <= said.max_gpus and gpus != job.gpus)


def _widths(job: Job, ground: Ground, left: float) -> tuple[Width, ...]:
    """The other widths that the job lists, each on the candidates that can run what is left so at the same cost."""
    said, listed = job.elastic, listed_widths(job)
    if said is None:
        return ()
    own = said.speedup.get(job.gpus, 1.0)
    rows = {
        gpus: tuple(
            n
            for n, (place, span) in enumerate(zip(ground.candidates, ground.spans, strict=True))
            if can_run(job, place, gpus)
            and _same(job, place, gpus)
            and not too_long(job, place, span * left * own / said.speedup[gpus])
        )
        for gpus in listed
    }
    return tuple(Width(gpus=gpus, speed=said.speedup[gpus] / own, rows=rows[gpus]) for gpus in listed if rows[gpus])


def _same(job: Job, cluster: Cluster, gpus: int) -> bool:
    """Whether a GPU-hour at another width carries the same share of the node, so that the surface prices it."""
    own, other = job_gpu_hour(job, cluster, "central"), job_gpu_hour(job, cluster, "central", gpus)
    pairs = ((own.dynamic_kwh, other.dynamic_kwh), (own.idle_kwh, other.idle_kwh), (own.embodied_g, other.embodied_g))
    return all(isclose(one, two) for one, two in pairs)


def _interruption(job: Job, suspends_done: int, moves_done: int) -> Interruption | None:
    """What a suspend costs; one that saves periodically loses half a period on average, and a save under way."""
    said = job.interruptible
    if said is None:
        return None
    return Interruption(
        checkpoint_h=lost_at_suspend(job) / _HOUR,
        min_segment_h=said.min_segment / _HOUR,
        max_suspends=_left(said.max_suspends, suspends_done),
        max_moves=_left(said.max_moves, moves_done),
        max_resizes=job.elastic.max_resizes if job.elastic else None,
    )


def _left(limit: int | None, done: int) -> int | None:
    """What is left of a limit, None where there is none."""
    return None if limit is None else max(0, limit - done)
