"""What people wrote, beside the record's chain: erasing a row leaves the chain whole.

Used by `audit`, which writes a row with its entry, and by `erasure`.
"""

from collections.abc import Sequence

from sqlalchemy import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.audit import Text
from bot.store.record_tables import AUDIT_TEXTS, AuditRow, AuditTextRow


async def insert_all(
    session: AsyncSession, seq: int, texts: Sequence[tuple[str, str, str, str | None]]
) -> None:
    """Store an entry's texts: field, salt, text, and whose erasure takes it."""
    rows = [
        {"seq": seq, "field": field, "salt": salt, "text": text, "owner": owner}
        for field, salt, text, owner in texts
    ]
    if rows:
        await session.exec(insert(AUDIT_TEXTS).values(rows))


async def between(session: AsyncSession, first: int, last: int) -> dict[int, list[Text]]:
    """Read the texts of entries `first` to `last`, by entry."""
    rows = await session.exec(
        select(AuditTextRow).where(col(AuditTextRow.seq) >= first, col(AuditTextRow.seq) <= last)
    )
    found: dict[int, list[Text]] = {}
    for row in rows.all():
        text = Text(seq=row.seq, field=row.field, salt=row.salt, text=row.text)
        found.setdefault(row.seq, []).append(text)
    return found


async def on(session: AsyncSession, subject: str) -> dict[tuple[int, str], str]:
    """Read the texts of all entries on one subject, by entry and field."""
    rows = await session.exec(
        select(AuditTextRow.seq, AuditTextRow.field, AuditTextRow.text)
        .join(AuditRow, col(AuditRow.seq) == col(AuditTextRow.seq))
        .where(AuditRow.subject == subject)
    )
    return {(seq, name): text for seq, name, text in rows.all()}
