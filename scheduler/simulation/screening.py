"""Which jobs of a trace can be replayed at all; the others are named with their reason, for every policy alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scheduler.domain.instant import to_the_second
from scheduler.simulation.request import Request
from scheduler.simulation.world import World

Why = Literal["too_wide", "out_of_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A job that no policy was given.

    Args:
        job_id: its name.
        why: wider than any cluster or than its home, or not wholly inside the table by its deadline.
        reason: the same with its figures.
    """

    job_id: str
    why: Why
    reason: str


def screened(world: World, requests: Sequence[Request]) -> tuple[list[Request], list[LeftOut]]:
    """The jobs that can be replayed, in order of submission, and those that cannot, in the order of the trace.

    Raises:
        InvalidInput: a job's home is not there, or its power is below the idle power of a GPU.
    """
    kept, left = [], []
    widest = max(world.clusters, key=lambda cluster: cluster.gpus)
    for request in requests:
        world.rates(request.gpu_w)
        why = _outside(world, request)
        if why:
            left.append(LeftOut(job_id=request.job_id, why="out_of_table", reason=why))
        elif request.gpus > widest.gpus:
            reason = f"it takes {request.gpus} GPUs, and {widest.name}, the widest, has {widest.gpus}"
            left.append(LeftOut(job_id=request.job_id, why="too_wide", reason=reason))
        elif request.gpus > (home := world.clusters[world.home(request)]).gpus:
            reason = f"it takes {request.gpus} GPUs, and its home {home.name} has {home.gpus}"
            left.append(LeftOut(job_id=request.job_id, why="too_wide", reason=reason))
        else:
            kept.append(request)
    return sorted(kept, key=lambda request: request.submitted), left


def _outside(world: World, request: Request) -> str:
    """Why a job is not inside the table, empty where it is."""
    table = world.table
    if request.submitted < table.start:
        return f"submitted {to_the_second(request.submitted)}, before the table begins"
    end = table.moment(table.end_us)
    if request.deadline > end:
        return f"its deadline {to_the_second(request.deadline)} lies behind the end of the table"
    return ""
