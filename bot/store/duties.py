"""Duties: what one process at a time does for all, such as speaking in Slack. Leases, like §4.1."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.inserts import unless_there
from bot.store.tables import DUTIES

DUTY = timedelta(seconds=4)
"""How long a duty lasts when it is not renewed."""


async def claim(session: AsyncSession, name: str, owner: str, real: datetime) -> int | None:
    """Take a duty or renew it; its fence, which rises each time. None: another process has it."""
    free = or_(
        DUTIES.c.owner == owner, DUTIES.c.lease_until.is_(None), DUTIES.c.lease_until <= real
    )
    take = (
        update(DUTIES)
        .where(DUTIES.c.name == name, free)
        .values(owner=owner, lease_until=real + DUTY, fence=DUTIES.c.fence + 1)
        .returning(DUTIES.c.fence)
    )
    fence = (await session.exec(take)).scalar_one_or_none()
    if fence is None:
        await session.exec(unless_there(session, DUTIES), params={"name": name, "fence": 0})
        fence = (await session.exec(take)).scalar_one_or_none()
    return fence


async def give_back(session: AsyncSession, owner: str) -> None:
    """Give back every duty of this process."""
    await session.exec(update(DUTIES).where(DUTIES.c.owner == owner).values(lease_until=None))
