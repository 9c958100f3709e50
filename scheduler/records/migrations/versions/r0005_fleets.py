"""What the jobs that are planned together cost, and at least, by their policy: one line each, of the last time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "fleet",
        sa.Column("policy", sa.Text, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("jobs", sa.Integer, nullable=False),
        sa.Column("cost_kg", sa.Float),
        sa.Column("bound_kg", sa.Float),
    )
