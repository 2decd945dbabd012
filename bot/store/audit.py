"""The record: entries are appended in the transaction of the change that they tell of."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.audit import (
    GENESIS,
    AuditEntry,
    AuditTag,
    Chained,
    Stored,
    mentioned,
    pseudonymous,
    stamp,
    text_hash,
)
from bot.store import audit_texts, people
from bot.store.record_tables import AUDIT, AUDIT_HEAD, AuditHeadRow, AuditRow

_PAGE = 500


# Built once: a change has several entries on its way.
_ENTRY = insert(AUDIT)
_HEAD_MOVES = update(AUDIT_HEAD).where(AUDIT_HEAD.c.id == 1)
_HEAD_LOCKED = (
    select(AUDIT_HEAD.c.seq, AUDIT_HEAD.c.hash).where(AUDIT_HEAD.c.id == 1).with_for_update()
)


@dataclass(frozen=True)
class Written:
    """A value of an entry that people wrote: kept beside the chain, and erased with its owner.

    `owner`: a Slack id; None: whoever acted.
    """

    text: str
    owner: str | None = None


def written(text: str | None, owner: str | None = None) -> Written | None:
    """Mark what people wrote, if they wrote anything."""
    return None if text is None else Written(text, owner)


Datum = str | int | bool | Written | None


async def append(
    session: AsyncSession,
    tag: AuditTag,
    subject: str,
    now: datetime,
    *,
    actor: str | None = None,
    **data: Datum,
) -> None:
    """Add one entry at the end of the chain. `actor` is a Slack id; only its hash goes in.

    Of what is `Written` the hash goes in too, and in the place of each mention the person's.
    """
    seq, previous = await _locked_head(session)
    data = await _unnamed(session, data)
    texts = {name: value for name, value in data.items() if isinstance(value, Written)}
    salts = {name: secrets.token_hex(16) for name in texts}
    hashes = {name: text_hash(salts[name], one.text) for name, one in texts.items()}
    plain = {name: value for name, value in data.items() if not isinstance(value, Written)}
    entry = AuditEntry(
        seq=seq + 1,
        at=stamp(now),
        tag=tag.value,
        subject=subject,
        actor=await people.hash_of(session, actor) if actor else None,
        data={**plain, **hashes},
        previous=previous,
    )
    await _write(session, entry)
    kept = [(name, salts[name], one.text, one.owner or actor) for name, one in texts.items()]
    await audit_texts.insert_all(session, entry.seq, kept)


async def _unnamed(session: AsyncSession, data: dict[str, Datum]) -> dict[str, Datum]:
    """Give the data with the person's hash in the place of each mention, in names of fields too."""
    shown = {name: None if isinstance(one, Written) else one for name, one in data.items()}
    named = mentioned(shown)
    if not named:
        return data
    names = pseudonymous(shown, await people.hashes_of(session, named))
    both = zip(names.items(), data.values(), strict=True)
    return {name: one if isinstance(one, Written) else plain for (name, plain), one in both}


async def _write(session: AsyncSession, entry: AuditEntry) -> None:
    link = entry.hash()
    row = {
        "seq": entry.seq,
        "previous": entry.previous,
        "hash": link,
        "tag": entry.tag,
        "subject": entry.subject,
        "body": entry.model_dump_json(),
    }
    await session.exec(_ENTRY, params=row)
    await session.exec(_HEAD_MOVES, params={"seq": entry.seq, "hash": link})
    session.info[AUDIT_HEAD.name] = entry.seq, link


async def lock(session: AsyncSession) -> None:
    """Let nobody else append until the transaction ends."""
    session.info[AUDIT_HEAD.name] = await _locked_head(session)


async def _locked_head(session: AsyncSession) -> tuple[int, str]:
    """Read the head and keep it until the transaction ends. Locked once, it is known from then on.

    A session is one transaction (`store.session`), so what it remembers can't be out of date.
    """
    known: tuple[int, str] | None = session.info.get(AUDIT_HEAD.name)
    if known is not None:
        return known
    seq, link = (await session.exec(_HEAD_LOCKED)).one()
    return seq, link


async def snapshot(session: AsyncSession) -> None:
    """Let the transaction see the record as it is now, however long it reads. Call it first."""
    if session.get_bind().dialect.name == "postgresql":
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def head(session: AsyncSession) -> tuple[int, str]:
    """Read the head row: sequence number and hash of the last entry."""
    row = await session.get(AuditHeadRow, 1)
    return (row.seq, row.hash) if row else (0, GENESIS)


async def rows(
    session: AsyncSession, first: int = 0, last: int | None = None, subject: str | None = None
) -> AsyncIterator[Stored]:
    """Read the rows in order, a page at a time: all, a part, or what is on one subject."""
    after = first - 1
    while True:
        query = select(AuditRow).where(col(AuditRow.seq) > after)
        if last is not None:
            query = query.where(col(AuditRow.seq) <= last)
        if subject is not None:
            query = query.where(AuditRow.subject == subject)
        query = query.order_by(col(AuditRow.seq)).limit(_PAGE)
        # As it is now, not as this session saw it before.
        found = await session.exec(query.execution_options(populate_existing=True))
        page = found.all()
        for row in page:
            yield Stored.model_validate(row, from_attributes=True)
            after = row.seq
        # What was read is done with; a record of a million entries must not pile up in here.
        session.expunge_all()
        if len(page) < _PAGE:
            return


async def chain(session: AsyncSession) -> AsyncIterator[Chained]:
    """Read the whole chain in order, as far as it can be read at all."""
    async for row in rows(session):
        yield Chained(entry=AuditEntry.model_validate_json(row.body), hash=row.hash)


async def of_subject(session: AsyncSession, subject: str) -> list[AuditEntry]:
    """List the entries on one subject, oldest first."""
    return [
        AuditEntry.model_validate_json(row.body) async for row in rows(session, subject=subject)
    ]
