"""The process of the scheduler: whether one holds the lease of the state folder, and how one is started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from filelock import FileLock

    from cli.settings import Settings
    from scheduler.records.store import Store

LOOK_S: Final = 0.2
"""A command that only asks whether a scheduler runs holds the lease for much less than this. [s]"""


def ensure_scheduler(options: Sequence[str] = ()) -> int | None:
    """Start a loop in the background unless one runs; its process id, or None.

    Args:
        options: of `serve`, for the one that is started.
    """
    from cli import wiring
    from scheduler.domain.errors import StoreError

    folder = wiring.state_folder()
    folder.prepare()
    if scheduler_runs(wait_s=LOOK_S):
        return None
    from cli.child import command

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
    if acquire(lease, wait_s):
        lease.release()
        return False
    return True


def pid() -> int | None:
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


def leave(store: Store, lease: FileLock) -> bool:
    """Let the lease go; take it back if a job came in between, which saw the lease held and relied on it."""
    lease.release()
    with store.reading() as tx:
        if not tx.open_jobs():
            return True
    return not acquire(lease, LOOK_S)


def lease_of(store: Store) -> FileLock:
    """The lease of an open store."""
    from scheduler.records.locks import lock_file

    return lock_file(store.folder.lease)


def acquire(lease: FileLock, wait_s: float = 0.0) -> bool:
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
