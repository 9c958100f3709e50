"""What `carbonsched doctor` finds in the state folder. It opens no store, because that would make or upgrade one."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cli import running, wiring
from cli.findings import Finding

if TYPE_CHECKING:
    from cli.settings import Settings

LOW_BYTES: Final = 1 << 30
"""Free space below which it is time to look: that of ten of the largest packages that Ray takes. [bytes]"""
TOO_LOW_BYTES: Final = 100 << 20
"""Free space below which not one of them fits. [bytes]"""
_READ_ENDS: Final = frozenset({"finished", "suspended", "failed"})
"""Ends of segments that an outcome told of, so that it has to be there."""
_SHOWN: Final = 5


def folder(_values: Settings) -> Iterator[Finding]:
    """Its mode, its filesystem and the space on it."""
    from scheduler.records.state_folder import filesystem_of, mounts, refuse_network

    root = wiring.state_dir()
    if not root.exists():
        yield Finding("ok", "state folder", f"{root} is not there yet; the first job makes it")
        return
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & 0o077:
        yield Finding("warn", "state folder", f"{root} is open to others (mode {mode:04o})", f"chmod 700 {root}")
    else:
        yield Finding("ok", "state folder", f"{root}, mode {mode:04o}")
    free_bytes = shutil.disk_usage(root).free
    text = f"{filesystem_of(root.resolve(), mounts()) or 'filesystem unknown'}, {free_bytes / 1e9:.1f} GB free"
    if free_bytes < LOW_BYTES:
        yield Finding("fail" if free_bytes < TOO_LOW_BYTES else "warn", "disk", text, "free some space")
    else:
        yield Finding("ok", "disk", text)
    refuse_network(root.resolve(), mounts())


def store(_values: Settings) -> Iterator[Finding]:
    """Its pages, its references, the revision of its tables, and who may read it."""
    from scheduler.records import schema
    from scheduler.records.backup_copy import problems_in, revision_of

    database = wiring.state_folder().database
    if not _is_made():
        yield Finding("ok", "store", "not there yet; the first job makes it")
        return
    mode = stat.S_IMODE(database.stat().st_mode)
    if mode & 0o077:
        yield Finding("fail", "store", f"{database} is open to others (mode {mode:04o})", f"chmod 600 {database}")
    problems = problems_in(database)
    for problem in problems[:_SHOWN]:
        yield Finding(
            "fail", "store", f"{database}: {problem}", "carbonsched restore FILE --replace puts a backup back"
        )
    if problems:
        return
    yield Finding("ok", "store", f"{database} is whole")
    found = revision_of(database)
    if found == schema.REVISION:
        yield Finding("ok", "schema", f"{found}, the one this carbonsched writes")
    elif found is not None and schema.is_older(found):
        text = f"{found} of an older carbonsched, this one writes {schema.REVISION}"
        yield Finding("warn", "schema", text, "the next command brings it up to date, after a copy was made")
    else:
        text = f"{found or 'none'}, this carbonsched knows {schema.REVISION}"
        yield Finding("fail", "schema", text, "use the carbonsched that wrote it")


def evidence(_values: Settings) -> Iterator[Finding]:
    """Whether what the agents said of ended jobs is there and can be read."""
    from scheduler.records.evidence import BadEvidence
    from scheduler.records.rows import FINAL

    if not is_current():
        return
    files, read, broken = wiring.evidence(), 0, []
    with wiring.store().reading() as tx:
        ended = [(row.id, segment) for row in tx.jobs() if row.state in FINAL for segment in tx.segments(row.id)]
    for job_id, segment in ended:
        try:
            files.samples(job_id, segment.sid)
            if files.outcome(job_id, segment.sid) is None and segment.end in _READ_ENDS:
                broken.append(f"{segment.sid}: its outcome was read once, and is gone")
            read += 1
        except (BadEvidence, OSError) as exc:
            broken.append(f"{segment.sid}: {exc}")
    for text in broken[:_SHOWN]:
        yield Finding("fail", "evidence", text, "put it back from a backup; until then its run counts as not measured")
    if len(broken) > _SHOWN:
        yield Finding("fail", "evidence", f"and {len(broken) - _SHOWN} more")
    if not broken:
        yield Finding("ok", "evidence", f"that of {read} attempts of ended jobs can be read")


def chains(_values: Settings) -> Iterator[Finding]:
    """Whether what happened is chained, and every head and seal holds."""
    from scheduler.domain.errors import StoreError
    from scheduler.records.chain import BadChain
    from scheduler.records.heads import check_pinned
    from scheduler.records.heads_files import Ledger

    if not is_current():
        return
    store = wiring.store()
    ledger = Ledger(store)
    with store.reading() as tx:
        job_ids = [row.id for row in tx.jobs()]
    try:
        found, sealed = ledger.heads(), ledger.seals()
        there = ledger.chains(job_ids)
        check_pinned(found, there)
    except (BadChain, StoreError) as exc:
        yield Finding("fail", "chains", exc.message, "put them back from a backup; until then no bundle verifies")
        return
    none = sum(not chain.entries for chain in there.values())
    if none:
        text = f"{none} of {len(there)} jobs have none yet"
        yield Finding(
            "warn", "chains", text, "carbonsched evidence heads brings them up, and says what stands in the way"
        )
        return
    yield Finding("ok", "chains", f"{len(there)} hang together, under {len(found)} heads and {len(sealed)} seals")


def scheduler(_values: Settings) -> Iterator[Finding]:
    """Whether a loop runs, and whether one should."""
    if not is_current():
        return
    pid = running.pid()
    with wiring.store().reading() as tx:
        waiting = len(tx.open_jobs())
    if pid is not None:
        yield Finding("ok", "scheduler", f"runs, process {pid}; {waiting} open jobs")
    elif waiting:
        yield Finding(
            "warn", "scheduler", f"does not run, and {waiting} jobs are open", "carbonsched serve --background"
        )
    else:
        yield Finding("ok", "scheduler", "does not run, and no job is open")


def _is_made() -> bool:
    """Whether there is a store at all; the file is made empty before its tables are."""
    database = wiring.state_folder().database
    return database.exists() and database.stat().st_size > 0


def is_current() -> bool:
    """Whether the store can be opened without changing it; what is wrong otherwise is said by its own check."""
    from scheduler.domain.errors import StoreError
    from scheduler.records import schema
    from scheduler.records.backup_copy import revision_of

    try:
        return _is_made() and revision_of(wiring.state_folder().database) == schema.REVISION
    except StoreError:
        return False
