"""What policies did with the same jobs, beside run-now: the figures of a replay as machines read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.domain.emissions import LINES, Emissions
from scheduler.problem.surface import Ints
from scheduler.simulation.bill import Bill
from scheduler.simulation.parts import spans_of
from scheduler.simulation.request import Request
from scheduler.simulation.run import Flags, Run
from scheduler.simulation.table import US, US_PER_H, Table

LEAST_KEPT: Final = 0.005
"""Where even perfect forecasts save less than this of run-now, what a policy keeps of that is noise. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """One policy's replay, in the order of the requests: arrays, so that it travels between processes.

    Args:
        row: of the cluster that each job started on, shape [J].
        start_us, finish_us: of each job, shape [J]. [us]
        suspends, moves: of each job, shape [J].
        late: whether each was admitted late, shape [J].
        solves: plans that were made.
        spans: all stretches, see `spans_of`.
        bill: what each emitted.
        wall_s: how long the replay took. [s]
    """

    row: Ints
    start_us: Ints
    finish_us: Ints
    suspends: Ints
    moves: Ints
    late: Flags
    solves: int
    spans: Ints
    bill: Bill
    wall_s: float

    @classmethod
    def of(cls, runs: Sequence[Run], bill: Bill, wall_s: float) -> Replayed:
        """The replay of some runs with their bill."""
        return cls(
            row=np.array([run.stretches[0][0] for run in runs], dtype=np.int64),
            start_us=np.array([run.start_us for run in runs], dtype=np.int64),
            finish_us=np.array([run.finish_us for run in runs], dtype=np.int64),
            suspends=np.array([len(run.stretches) - 1 for run in runs], dtype=np.int64),
            moves=np.array([run.moves for run in runs], dtype=np.int64),
            late=np.array([run.late_at_admission for run in runs], dtype=bool),
            solves=sum(run.solves for run in runs),
            spans=spans_of(runs),
            bill=bill,
            wall_s=wall_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One policy beside run-now.

    Args:
        policy: its name.
        completed: jobs that were done by the end of the table; failed: those that ended by themselves before.
        missed_deadlines: of those that were replayed.
        late_at_admission: that no placement could keep on time when they were submitted.
        emissions: of the jobs that every policy completed with all hours priced. [kg]
        saving_pct, saving_operational_pct: against run-now over the same jobs; None where that emitted nothing. [%]
        kept_pct: of what it saves with perfect forecasts; None where that is hardly anything. [%]
        mean_wait_h: finish less submission less duration, over the same jobs; None without any. [h]
        mean_start_delay_h: start less submission. [h]
        suspends: of the same jobs.
        solves: plans that were made, of all jobs.
        gpu_hours: occupied and held by the same jobs. [GPU-h]
        wall_s: how long its replay took. [s]
    """

    policy: str
    completed: int
    failed: int
    missed_deadlines: int
    late_at_admission: int
    emissions: Emissions
    saving_pct: float | None
    saving_operational_pct: float | None
    kept_pct: float | None
    mean_wait_h: float | None
    mean_start_delay_h: float | None
    suspends: int
    solves: int
    gpu_hours: float
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All policies on the same jobs.

    Args:
        outcomes: one a policy.
        compared: jobs whose emissions are summed: completed and priced under every policy.
        common: which those are, shape [J].
        last_us: when the last of them was through, None without any. [us]
    """

    outcomes: tuple[Outcome, ...]
    compared: int
    common: Flags
    last_us: int | None


def compare(
    table: Table,
    requests: Sequence[Request],
    replayed: Mapping[str, Replayed],
    perfect: Mapping[str, Replayed],
    baseline: str,
    *,
    among: Flags | None = None,
) -> Comparison:
    """The outcome of each policy, sums over the jobs that all of them completed with every hour priced.

    Args:
        table: the grid.
        requests: the jobs.
        replayed: what each policy did.
        perfect: what the same policies did with perfect forecasts.
        baseline: the one among `replayed` that savings are counted from.
        among: jobs of which sums are made at most, shape [J]; None for all.
    """
    everyone = [*replayed.values(), *perfect.values()]
    common = in_all(table, everyone)
    if among is not None:
        common &= among
    jobs = _Jobs(
        submitted_us=np.array([table.us(request.submitted) for request in requests], dtype=np.int64),
        length_us=np.array([request.length // US for request in requests], dtype=np.int64),
        deadline_us=np.array([table.us(request.deadline) for request in requests], dtype=np.int64),
        failed=np.array([request.failed for request in requests], dtype=bool),
        end_us=table.end_us,
        common=common,
        now=_emitted(replayed[baseline], common),
    )
    outcomes = tuple(_outcome(name, one, perfect[name], jobs) for name, one in replayed.items())
    ends = [int(one.finish_us[common].max()) for one in everyone if common.any()]
    return Comparison(outcomes=outcomes, compared=int(common.sum()), common=common, last_us=max(ends, default=None))


def in_all(table: Table, everyone: Sequence[Replayed]) -> Flags:
    """Which jobs all replays completed inside the table with every hour priced, shape [J]; there is at least one."""
    common = np.ones(len(everyone[0].finish_us), dtype=bool)
    for one in everyone:
        common &= one.finish_us <= table.end_us
        common &= np.isfinite(one.bill.total_kg)
    return common


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Jobs:
    """What holds for the jobs under every policy.

    Args:
        submitted_us, length_us, deadline_us: of each job. [us]
        failed: which of them end by themselves before they are done.
        end_us: of the table. [us]
        common: which of them every policy completed, priced.
        now: what those emit under the baseline. [kg]
    """

    submitted_us: Ints
    length_us: Ints
    deadline_us: Ints
    failed: Flags
    end_us: int
    common: Flags
    now: Emissions


def _outcome(name: str, one: Replayed, perfect: Replayed, jobs: _Jobs) -> Outcome:
    """The figures of one policy."""
    emitted, now = _emitted(one, jobs.common), jobs.now
    wait_us = one.finish_us - jobs.submitted_us - jobs.length_us
    return Outcome(
        policy=name,
        completed=int(((one.finish_us <= jobs.end_us) & ~jobs.failed).sum()),
        failed=int(((one.finish_us <= jobs.end_us) & jobs.failed).sum()),
        missed_deadlines=int((one.finish_us > jobs.deadline_us).sum()),
        late_at_admission=int(one.late.sum()),
        emissions=emitted,
        saving_pct=_saving_pct(now.total, emitted.total),
        saving_operational_pct=_saving_pct(now.operational, emitted.operational),
        kept_pct=_kept_pct(now, emitted, _emitted(perfect, jobs.common)),
        mean_wait_h=_mean_h(wait_us[jobs.common]),
        mean_start_delay_h=_mean_h((one.start_us - jobs.submitted_us)[jobs.common]),
        suspends=int(one.suspends[jobs.common].sum()),
        solves=one.solves,
        gpu_hours=float(one.bill.gpu_h[jobs.common].sum()),
        wall_s=one.wall_s,
    )


def _emitted(one: Replayed, common: Flags) -> Emissions:
    """What the common jobs emitted by line. [kg]"""
    return Emissions(**dict(zip(LINES, one.bill.emissions_kg[common].sum(0).tolist(), strict=True)))


def _kept_pct(now: Emissions, emitted: Emissions, perfect: Emissions) -> float | None:
    """The share of a clairvoyant's saving that is kept, None where there is hardly any. [%]"""
    possible_kg = now.total - perfect.total
    if possible_kg <= 0 or possible_kg < LEAST_KEPT * now.total:
        return None
    return 100 * (now.total - emitted.total) / possible_kg


def _saving_pct(before_kg: float, after_kg: float) -> float | None:
    """A ratio of sums, None where nothing was emitted. [%]"""
    return 100 * (before_kg - after_kg) / before_kg if before_kg else None


def _mean_h(times_us: Ints) -> float | None:
    """The mean of times [us], None of none. [h]"""
    return float(times_us.mean()) / US_PER_H if times_us.size else None
