"""The loop of `serve` with every real part: the half of the composition root that nothing else needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import wiring

if TYPE_CHECKING:
    from cli.serve_loop import Loop
    from cli.settings import Settings
    from scheduler.execution.engine import Engine
    from scheduler.execution.lanes import Lanes
    from scheduler.execution.notify import Emitted, Notifier
    from scheduler.records.store import Store


def engine(values: Settings, opened: Store, lanes: Lanes) -> Engine:
    """The engine with every real part, on lanes that outlive it."""
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.engine import Engine
    from scheduler.execution.fleet_placing import FleetPlacer
    from scheduler.execution.harvest import Harvester
    from scheduler.execution.launching import Launcher
    from scheduler.execution.lookout import Lookout

    declared = wiring.clusters()
    clock, every = SystemClock(), values.duration("sample_every")
    reached, plans = wiring.sites(values, declared), wiring.placer(values, declared)
    return Engine(
        store=opened,
        sites=reached,
        placer=plans,
        together=FleetPlacer(
            placer=plans,
            clock=clock,
            budget=values.duration("planning_budget"),
            max_wait=values.duration("max_wait"),
        ),
        launcher=Launcher(
            state=opened.folder,
            secrets=wiring.secret_files(),
            sample_every=every,
        ),
        lookout=Lookout(
            store=opened,
            sites=reached,
            harvester=Harvester(evidence=wiring.evidence(), clock=clock, every=every),
            clock=clock,
            lease=values.duration("lease"),
        ),
        clock=clock,
        lanes=lanes,
    )


@dataclass(frozen=True, slots=True)
class Engines:
    """The engine of the clusters as they are declared now."""

    values: Settings
    opened: Store
    lanes: Lanes

    def stamp(self) -> object:
        """What changes when a cluster file does."""
        return wiring.clusters_stamp()

    def build(self) -> Engine:
        """The engine with every real part."""
        return engine(self.values, self.opened, self.lanes)


def loop(values: Settings, opened: Store, stopping: list[int], *, shadow: str | None = None) -> Loop:
    """The scheduler's loop with every real part.

    Args:
        values: the settings in force.
        opened: the store.
        stopping: holds something once the loop is to end.
        shadow: policy that plans beside and launches nothing; None for none.
    """
    from cli import serve_shadow
    from cli.serve_loop import Loop
    from cli.serve_settling import DailySettling
    from cli.settling import Round
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.health import Health
    from scheduler.execution.lanes import Threads
    from scheduler.execution.slips import Slips

    clock, tick = SystemClock(), values.duration("tick")
    return Loop(
        store=opened,
        clock=clock,
        engines=Engines(values, opened, Threads()),
        notifier=notifier(opened),
        slips=Slips(store=opened, clock=clock, tick=tick),
        health=Health(clock=clock, tick=tick),
        tick=tick,
        stopping=stopping,
        settling=DailySettling(begin=lambda: Round(store=opened, sparing=True), clock=clock),
        beside=serve_shadow.beside_passes(values, opened, shadow),
    )


def notifier(opened: Store) -> Notifier:
    """Tells what became of jobs by their own webhook or command."""
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.notify import Notifier
    from scheduler.execution.notify_ways import WebhookOrCommand

    clock = SystemClock()
    return Notifier(
        store=opened, ways=WebhookOrCommand(clock=clock), clock=clock, emitted=lambda job_id: emitted(opened, job_id)
    )


def emitted(opened: Store, job_id: str) -> Emitted:
    """What a job emitted so far, as its report says."""
    from cli import accounting
    from scheduler.execution.notify import Emitted
    from scheduler.records.gather import gather

    with opened.reading() as tx:
        history = gather(tx, wiring.evidence(), tx.job(job_id), now=wiring.now())
    report = accounting.one(opened, history)
    kg = report.account.central.total if report.account else None
    return Emitted(kg=kg if kg is not None and math.isfinite(kg) else None, simulated=report.simulated)
