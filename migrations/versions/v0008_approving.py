"""Rights that are lent, approvals used again, boxes that are ticked. Only adds (expand).

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ADDED = ("for_user", "reused_from", "used_by", "void")


def upgrade() -> None:
    """Expand: the version before goes on beside it."""
    for name in ADDED:
        op.add_column("approvals", sa.Column(name, sa.String(), nullable=True))
    op.create_table(
        "delegations",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("lender", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_delegations_to", "delegations", ["to", "environment", "until"])
    op.create_table(
        "checklist_ticks",
        sa.Column("release_id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("item", sa.String(75), primary_key=True),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Contract."""
    op.drop_table("checklist_ticks")
    op.drop_index("ix_delegations_to", "delegations")
    op.drop_table("delegations")
    with op.batch_alter_table("approvals") as table:
        for name in reversed(ADDED):
            table.drop_column(name)
