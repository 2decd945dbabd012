"""GitHub's own gate, and what went past the bot. Only adds (expand).

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Expand: the version before answers no gate, and looks for no unmanaged change."""
    op.create_table(
        "protections",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("deployment_id", sa.BigInteger(), nullable=True),
        sa.Column("release_id", sa.String(), nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_protections_due", "protections", ["due_at"])
    op.create_index("ix_protections_release", "protections", ["release_id"])
    op.create_index("ix_protections_deployment", "protections", ["repository", "deployment_id"])
    op.create_table(
        "unmanaged_changes",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=True),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    still_so = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_unmanaged_changes_open",
        "unmanaged_changes",
        ["service", "environment"],
        sqlite_where=still_so,
        postgresql_where=still_so,
    )
    op.create_index("ix_intents_result", "intents", ["result"])


def downgrade() -> None:
    """Contract."""
    op.drop_index("ix_intents_result", "intents")
    op.drop_index("ix_unmanaged_changes_open", "unmanaged_changes")
    op.drop_table("unmanaged_changes")
    op.drop_index("ix_protections_deployment", "protections")
    op.drop_index("ix_protections_release", "protections")
    op.drop_index("ix_protections_due", "protections")
    op.drop_table("protections")
