"""The ledger: what runs where since when, as the bot last saw it, and what ran before."""

from datetime import datetime
from typing import Literal

from sqlalchemy import update
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.facts import LedgerFact
from bot.domain.value import Value
from bot.domain.versions import same_version
from bot.store.tables import LEDGER, LedgerRow


class Entry(Value):
    """One stay of a version in an environment. `until` None: it is there now."""

    service: str
    environment: str
    version: str
    commit: str | None = None
    slot: Literal["blue", "green"] | None = None
    image: str | None = None
    since: datetime
    until: datetime | None = None
    source: Literal["released", "adopted", "observed"]
    release_id: str | None = None
    ended_by: str | None = None

    def fact(self) -> LedgerFact:
        """Give the part that gates and plans need."""
        return LedgerFact.model_validate(self.model_dump(include=set(LedgerFact.model_fields)))


async def current(session: AsyncSession, service: str, environment: str) -> Entry | None:
    """Read what runs there, as far as the ledger knows."""
    found = await session.exec(
        select(LedgerRow).where(
            LedgerRow.service == service,
            LedgerRow.environment == environment,
            col(LedgerRow.until).is_(None),
        )
    )
    row = found.first()
    return Entry.model_validate(row.model_dump()) if row else None


async def history(
    session: AsyncSession, *, service: str | None, environment: str | None, limit: int = 50
) -> list[Entry]:
    """List stays, newest first; each filter that is given must hold."""
    query = select(LedgerRow).order_by(col(LedgerRow.since).desc(), col(LedgerRow.id).desc())
    if service is not None:
        query = query.where(LedgerRow.service == service)
    if environment is not None:
        query = query.where(LedgerRow.environment == environment)
    found = await session.exec(query.limit(limit))
    return [Entry.model_validate(row.model_dump()) for row in found.all()]


async def longest_stay(
    session: AsyncSession, service: str, environment: str, version: str, now: datetime
) -> int | None:
    """Longest time in seconds that the version was live without a break; None: it never was.

    A stay that a rollback ended does not count: the version was found bad there.
    """
    stays = await history(session, service=service, environment=environment, limit=500)
    lengths = [
        int(((stay.until or now) - stay.since).total_seconds())
        for stay in stays
        if same_version(stay.version, version) and stay.ended_by != "rollback"
    ]
    return max(lengths, default=None)


async def replace(
    session: AsyncSession, entry: Entry, *, ended_by: Literal["release", "rollback", "adopt"]
) -> None:
    """Close the present stay and open this one."""
    await session.exec(
        update(LEDGER)
        .where(
            LEDGER.c.service == entry.service,
            LEDGER.c.environment == entry.environment,
            LEDGER.c.until.is_(None),
        )
        .values(until=entry.since, ended_by=ended_by)
    )
    session.add(LedgerRow(**entry.model_dump()))
    await session.flush()


async def stays(session: AsyncSession, environment: str, after: datetime) -> list[Entry]:
    """List every service's stays in an environment that last, or ended after then; oldest first."""
    found = await session.exec(
        select(LedgerRow)
        .where(
            LedgerRow.environment == environment,
            or_(col(LedgerRow.until).is_(None), col(LedgerRow.until) > after),
        )
        .order_by(col(LedgerRow.since), col(LedgerRow.id))
    )
    return [Entry.model_validate(row.model_dump()) for row in found.all()]
