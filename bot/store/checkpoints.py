"""Signed checkpoints of the record, as they were published. Only added to."""

from datetime import datetime

from sqlalchemy import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.record_tables import AUDIT_CHECKPOINTS, AuditCheckpointRow


async def newest(session: AsyncSession) -> tuple[int, datetime] | None:
    """Read how far the newest one goes, and when it was made; None where there is none."""
    found = await session.exec(
        select(AuditCheckpointRow.seq, AuditCheckpointRow.at)
        .order_by(col(AuditCheckpointRow.seq).desc())
        .limit(1)
    )
    return found.first()


async def put(session: AsyncSession, seq: int, at: datetime, note: str) -> None:
    """Store one. The caller has seen that there is none of that entry, in this transaction."""
    await session.exec(insert(AUDIT_CHECKPOINTS).values(seq=seq, at=at, note=note))


async def notes(
    session: AsyncSession, after: int = 0, before: int | None = None
) -> list[tuple[int, str]]:
    """List those that cover more than `after` entries (and at most `before`), oldest first."""
    query = select(AuditCheckpointRow.seq, AuditCheckpointRow.note)
    query = query.where(col(AuditCheckpointRow.seq) > after)
    if before is not None:
        query = query.where(col(AuditCheckpointRow.seq) <= before)
    found = await session.exec(query.order_by(col(AuditCheckpointRow.seq)))
    return list(found.all())
