"""`carbonsched serve`: run the loop. One process an account holds the lease; the others leave it alone.

SIGTERM ends it after the step in hand, and within `DRAIN_S` even where that step waits for a cluster that does not
answer: the process then ends in the middle of it, as in a crash, from which every step may be repeated.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

if TYPE_CHECKING:
    from filelock import FileLock

    from cli.serve_loop import Loop
    from cli.settings import Settings
    from scheduler.records.store import Store

DRAIN_S: Final = 8.0
"""How long a step in hand may take once the scheduler is asked to end. [s]"""
_LOOK_S: Final = 0.2
"""A command that only asks whether a scheduler runs holds the lease for much less than this. [s]"""


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
    from cli import serve_log, wiring
    from cli.console import say
    from scheduler.execution.health_http import parse_address
    from scheduler.execution.shadow import shadow_policy

    address = None if http is None else parse_address(http, insecure=insecure)
    beside = None if shadow is None else shadow_policy(shadow, wiring.policies())
    if background:
        options = ["--log-format", log_format.value, *(["--http", http] if http else [])]
        options += [] if shadow is None else ["--shadow", shadow]
        options += [] if log_file is None else ["--log-file", str(log_file.absolute())]
        pid = ensure_scheduler([*options, *(["--insecure"] if insecure else [])])
        say(f"a scheduler runs already (process {running_pid()})" if pid is None else f"scheduler started (pid {pid})")
        return
    store = wiring.store()
    lease = _lease(store)
    if not _acquire(lease, wait_s=10 * _LOOK_S):
        from scheduler.domain.errors import CarbonschedError

        raise CarbonschedError(
            f"a scheduler runs already (process {running_pid()})", hint="let it, or end it with kill and its number"
        )
    stopping = _on_signals()
    serve_log.configure(log_format, file=log_file)
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

    from cli import wiring, wiring_loop
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
            loop.run(leave=(lambda: _leave(store, lease)) if until_idle else None)
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


def ensure_scheduler(options: Sequence[str] = ()) -> int | None:
    """Start a loop in the background unless one runs; its process id, or None.

    Args:
        options: of `serve`, for the one that is started.
    """
    from cli import wiring
    from scheduler.domain.errors import StoreError

    folder = wiring.state_folder()
    folder.prepare()
    if scheduler_runs(wait_s=_LOOK_S):
        return None
    from carbonsched_entry import command

    file = [] if "--log-file" in options else ["--log-file", str(folder.scheduler_log)]
    try:
        with _private(folder.scheduler_log) as log:
            child = subprocess.Popen(
                [*command(), "serve", "--until-idle", *file, *options],
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


def _private(path: Path) -> BinaryIO:
    """A file to append to, which only this account may read where it is made anew."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def scheduler_runs(wait_s: float = 0.0) -> bool:
    """Whether some process holds the lease, and for longer than `wait_s` [s]."""
    from cli import wiring
    from scheduler.records.locks import lock_file

    lease = lock_file(wiring.state_folder().lease)
    if _acquire(lease, wait_s):
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


def as_text(pid: int | None) -> str:
    """Whether a scheduler runs, for people."""
    return f"scheduler: {'does not run (carbonsched serve starts it)' if pid is None else f'runs, process {pid}'}"


def as_json(pid: int | None) -> dict[str, object]:
    """Whether a scheduler runs, for machines."""
    return {"running": pid is not None, "pid": pid}


def _leave(store: Store, lease: FileLock) -> bool:
    """Let the lease go; take it back if a job came in between, which saw the lease held and relied on it."""
    lease.release()
    with store.reading() as tx:
        if not tx.open_jobs():
            return True
    return not _acquire(lease, _LOOK_S)


def _lease(store: Store) -> FileLock:
    """The lease of an open store."""
    from scheduler.records.locks import lock_file

    return lock_file(store.folder.lease)


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
    from cli.settings import PREFIX

    said = {name: value for name, value in values.values.items() if value.text and value.origin != "default"}
    paths = ("state_dir", "clusters", "intensity_table")
    return {
        PREFIX + name.upper(): str(Path(value.text).expanduser().absolute()) if name in paths else value.text
        for name, value in said.items()
    }
