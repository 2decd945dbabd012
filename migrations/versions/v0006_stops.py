"""Stops (locks, freezes, halts), and the calendars that were read. Only adds (expand).

Revision ID: 0006
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Expand: the version before goes on beside it, and knows of no stop."""
    op.create_table(
        "stops",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("request_key", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reach", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("hard", sa.Boolean(), nullable=False),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_key"),
    )
    op.create_index(
        "ix_stops_standing",
        "stops",
        ["environment"],
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "calendars",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("spans", sa.Text(), nullable=True),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("spread_at", MOMENT, nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("tried_at", MOMENT, nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    """Contract."""
    op.drop_table("calendars")
    op.drop_index("ix_stops_standing", "stops")
    op.drop_table("stops")
