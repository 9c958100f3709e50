"""How much of a clairvoyant's saving a forecast keeps: day-long jobs planned on one course and priced on another.

All arrivals are solved at once on whole hours. Without overhead the sum of the cheapest hours is the exact optimum, and
a window in one piece begins on an hour because its length is one; the tests hold both, and the plans with a restart,
against the solvers that plan jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.planning.forecasting.profile import DAY_H
from scheduler.planning.forecasting.shrinkage import Flags, Floats, Ints

WORK_H: Final = 24
"""Length of the job. [h]"""
SPAN_H: Final = 48
"""From arrival to deadline: the job and 24 h of slack. [h]"""
RESTART_SUSPENDS: Final = 3
"""Most suspends where a restart costs half an hour."""
_HALVES: Final = 2 * WORK_H
"""Work in half hours, so that a restart of 30 minutes is one. [0.5 h]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Savings:
    """Intensity that each job ran at, shape [Z, N]. [g/kWh h per h of work]

    Args:
        now: begun on arrival, the baseline.
        realised: as planned on the forecast.
        clairvoyant: as planned on what came.
    """

    now: Floats
    realised: Floats
    clairvoyant: Floats

    def saving_pct(self, plan: Floats, weights: Floats | None = None) -> Floats:
        """What a plan saves of the baseline, sums over the arrivals, shape [..., Z]. [%]

        Args:
            plan: `realised` or `clairvoyant`.
            weights: how often each arrival counts, shape [..., N]; None for once each. [-]
        """
        often = np.ones(self.now.shape[1]) if weights is None else weights
        before, after = often @ self.now.T, often @ plan.T
        return np.asarray(100.0 * (before - after) / before)

    def kept_zone_pct(self, weights: Floats | None = None) -> Floats:
        """The realised saving of all zones as a share of the clairvoyant one: sums of percentages, shape [...]. [%]"""
        best = self.saving_pct(self.clairvoyant, weights).sum(-1)
        kept = self.saving_pct(self.realised, weights).sum(-1)
        return np.asarray(np.divide(100.0 * kept, best, out=np.full_like(best, np.nan), where=best > 0))


def slots(course: Floats, came: Floats) -> Savings:
    """Planned once, on the cheapest hours before the deadline.

    Args:
        course: the forecast of the hours from each arrival, shape [Z, N, 48]. [g/kWh]
        came: what came, the same shape. [g/kWh]
    """
    return _savings(came, (came * _cheapest(course)).sum(2) / WORK_H, np.sort(came, 2)[..., :WORK_H].sum(2) / WORK_H)


def windows(course: Floats, came: Floats) -> Savings:
    """Planned once, in one piece; arguments as for `slots`."""
    planned, true = _window_sums(course), _window_sums(came)
    realised = np.take_along_axis(true, planned.argmin(2)[..., None], 2)[..., 0]
    return _savings(came, realised / WORK_H, true.min(2) / WORK_H)


def replanned(course: Floats, came: Floats, arrivals: Ints, midnights: Mapping[int, Floats]) -> Savings:
    """Planned on the cheapest hours, and what is left of the job planned again at each midnight.

    Args:
        course, came: as for `slots`.
        arrivals: hour of each arrival, counted from a midnight, shape [N].
        midnights: the forecast at the hours of the midnights after them, each of shape [Z, 48]. [g/kWh]
    """
    runs = _cheapest(course)
    for number, arrival in enumerate(arrivals):
        for done in range(DAY_H - int(arrival) % DAY_H, SPAN_H, DAY_H):
            rest = midnights[int(arrival) + done][:, : SPAN_H - done]
            left = WORK_H - runs[:, number, :done].sum(1)
            runs[:, number, done:] = _cheapest(rest, left)
    return _savings(came, (came * runs).sum(2) / WORK_H, np.sort(came, 2)[..., :WORK_H].sum(2) / WORK_H)


def with_restarts(course: Floats, came: Floats, clairvoyant: Floats | None = None) -> Savings:
    """Planned once with at most 3 suspends, each resume taking 30 minutes without progress.

    Args:
        course, came: as for `slots`.
        clairvoyant: what planning on what came emits, where that is known from before, shape [Z, N]. [g/kWh]

    Notes:
        A dynamic programme over the hours. What is kept of a partial plan is whether it runs, its number of segments
        and the half hours of work done; an hour adds two, the hour of a resume one. Suspends and resumes lie on hours,
        the last end where the work ends.
    """
    best = _restarted(came, came) / WORK_H if clairvoyant is None else clairvoyant
    return _savings(came, _restarted(course, came) / WORK_H, best)


def _savings(came: Floats, realised: Floats, clairvoyant: Floats) -> Savings:
    """Beside a start on arrival."""
    return Savings(now=came[..., :WORK_H].sum(2) / WORK_H, realised=realised, clairvoyant=clairvoyant)


def _cheapest(course: Floats, count: Ints | int = WORK_H) -> Flags:
    """Which hours are the `count` cheapest, the earlier of equal ones first."""
    order = np.argsort(course, axis=-1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(course.shape[-1]), course.shape), -1)
    return np.asarray(rank < np.asarray(count)[..., None])


def _window_sums(course: Floats) -> Floats:
    """Sums over the job's length from each start on. [g/kWh h]"""
    sums = np.concatenate([np.zeros((*course.shape[:2], 1)), course.cumsum(2)], axis=2)
    return np.asarray(sums[..., WORK_H:] - sums[..., :-WORK_H])


def _restarted(course: Floats, came: Floats) -> Floats:
    """What came over the plan that is cheapest on `course`. [g/kWh h]"""
    shape = (RESTART_SUSPENDS + 2, _HALVES + 1, 2, *course.shape[:2])  # the last axis but two: planned and true cost
    running, paused = np.full(shape, np.inf), np.full(shape, np.inf)
    done = np.full(shape[2:], np.inf)
    paused[0, 0] = 0.0
    for hour in range(SPAN_H):
        cost = np.stack([course[..., hour], came[..., hour]])
        done = _cheaper(done, _ending(running, cost))
        on = np.full(shape, np.inf)
        on[:, 2:] = running[:, :-2] + cost
        begun = np.full(shape, np.inf)
        begun[1, 2] = paused[0, 0] + cost
        begun[2:, 1:] = paused[1:-1, :-1] + cost
        paused = _cheaper(paused, running)
        running = _cheaper(on, begun)
        done = _cheaper(done, _least(running[:, _HALVES]))
        running[:, _HALVES] = np.inf
    return np.asarray(done[1])


def _ending(running: Floats, cost: Floats) -> Floats:
    """The plans that have half an hour of work left when an hour begins."""
    return _least(running[:, _HALVES - 1] + cost / 2)


def _least(plans: Floats) -> Floats:
    """The cheapest by number of segments, shape [2, Z, N]."""
    best: Floats = plans[0]
    for plan in plans[1:]:
        best = _cheaper(best, plan)
    return best


def _cheaper(one: Floats, other: Floats) -> Floats:
    """The plans that were planned to cost less, with what they truly cost; the axis before the last two has both."""
    take = np.take(other, 0, axis=-3) < np.take(one, 0, axis=-3)
    return np.asarray(np.where(np.expand_dims(take, -3), other, one))
