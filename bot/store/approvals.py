"""People's answers to plans: one a person and digest."""

from collections.abc import Collection

from sqlalchemy import or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.releases import Approval
from bot.store.inserts import insert_for
from bot.store.session import changed
from bot.store.tables import APPROVALS, ApprovalRow

_KEY = ("release_id", "digest", "user")


async def insert(session: AsyncSession, approval: Approval) -> bool:
    """Store an answer; False where the person has answered this digest already.

    A yes that does not count any more, and one that becomes a no, are replaced.
    """
    fields = approval.model_dump() | {"roles": " ".join(approval.roles)}
    void = col(ApprovalRow.void).is_not(None)
    replaced = void if approval.yes else or_(void, col(ApprovalRow.yes))
    statement = insert_for(session)(APPROVALS).values(**fields)
    done = await session.exec(
        statement.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={name: value for name, value in fields.items() if name not in _KEY},
            where=replaced,
        )
    )
    return bool(changed(done))


async def of(session: AsyncSession, release_id: str) -> tuple[Approval, ...]:
    """List a release's answers to all its plans, oldest first."""
    found = await session.exec(
        select(ApprovalRow)
        .where(ApprovalRow.release_id == release_id)
        .order_by(col(ApprovalRow.at), col(ApprovalRow.user))
        .execution_options(populate_existing=True)
    )
    return tuple(_value(row) for row in found.all())


def _value(row: ApprovalRow) -> Approval:
    fields = row.model_dump(exclude={"used_by"})
    return Approval.model_validate(fields | {"roles": tuple(row.roles.split())})


async def void(session: AsyncSession, vote: Approval, why: str) -> None:
    """Let an answer count no more."""
    await session.exec(_row_of(vote).values(void=why))


async def keep_roles(session: AsyncSession, vote: Approval, roles: Collection[str]) -> None:
    """Keep only the roles that the person still has; the record holds those seen at the click."""
    await session.exec(_row_of(vote).values(roles=" ".join(roles)))


def _row_of(vote: Approval):  # type: ignore[no-untyped-def]  # noqa: ANN202 - SQLAlchemy's own
    table = APPROVALS.c
    return update(APPROVALS).where(
        table.release_id == vote.release_id,
        table.digest == vote.digest,
        table.user == vote.user,
    )


async def used_by(session: AsyncSession, release_id: str) -> str | None:
    """Say for which release the approval of this one was used again."""
    found = await session.exec(
        select(ApprovalRow.used_by)
        .where(ApprovalRow.release_id == release_id, col(ApprovalRow.used_by).is_not(None))
        .limit(1)
    )
    return found.first()


async def use_again(session: AsyncSession, release_id: str, by: str) -> bool:
    """Mark a release's answers as used again; False where another release has done so."""
    done = await session.exec(
        update(APPROVALS)
        .where(APPROVALS.c.release_id == release_id, APPROVALS.c.used_by.is_(None))
        .values(used_by=by)
    )
    return bool(changed(done))
