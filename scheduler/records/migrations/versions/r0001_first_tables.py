"""The tables as they were before Alembic kept their number."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    "INSERT INTO meta VALUES ('schema', '1')",
    """CREATE TABLE job (
        id TEXT NOT NULL PRIMARY KEY, "key" TEXT UNIQUE, name TEXT NOT NULL, project TEXT NOT NULL,
        owner TEXT NOT NULL, "group" TEXT NOT NULL, "after" TEXT NOT NULL, spec TEXT NOT NULL,
        spec_sha256 TEXT NOT NULL, package TEXT, intensity TEXT NOT NULL, counterfactual TEXT NOT NULL,
        state TEXT NOT NULL, wanted TEXT NOT NULL, reason TEXT NOT NULL, progress FLOAT NOT NULL,
        failures INTEGER NOT NULL, interruptions INTEGER NOT NULL, submitted_at TEXT NOT NULL,
        deadline_at TEXT NOT NULL, finished_at TEXT
    )""",
    "CREATE INDEX ix_job_state ON job (state)",
    "CREATE INDEX ix_job_submitted_at ON job (submitted_at)",
    """CREATE TABLE "plan" (
        id INTEGER NOT NULL PRIMARY KEY, job_id TEXT NOT NULL REFERENCES job (id), made_at TEXT NOT NULL,
        document TEXT NOT NULL
    )""",
    'CREATE INDEX ix_plan_job_id ON "plan" (job_id)',
    """CREATE TABLE segment (
        fence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL REFERENCES job (id),
        plan_id INTEGER NOT NULL REFERENCES "plan" (id), n INTEGER NOT NULL, attempt INTEGER NOT NULL,
        sid TEXT NOT NULL UNIQUE, cluster TEXT NOT NULL, gpus INTEGER NOT NULL, planned_end TEXT NOT NULL,
        is_last BOOLEAN NOT NULL, phase TEXT NOT NULL, stop_asked_at TEXT, intended_at TEXT NOT NULL,
        granted_at TEXT, seen_at TEXT, released_at TEXT, node_id TEXT NOT NULL, "end" TEXT NOT NULL,
        UNIQUE (job_id, n, attempt)
    )""",
    "CREATE INDEX ix_segment_job_id ON segment (job_id)",
    "CREATE INDEX ix_segment_phase ON segment (phase)",
    """CREATE TABLE event (
        id INTEGER NOT NULL PRIMARY KEY, job_id TEXT NOT NULL REFERENCES job (id), at TEXT NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL
    )""",
    "CREATE INDEX ix_event_job_id ON event (job_id)",
    """CREATE TABLE scheduler (
        id INTEGER NOT NULL PRIMARY KEY, pid INTEGER NOT NULL, started_at TEXT NOT NULL, pass_at TEXT NOT NULL
    )""",
)


def upgrade() -> None:
    """Make them, with their number where it then was."""
    for statement in TABLES:
        op.execute(statement)
