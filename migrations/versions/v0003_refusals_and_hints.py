"""Refusals of events, and from which repository a webhook came. Only adds (expand).

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: the version before goes on beside it."""
    op.add_column(
        "deliveries", sa.Column("refusals", sa.Integer(), nullable=False, server_default="0")
    )
    op.drop_index("ix_deliveries_order", "deliveries")
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["sink", "service", "seq"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.add_column("webhooks", sa.Column("repository", sa.String(), nullable=True))
    op.add_column("webhooks", sa.Column("event", sa.String(), nullable=True))
    op.create_index("ix_webhooks_delivery", "webhooks", ["delivery"])
    op.create_index("ix_webhooks_repository", "webhooks", ["repository", "event", "at"])


def downgrade() -> None:
    """Contract."""
    op.drop_index("ix_webhooks_repository", "webhooks")
    op.drop_index("ix_webhooks_delivery", "webhooks")
    with op.batch_alter_table("webhooks") as table:
        table.drop_column("event")
        table.drop_column("repository")
    op.drop_index("ix_deliveries_order", "deliveries")
    op.create_index("ix_deliveries_order", "deliveries", ["sink", "service", "seq"])
    with op.batch_alter_table("deliveries") as table:
        table.drop_column("refusals")
