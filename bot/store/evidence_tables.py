"""The tables of evidence. Columns are what queries need; the rest of a row is JSON in `body`."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that says INTEGER."""


class EvidenceRow(SQLModel, table=True):
    """One report about one commit of one service: the same bytes of the same kind once.

    The unique constraint's index is what the reports on a commit are found by.
    """

    __tablename__ = "evidence"
    __table_args__ = (
        UniqueConstraint("service", "commit", "kind", "sha256", name="uq_evidence_report"),
    )

    id: int | None = Field(default=None, sa_column=Column(ID, primary_key=True))
    service: str
    commit: str
    kind: str
    sha256: str = Field(max_length=64)
    version: str
    first_at: datetime
    seen_at: datetime
    """When a run brought it last; `first_at` where only one did."""
    body: str = Field(sa_column=Column(Text, nullable=False))


class EvidenceRawRow(SQLModel, table=True):
    """A report as it came, compressed by zlib. Kept for a while only."""

    __tablename__ = "evidence_raw"
    __table_args__ = (Index("ix_evidence_raw_at", "at"),)

    evidence_id: int = Field(sa_column=Column(ID, primary_key=True, autoincrement=False))
    at: datetime
    size: int
    """Bytes before they were compressed."""
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class FindingRow(SQLModel, table=True):
    """A distinct finding of one report, and how often it is there."""

    __tablename__ = "findings"

    evidence_id: int = Field(sa_column=Column(ID, primary_key=True, autoincrement=False))
    fingerprint: str = Field(primary_key=True, max_length=64)
    severity: str
    rule: str
    number: int
    body: str = Field(sa_column=Column(Text, nullable=False))


EVIDENCE: Table = SQLModel.metadata.tables["evidence"]
EVIDENCE_RAW: Table = SQLModel.metadata.tables["evidence_raw"]
FINDINGS: Table = SQLModel.metadata.tables["findings"]
