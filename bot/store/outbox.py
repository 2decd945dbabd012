"""The outbox: messages that the store holds until Slack has them."""

import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.value import Value
from bot.store.inserts import unless_there
from bot.store.tables import OUTBOX, OutboxRow

Kind = Literal["line", "whisper", "post", "chart"]
"""A line in a release's thread, a reply that one person sees, a post to a channel, a picture in a
release's thread, which is drawn when it goes out."""

_AFTER_ITS_THREAD = func.coalesce(
    select(func.max(OUTBOX.c.due_at))
    .where(
        OUTBOX.c.release_id == bindparam("of"),
        OUTBOX.c.kind != "post",
        OUTBOX.c.due_at > bindparam("now"),
    )
    .scalar_subquery(),
    bindparam("now"),
)
"""When a line is due: when the last line before it is."""


def line_key(release_id: str) -> str:
    """Make a key for a line: its own transaction writes it once, and Slack's copy carries it."""
    return f"line:{release_id}:{secrets.token_hex(8)}"


async def put(  # noqa: PLR0913 - an address has these parts
    session: AsyncSession,
    kind: Kind,
    key: str,
    message: Value,
    now: datetime,
    *,
    channel: str,
    release_id: str | None = None,
    user: str | None = None,
    thread: str | None = None,
) -> None:
    """Store a message to be sent once; a second one with the same key is dropped.

    A line waits at least as long as the lines before it in its thread.
    """
    row = {
        "key": key,
        "kind": kind,
        "release_id": release_id,
        "channel": channel,
        "user": user,
        "thread": thread,
        "body": message.model_dump_json(),
        "created_at": now,
        "attempts": 0,
    }
    if kind == "line":
        line = unless_there(session, OUTBOX).values(due_at=_AFTER_ITS_THREAD)
        await session.exec(line, params={**row, "of": release_id, "now": now})
    else:
        await session.exec(unless_there(session, OUTBOX), params={**row, "due_at": now})


async def due(session: AsyncSession, now: datetime, limit: int = 200) -> list[OutboxRow]:
    """List what is to be sent, oldest first."""
    found = await session.exec(
        select(OutboxRow)
        .where(col(OutboxRow.due_at) <= now)
        .order_by(col(OutboxRow.id))
        .limit(limit)
    )
    return list(found.all())


async def bind(session: AsyncSession, ids: Iterable[int], batch: str) -> None:
    """Bind lines into one message, before it is sent: a repeat then looks for just that."""
    await session.exec(update(OUTBOX).where(OUTBOX.c.id.in_(list(ids))).values(batch=batch))


async def begin(session: AsyncSession, row_id: int, batch: str, again_at: datetime) -> None:
    """Note that a message is about to go out; until then nobody else need look for it."""
    await session.exec(
        update(OUTBOX).where(OUTBOX.c.id == row_id).values(batch=batch, due_at=again_at)
    )


async def count_charts(session: AsyncSession, release_id: str) -> int:
    """Count a release's charts, sent or not."""
    found = await session.exec(
        select(func.count())
        .select_from(OutboxRow)
        .where(OutboxRow.release_id == release_id, OutboxRow.kind == "chart")
    )
    return found.one()


async def lines_wait(session: AsyncSession, release_id: str) -> bool:
    """Whether a release's thread lacks a line yet."""
    found = await session.exec(
        select(OutboxRow.id)
        .where(
            OutboxRow.release_id == release_id,
            OutboxRow.kind == "line",
            col(OutboxRow.due_at).is_not(None),
        )
        .limit(1)
    )
    return found.first() is not None


async def sent(session: AsyncSession, ids: Iterable[int], now: datetime) -> None:
    """Mark as sent."""
    await session.exec(
        update(OUTBOX).where(OUTBOX.c.id.in_(list(ids))).values(due_at=None, sent_at=now)
    )


async def later(session: AsyncSession, ids: Collection[int], at: datetime) -> None:
    """Try again then: this try failed, or nobody knows."""
    await session.exec(
        update(OUTBOX).where(OUTBOX.c.id.in_(ids)).values(due_at=at, attempts=OUTBOX.c.attempts + 1)
    )
    await _behind(session, ids, at)


async def postpone(session: AsyncSession, ids: Collection[int], at: datetime) -> None:
    """Send it then, not now: its channel's turn has not come. No try was made."""
    await session.exec(update(OUTBOX).where(OUTBOX.c.id.in_(ids)).values(due_at=at))
    await _behind(session, ids, at)


async def _behind(session: AsyncSession, ids: Collection[int], at: datetime) -> None:
    """Let the lines that follow in the same thread wait too: a thread is told in order."""
    threads = select(OUTBOX.c.release_id).where(OUTBOX.c.id.in_(ids), OUTBOX.c.kind == "line")
    await session.exec(
        update(OUTBOX)
        .where(
            OUTBOX.c.release_id.in_(threads),
            OUTBOX.c.kind == "line",
            OUTBOX.c.due_at < at,
            OUTBOX.c.id > min(ids),
        )
        .values(due_at=at)
    )


async def give_up(session: AsyncSession, ids: Iterable[int]) -> None:
    """Stop trying: it can't be delivered (`sent_at` stays empty)."""
    await session.exec(update(OUTBOX).where(OUTBOX.c.id.in_(list(ids))).values(due_at=None))


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
