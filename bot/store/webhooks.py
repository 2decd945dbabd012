"""Webhooks that were seen, so that a repeat wakes nobody twice; and when one came last."""

from datetime import datetime

from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.ports import Webhook
from bot.store.inserts import unless_there
from bot.store.session import changed
from bot.store.tables import WEBHOOKS


async def first_time(session: AsyncSession, webhook: Webhook, now: datetime) -> bool:
    """Note it; False where the same body came before, or something under the same delivery id.

    The id alone would not do, since it is outside the signature: a replay may bear another one.
    """
    if webhook.delivery and await _delivered(session, webhook.delivery):
        return False
    row = {
        "body_hash": webhook.body_hash,
        "delivery": webhook.delivery,
        "at": now,
        "repository": webhook.repository.lower() if webhook.repository else None,
        "event": webhook.event,
    }
    done = await session.exec(unless_there(session, WEBHOOKS), params=row)
    return bool(changed(done))


async def _delivered(session: AsyncSession, delivery: str) -> bool:
    query = select(WEBHOOKS.c.body_hash).where(WEBHOOKS.c.delivery == delivery).limit(1)
    return (await session.exec(query)).first() is not None


async def last(session: AsyncSession, repository: str, event: str) -> datetime | None:
    """When the last webhook of that kind came from a repository."""
    found = await session.exec(
        select(func.max(WEBHOOKS.c.at)).where(
            WEBHOOKS.c.repository == repository.lower(), WEBHOOKS.c.event == event
        )
    )
    moment: datetime | None = found.one()
    return moment


async def arrivals(session: AsyncSession) -> dict[str, datetime]:
    """When the last webhook came from each repository, by its name in lower case."""
    found = await session.exec(
        select(WEBHOOKS.c.repository, func.max(WEBHOOKS.c.at))
        .where(WEBHOOKS.c.repository.is_not(None))
        .group_by(WEBHOOKS.c.repository)
    )
    return {row[0]: row[1] for row in found.all()}
