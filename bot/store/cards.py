"""Live cards: which version of each is wanted and which was sent. The newest state wins."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.inserts import insert_for
from bot.store.tables import CARDS, CardRow


async def want(
    session: AsyncSession, release_id: str, channel: str, now: datetime, *, urgent: bool
) -> None:
    """Ask for the card to be drawn anew. `urgent`: a person waits for it (they clicked)."""
    await want_all(session, [(release_id, channel)], now, urgent=urgent)


async def want_all(
    session: AsyncSession, places: Iterable[tuple[str, str]], now: datetime, *, urgent: bool
) -> None:
    """Ask for several cards, each as release id and channel."""
    new = {"wanted": 1, "sent": 0, "due_at": now, "urgent": True, "attempts": 0, "posting": 0}
    rows = [{"release_id": name, "channel": channel, **new} for name, channel in places]
    await session.exec(_asked(insert_for(session), urgent=urgent), params=rows)


@cache
def _asked(insert: Any, *, urgent: bool) -> Any:
    """Build the statement once: each change of a release has it on its way."""
    asked = insert(CARDS)
    return asked.on_conflict_do_update(
        index_elements=["release_id"],
        set_={
            "wanted": CARDS.c.wanted + 1,
            "due_at": func.coalesce(CARDS.c.due_at, asked.excluded.due_at),
            "urgent": True if urgent else CARDS.c.urgent,
        },
    )


async def due(session: AsyncSession, now: datetime, limit: int = 100) -> list[CardRow]:
    """List cards to send, those that somebody waits for first."""
    found = await session.exec(
        select(CardRow)
        .where(col(CardRow.due_at) <= now)
        .order_by(col(CardRow.urgent).desc(), col(CardRow.due_at))
        .limit(limit)
    )
    return list(found.all())


async def places(session: AsyncSession, release_ids: Collection[str]) -> dict[str, CardRow]:
    """Read where the cards of these releases are."""
    if not release_ids:
        return {}
    found = await session.exec(select(CardRow).where(col(CardRow.release_id).in_(release_ids)))
    return {row.release_id: row for row in found.all()}


async def by_message(session: AsyncSession, channel: str, ts: str) -> str | None:
    """Find the release whose card is that message."""
    found = await session.exec(
        select(CardRow.release_id).where(CardRow.channel == channel, CardRow.ts == ts)
    )
    return found.first()


async def begin_post(session: AsyncSession, release_id: str) -> None:
    """Write down that the card is about to be posted: a repeat looks for it first."""
    await session.exec(
        update(CARDS).where(CARDS.c.release_id == release_id).values(attempts=CARDS.c.attempts + 1)
    )


async def sent(session: AsyncSession, release_id: str, ts: str, number: int) -> None:
    """Note that version `number` of the card was sent; a newer wish stays due."""
    await session.exec(
        update(CARDS).where(CARDS.c.release_id == release_id).values(ts=ts, sent=number, attempts=0)
    )
    await session.exec(
        update(CARDS)
        .where(CARDS.c.release_id == release_id, CARDS.c.wanted <= number)
        .values(due_at=None, urgent=False)
    )


async def posted_anew(session: AsyncSession, release_id: str) -> None:
    """Forget the message: it was deleted or can't be edited, so a new one follows."""
    await session.exec(
        update(CARDS)
        .where(CARDS.c.release_id == release_id)
        .values(ts=None, posting=CARDS.c.posting + 1)
    )


async def later(session: AsyncSession, release_id: str, at: datetime) -> None:
    """Try again then."""
    await session.exec(
        update(CARDS)
        .where(CARDS.c.release_id == release_id)
        .values(due_at=at, attempts=CARDS.c.attempts + 1)
    )


async def postpone(session: AsyncSession, release_id: str, at: datetime) -> None:
    """Send it then, not now: its channel's turn has not come. No try was made."""
    await session.exec(update(CARDS).where(CARDS.c.release_id == release_id).values(due_at=at))


async def next_due(session: AsyncSession) -> datetime | None:
    """When the next card is due."""
    found = await session.exec(select(func.min(CardRow.due_at)))
    return found.one()


async def unsent(session: AsyncSession) -> int:
    """Count the cards that Slack does not show in their newest state."""
    found = await session.exec(
        select(func.count()).select_from(CardRow).where(col(CardRow.wanted) > col(CardRow.sent))
    )
    return found.one()
