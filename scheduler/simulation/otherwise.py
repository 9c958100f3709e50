"""Which jobs two policies place otherwise, and what makes the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scheduler.domain.units import G_PER_KG
from scheduler.problem.surface import Ints
from scheduler.simulation.request import Request
from scheduler.simulation.results import Replayed
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one policy made of a job.

    Args:
        cluster: where it started; start_us, finish_us: from the start of the table. [us]
        suspends, moves: of it.
        emitted_kg: all lines; None where a part has no intensity. [kg]
        g_per_gpu_h: the same for each hour of its own work on a GPU. [g/GPU-h]
        late: whether nothing kept its deadline when it was submitted.
    """

    cluster: str
    start_us: int
    finish_us: int
    suspends: int
    moves: int
    emitted_kg: float | None
    g_per_gpu_h: float | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """A job that two policies place otherwise.

    Args:
        one, other: what each made of it.
        saved_kg: what the other emits less; None where either is not known. [kg]
        later_h: by how much the other is through later. [h]
        taken: whether other jobs hold under the other what this one had under the one.
    """

    job_id: str
    gpus: int
    one: Side
    other: Side
    saved_kg: float | None
    later_h: float
    taken: bool = False

    @property
    def why(self) -> str:
        """What the other does otherwise, in the order of what weighs most."""
        one, other, said = self.one, self.other, []
        if one.cluster != other.cluster:
            said.append(f"on {other.cluster} instead of {one.cluster}")
        start_h = (other.start_us - one.start_us) / US_PER_H
        if abs(start_h) >= _TOLD_H:
            said.append(f"starts {abs(start_h):.1f} h {'later' if start_h > 0 else 'sooner'}")
        for count, word in ((other.suspends - one.suspends, "suspend"), (other.moves - one.moves, "move")):
            if count:
                said.append(f"{abs(count)} {word}{'' if abs(count) == 1 else 's'} {'more' if count > 0 else 'fewer'}")
        if not said and one.suspends:
            said.append("pauses at other hours")
        if one.g_per_gpu_h is not None and other.g_per_gpu_h is not None:
            said.append(f"{other.g_per_gpu_h:.1f} instead of {one.g_per_gpu_h:.1f} g a GPU-hour of work")
        if self.taken and (other.late or (self.saved_kg or 0.0) < 0):
            said.append("other jobs hold its room there")
        if other.late and not one.late:
            said.append("late at admission")
        return ", ".join(said)


_TOLD_H = 0.05
"""A start that differs by less is told as the same. [h]"""


def otherwise(world: World, requests: Sequence[Request], one: Replayed, other: Replayed) -> list[Otherwise]:
    """The jobs that are placed otherwise, those first whose emissions differ most; both replays are of `requests`."""
    same = (one.row == other.row) & (one.start_us == other.start_us) & (one.finish_us == other.finish_us)
    same &= (one.suspends == other.suspends) & (one.moves == other.moves)
    first, second = (_by_job(each.spans, len(requests)) for each in (one, other))
    for number in np.flatnonzero(same & (one.suspends > 0)).tolist():
        same[number] = np.array_equal(first[number], second[number])
    uses = [_Use.of(other.spans, row, requests) for row in range(len(world.clusters))]
    found = []
    for number in np.flatnonzero(~same).tolist():
        made = _one(world, requests[number], number, one, other)
        row, elsewhere = int(one.row[number]), not (second[number][:, 1] == one.row[number]).any()
        most = uses[row].most(int(one.start_us[number]), int(one.finish_us[number])) if elsewhere else 0
        found.append(replace(made, taken=most + made.gpus > world.clusters[row].gpus))
    return sorted(found, key=lambda each: (-abs(each.saved_kg or 0.0), each.job_id))


def _by_job(spans: Ints, jobs: int) -> list[Ints]:
    """The stretches of each job."""
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    return np.split(ordered, np.searchsorted(ordered[:, 0], np.arange(1, jobs)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Use:
    """The GPUs in use on a cluster, from each instant to the next. [us], [GPUs]"""

    at_us: Ints
    gpus: Ints

    @classmethod
    def of(cls, spans: Ints, row: int, requests: Sequence[Request]) -> _Use:
        """The stretches on one cluster, held ones too, laid over each other."""
        here = spans[spans[:, 1] == row]
        wide = np.array([request.gpus for request in requests], dtype=np.int64)[here[:, 0]]
        at_us, changes = np.concatenate((here[:, 2], here[:, 3])), np.concatenate((wide, -wide))
        order = np.lexsort((changes, at_us))  # at one instant those that end give way first
        return cls(at_us=at_us[order], gpus=np.cumsum(changes[order]))

    def most(self, since_us: int, until_us: int) -> int:
        """The most at once in a time. [GPUs]"""
        first = int(np.searchsorted(self.at_us, since_us, side="right"))
        last = int(np.searchsorted(self.at_us, until_us, side="left"))
        before = int(self.gpus[first - 1]) if first else 0
        return max(before, int(self.gpus[first:last].max(initial=0)))


def _one(world: World, request: Request, number: int, one: Replayed, other: Replayed) -> Otherwise:
    """One job."""
    first, second = (_side(world, request, number, replayed) for replayed in (one, other))
    known = first.emitted_kg is not None and second.emitted_kg is not None
    return Otherwise(
        job_id=request.job_id,
        gpus=request.gpus,
        one=first,
        other=second,
        saved_kg=(first.emitted_kg or 0.0) - (second.emitted_kg or 0.0) if known else None,
        later_h=(second.finish_us - first.finish_us) / US_PER_H,
    )


def _side(world: World, request: Request, number: int, replayed: Replayed) -> Side:
    """One policy's part."""
    total_kg = float(replayed.bill.total_kg[number])
    work_gpu_h = request.length.total_seconds() / 3600 * request.gpus
    known = np.isfinite(total_kg)
    return Side(
        cluster=world.names[int(replayed.row[number])],
        start_us=int(replayed.start_us[number]),
        finish_us=int(replayed.finish_us[number]),
        suspends=int(replayed.suspends[number]),
        moves=int(replayed.moves[number]),
        emitted_kg=total_kg if known else None,
        g_per_gpu_h=G_PER_KG * total_kg / work_gpu_h if known else None,
        late=bool(replayed.late[number]),
    )
