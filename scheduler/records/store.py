"""The store: SQLite in WAL mode, one writer at a time, every change in a transaction.

Writers take the lock when they begin (BEGIN IMMEDIATE), so what they read stays true until they commit: two
commands at once queue up instead of overwriting each other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import NullPool

from scheduler.domain.errors import StoreError
from scheduler.records import schema
from scheduler.records.state_folder import StateFolder
from scheduler.records.transaction import Transaction

BUSY_S: Final = 30.0
"""How long a command waits for another's transaction before it gives up. [s]"""


@dataclass(frozen=True, slots=True)
class Store:
    """An open store in a prepared state folder."""

    folder: StateFolder
    engine: sa.Engine

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent view; never waits for a writer."""
        with _translated(self.folder), self.engine.connect() as connection, connection.begin():
            yield Transaction(connection)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that holds the write lock from its first line; an error undoes all of it."""
        with (
            _translated(self.folder),
            self.engine.connect().execution_options(immediate=True) as connection,
            connection.begin(),
        ):
            yield Transaction(connection)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()


def open_store(folder: StateFolder, *, busy_s: float = BUSY_S) -> Store:
    """The store in `folder`, made if it is not there; a writer waits for another one at most `busy_s` [s].

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
    store = Store(folder, engine)
    with store.reading() as tx:  # so that only the first opening of all ever waits for a writer
        made = _has_schema(tx.connection, folder)
    if not made:
        with store.writing() as tx:
            if not _has_schema(tx.connection, folder):
                schema.metadata.create_all(tx.connection)
                tx.connection.execute(schema.meta.insert().values(key="schema", value=str(schema.SCHEMA_VERSION)))
    return store


def _has_schema(connection: sa.Connection, folder: StateFolder) -> bool:
    """Whether the tables are there; refuses those of another version."""
    if not sa.inspect(connection).has_table(schema.meta.name):
        return False
    query = sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema")
    found = connection.execute(query).scalar_one_or_none()
    if found != str(schema.SCHEMA_VERSION):
        raise StoreError(
            f"the store {folder.database} has schema {found}, this carbonsched knows {schema.SCHEMA_VERSION}",
            hint="use the carbonsched that wrote it, or another state folder",
        )
    return True


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    """Set what SQLite forgets between connections."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: sa.Connection) -> None:
    """Begin as a writer or as a reader."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _translated(folder: StateFolder) -> Iterator[None]:
    """The database's errors in our words."""
    try:
        yield
    except exc.DatabaseError as error:
        text = str(error.orig)
        hints = {
            "locked": "another command holds it; try again",
            "full": "free some disk space; nothing was half-written",
            "readonly": "mend the permissions of the state folder",
            "malformed": "restore the folder from a copy",
            "not a database": "move the file away, or set CARBONSCHED_STATE_DIR to another folder",
        }
        hint = next((way for word, way in hints.items() if word in text), "check the state folder and its disk")
        raise StoreError(f"the store {folder.database}: {text}", hint=hint) from error
