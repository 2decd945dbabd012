"""Rights that were lent: stored, listed, ended. The clock ends them too."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.lending import Delegation
from bot.store.approving_tables import DELEGATIONS, DelegationRow
from bot.store.inserts import unless_there
from bot.store.session import changed


async def insert(session: AsyncSession, delegation: Delegation) -> bool:
    """Store one; False where the same request has stored it already."""
    done = await session.exec(unless_there(session, DELEGATIONS), params=delegation.model_dump())
    return bool(changed(done))


async def standing(
    session: AsyncSession, now: datetime, *, to: str | None = None, environment: str | None = None
) -> tuple[Delegation, ...]:
    """List those that can be used now, oldest first."""
    query = select(DelegationRow).where(
        col(DelegationRow.ended_at).is_(None), col(DelegationRow.until) > now
    )
    if to is not None:
        query = query.where(DelegationRow.to == to)
    if environment is not None:
        query = query.where(DelegationRow.environment == environment)
    found = await session.exec(query.order_by(col(DelegationRow.since), col(DelegationRow.key)))
    return tuple(Delegation.model_validate(row.model_dump()) for row in found.all())


async def end(session: AsyncSession, lender: str, to: str, environment: str, now: datetime) -> int:
    """End what one person has lent to another in an environment; count what that ended."""
    done = await session.exec(
        update(DELEGATIONS)
        .where(
            DELEGATIONS.c.lender == lender,
            DELEGATIONS.c.to == to,
            DELEGATIONS.c.environment == environment,
            DELEGATIONS.c.ended_at.is_(None),
            DELEGATIONS.c.until > now,
        )
        .values(ended_at=now)
    )
    return changed(done)
