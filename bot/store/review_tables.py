"""The table of reviews of emergencies. Changed only by a migration, like the others."""

from datetime import datetime

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from bot.store.tables import table_of


class ReviewRow(SQLModel, table=True):
    """The review of one emergency: since when it is asked for, how often, and who did it."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_next", "next_at"),)

    release_id: str = Field(primary_key=True, max_length=16)
    channel: str
    roles: str
    asked_at: datetime
    due_at: datetime
    announced_at: datetime | None = None
    told: str = ""
    """Overridden gates that the channel has heard of."""
    next_at: datetime | None = None
    nags: int = 0
    done_at: datetime | None = None
    done_by: str | None = None
    comment: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


REVIEWS = table_of(ReviewRow)
