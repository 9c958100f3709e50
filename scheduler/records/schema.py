"""The tables of the store. Times are ISO text in UTC, so that they sort and read as they are.

A change of a table is a step in `migrations/versions` too, and a new `REVISION`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import sqlalchemy as sa

REVISION: Final = "0006"
"""What the tables below are: the last step of `migrations/versions`. Four digits, so that they compare."""
FIRST: Final = "0001"
"""The first revision, which kept its number in a table of its own, before Alembic's."""
UNNAMED: Final = "unnamed"
"""Stands for the revision of a database that should say one and does not."""

metadata = sa.MetaData()

version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
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
    sa.Column("session", sa.Text, nullable=False, server_default=""),
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

fleet = sa.Table(
    "fleet",
    metadata,
    sa.Column("policy", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("jobs", sa.Integer, nullable=False),
    sa.Column("cost_kg", sa.Float),
    sa.Column("bound_kg", sa.Float),
)

shadow = sa.Table(
    "shadow",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id"), nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.UniqueConstraint("job_id", "policy"),
)

intensity = sa.Table(
    "intensity",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("factor_set", sa.Text, nullable=False),
    sa.Column("gwp_set", sa.Text, nullable=False),
    sa.Column("losses", sa.Text, nullable=False),
    sa.Column("year", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("licence", sa.Text, nullable=False),
    sa.Column("attribution", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("issued_at", sa.Text),
    sa.Column("retrieved_at", sa.Text, nullable=False),
    sa.Column("start", sa.Text, nullable=False),
    sa.Column("end", sa.Text, nullable=False),
    sa.Column("step_us", sa.Integer, nullable=False),
    sa.Column("g_per_kwh", sa.LargeBinary, nullable=False),
    sa.Column("low", sa.LargeBinary),
    sa.Column("high", sa.LargeBinary),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Index("ix_intensity_subject", "source", "zone", "basis", "start"),
    sqlite_autoincrement=True,
)

intensity_check = sa.Table(
    "intensity_check",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("start", sa.Text, nullable=False),
    sa.Column("end", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("ix_intensity_check_subject", "source", "zone", "basis", "asked"),
)

statement = sa.Table(
    "statement",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("as_of", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("figures", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.UniqueConstraint("job_id", "number"),
)

period_issue = sa.Table(
    "period_issue",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("figures", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.UniqueConstraint("period", "number"),
)


def revision_in(ask: Callable[[str], Iterable[Sequence[object]]]) -> str | None:
    """The revision of the tables in a database, None where there are none yet.

    Args:
        ask: runs a query on it, whichever library it was opened with.
    """
    tables = {row[0] for row in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version.name in tables:
        found = [str(row[0]) for row in ask("SELECT version_num FROM alembic_version")]
        return found[0] if found else UNNAMED
    if "meta" not in tables:
        return None
    numbers = [str(row[0]) for row in ask("SELECT value FROM meta WHERE key = 'schema'")]
    return FIRST if numbers == ["1"] else f"{numbers[0]} in meta" if numbers else UNNAMED


def is_older(revision: str) -> bool:
    """Whether tables of that revision can be brought up to ours."""
    return revision.isdigit() and len(revision) == len(FIRST) and FIRST <= revision < REVISION
