"""The store: SQLite in WAL mode, one writer at a time, every change in a transaction.

Writers take the lock when they begin (BEGIN IMMEDIATE), so what they read stays true until they commit: two
commands at once queue up instead of overwriting each other.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from scheduler.domain.errors import StoreError
from scheduler.records import schema
from scheduler.records.sqlite_errors import translated
from scheduler.records.state_folder import StateFolder
from scheduler.records.transaction import Transaction

BUSY_S: Final = 30.0
"""How long a command waits for another's transaction before it gives up. [s]"""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Store:
    """An open store in a prepared state folder.

    Args:
        folder: where it lies.
        engine: its database.
        chained: whether what is written is chained; not in a copy that is only looked at.
    """

    folder: StateFolder
    engine: sa.Engine
    chained: bool = True

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent view; never waits for a writer."""
        with translated(self.folder.database), self.engine.connect() as connection, connection.begin():
            yield Transaction(connection)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that holds the write lock from its first line; an error undoes all of it.

        The chains follow once it is written: they may lag behind the store, and never say what it does not.
        """
        with (
            translated(self.folder.database),
            self.engine.connect().execution_options(immediate=True) as connection,
            connection.begin(),
        ):
            written = Transaction(connection)
            yield written
        if written.touched and self.chained:
            try:
                self.follow(written.touched)
            except StoreError as exc:  # what was written is written, and must not look as if it were not
                _log.warning("the chains of %s lag behind: %s", ", ".join(sorted(written.touched)), exc.message)

    def follow(self, job_ids: Iterable[str] | None = None) -> dict[str, str]:
        """Bring the chains of some jobs, or of all, up to what the store says; what stood in the way, by job."""
        from scheduler.records.chain_files import Chains  # noqa: PLC0415  # its models take time, and readers need none

        with self.reading() as tx:
            chosen = [row.id for row in tx.jobs()] if job_ids is None else sorted(job_ids)
            return Chains(self.folder).follow(tx, chosen)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()


def open_store(folder: StateFolder, *, busy_s: float = BUSY_S, chained: bool = True) -> Store:
    """The store in `folder`, made if it is not there, brought up to date if an older carbonsched wrote it.

    Args:
        folder: where it lies.
        busy_s: how long a writer waits for another one at most. [s]
        chained: whether what is written is chained.

    Raises:
        StoreError: the folder or the file cannot be used, or a newer carbonsched wrote it.
    """
    folder.prepare()
    engine = sa.create_engine(
        f"sqlite:///{folder.database}",
        poolclass=NullPool,
        connect_args={"timeout": busy_s, "isolation_level": None},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    store = Store(folder, engine, chained)
    with store.reading() as tx:  # so that only the first opening of all ever waits for a writer
        found = _revision(tx, folder)
    if found is None:
        with store.writing() as tx:
            if _revision(tx, folder) is None:
                schema.metadata.create_all(tx.connection)
                tx.connection.execute(schema.version.insert().values(version_num=schema.REVISION))
    elif found != schema.REVISION:
        from scheduler.records.migrate import upgrade  # noqa: PLC0415  # Alembic takes 0.1 s, and is seldom needed

        with translated(folder.database):
            upgrade(engine, folder, wait_s=busy_s)
    return store


def _revision(tx: Transaction, folder: StateFolder) -> str | None:
    """The revision of the tables, None where there are none; refuses one that cannot be brought up to ours."""
    found = schema.revision_in(tx.connection.exec_driver_sql)
    if found in (None, schema.REVISION) or schema.is_older(found):
        return found
    raise StoreError(
        f"the store {folder.database} has schema {found}, this carbonsched knows {schema.REVISION}",
        hint="use the carbonsched that wrote it, or another state folder",
    )


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    """Set what SQLite forgets between connections."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: sa.Connection) -> None:
    """Begin as a writer or as a reader."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
