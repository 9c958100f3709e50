"""A segment remembers its cluster's session; the number of the schema moves to Alembic's own table.

Some databases of the first revision have the column already: it was added before there were steps like this one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column where it is not there, and drop the table that held nothing but the old number."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("segment")}
    if "session" not in there:
        op.add_column("segment", sa.Column("session", sa.Text, nullable=False, server_default=""))
    op.drop_table("meta")
