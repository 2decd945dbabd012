"""People's wishes for a release under way. A tick reads them before it acts."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.value import Value
from bot.store.inserts import unless_there
from bot.store.session import changed
from bot.store.tables import WISHES, WishRow


class Wish(Value):
    """What somebody asked: `rollback`, `pause`, `resume`, `promote`, `repaired` or `halt`."""

    key: str
    release_id: str
    kind: str
    by: str
    at: datetime


async def insert(session: AsyncSession, wish: Wish) -> bool:
    """Store a wish; False where the same request stored it already."""
    done = await session.exec(unless_there(session, WISHES), params=wish.model_dump())
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


async def urgent(session: AsyncSession) -> tuple[list[str], list[str]]:
    """List releases with an open wish to roll back, and those that are to be halted.

    The first wait for nobody's lease; the second for that only, whatever their rows wait for.
    """
    found = await session.exec(
        select(WishRow.release_id, WishRow.kind)
        .where(col(WishRow.kind).in_(["rollback", "halt"]), col(WishRow.taken_at).is_(None))
        .distinct()
    )
    rows = found.all()
    back = [release_id for release_id, kind in rows if kind == "rollback"]
    return back, [release_id for release_id, kind in rows if kind == "halt"]


async def take_all(session: AsyncSession, release_id: str, now: datetime) -> None:
    """Mark every open wish of a release as taken."""
    await session.exec(
        update(WISHES)
        .where(WISHES.c.release_id == release_id, WISHES.c.taken_at.is_(None))
        .values(taken_at=now)
    )


async def take_kind(session: AsyncSession, release_id: str, kind: str, now: datetime) -> None:
    """Mark a release's open wishes of one kind as taken."""
    await session.exec(
        update(WISHES)
        .where(
            WISHES.c.release_id == release_id,
            WISHES.c.kind == kind,
            WISHES.c.taken_at.is_(None),
        )
        .values(taken_at=now)
    )
