"""What jobs and periods were said to have emitted is kept: numbered statements, of which none is ever changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "statement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Text, sa.ForeignKey("job.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("as_of", "made_at", "status", "cause", "why", "figures")),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.UniqueConstraint("job_id", "number"),
    )
    op.create_table(
        "period_issue",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("since", "until", "time_zone", "made_at")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("status", "cause", "figures", "sha256")),
        sa.UniqueConstraint("period", "number"),
    )
