"""Reviews of emergencies: asked for, announced, nagged about, done."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.emergency import Review
from bot.store.inserts import insert_for
from bot.store.review_tables import REVIEWS, ReviewRow


async def insert(session: AsyncSession, review: Review) -> None:
    """Store a review that is asked for."""
    await session.exec(insert_for(session)(REVIEWS).values(**_columns(review)))


def _columns(review: Review) -> dict[str, object]:
    lists = {"roles": " ".join(review.roles), "told": " ".join(review.told)}
    return review.model_dump() | lists


async def get(session: AsyncSession, release_id: str) -> Review | None:
    """Read a release's review; None: it was no emergency."""
    row = await session.get(ReviewRow, release_id)
    return _value(row) if row else None


async def get_locked(session: AsyncSession, release_id: str) -> Review | None:
    """Read it as it is now and keep others from changing it until the transaction ends."""
    query = select(ReviewRow).where(ReviewRow.release_id == release_id).with_for_update()
    row = (await session.exec(query.execution_options(populate_existing=True))).first()
    return _value(row) if row else None


def _value(row: ReviewRow) -> Review:
    lists = {"roles": tuple(row.roles.split()), "told": tuple(row.told.split())}
    return Review.model_validate(row.model_dump() | lists)


async def change(session: AsyncSession, review: Review) -> None:
    """Write its new value. The caller has locked it in this transaction."""
    here = REVIEWS.c.release_id == review.release_id
    await session.exec(update(REVIEWS).where(here).values(**_columns(review)))


async def due(session: AsyncSession, now: datetime, limit: int = 50) -> list[str]:
    """List the releases whose review needs a word now."""
    found = await session.exec(
        select(ReviewRow.release_id)
        .where(col(ReviewRow.next_at) <= now)
        .order_by(col(ReviewRow.next_at))
        .limit(limit)
    )
    return list(found.all())
