"""`carbonsched serve`: run the loop. One process an account holds the lease; the others leave it alone.

SIGTERM ends it after the step in hand, and within `DRAIN_S` even where that step waits for a cluster that does not
answer: the process then ends in the middle of it, as in a crash, from which every step may be repeated.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from filelock import FileLock

    from cli.serve_loop import Loop
    from scheduler.records.store import Store

DRAIN_S: Final = 8.0
"""How long a step in hand may take once the scheduler is asked to end. [s]"""


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


def serve(
    background: Annotated[
        bool, typer.Option("--background", help="Start it in the background, end it when no job is open.")
    ] = False,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End it when no job is open for 30 s.")] = False,
    log_format: Annotated[LogFormat, typer.Option(help="One line an event on stderr.")] = LogFormat.TEXT,
    log_file: Annotated[
        Path | None, typer.Option(help="Log there; put aside at 10 MiB, three old ones are kept [default: stderr].")
    ] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Answer /healthz and Prometheus' /metrics there.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Let --http answer other machines.")] = False,
    shadow: Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="Plan each new job with this policy too, beside, and launch none of it."),
    ] = None,
) -> None:
    """Run the loop that launches, suspends, resumes and accounts for the jobs, until SIGTERM or Ctrl-C.

    Only one loop runs an account; jobs go on when it ends, and the next loop takes them over. It ends within 10 s,
    at once on a second signal.

    \b
    Examples:
      carbonsched serve
      carbonsched serve --background
      carbonsched serve --log-format json --http 127.0.0.1:8764
      carbonsched serve --shadow lowest-carbon-window
    """
    from cli import running, serve_log, wiring
    from cli.console import say
    from scheduler.execution.health_http import parse_address
    from scheduler.execution.shadow import shadow_policy

    address = None if http is None else parse_address(http, insecure=insecure)
    beside = None if shadow is None else shadow_policy(shadow, wiring.policies())
    if background:
        options = ["--log-format", log_format.value, *(["--http", http] if http else [])]
        options += [] if shadow is None else ["--shadow", shadow]
        options += [] if log_file is None else ["--log-file", str(log_file.absolute())]
        pid = running.ensure_scheduler([*options, *(["--insecure"] if insecure else [])])
        say(f"a scheduler runs already (process {running.pid()})" if pid is None else f"scheduler started (pid {pid})")
        return
    store = wiring.store()
    lease = running.lease_of(store)
    if not running.acquire(lease, wait_s=10 * running.LOOK_S):
        from scheduler.domain.errors import CarbonschedError

        raise CarbonschedError(
            f"a scheduler runs already (process {running.pid()})", hint="let it, or end it with kill and its number"
        )
    stopping = _on_signals()
    serve_log.configure(as_json=log_format is LogFormat.JSON, file=log_file)
    _run(store, lease, stopping, address=address, until_idle=until_idle, shadow=beside)


def _run(
    store: Store,
    lease: FileLock,
    stopping: list[int],
    *,
    address: tuple[str, int] | None,
    until_idle: bool,
    shadow: str | None,
) -> None:
    """Hold the lease while the loop runs, and say where its health is answered."""
    import logging

    from cli import running, wiring, wiring_loop
    from cli.serve_cautions import Cautions

    log = logging.getLogger(__name__)
    log.info("scheduler %d watches %s", os.getpid(), store.folder.root)
    loop = wiring_loop.loop(wiring.settings(), store, stopping, shadow=shadow)
    try:
        with _answering(loop, address) as port:
            if address is not None:
                log.info("health: http://%s:%d/healthz", address[0], port)
                log.info("metrics: http://%s:%d/metrics", address[0], port)
            Cautions(declared=wiring.clusters).start()
            loop.run(leave=(lambda: running.leave(store, lease)) if until_idle else None)
    finally:
        lease.release()
    log.info("scheduler ended; running jobs go on")


@contextmanager
def _answering(loop: Loop, address: tuple[str, int] | None) -> Iterator[int]:
    """Answers about the loop at an address, if one was given; its port."""
    if address is None:
        yield 0
        return
    from scheduler.execution.health_http import served
    from scheduler.execution.metrics import Metrics

    with served(Metrics(loop.health, loop.store, loop.clock), *address) as port:
        yield port


def _on_signals() -> list[int]:
    """The signals that asked for an end, filled as they come; some time after the first, or on a second, it ends."""
    stopping: list[int] = []
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()

    def hear(number: int, _frame: FrameType | None) -> None:
        """Note it; the queue's `put` may be interrupted by itself, as a lock's may not."""
        stopping.append(number)
        heard.put(number)

    def end() -> None:
        """End the process in the middle of a step that takes too long."""
        heard.get()
        with suppress(queue.Empty):
            heard.get(timeout=DRAIN_S)
        os._exit(0)

    threading.Thread(target=end, name="drain", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
    return stopping
