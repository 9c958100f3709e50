"""Which jobs of a trace can be replayed at all; the others are named with their reason, for every policy alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.duration import format_duration
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import to_the_second
from scheduler.simulation.request import Request
from scheduler.simulation.table import US
from scheduler.simulation.world import World

Why = Literal["too_wide", "too_long", "out_of_table", "not_over", "never_ran"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A job that no policy was given.

    Args:
        job_id: its name.
        why: wider than any cluster or than its home, longer than the walltime of either, not wholly inside the table
            by its deadline, or, as the trace says, not over or without a run.
        reason: the same with its figures.
        submitted: None where the trace does not say.
    """

    job_id: str
    why: Why
    reason: str
    submitted: datetime | None = None


def screened(world: World, requests: Sequence[Request]) -> tuple[list[Request], list[LeftOut]]:
    """The jobs that can be replayed, in order of submission, and those that cannot, in the order of the trace.

    Raises:
        InvalidInput: a job's home is not there, or its power is below the idle power of a GPU.
    """
    kept, left = [], []
    for request in requests:
        _require_power(world, request)
        why = _outside(world, request)
        if why:
            left.append(_left(request, "out_of_table", why))
        elif why := _too_wide(world, request):
            left.append(_left(request, "too_wide", why))
        elif why := _too_long(world, request):
            left.append(_left(request, "too_long", why))
        else:
            kept.append(request)
    return sorted(kept, key=lambda request: request.submitted), left


def _require_power(world: World, request: Request) -> None:
    """Refuse a power that no GPU at work can have, by the name of the job."""
    try:
        world.rates(request.gpu_w)
    except InvalidInput as exc:
        raise InvalidInput(f"job {request.job_id}: {exc.message}", hint=exc.hint) from exc


def _left(request: Request, why: Why, reason: str) -> LeftOut:
    """A request that cannot be replayed."""
    return LeftOut(job_id=request.job_id, why=why, reason=reason, submitted=request.submitted)


def _too_wide(world: World, request: Request) -> str:
    """Why a job is wider than every cluster, or than its home; empty where it is not."""
    wide = world.rooms.wide_enough(request.gpus)
    if not wide:
        widest = max(world.clusters, key=lambda cluster: cluster.open_gpus)
        return f"it takes {request.gpus} GPUs, and {widest.name}, the widest, has {_has(widest)}"
    if not request.home or (row := world.home(request)) in wide:
        return ""
    home = world.clusters[row]
    return f"it takes {request.gpus} GPUs, and its home {home.name} has {_has(home)}"


def _has(cluster: Cluster) -> str:
    """The GPUs of a cluster, those apart that it keeps back."""
    return f"{cluster.gpus}, {cluster.reserve} of them kept back" if cluster.reserve else f"{cluster.gpus}"


def _too_long(world: World, request: Request) -> str:
    """Why a job is longer than the walltime of every cluster that is wide enough, or of its home; empty where not."""
    lasting = world.rooms.that_take(request, request.expected // US)
    if lasting and (not request.home or world.home(request) in lasting):
        return ""
    counted = ", restart and checkpoint counted," if request.interruption is not None else ""
    run = f"its run of {format_duration(request.expected)}{counted} is longer than the walltime"
    if not lasting:
        return f"{run} of every cluster that is wide enough"
    home = world.clusters[world.home(request)]
    return f"{run} {format_duration(home.walltime or request.expected)} of its home {home.name}"


def _outside(world: World, request: Request) -> str:
    """Why a job is not inside the table, empty where it is."""
    table = world.table
    if request.submitted < table.start:
        return f"submitted {to_the_second(request.submitted)}, before the table begins"
    end = table.moment(table.end_us)
    if request.deadline > end:
        return f"its deadline {to_the_second(request.deadline)} lies behind the end of the table"
    return ""
