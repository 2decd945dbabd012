"""Tables beside the approvals: rights that were lent, boxes of checklists that were ticked."""

from datetime import datetime

from sqlalchemy import Index, Table
from sqlmodel import Field, SQLModel


class DelegationRow(SQLModel, table=True):
    """The right to approve in one environment, lent by one person to another for a time."""

    __tablename__ = "delegations"
    __table_args__ = (Index("ix_delegations_to", "to", "environment", "until"),)

    key: str = Field(primary_key=True, max_length=255)
    lender: str
    to: str
    environment: str
    since: datetime
    until: datetime
    reason: str | None = None
    ended_at: datetime | None = None


class TickRow(SQLModel, table=True):
    """One box of a checklist that is ticked, for one plan of one release."""

    __tablename__ = "checklist_ticks"

    release_id: str = Field(primary_key=True, max_length=16)
    digest: str = Field(primary_key=True, max_length=64)
    item: str = Field(primary_key=True, max_length=75)
    user: str
    at: datetime


DELEGATIONS: Table = SQLModel.metadata.tables["delegations"]
TICKS: Table = SQLModel.metadata.tables["checklist_ticks"]
