"""Evidence: reports, their bytes, their findings. Only adds (expand).

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Expand: the version before goes on beside it."""
    op.create_table(
        "evidence",
        sa.Column("id", ID, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("service", "commit", "kind", "sha256", name="uq_evidence_report"),
    )
    op.create_table(
        "evidence_raw",
        sa.Column("evidence_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("evidence_id"),
    )
    op.create_index("ix_evidence_raw_at", "evidence_raw", ["at"])
    op.create_table(
        "findings",
        sa.Column("evidence_id", ID, autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("evidence_id", "fingerprint"),
    )


def downgrade() -> None:
    """Contract."""
    op.drop_table("findings")
    op.drop_table("evidence_raw")
    op.drop_table("evidence")
