"""What follows of a job that runs: whether it goes on, until when, and where it resumes.

Only the run under way is a commitment. A policy without a forecast is asked anew at each of its decisions; one with a
forecast plans the stretches behind the next suspend anew, and may put a suspend into a run that had none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from scheduler.domain.errors import Infeasible
from scheduler.domain.job import Interruptible
from scheduler.domain.placement import Segment
from scheduler.execution.improving import borders, improved
from scheduler.planning.situation import Situation
from scheduler.problem.problem import Problem
from scheduler.problem.refit import refit
from scheduler.records.rows import SegmentRow

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Protocol

    from scheduler.execution.placed import Placed
    from scheduler.planning.planner import Decided

    class Plans(Protocol):
        """What makes a plan, or writes up one that was decided; raises `Infeasible`."""

        def __call__(self, situation: Situation, *, decided: Decided | None = None) -> Placed:
            """The plan."""


_FROZEN: Final = timedelta(minutes=10)
"""A suspend so near stays where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoesOn:
    """What follows of a run.

    Args:
        placed: the plan.
        until: when the run is suspended, or expected to end where `is_last`.
        covers: whether the plan's first stretch is what is left of the run; else it begins with the resume.
    """

    placed: Placed
    until: datetime
    is_last: bool
    covers: bool


def decided_again(situation: Situation, live: SegmentRow, plans: Plans) -> GoesOn | None:
    """What a policy says that decides again and again: go on, or pause now; None where nothing but going on is left.

    Args:
        situation: of the job as if it were suspended now.
        live: its run.
        plans: what asks the policy.
    """
    running = replace(situation, running=True)
    try:
        placed = plans(running)
        first = placed.plan.chosen.placement.segments[0]
        if first.start > situation.now:
            pause = situation.job.interruptible or Interruptible()
            return GoesOn(placed=placed, until=situation.now + pause.checkpoint, is_last=False, covers=False)
        goes = plans(_unstopped(running))
    except Infeasible:
        return None
    stretches = goes.plan.chosen.placement.segments
    if stretches[0].cluster != live.cluster or stretches[0].start > situation.now:
        return None
    until = live.planned_end if live.is_last and len(stretches) == 1 else stretches[0].end
    return GoesOn(placed=goes, until=until, is_last=len(stretches) == 1, covers=True)


def planned_again(situation: Situation, live: SegmentRow, later: tuple[Segment, ...], plans: Plans) -> GoesOn | None:
    """What follows by a forecast that may be a new one; None where what was planned stays.

    Args:
        situation: of the job as if it were suspended now.
        live: its run; later: what was planned behind it, empty where nothing was.
        plans: what asks the policy, and writes up what was decided.
    """
    goes = _unstopped(replace(situation, running=True))
    try:
        if live.is_last or not later:
            return _cut(goes, live, plans)
        return _behind(situation, goes, live, later, plans)
    except Infeasible:
        return None


def _cut(goes: Situation, live: SegmentRow, plans: Plans) -> GoesOn | None:
    """A suspend for a run that was to go on to its end, where that is worth it."""
    rest = Segment(cluster=live.cluster, start=goes.now, end=max(live.planned_end, goes.now + _FROZEN), gpus=live.gpus)
    placed = improved(goes, (rest,), plans)
    if placed is None:
        return None
    stretches = placed.plan.chosen.placement.segments
    same = (stretches[0].cluster, stretches[0].start, stretches[0].gpus) == (live.cluster, goes.now, live.gpus)
    if not same or len(stretches) == 1 or stretches[0].end - goes.now < _FROZEN:
        return None
    return GoesOn(placed=placed, until=stretches[0].end, is_last=False, covers=True)


def _behind(
    situation: Situation, goes: Situation, live: SegmentRow, later: tuple[Segment, ...], plans: Plans
) -> GoesOn | None:
    """Other stretches behind the suspend that is planned, where they are worth it."""
    problem = goes.at("central").problem
    left = _left_at(problem, live)
    if left is None or live.planned_end - situation.now < _FROZEN:
        return None
    progress = 1 - left * (1 - situation.progress)
    found = improved(replace(situation, now=live.planned_end, progress=progress), later, plans)
    if found is None:
        return None
    rest = Segment(cluster=live.cluster, start=goes.now, end=live.planned_end, gpus=live.gpus)
    behind = found.plan.chosen.placement.segments
    if (behind[0].cluster, behind[0].start, behind[0].gpus) == (rest.cluster, rest.end, rest.gpus):
        rest, behind = replace(rest, end=behind[0].end), behind[1:]  # it need not be suspended at all
    whole = refit(problem, (rest, *behind))
    if whole is None:
        return None
    kept = found.plan.other.kept if found.plan.other is not None else ()
    placed = plans(replace(_free_to_stop(goes), moments=borders(whole.segments)), decided=(whole, kept))
    if not placed.plan.feasible:
        return None
    return GoesOn(placed=placed, until=whole.segments[0].end, is_last=len(whole.segments) == 1, covers=True)


def _left_at(problem: Problem, live: SegmentRow) -> float | None:
    """Share of the work left now that is left at the planned suspend; None where there is none then. [-]"""
    if live.cluster not in problem.surface.clusters:
        return None
    speed = problem.speed_at(problem.surface.index(live.cluster), live.gpus)
    if speed is None:
        return None
    checkpoint_h = problem.interruption.checkpoint_h if problem.interruption is not None else 0.0
    left = 1 - (problem.surface.hour(live.planned_end) - checkpoint_h) * speed / problem.work_h
    return left if 0 < left < 1 else None


def _unstopped(situation: Situation) -> Situation:
    """The same where the run is not stopped: it goes on without a restart, and its suspend is still to come."""
    return replace(situation, resumed_from=None, suspends_done=situation.suspends_done - 1)


def _free_to_stop(situation: Situation) -> Situation:
    """The same without a shortest segment: the run began before."""
    assert situation.job.interruptible is not None, situation.job.name  # noqa: S101  # only such a job is asked
    pause = situation.job.interruptible.model_copy(update={"min_segment": timedelta(0)})
    return replace(situation, job=situation.job.model_copy(update={"interruptible": pause}))
