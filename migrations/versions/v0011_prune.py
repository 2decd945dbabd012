"""Anchors: where the record begins once old entries were removed. Only adds (expand).

With the table `migrations/env.py` puts up another guard on deletes, which lets go of what an anchor
covers.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: the version before never deletes an entry, and goes on."""
    op.create_table(
        "audit_anchors",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("first"),
    )


def downgrade() -> None:
    """Contract. A record from which entries were removed can't be verified by older versions."""
    op.drop_table("audit_anchors")
