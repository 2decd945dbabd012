"""Runs of scheduled jobs, claimed by name and due time; and the sweeping of what is done with."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.leases import insert_for
from bot.store.session import changed
from bot.store.tables import INBOX, JOBS, OUTBOX, WEBHOOKS


async def claim(session: AsyncSession, name: str, due: datetime) -> bool:
    """Claim one run; False where another process has it."""
    done = await session.exec(
        insert_for(session)(JOBS).values(name=name, due=due).on_conflict_do_nothing()
    )
    return bool(changed(done))


async def sweep(session: AsyncSession, before: datetime) -> int:
    """Delete commands, messages, webhooks and runs that ended before then; count the rows."""
    gone = 0
    for statement in (
        delete(INBOX).where(INBOX.c.done_at < before),
        delete(OUTBOX).where(OUTBOX.c.sent_at < before),
        delete(WEBHOOKS).where(WEBHOOKS.c.at < before),
        delete(JOBS).where(JOBS.c.due < before),
    ):
        gone += changed(await session.exec(statement))
    return gone
