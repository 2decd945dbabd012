"""The outbox: messages that the store holds until Slack has them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.ports import Message
from bot.store.leases import insert_for
from bot.store.tables import OutboxRow

Kind = Literal["line", "whisper", "post"]
"""A line in a release's thread, a reply that one person sees, a post to a channel."""


async def put(  # noqa: PLR0913 - an address has these parts
    session: AsyncSession,
    kind: Kind,
    key: str,
    message: Message,
    now: datetime,
    *,
    channel: str,
    release_id: str | None = None,
    user: str | None = None,
    thread: str | None = None,
) -> None:
    """Store a message to be sent once; a second one with the same key is dropped."""
    await session.exec(
        insert_for(session)(OutboxRow)
        .values(
            key=key,
            kind=kind,
            release_id=release_id,
            channel=channel,
            user=user,
            thread=thread,
            body=message.model_dump_json(),
            created_at=now,
            due_at=now,
            attempts=0,
        )
        .on_conflict_do_nothing()
    )


async def due(session: AsyncSession, now: datetime, limit: int = 200) -> list[OutboxRow]:
    """List what is to be sent, oldest first."""
    found = await session.exec(
        select(OutboxRow).where(col(OutboxRow.due_at) <= now).order_by(col(OutboxRow.id)).limit(limit)
    )
    return list(found.all())


async def pending_of_batch(session: AsyncSession, batch: str) -> list[OutboxRow]:
    """List the lines that were to go out as one message."""
    found = await session.exec(
        select(OutboxRow).where(OutboxRow.batch == batch).order_by(col(OutboxRow.id))
    )
    return list(found.all())


async def bind(session: AsyncSession, ids: Iterable[int], batch: str) -> None:
    """Bind lines into one message, before it is sent: a repeat then looks for just that."""
    await session.exec(
        update(OutboxRow).where(col(OutboxRow.id).in_(list(ids))).values(batch=batch)
    )


async def sent(session: AsyncSession, ids: Iterable[int], now: datetime) -> None:
    """Mark as sent."""
    await session.exec(
        update(OutboxRow)
        .where(col(OutboxRow.id).in_(list(ids)))
        .values(due_at=None, sent_at=now)
    )


async def later(session: AsyncSession, ids: Iterable[int], at: datetime) -> None:
    """Try again then."""
    await session.exec(
        update(OutboxRow)
        .where(col(OutboxRow.id).in_(list(ids)))
        .values(due_at=at, attempts=OutboxRow.attempts + 1)
    )


async def give_up(session: AsyncSession, ids: Iterable[int]) -> None:
    """Stop trying: it can't be delivered (`sent_at` stays empty)."""
    await session.exec(
        update(OutboxRow).where(col(OutboxRow.id).in_(list(ids))).values(due_at=None)
    )


async def next_due(session: AsyncSession) -> datetime | None:
    """When the next message is due."""
    found = await session.exec(select(func.min(OutboxRow.due_at)))
    return found.one()


async def oldest_due(session: AsyncSession) -> datetime | None:
    """Since when the oldest unsent message waits."""
    found = await session.exec(
        select(func.min(OutboxRow.created_at)).where(col(OutboxRow.due_at).is_not(None))
    )
    return found.one()
