"""People's wishes for a release under way. A tick reads them before it acts."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.value import Value
from bot.store.leases import insert_for
from bot.store.session import changed
from bot.store.tables import WISHES, WishRow


class Wish(Value):
    """What somebody asked: `cancel`, `rollback`, `pause`, `resume`, `promote` or `repaired`."""

    key: str
    release_id: str
    kind: str
    by: str
    at: datetime


async def insert(session: AsyncSession, wish: Wish) -> bool:
    """Store a wish; False where the same request stored it already."""
    done = await session.exec(
        insert_for(session)(WISHES).values(**wish.model_dump()).on_conflict_do_nothing()
    )
    return bool(changed(done))


async def exists(session: AsyncSession, key: str) -> bool:
    """Whether a request left a wish already, taken or not."""
    return await session.get(WishRow, key) is not None


async def open_ones(session: AsyncSession, release_id: str) -> list[Wish]:
    """List the wishes that no tick has taken, oldest first."""
    found = await session.exec(
        select(WishRow)
        .where(WishRow.release_id == release_id, col(WishRow.taken_at).is_(None))
        .order_by(col(WishRow.at))
    )
    return [Wish.model_validate(row.model_dump()) for row in found.all()]


async def releases_going_back(session: AsyncSession) -> list[str]:
    """List releases with an open wish to roll back: they wait for nobody's lease."""
    found = await session.exec(
        select(WishRow.release_id)
        .where(col(WishRow.kind) == "rollback", col(WishRow.taken_at).is_(None))
        .distinct()
    )
    return list(found.all())


async def take_all(session: AsyncSession, release_id: str, now: datetime) -> None:
    """Mark every open wish of a release as taken."""
    await session.exec(
        update(WISHES)
        .where(WISHES.c.release_id == release_id, WISHES.c.taken_at.is_(None))
        .values(taken_at=now)
    )
