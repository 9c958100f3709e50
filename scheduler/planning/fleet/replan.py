"""A fleet planned again from the reservations that it holds, taken only where every job of it keeps its time."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

from scheduler.planning.fleet.dual import Left, forever
from scheduler.planning.fleet.order import MAX_WAIT_H
from scheduler.planning.fleet.planner import FleetPlan, plan_fleet
from scheduler.planning.fleet.problems import Member, fleet_of
from scheduler.planning.fleet.warm import Warm

TRIES: Final = 1000
"""How often a few jobs are taken out and put back, where nothing ends the search before."""


def replanned(
    ways: Sequence[Sequence[Member]],
    *,
    tries: int = TRIES,
    left: Left = forever,
    warm: Warm | None = None,
    dirty: Collection[str] | None = None,
    max_wait_h: float = MAX_WAIT_H,
) -> FleetPlan | None:
    """The plan of the first way to pose some jobs in which each of them keeps its time, None where none does.

    Args:
        ways: the same jobs each: those that have just come as if they held nothing, so that their turn and the spread
            of starts count; then all as they hold.
        tries, left, warm, dirty, max_wait_h: as of `plan_fleet`; without a limit of time the plan is always the same.
    """
    for members in ways:
        plan = plan_fleet(
            fleet_of(members),
            seed=_seed(members),
            tries=tries,
            left=left,
            warm=warm,
            dirty=dirty,
            max_wait_h=max_wait_h,
        )
        if not plan.late and not plan.unplaced:
            return plan
    return None


def _seed(members: Sequence[Member]) -> int:
    """The same for the same jobs, another one in every other store: ids are drawn."""
    text = "/".join(member.id for member in members)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
