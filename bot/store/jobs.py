"""Runs of scheduled jobs, claimed by name and due time; and the sweeping of what is done with."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.inserts import unless_there
from bot.store.protection_tables import CHANGES, PROTECTIONS
from bot.store.session import changed
from bot.store.stop_tables import STOPS
from bot.store.tables import DELIVERIES, EVENTS, INBOX, JOBS, NAMESPACES, OUTBOX, WEBHOOKS, JobRow


async def claim(session: AsyncSession, name: str, due: datetime) -> bool:
    """Claim one run; False where another process has it."""
    done = await session.exec(unless_there(session, JOBS), params={"name": name, "due": due})
    return bool(changed(done))


def _over(before: datetime) -> list[ColumnElement[bool]]:
    """What was said of a namespace held until then at the most."""
    ends = (NAMESPACES.c.expires_at, NAMESPACES.c.kept_until)
    return [or_(end.is_(None), end < before) for end in ends]


async def is_claimed(session: AsyncSession, name: str, due: datetime) -> bool:
    """Whether a run is somebody's already."""
    found = await session.exec(select(JobRow.due).where(JobRow.name == name, JobRow.due == due))
    return found.first() is not None


async def sweep(session: AsyncSession, before: datetime) -> int:
    """Delete commands, messages, webhooks, events and runs that ended before then; count them."""
    wanted = exists().where(DELIVERIES.c.event_id == EVENTS.c.id)
    gone = 0
    for statement in (
        delete(INBOX).where(INBOX.c.done_at < before),
        delete(OUTBOX).where(OUTBOX.c.sent_at < before),
        delete(WEBHOOKS).where(WEBHOOKS.c.at < before),
        delete(JOBS).where(JOBS.c.due < before),
        delete(DELIVERIES).where(DELIVERIES.c.delivered_at < before),
        delete(DELIVERIES).where(DELIVERIES.c.dead_at < before),
        delete(EVENTS).where(EVENTS.c.at < before, ~wanted),
        delete(STOPS).where(STOPS.c.lifted_at < before),
        delete(STOPS).where(STOPS.c.until < before),
        delete(PROTECTIONS).where(PROTECTIONS.c.closed_at < before),
        delete(CHANGES).where(CHANGES.c.closed_at < before),
        delete(NAMESPACES).where(NAMESPACES.c.said_at < before, *_over(before)),
    ):
        gone += changed(await session.exec(statement))
    return gone
