"""An older store brought up to date by Alembic, in one transaction, after a copy of it was made.

The scheduler's lease is held meanwhile: an older scheduler that runs would write into tables it does not know.
Imported by the opening of an old store only, because Alembic takes time to load.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from filelock import Timeout

from scheduler.domain.errors import StoreError
from scheduler.records import migrations, schema
from scheduler.records.backup_copy import copy_database
from scheduler.records.locks import lock_file
from scheduler.records.state_folder import StateFolder

STEPS: Final = Path(migrations.__file__).parent


def upgrade(engine: sa.Engine, folder: StateFolder, *, wait_s: float) -> None:
    """Bring the tables up to `schema.REVISION`; whoever comes second finds it done.

    Args:
        engine: of the store's database.
        folder: where the copy goes, and the scheduler's lease lies.
        wait_s: how long to wait for another process that does it. [s]

    Raises:
        StoreError: a scheduler runs, or a step failed; the store is then as it was.
    """
    try:
        with lock_file(folder.lease).acquire(timeout=wait_s):
            _upgrade_alone(engine, folder)
    except Timeout as exc:
        if _revision(engine) == schema.REVISION:
            return  # another process did it, and has become the scheduler
        raise StoreError(
            f"the store {folder.database} is of an older carbonsched whose scheduler still runs",
            hint="end that scheduler (carbonsched status, then kill and its number): jobs go on; then try again",
        ) from exc


def alembic_config(connection: sa.Connection) -> Config:
    """What Alembic needs to know to work on the connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    return config


def _upgrade_alone(engine: sa.Engine, folder: StateFolder) -> None:
    """Copy, then run the missing steps; both see the same state, because the write lock is held from before."""
    with engine.connect().execution_options(immediate=True) as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys = OFF")  # a step may rebuild a table that others point to
        cursor.close()
        with connection.begin():
            found = schema.revision_in(connection.exec_driver_sql)
            if found is None or not schema.is_older(found):
                return
            kept = _free(folder, found)
            copy_database(folder.database, kept)
            try:
                _run_steps(connection, found)
            except BaseException:
                kept.unlink()  # of a store that stays as it is
                raise


def _run_steps(connection: sa.Connection, found: str) -> None:
    """Every step after `found`; refuses a result in which a row points to none."""
    config = alembic_config(connection)
    if found == schema.FIRST:
        command.stamp(config, schema.FIRST)
    command.upgrade(config, "head")
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise StoreError(
            f"the store has {len(broken)} rows that point to none, the first in {broken[0][0]}",
            hint="carbonsched doctor shows more; restore it from a copy",
        )


def _free(folder: StateFolder, revision: str) -> Path:
    """The first name for a copy that is not taken."""
    n = 1
    while folder.before_upgrade(revision, n).exists():
        n += 1
    return folder.before_upgrade(revision, n)


def _revision(engine: sa.Engine) -> str | None:
    """The revision that the store has now."""
    with engine.connect() as connection, connection.begin():
        return schema.revision_in(connection.exec_driver_sql)
