"""Texts beside the record, checkpoints of it, and guards that keep it append-only.

Only adds (expand). The guards themselves are put up by `migrations/env.py`.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from migrations import guard

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: the version before only adds entries and moves the head forward, which goes on."""
    op.create_table(
        "audit_texts",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq", "field"),
    )
    op.create_index("ix_audit_texts_owner", "audit_texts", ["owner"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )


def downgrade() -> None:
    """Contract."""
    guard.take_down(op.get_bind())
    op.drop_table("audit_checkpoints")
    op.drop_index("ix_audit_texts_owner", "audit_texts")
    op.drop_table("audit_texts")
