"""What intensity sources said is kept: the figures with when they were issued and retrieved, and when was asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the two tables."""
    words = ("source", "zone", "basis")
    op.create_table(
        "intensity",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in words),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("factor_set", "gwp_set", "losses", "year")),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("kind", "provider", "licence", "attribution", "notes")),
        sa.Column("issued_at", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("retrieved_at", "start", "end")),
        sa.Column("step_us", sa.Integer, nullable=False),
        sa.Column("g_per_kwh", sa.LargeBinary, nullable=False),
        sa.Column("low", sa.LargeBinary),
        sa.Column("high", sa.LargeBinary),
        sa.Column("sha256", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_intensity_subject", "intensity", [*words, "start"])
    op.create_table(
        "intensity_check",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in (*words, "asked", "start", "end", "at")),
    )
    op.create_index("ix_intensity_check_subject", "intensity_check", [*words, "asked"])
