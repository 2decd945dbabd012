"""The tables of GitHub's own gate, and of what went past the bot (see `tables`)."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlmodel import Field, SQLModel

from bot.store.tables import table_of


class ProtectionRow(SQLModel, table=True):
    """A job that waits, or waited, at GitHub for the bot's word. `body` is the whole case."""

    __tablename__ = "protections"
    __table_args__ = (
        Index("ix_protections_due", "due_at"),
        Index("ix_protections_release", "release_id"),
        Index("ix_protections_deployment", "repository", "deployment_id"),
    )

    key: str = Field(primary_key=True, max_length=255)
    repository: str
    """In lower case, since GitHub does not mind."""
    deployment_id: int | None = Field(default=None, sa_type=BigInteger)
    release_id: str | None = None
    due_at: datetime | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    closed_at: datetime | None = None
    body: str = Field(sa_column=Column(Text, nullable=False))


class ChangeRow(SQLModel, table=True):
    """A change that went past the bot, and was told of. `closed_at`: it is so no more."""

    __tablename__ = "unmanaged_changes"
    __table_args__ = (
        Index(
            "ix_unmanaged_changes_open",
            "service",
            "environment",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    key: str = Field(primary_key=True, max_length=255)
    service: str
    environment: str
    found: str | None = None
    """Fingerprint of what the cluster showed of it; None: it was not seen there."""
    seen_at: datetime
    closed_at: datetime | None = None
    body: str = Field(sa_column=Column(Text, nullable=False))


PROTECTIONS, CHANGES = table_of(ProtectionRow), table_of(ChangeRow)
