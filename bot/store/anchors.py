"""Removes old entries of the record behind a signed anchor. Used by `engine.pruning` and `proof`.

The order is the guards': first the anchor, then what it covers. `audit_anchors` is only added to.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, insert, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.record_tables import AUDIT, AUDIT_ANCHORS, AUDIT_TEXTS, PEOPLE, AuditAnchorRow
from bot.store.session import changed

_BATCH = 5000
"""Entries that one statement deletes, so that none outlasts the server's limit."""

_OWNED = """
SELECT pg_has_role(c.relowner, 'MEMBER') FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND c.relname = 'audit_anchors'
"""


async def may_remove(session: AsyncSession) -> bool:
    """Whether this user's removal would be let through: the owner's is, and on SQLite anybody's."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    connection = await session.connection()
    return bool((await connection.execute(text(_OWNED))).scalar())


async def notes(session: AsyncSession) -> list[tuple[int, int, str]]:
    """List all anchors, oldest first: their last entry, their first, the note."""
    found = await session.exec(
        select(AuditAnchorRow.seq, AuditAnchorRow.first, AuditAnchorRow.note).order_by(
            col(AuditAnchorRow.seq)
        )
    )
    return list(found.all())


async def put(session: AsyncSession, seq: int, first: int, at: datetime, note: str) -> None:
    """Store one. Where somebody else was quicker the database refuses it: `first` is unique."""
    await session.exec(insert(AUDIT_ANCHORS).values(seq=seq, first=first, at=at, note=note))


async def texts_upto(session: AsyncSession, last: int) -> int:
    """Count the texts beside entries up to that one."""
    query = select(func.count()).select_from(AUDIT_TEXTS).where(AUDIT_TEXTS.c.seq <= last)
    return (await session.exec(query)).one()


async def remove(session: AsyncSession, first: int, last: int) -> tuple[int, int]:
    """Delete entries and the texts beside them; how many of each. An anchor must cover them."""
    entries = texts = 0
    for start in range(first, last + 1, _BATCH):
        end = min(start + _BATCH - 1, last)
        lost = delete(AUDIT_TEXTS).where(AUDIT_TEXTS.c.seq.between(start, end))
        texts += changed(await session.exec(lost))
        gone = delete(AUDIT).where(AUDIT.c.seq.between(start, end))
        entries += changed(await session.exec(gone))
    return entries, texts


async def forget(session: AsyncSession, users: Collection[str]) -> None:
    """Delete the salts of people whom no entry tells of any more."""
    await session.exec(delete(PEOPLE).where(PEOPLE.c.user.in_(users)))
