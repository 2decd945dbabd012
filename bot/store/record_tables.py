"""The record's own tables. Guards in the database keep them append-only (migrations/guard.py)."""

from datetime import datetime

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from bot.store.tables import table_of


class AuditRow(SQLModel, table=True):
    """One entry of the record. Never changed; `previous` is unique, so nobody can fork it."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    previous: str = Field(unique=True, max_length=64)
    hash: str = Field(max_length=64)
    tag: str
    subject: str
    body: str = Field(sa_column=Column(Text, nullable=False))


class AuditHeadRow(SQLModel, table=True):
    """The one head row of the record, updated in the transaction of each entry."""

    __tablename__ = "audit_head"

    id: int = Field(default=1, primary_key=True)
    seq: int = 0
    hash: str = Field(max_length=64)


class AuditTextRow(SQLModel, table=True):
    """What somebody wrote, beside the entry that holds its hash. Deleted by erasure only."""

    __tablename__ = "audit_texts"
    __table_args__ = (Index("ix_audit_texts_owner", "owner"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    field: str = Field(primary_key=True)
    salt: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    owner: str | None = None
    """Slack id of the person whose erasure takes it."""


class AuditCheckpointRow(SQLModel, table=True):
    """A signed checkpoint: what the record's head was at a time. Only added to."""

    __tablename__ = "audit_checkpoints"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime
    note: str = Field(sa_column=Column(Text, nullable=False))
    """The signed note, as it is published."""


class AuditAnchorRow(SQLModel, table=True):
    """A signed anchor: entries `first` to `seq` were removed. Only added to."""

    __tablename__ = "audit_anchors"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    first: int = Field(unique=True)
    at: datetime
    note: str = Field(sa_column=Column(Text, nullable=False))


class PersonRow(SQLModel, table=True):
    """The salt that ties a person to their hash in the record. Deleting it forgets them."""

    __tablename__ = "people"

    user: str = Field(primary_key=True)
    salt: str


AUDIT, AUDIT_HEAD = table_of(AuditRow), table_of(AuditHeadRow)
AUDIT_TEXTS, AUDIT_CHECKPOINTS = table_of(AuditTextRow), table_of(AuditCheckpointRow)
AUDIT_ANCHORS, PEOPLE = table_of(AuditAnchorRow), table_of(PersonRow)
