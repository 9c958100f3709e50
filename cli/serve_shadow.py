"""What a scheduler does now and then beside its passes: jobs that budgets have room for again, and a shadow."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cli import wiring
from cli.budget_release import ROUND_EVERY, release_what_fits
from cli.serve_beside import NowAndThen
from cli.settings import Settings
from scheduler.execution import settling
from scheduler.execution.clock import SystemClock
from scheduler.execution.shadow import LANE, Shadow
from scheduler.records.store import Store

SHADOW_EVERY: Final = timedelta(seconds=5)
"""How soon a new job is planned in the shadow."""


def beside_passes(values: Settings, opened: Store, shadow: str | None) -> list[NowAndThen]:
    """The work of one scheduler beside its passes.

    Args:
        values: the settings in force; opened: the store.
        shadow: policy that plans beside and launches nothing; None for none.
    """
    clock = SystemClock()
    budgets = NowAndThen(
        name="budgets", lane=settling.LANE, every=ROUND_EVERY, work=lambda: release_what_fits(opened), clock=clock
    )
    if shadow is None:
        return [budgets]
    planned = Shadow(
        store=opened,
        placer=lambda: wiring.placer(values, wiring.clusters()),
        policy=shadow,
        clock=clock,
        longest_s=values.duration("planning_budget").total_seconds(),
    )
    name = f"the shadow {shadow}"
    return [budgets, NowAndThen(name=name, lane=LANE, every=SHADOW_EVERY, work=planned.round, clock=clock)]
