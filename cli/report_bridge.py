"""The bridge that a page of a period shows: from the period before it that was closed last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.records.store import Store
    from scheduler.reporting.html_more import Bridged


def bridged(store: Store, name: str) -> Bridged | None:
    """The bridge to the period of that name; None where no earlier one of its kind was closed."""
    from cli import periods
    from cli.period import named
    from scheduler.records.bridge import bridge, footing
    from scheduler.records.periods import issues_of
    from scheduler.reporting.html_more import Bridged

    later = named(name)
    with store.reading() as tx:
        closed = [
            each
            for each in issues_of(tx)
            if each.period.until <= later.since and len(each.period.name) == len(later.name)
        ]
    if not closed:
        return None
    earlier = max(closed, key=lambda each: (each.period.until, each.number))
    restated, after = (periods.figures_of(store, each).figures for each in (earlier.period, later))
    return Bridged(
        earlier=earlier.period.name,
        later=later.name,
        bridge=bridge(footing(earlier.figures), footing(restated), footing(after)),
    )
