"""What `carbonsched doctor` finds of intensities: keys, tables, zones that nobody answers for, and the clock.

It asks no provider and opens no store: `carbonsched intensity sources` does the one, and doctor changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cli import wiring
from cli.findings import Finding

if TYPE_CHECKING:
    from cli.settings import Settings
    from scheduler.execution.grid import Grid

_SLACK: Final = timedelta(minutes=2)
"""By how much two readings of one clock may differ without a word."""


def intensities(values: Settings) -> Iterator[Finding]:
    """Whether what a submit would plan on can be read, and covers the zones of the clusters."""
    from scheduler.domain.errors import InvalidInput
    from scheduler.execution.grid import STATIC, TABLE

    grid = wiring.grid(values)
    reference = grid.reference(values.text("intensity_table") or None)
    try:
        zones = sorted({cluster.zone for cluster in wiring.clusters()})
    except InvalidInput:
        zones = []  # said by the check of the clusters
    if reference.get("source") not in (TABLE, STATIC):
        yield from _chains(grid, zones)
        return
    now = wiring.now()
    absent = sorted(grid.ahead(reference, zones, now, now + timedelta(hours=1)).lacking)
    name = reference["path"] if "path" in reference else f"{reference['source']} of {reference['year']}"
    if absent:
        text = f"{name} says nothing of {', '.join(absent)} for the hour that begins now"
        hint = "jobs are not sent there by their emissions; set intensity_table to one that has it, or sources"
        yield Finding("warn", "intensity", text, hint)
    else:
        yield Finding("ok", "intensity", f"{name} can be read" + (f", has {', '.join(zones)}" if zones else ""))


def clock(_values: Settings) -> Iterator[Finding]:
    """Whether the clock goes on from where it was when the scheduler last wrote."""
    from cli.doctor_state import is_current

    now = wiring.now()
    if not is_current():
        yield Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S}Z")
        return
    with wiring.store().reading() as tx:
        last = tx.scheduler_pass_at() or now
    if last > now + _SLACK:
        text = f"{now:%Y-%m-%d %H:%M:%S}Z is before {last:%Y-%m-%d %H:%M:%S}Z, when the scheduler last wrote"
        yield Finding("fail", "clock", text, "set the clock, as with timedatectl set-ntp true: plans and leases use it")
    else:
        yield Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S}Z, after all that the scheduler wrote")


def _chains(grid: Grid, zones: list[str]) -> Iterator[Finding]:
    """How each source that the settings name stands, and the zones for which they name none."""
    from scheduler.domain.errors import CarbonschedError, CredentialMissing

    assert grid.chains is not None  # noqa: S101  # the caller looked
    for name in grid.chains.names():
        try:
            source = grid.opened(name)
        except CredentialMissing as exc:
            hint = f"{exc.hint}; until then the sources after it stand in"
            yield Finding("warn", "intensity", exc.message, hint)
        except CarbonschedError as exc:
            yield Finding("fail", "intensity", exc.message, exc.hint)
        else:
            where = "on this machine" if source.card.local else "has what it needs; intensity sources asks it"
            yield Finding("ok", "intensity", f"{name}: {where}")
    unnamed = [zone for zone in zones if not grid.chains.of(zone)]
    if unnamed:
        text = f"the setting sources names none for {', '.join(unnamed)}"
        yield Finding("warn", "intensity", text, "add a list for default, such as 'default = static-tables'")
