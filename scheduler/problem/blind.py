"""What a policy that may not see the forecast is given instead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from scheduler.problem.problem import Problem


def seen(problem: Problem, needs: Collection[str]) -> Problem:
    """The problem with no more in it than a policy says it needs: the rates to come, and those that were."""
    shown = problem if "forecast" in needs else without_forecast(problem)
    return shown if "history" in needs or shown.past is None else replace(shown, past=None)


def without_forecast(problem: Problem) -> Problem:
    """The same problem with every rate and transfer zero, so that nothing of the future can be told from it."""
    surface = problem.surface
    none = np.zeros(surface.capacity.shape)
    return replace(
        problem,
        surface=replace(
            surface,
            run_g=dict.fromkeys(surface.run_g, none),
            hold_g=dict.fromkeys(surface.hold_g, none),
            move_g=np.broadcast_to(0.0, surface.move_g.shape),
        ),
    )
