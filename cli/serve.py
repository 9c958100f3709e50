"""`carbonsched serve`: run the loop. One process an account holds the lease; the others leave it alone."""

from __future__ import annotations

import os
import signal
import subprocess
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from filelock import FileLock

    from cli.settings import Settings
    from scheduler.execution.engine import Engine
    from scheduler.records.store import Store

IDLE_EXIT_S = 30.0
"""A loop that `submit` started ends by itself after so long without open jobs. [s]"""


def serve(
    background: Annotated[
        bool, typer.Option("--background", help="Start it in the background, end it when no job is open.")
    ] = False,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End it when no job is open for 30 s.")] = False,
) -> None:
    """Run the loop that launches, suspends, resumes and accounts for the jobs, until SIGTERM or Ctrl-C.

    Only one loop runs an account; jobs go on when it ends, and the next loop takes them over.

    \b
    Examples:
      carbonsched serve
      carbonsched serve --background
    """
    from cli import wiring
    from cli.console import say

    values = wiring.settings()
    if background:
        pid = ensure_scheduler()
        say(f"a scheduler runs already (process {running_pid()})" if pid is None else f"scheduler started (pid {pid})")
        return
    store = wiring.store()
    lease = _lease(store)
    if not _acquire(lease, wait_s=2.0):
        from scheduler.domain.errors import CarbonschedError

        raise CarbonschedError(
            f"a scheduler runs already (process {running_pid()})", hint="let it, or end it with kill and its number"
        )
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        """Finish the step in hand, then end."""
        stopping.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    say(f"scheduler {os.getpid()} watches {store.folder.root}")
    _loop(values, store, lease, stopping, until_idle=until_idle)
    say("scheduler ended; running jobs go on")


def ensure_scheduler() -> int | None:
    """Start a loop in the background unless one runs; its process id, or None."""
    from cli import wiring
    from scheduler.domain.errors import StoreError

    folder = wiring.state_folder()
    folder.prepare()
    if scheduler_runs():
        return None
    from carbonsched_entry import command

    try:
        with folder.scheduler_log.open("ab") as log:
            child = subprocess.Popen(
                [*command(), "serve", "--until-idle"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={**os.environ, **_absolute(wiring.settings())},
            )
    except OSError as exc:
        raise StoreError(f"the scheduler could not be started: {exc.strerror}", hint="carbonsched serve") from exc
    return child.pid


def scheduler_runs() -> bool:
    """Whether some process holds the lease."""
    from cli import wiring

    lease = _lease_file(str(wiring.state_folder().lease))
    if _acquire(lease):
        lease.release()
        return False
    return True


def running_pid() -> int | None:
    """The process that holds the lease, None where none does."""
    from cli import wiring

    if not wiring.state_folder().database.exists() or not scheduler_runs():
        return None
    with wiring.store().reading() as tx:
        return tx.scheduler_pid()


def _loop(values: Settings, store: Store, lease: FileLock, stopping: list[int], *, until_idle: bool) -> None:
    """Pass after pass, until told to stop or nothing is left to do."""
    from cli import wiring
    from cli.console import say
    from scheduler.domain.errors import CarbonschedError

    stamp = wiring.clusters_stamp()
    engine = wiring.engine(values, store)
    clock, tick = engine.clock, values.duration("tick")
    started, idle_since_s = clock.now(), clock.monotonic_s()
    while not stopping:
        began_s = clock.monotonic_s()
        try:
            if stamp != wiring.clusters_stamp():
                stamp = wiring.clusters_stamp()
                engine = wiring.engine(values, store)
            open_jobs = engine.step()
            with store.writing() as tx:
                tx.set_scheduler(os.getpid(), started, clock.now())
        except CarbonschedError as exc:
            say(f"{clock.now():%Y-%m-%dT%H:%M:%SZ} {exc.message}")
            clock.sleep(tick)
            continue
        if open_jobs:
            idle_since_s = clock.monotonic_s()
        elif until_idle and clock.monotonic_s() - idle_since_s >= IDLE_EXIT_S and _leave(store, lease):
            return
        _rest(engine, tick.total_seconds() - (clock.monotonic_s() - began_s), stopping)
    lease.release()


def _rest(engine: Engine, left_s: float, stopping: list[int]) -> None:
    """Wait for the next pass in short naps, so that a signal is answered soon."""
    from datetime import timedelta

    while left_s > 0 and not stopping:
        nap_s = min(left_s, 0.2)
        engine.clock.sleep(timedelta(seconds=nap_s))
        left_s -= nap_s


def _leave(store: Store, lease: FileLock) -> bool:
    """Let the lease go; take it back if a job came in between, which saw the lease held and relied on it."""
    lease.release()
    with store.reading() as tx:
        if not tx.open_jobs():
            return True
    return not _acquire(lease)


def _lease(store: Store) -> FileLock:
    """The lease of an open store."""
    return _lease_file(str(store.folder.lease))


def _lease_file(path: str) -> FileLock:
    """The lock that the system lets go of when its holder dies, however it dies."""
    from filelock import FileLock

    return FileLock(path)


def _acquire(lease: FileLock, wait_s: float = 0.0) -> bool:
    """Whether the lease is ours now; a command that only looks holds it for an instant, which a loop waits out."""
    from filelock import Timeout

    try:
        lease.acquire(timeout=wait_s)
    except Timeout:
        return False
    return True


def _absolute(values: Settings) -> dict[str, str]:
    """The settings as environment for a child that stands in another folder."""
    from pathlib import Path

    from cli.settings import PREFIX

    said = {name: value for name, value in values.values.items() if value.text and value.origin != "default"}
    paths = ("state_dir", "clusters", "intensity_table")
    return {
        PREFIX + name.upper(): str(Path(value.text).expanduser().absolute()) if name in paths else value.text
        for name, value in said.items()
    }
