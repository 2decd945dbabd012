"""The record: entries are appended in the transaction of the change that they tell of."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.audit import (
    GENESIS,
    AuditEntry,
    AuditTag,
    Chained,
    person_hash,
    stamp,
)
from bot.store.leases import insert_for
from bot.store.tables import AuditHeadRow, AuditRow, PersonRow

_PAGE = 500


async def append(
    session: AsyncSession,
    tag: AuditTag,
    subject: str,
    now: datetime,
    *,
    actor: str | None = None,
    **data: str | int | bool | None,
) -> None:
    """Add one entry at the end of the chain. `actor` is a Slack id; only its hash goes in."""
    head = await _locked_head(session)
    entry = AuditEntry(
        seq=head.seq + 1,
        at=stamp(now),
        tag=tag.value,
        subject=subject,
        actor=await _actor(session, actor),
        data=data,
        previous=head.hash,
    )
    link = entry.hash()
    session.add(
        AuditRow(
            seq=entry.seq,
            previous=entry.previous,
            hash=link,
            tag=entry.tag,
            subject=subject,
            body=entry.model_dump_json(),
        )
    )
    head.seq, head.hash = entry.seq, link
    session.add(head)
    await session.flush()


async def _locked_head(session: AsyncSession) -> AuditHeadRow:
    found = await session.exec(
        select(AuditHeadRow)
        .where(AuditHeadRow.id == 1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.one()


async def _actor(session: AsyncSession, user: str | None) -> str | None:
    if user is None:
        return None
    salt_of = select(PersonRow.salt).where(PersonRow.user == user)
    salt = (await session.exec(salt_of)).first()
    if salt is None:
        insert = insert_for(session)
        await session.exec(
            insert(PersonRow).values(user=user, salt=secrets.token_hex(16)).on_conflict_do_nothing()
        )
        salt = (await session.exec(salt_of)).one()
    return person_hash(salt, user)


async def head(session: AsyncSession) -> tuple[int, str]:
    """Read the head row: sequence number and hash of the last entry."""
    row = await session.get(AuditHeadRow, 1)
    return (row.seq, row.hash) if row else (0, GENESIS)


async def chain(session: AsyncSession) -> AsyncIterator[Chained]:
    """Read the whole chain in order, a page at a time."""
    after = -1
    while True:
        rows = await session.exec(
            select(AuditRow)
            .where(col(AuditRow.seq) > after)
            .order_by(col(AuditRow.seq))
            .limit(_PAGE)
        )
        page = rows.all()
        for row in page:
            yield Chained(entry=AuditEntry.model_validate_json(row.body), hash=row.hash)
            after = row.seq
        if len(page) < _PAGE:
            return


async def of_subject(session: AsyncSession, subject: str) -> list[AuditEntry]:
    """List the entries on one subject, oldest first."""
    rows = await session.exec(
        select(AuditRow.body).where(AuditRow.subject == subject).order_by(col(AuditRow.seq))
    )
    return [AuditEntry.model_validate_json(body) for body in rows.all()]


async def people(session: AsyncSession) -> dict[str, str]:
    """Map hashes in the record to Slack ids, for those who were not erased."""
    rows = await session.exec(select(PersonRow))
    return {person_hash(row.salt, row.user): row.user for row in rows.all()}
