"""The inbox: what Slack sent and we acknowledged. One insert on the way of an ack."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.errors import StaleLeaseError
from bot.ports import Invocation
from bot.store.inserts import unless_there
from bot.store.session import changed
from bot.store.tables import INBOX, InboxRow

WORK = timedelta(seconds=4)
"""After this long a command that a dead process was at is taken up by another. Whoever finishes
it first has done it: the other's transaction does not hold (`finish`)."""

_DONE = (
    update(INBOX)
    .where(INBOX.c.key == bindparam("which"), INBOX.c.done_at.is_(None))
    .values(due_at=None, done_at=bindparam("now"), lease_until=None)
)


async def insert(
    session: AsyncSession, invocation: Invocation, now: datetime, *, taken: datetime | None = None
) -> bool:
    """Store it; False where the same request is stored already.

    `taken`: real time at which this process takes it up itself, in the same write.
    """
    row = {
        "key": invocation.key,
        "body": invocation.model_dump_json(),
        "received_at": now,
        "due_at": now,
        "attempts": 0 if taken is None else 1,
        "lease_until": None if taken is None else taken + WORK,
    }
    done = await session.exec(unless_there(session, INBOX), params=row)
    return bool(changed(done))


async def claim(
    session: AsyncSession, now: datetime, real: datetime, at_work: Iterable[str], limit: int = 20
) -> list[tuple[Invocation, datetime, int]]:
    """Take up what is due, oldest first: invocation, when it came, how often it was tried.

    `at_work`: keys that this process is at already.
    """
    due = (
        select(InboxRow.key)
        .where(
            col(InboxRow.due_at) <= now,
            col(InboxRow.key).not_in(list(at_work)),
            or_(col(InboxRow.lease_until).is_(None), col(InboxRow.lease_until) <= real),
        )
        .order_by(col(InboxRow.received_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = list((await session.exec(due)).all())
    if not keys:
        return []
    await session.exec(
        update(INBOX)
        .where(INBOX.c.key.in_(keys))
        .values(lease_until=real + WORK, attempts=INBOX.c.attempts + 1)
    )
    rows = await session.exec(
        select(InboxRow).where(col(InboxRow.key).in_(keys)).order_by(col(InboxRow.received_at))
    )
    return [
        (Invocation.model_validate_json(row.body), row.received_at, row.attempts)
        for row in rows.all()
    ]


async def finish(session: AsyncSession, key: str, now: datetime) -> None:
    """Mark it done. Raises StaleLeaseError where another has done it meanwhile."""
    done = await session.exec(_DONE, params={"which": key, "now": now})
    if changed(done) != 1:
        raise StaleLeaseError(key)


async def retry(session: AsyncSession, key: str, at: datetime) -> None:
    """Try it again then: something outside gave no answer. What another has done stays done."""
    await session.exec(
        update(INBOX)
        .where(INBOX.c.key == key, INBOX.c.done_at.is_(None))
        .values(due_at=at, lease_until=None)
    )


async def release_all(session: AsyncSession) -> None:
    """Give back what this process was at. For one process on one database, at its start."""
    await session.exec(update(INBOX).where(INBOX.c.due_at.is_not(None)).values(lease_until=None))


async def next_due(session: AsyncSession) -> datetime | None:
    """When the next command is due."""
    found = await session.exec(select(func.min(InboxRow.due_at)))
    return found.one()
