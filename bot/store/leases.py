"""Claims, fences and leases (DESIGN §4.1 and 4.2). A `Lease` is the proof that work is ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.errors import StaleLeaseError
from bot.store.session import changed
from bot.store.tables import ReleaseRow, TargetRow

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


def insert_for(session: AsyncSession) -> Any:
    """Pick the dialect's INSERT, which knows ON CONFLICT."""
    dialect = session.get_bind().dialect.name
    return sqlite_insert if dialect == "sqlite" else pg_insert


def _where(lease_of: Any, release_id: str, place: tuple[str, str] | None) -> Any:
    if place is None:
        return [col(lease_of.id) == release_id]
    return [col(lease_of.service) == place[0], col(lease_of.environment) == place[1]]


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
    table: Any = ReleaseRow if place is None else TargetRow
    free = [] if force else [or_(table.lease_until.is_(None), table.lease_until <= real)]
    take = (
        update(table)
        .where(*_where(table, release_id, place), *free)
        .values(fence=table.fence + 1, lease_owner=owner, lease_until=real + LEASE)
        .returning(table.fence)
    )
    fence = (await session.exec(take)).scalar_one_or_none()
    if fence is None and place is not None and await ensure_target(session, *place):
        fence = (await session.exec(take)).scalar_one_or_none()
    return None if fence is None else Lease(release_id, place, fence, owner)


async def hold(session: AsyncSession, lease: Lease, until: datetime | None) -> None:
    """Make sure, inside a transaction, that the lease is still ours; set when it runs out.

    `until` None gives it back: the write that says what a release waits for is the last of its
    tick. Raises StaleLeaseError where somebody else has it: then nothing of the transaction holds.
    """
    await _set(session, lease, until)


async def renew(session: AsyncSession, lease: Lease, until: datetime) -> None:
    """Lengthen a lease that is held; raises StaleLeaseError once it is lost or given back."""
    table: Any = ReleaseRow if lease.place is None else TargetRow
    await _set(session, lease, until, table.lease_until.is_not(None))


async def _set(session: AsyncSession, lease: Lease, until: datetime | None, *also: Any) -> None:
    table: Any = ReleaseRow if lease.place is None else TargetRow
    done = await session.exec(
        update(table)
        .where(
            *_where(table, lease.release_id, lease.place),
            table.fence == lease.fence,
            table.lease_owner == lease.owner,
            *also,
        )
        .values(lease_until=until)
    )
    if changed(done) != 1:
        raise StaleLeaseError(lease.release_id)


async def ensure_target(session: AsyncSession, service: str, environment: str) -> bool:
    """Make the target's row; False where it is there already."""
    insert = insert_for(session)
    done = await session.exec(
        insert(TargetRow)
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
    done = await session.exec(
        update(TargetRow)
        .where(
            *_where(TargetRow, lease.release_id, lease.place),
            col(TargetRow.fence) == lease.fence,
            col(TargetRow.lease_owner) == lease.owner,
        )
        .values(fence=fence)
    )
    if changed(done) != 1:
        raise StaleLeaseError(lease.release_id)
    return Lease(lease.release_id, lease.place, fence, lease.owner)


async def release_all(session: AsyncSession, owner: str) -> None:
    """Give back every lease of this process, so that another need not wait for it."""
    for table in (ReleaseRow, TargetRow):
        await session.exec(
            update(table).where(col(table.lease_owner) == owner).values(lease_until=None)
        )


async def release_everybodys(session: AsyncSession) -> None:
    """Give back every lease there is. For the one process on a SQLite file, at its start.

    What a dead process held need not be waited for; should one be alive all the same, the fence
    guards, as it always does.
    """
    for table in (ReleaseRow, TargetRow):
        await session.exec(update(table).values(lease_until=None))


async def fence_of(session: AsyncSession, service: str, environment: str) -> int:
    """Read a target's fence; 0 where it was never claimed."""
    found = await session.exec(
        select(TargetRow.fence).where(
            TargetRow.service == service, TargetRow.environment == environment
        )
    )
    return found.first() or 0
