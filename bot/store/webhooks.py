"""Webhooks that were seen, so that a repeat wakes nobody twice."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from bot.ports import Webhook
from bot.store.leases import insert_for
from bot.store.session import changed
from bot.store.tables import WEBHOOKS


async def first_time(session: AsyncSession, webhook: Webhook, now: datetime) -> bool:
    """Note it; False where the same body came before, under whatever delivery id."""
    done = await session.exec(
        insert_for(session)(WEBHOOKS)
        .values(body_hash=webhook.body_hash, delivery=webhook.delivery, at=now)
        .on_conflict_do_nothing()
    )
    return bool(changed(done))
