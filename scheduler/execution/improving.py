"""Whether a plan made now takes the place of an older one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from scheduler.domain.placement import Segment
from scheduler.planning.situation import Situation
from scheduler.problem.feasible import violations
from scheduler.problem.hysteresis import least_gain_kg
from scheduler.problem.pricing import price
from scheduler.problem.refit import refit

if TYPE_CHECKING:
    from scheduler.execution.placed import Placed

Planned = Callable[[Situation], "Placed"]
"""What makes a plan; raises `Infeasible`."""

_SOONER: Final = timedelta(minutes=10)
"""An end that is earlier by more is worth a change that costs nothing."""
_SAME_KG: Final = 1e-9
"""Two sums of one cost differ by less. [kg]"""


def improved(situation: Situation, ahead: Sequence[Segment], planned: Planned) -> Placed | None:
    """A plan to replace the stretches `ahead`, where those break a constraint or the gain is worth it.

    Raises:
        Infeasible: there is no plan.

    Notes:
        A feasible incumbent is replaced where E_old - E_new > max(2 % of E_old, 0.05 kg), on the job's objective;
        restarts, holds and transfers are in both prices. Also where the new plan costs no more and ends over ten
        minutes earlier, as when room came free on a grid that does not vary.
    """
    placed = planned(replace(situation, moments=borders(ahead)))
    problem = placed.plan.assembled.problem
    kept = refit(problem, ahead)
    if kept is None or violations(problem, kept):
        return placed
    old = price(problem, kept).objective_kg(problem.objective)
    new = placed.plan.chosen.prices["central"].objective_kg(problem.objective)
    sooner = kept.finish - placed.plan.chosen.placement.finish > _SOONER and new - old <= _SAME_KG
    return placed if sooner or old - new > least_gain_kg(old) else None


def borders(stretches: Sequence[Segment]) -> list[datetime]:
    """The starts and ends of stretches: edges that a plan needs to be able to say the same."""
    return [moment for stretch in stretches for moment in (stretch.start, stretch.end)]
