"""Reviews of emergencies. Only adds (expand).

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Expand: the version before knows no emergency, and needs no review."""
    op.create_table(
        "reviews",
        sa.Column("release_id", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("announced_at", MOMENT, nullable=True),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("nags", sa.Integer(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("done_by", sa.String(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("release_id"),
    )
    op.create_index("ix_reviews_next", "reviews", ["next_at"])


def downgrade() -> None:
    """Contract."""
    op.drop_index("ix_reviews_next", "reviews")
    op.drop_table("reviews")
