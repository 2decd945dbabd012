"""Boxes of checklists that are ticked, for one plan of one release."""

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.checklists import Tick
from bot.store.approving_tables import TICKS, TickRow
from bot.store.inserts import unless_there
from bot.store.session import changed


async def of(session: AsyncSession, release_id: str, digest: str) -> tuple[Tick, ...]:
    """List a plan's ticks, oldest first."""
    found = await session.exec(
        select(TickRow)
        .where(TickRow.release_id == release_id, TickRow.digest == digest)
        .order_by(col(TickRow.at), col(TickRow.item))
    )
    return tuple(Tick.model_validate(row.model_dump()) for row in found.all())


async def add(session: AsyncSession, tick: Tick) -> bool:
    """Store one; False where that box is ticked already."""
    done = await session.exec(unless_there(session, TICKS), params=tick.model_dump())
    return bool(changed(done))


async def remove(session: AsyncSession, tick: Tick) -> bool:
    """Take one away; False where it is gone already."""
    table = TICKS.c
    done = await session.exec(
        delete(TICKS).where(
            table.release_id == tick.release_id,
            table.digest == tick.digest,
            table.item == tick.item,
        )
    )
    return bool(changed(done))
