"""Claims, fences and leases (DESIGN §4.1 and 4.2). A `Lease` is the proof that work is ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.errors import StaleLeaseError
from bot.store.session import changed
from bot.store.tables import RELEASES, TARGETS, TargetRow

LEASE = timedelta(seconds=4)
"""How long a lease lasts when it is not renewed. Its length guards nothing: the fence does."""


@dataclass(frozen=True)
class Lease:
    """The right to work on one release. `place` None: its own row; else its target's.

    Whoever claims next raises the fence, and from then on every write under this one fails.
    """

    release_id: str
    place: tuple[str, str] | None
    fence: int
    owner: str
    taken_from: str | None = None
    """Who held it until this claim, and had not given it back; it may be oneself."""


def insert_for(session: AsyncSession) -> Any:
    """Pick the dialect's INSERT, which knows ON CONFLICT."""
    dialect = session.get_bind().dialect.name
    return sqlite_insert if dialect == "sqlite" else pg_insert


def _row(release_id: str, place: tuple[str, str] | None) -> tuple[Table, list[Any]]:
    """Name the table whose row carries the lease, and the condition that finds the row."""
    if place is None:
        return RELEASES, [RELEASES.c.id == release_id]
    return TARGETS, [TARGETS.c.service == place[0], TARGETS.c.environment == place[1]]


async def claim(
    session: AsyncSession,
    release_id: str,
    place: tuple[str, str] | None,
    owner: str,
    real: datetime,
    *,
    force: bool = False,
) -> Lease | None:
    """Take the lease if it is free or has run out (or at once, by force) and raise the fence."""
    table, where = _row(release_id, place)
    take = (
        update(table)
        .where(*where)
        .values(fence=table.c.fence + 1, lease_owner=owner, lease_until=real + LEASE)
        .returning(table.c.fence)
    )
    idle = take.where(table.c.lease_until.is_(None))
    fence = (await session.exec(idle)).scalar_one_or_none()
    if fence is not None:
        return Lease(release_id, place, fence, owner)
    mine = [] if force else [table.c.lease_until <= real]
    holder = await _holder(session, table, [*where, *mine])
    if holder is not None:
        fence = (await session.exec(take.where(*mine))).scalar_one_or_none()
        return None if fence is None else Lease(release_id, place, fence, owner, holder)
    if place is not None and await ensure_target(session, *place):
        fence = (await session.exec(idle)).scalar_one_or_none()
    return None if fence is None else Lease(release_id, place, fence, owner)


async def _holder(session: AsyncSession, table: Table, where: list[Any]) -> str | None:
    """Say who has a lease that may be taken all the same; None where there is none such."""
    held = table.c.lease_until.is_not(None)
    found = await session.exec(select(table.c.lease_owner).where(*where, held))
    holders = found.all()
    return (holders[0] or "") if holders else None


async def hold(session: AsyncSession, lease: Lease, until: datetime | None) -> None:
    """Make sure, inside a transaction, that the lease is still ours; set when it runs out.

    `until` None gives it back: the write that says what a release waits for is the last of its
    tick. Raises StaleLeaseError where somebody else has it: then nothing of the transaction holds.
    """
    await _set(session, lease, until)


async def renew(session: AsyncSession, lease: Lease, until: datetime) -> None:
    """Lengthen a lease that is held; raises StaleLeaseError once it is lost or given back."""
    table, _ = _row(lease.release_id, lease.place)
    await _set(session, lease, until, table.c.lease_until.is_not(None))


async def _set(session: AsyncSession, lease: Lease, until: datetime | None, *also: Any) -> None:
    table, where = _row(lease.release_id, lease.place)
    done = await session.exec(
        update(table)
        .where(*where, table.c.fence == lease.fence, table.c.lease_owner == lease.owner, *also)
        .values(lease_until=until)
    )
    if changed(done) != 1:
        raise StaleLeaseError(lease.release_id)


async def ensure_target(session: AsyncSession, service: str, environment: str) -> bool:
    """Make the target's row; False where it is there already."""
    insert = insert_for(session)
    done = await session.exec(
        insert(TARGETS)
        .values(service=service, environment=environment, fence=0)
        .on_conflict_do_nothing()
    )
    return bool(changed(done))


async def lift(session: AsyncSession, lease: Lease, above: int) -> Lease:
    """Raise our fence above a mark found in the cluster (a restored backup is behind it).

    Only for a release on whose resuming a person has decided. Raises StaleLeaseError.
    """
    if lease.place is None:
        raise StaleLeaseError(lease.release_id)
    fence = max(lease.fence, above) + 1
    _, where = _row(lease.release_id, lease.place)
    done = await session.exec(
        update(TARGETS)
        .where(
            *where,
            TARGETS.c.fence == lease.fence,
            TARGETS.c.lease_owner == lease.owner,
        )
        .values(fence=fence)
    )
    if changed(done) != 1:
        raise StaleLeaseError(lease.release_id)
    return Lease(lease.release_id, lease.place, fence, lease.owner)


async def release_all(session: AsyncSession, owner: str) -> None:
    """Give back every lease of this process, so that another need not wait for it."""
    for table in (RELEASES, TARGETS):
        await session.exec(
            update(table).where(table.c.lease_owner == owner).values(lease_until=None)
        )


async def release_everybodys(session: AsyncSession) -> None:
    """Give back every lease there is. For the one process on a SQLite file, at its start.

    What a dead process held need not be waited for; should one be alive all the same, the fence
    guards, as it always does.
    """
    for table in (RELEASES, TARGETS):
        await session.exec(update(table).values(lease_until=None))


async def fence_of(session: AsyncSession, service: str, environment: str) -> int:
    """Read a target's fence; 0 where it was never claimed."""
    found = await session.exec(
        select(TargetRow.fence).where(
            TargetRow.service == service, TargetRow.environment == environment
        )
    )
    return found.first() or 0
