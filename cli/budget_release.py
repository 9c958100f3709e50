"""Jobs that a budget held are released when it has room again: in a new month, or where the operator raised it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cli import wiring
from cli.budgets import budgets_of, gate_of, is_held
from scheduler.records.store import Store

ROUND_EVERY: Final = timedelta(minutes=10)
"""How soon it is seen that there is room again."""


def release_what_fits(store: Store) -> int:
    """Release held jobs in order of submission while their project's month has room; how many were released."""
    with store.reading() as tx:
        held = [row for row in tx.open_jobs() if is_held(row)]
        plans = tx.newest_plans([row.id for row in held])
    if not held:
        return 0
    values, now = wiring.settings(), wiring.now()
    gate = gate_of(store, {row.job.project for row in held})
    released = 0
    for row in held:
        budget = budgets_of(values).of(row.job.project, now)
        binds = budget is not None and budget.hold
        if binds and gate.why_held_again(row.job.project, plans[row.id].document):
            continue
        with store.writing() as tx:
            if not is_held(tx.job(row.id)):
                continue  # a person was faster
            tx.set_job(row.id, wanted="run")
            tx.add_event(row.id, now, "asked", "release asked: its budget has room again")
        released += 1
    return released
