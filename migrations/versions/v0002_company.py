"""Events and their deliveries, GitHub's own view, what people said of namespaces."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Expand: new tables and an index. The version before knows none of them and needs none."""
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_events_release", "events", ["release_id"])
    op.create_table(
        "deliveries",
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("delivered_at", MOMENT, nullable=True),
        sa.Column("dead_at", MOMENT, nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "sink"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["due_at"])
    op.create_index("ix_deliveries_order", "deliveries", ["sink", "service", "seq"])
    op.create_table(
        "host_views",
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("deployment_id", sa.BigInteger(), nullable=True),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.String(), nullable=True),
        sa.Column("plan_shown", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("release_id"),
    )
    op.create_index("ix_host_views_due", "host_views", ["due_at"])
    op.create_table(
        "namespaces",
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("kept_until", MOMENT, nullable=True),
        sa.Column("said_by", sa.String(), nullable=True),
        sa.Column("said_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("cluster", "name"),
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_outbox_release", "outbox", ["release_id", "kind", "due_at"])


def downgrade() -> None:
    """Contract."""
    op.drop_index("ix_outbox_release", "outbox")
    for table in ("duties", "namespaces", "host_views", "deliveries", "events"):
        op.drop_table(table)
