"""People's answers to plans: one a person and digest."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.releases import Approval
from bot.store.leases import insert_for
from bot.store.session import changed
from bot.store.tables import APPROVALS, ApprovalRow


async def insert(session: AsyncSession, approval: Approval) -> bool:
    """Store an answer; False where the person has answered this digest already."""
    fields = approval.model_dump() | {"roles": " ".join(approval.roles)}
    done = await session.exec(
        insert_for(session)(APPROVALS).values(**fields).on_conflict_do_nothing()
    )
    return bool(changed(done))


async def of(session: AsyncSession, release_id: str) -> tuple[Approval, ...]:
    """List a release's answers to all its plans, oldest first."""
    found = await session.exec(
        select(ApprovalRow)
        .where(ApprovalRow.release_id == release_id)
        .order_by(col(ApprovalRow.at))
    )
    return tuple(
        Approval.model_validate(row.model_dump() | {"roles": tuple(row.roles.split())})
        for row in found.all()
    )
