"""Runs of scheduled jobs, claimed by name and due time; and the sweeping of what is done with."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.leases import insert_for
from bot.store.session import changed
from bot.store.tables import InboxRow, JobRow, OutboxRow, WebhookRow


async def claim(session: AsyncSession, name: str, due: datetime) -> bool:
    """Claim one run; False where another process has it."""
    done = await session.exec(
        insert_for(session)(JobRow).values(name=name, due=due).on_conflict_do_nothing()
    )
    return bool(changed(done))


async def sweep(session: AsyncSession, before: datetime) -> int:
    """Delete commands, messages, webhooks and runs that ended before then; count the rows."""
    gone = 0
    for statement in (
        delete(InboxRow).where(col(InboxRow.done_at) < before),
        delete(OutboxRow).where(col(OutboxRow.sent_at) < before),
        delete(WebhookRow).where(col(WebhookRow.at) < before),
        delete(JobRow).where(col(JobRow.due) < before),
    ):
        gone += changed(await session.exec(statement))
    return gone
