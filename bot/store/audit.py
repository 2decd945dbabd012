"""The record: entries are appended in the transaction of the change that they tell of."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import insert, update
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
from bot.store.tables import AUDIT, AUDIT_HEAD, PEOPLE, AuditHeadRow, AuditRow, PersonRow

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
    seq, previous = await _locked_head(session)
    entry = AuditEntry(
        seq=seq + 1,
        at=stamp(now),
        tag=tag.value,
        subject=subject,
        actor=await hashed(session, actor),
        data=data,
        previous=previous,
    )
    link = entry.hash()
    await session.exec(
        insert(AUDIT).values(
            seq=entry.seq,
            previous=entry.previous,
            hash=link,
            tag=entry.tag,
            subject=subject,
            body=entry.model_dump_json(),
        )
    )
    await session.exec(
        update(AUDIT_HEAD).where(AUDIT_HEAD.c.id == 1).values(seq=entry.seq, hash=link)
    )
    session.info[AUDIT_HEAD.name] = entry.seq, link


async def _locked_head(session: AsyncSession) -> tuple[int, str]:
    """Read the head and keep it until the transaction ends. Locked once, it is known from then on.

    A session is one transaction (`store.session`), so what it remembers can't be out of date.
    """
    known: tuple[int, str] | None = session.info.get(AUDIT_HEAD.name)
    if known is not None:
        return known
    found = await session.exec(
        select(AUDIT_HEAD.c.seq, AUDIT_HEAD.c.hash).where(AUDIT_HEAD.c.id == 1).with_for_update()
    )
    seq, link = found.one()
    return seq, link


async def hashed(session: AsyncSession, user: str | None) -> str | None:
    """Hash a person's id with their own salt, as entries hold it."""
    if user is None:
        return None
    salt: str | None = session.info.get(user) or await _salt(session, user)
    if salt is None:
        new = insert_for(session)(PEOPLE).values(user=user, salt=secrets.token_hex(16))
        await session.exec(new.on_conflict_do_nothing())
        salt = await _salt(session, user)
    session.info[user] = salt
    return person_hash(salt or "", user)


async def _salt(session: AsyncSession, user: str) -> str | None:
    found = await session.exec(select(PEOPLE.c.salt).where(PEOPLE.c.user == user))
    return found.one_or_none()


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
