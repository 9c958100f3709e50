"""The tables of the store. Times are ISO text in UTC, so that they sort and read as they are."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA_VERSION: Final = 1

metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("spec_sha256", sa.Text, nullable=False),
    sa.Column("package", sa.Text),
    sa.Column("intensity", sa.Text, nullable=False),
    sa.Column("counterfactual", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("wanted", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("interruptions", sa.Integer, nullable=False),
    sa.Column("submitted_at", sa.Text, nullable=False, index=True),
    sa.Column("deadline_at", sa.Text, nullable=False),
    sa.Column("finished_at", sa.Text),
)

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id"), nullable=False, index=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("fence", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id"), nullable=False, index=True),
    sa.Column("plan_id", sa.Integer, sa.ForeignKey("plan.id"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("sid", sa.Text, nullable=False, unique=True),
    sa.Column("cluster", sa.Text, nullable=False),
    sa.Column("gpus", sa.Integer, nullable=False),
    sa.Column("planned_end", sa.Text, nullable=False),
    sa.Column("is_last", sa.Boolean, nullable=False),
    sa.Column("phase", sa.Text, nullable=False, index=True),
    sa.Column("stop_asked_at", sa.Text),
    sa.Column("intended_at", sa.Text, nullable=False),
    sa.Column("granted_at", sa.Text),
    sa.Column("seen_at", sa.Text),
    sa.Column("released_at", sa.Text),
    sa.Column("node_id", sa.Text, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("end", sa.Text, nullable=False),
    sa.UniqueConstraint("job_id", "n", "attempt"),
    sqlite_autoincrement=True,
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id"), nullable=False, index=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

scheduler = sa.Table(
    "scheduler",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("pass_at", sa.Text, nullable=False),
)
