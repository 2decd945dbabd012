"""The tables of stops and of the calendars that were read (see `tables`)."""

from datetime import datetime

from sqlalchemy import Column, Index, Table, Text, text
from sqlmodel import Field, SQLModel


class StopRow(SQLModel, table=True):
    """A lock, a freeze, a halt, or a person's word that a calendar's freeze may be passed."""

    __tablename__ = "stops"
    __table_args__ = (
        Index(
            "ix_stops_standing",
            "environment",
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=16)
    request_key: str = Field(unique=True, max_length=255)
    kind: str
    reach: str
    name: str = ""
    environment: str = ""
    """Empty: each environment."""
    reason: str = Field(sa_column=Column(Text, nullable=False))
    said_by: str
    release_id: str | None = None
    since: datetime
    until: datetime | None = None
    hard: bool = True
    lifted_at: datetime | None = None
    lifted_by: str | None = None


class CalendarRow(SQLModel, table=True):
    """An iCalendar: its last good text, what that means, and how the last try went."""

    __tablename__ = "calendars"

    source: str = Field(primary_key=True)
    digest: str | None = Field(default=None, max_length=64)
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    spans: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    read_at: datetime | None = None
    spread_at: datetime | None = None
    """When the spans were worked out, and with which zone for floating times."""
    zone: str | None = None
    tried_at: datetime | None = None
    problem: str | None = None


STOPS: Table = SQLModel.metadata.tables["stops"]
CALENDARS: Table = SQLModel.metadata.tables["calendars"]
