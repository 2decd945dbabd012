"""Claims, fences and leases (DESIGN §4.1 and 4.2). A `Lease` is the proof that work is ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, update
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.errors import StaleLeaseError
from bot.store.inserts import unless_there
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


class _Rows:
    """The rows that carry the leases of one kind, and what they are asked in each tick.

    The statements are built once: building one costs as much as the statement.
    """

    def __init__(self, table: Table, *here: ColumnElement[bool]) -> None:
        until = table.c.lease_until
        take = update(table).where(*here).values(fence=table.c.fence + 1).returning(table.c.fence)
        run_out = until <= bindparam("real")
        holder = select(table.c.lease_owner).where(*here, until.is_not(None))
        ours = table.c.fence == bindparam("held"), table.c.lease_owner == bindparam("holder")
        self.take_free: Any = take.where(until.is_(None))
        self.take_run_out: Any = take.where(run_out)
        self.take: Any = take
        self.holder: Any = holder
        self.holder_run_out: Any = holder.where(run_out)
        self.hold: Any = update(table).where(*here, *ours)
        self.renew: Any = self.hold.where(until.is_not(None))


_OWN = _Rows(RELEASES, RELEASES.c.id == bindparam("release_id"))
_TARGETS = _Rows(
    TARGETS,
    TARGETS.c.service == bindparam("of_service"),
    TARGETS.c.environment == bindparam("of_environment"),
)


def _row(release_id: str, place: tuple[str, str] | None) -> tuple[_Rows, dict[str, Any]]:
    """Say which rows carry the lease, and the parameters that find this one's."""
    if place is None:
        return _OWN, {"release_id": release_id}
    return _TARGETS, {"of_service": place[0], "of_environment": place[1]}


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
    rows, here = _row(release_id, place)
    mine = {**here, "lease_owner": owner, "lease_until": real + LEASE}
    at = {} if force else {"real": real}

    async def taken(take: Any, **also: Any) -> int | None:
        fence: int | None = (await session.exec(take, params={**mine, **also})).scalar_one_or_none()
        return fence

    fence = await taken(rows.take_free)
    if fence is not None:
        return Lease(release_id, place, fence, owner)
    holder = rows.holder if force else rows.holder_run_out
    holders = (await session.exec(holder, params={**here, **at})).all()
    if holders:
        fence = await taken(rows.take if force else rows.take_run_out, **at)
        return None if fence is None else Lease(release_id, place, fence, owner, holders[0] or "")
    if place is not None and await ensure_target(session, *place):
        fence = await taken(rows.take_free)
    return None if fence is None else Lease(release_id, place, fence, owner)


async def hold(session: AsyncSession, lease: Lease, until: datetime | None) -> None:
    """Make sure, inside a transaction, that the lease is still ours; set when it runs out.

    `until` None gives it back: the write that says what a release waits for is the last of its
    tick. Raises StaleLeaseError where somebody else has it: then nothing of the transaction holds.
    """
    rows, here = _row(lease.release_id, lease.place)
    await _set(session, rows.hold, here, lease, until)


async def renew(session: AsyncSession, lease: Lease, until: datetime) -> None:
    """Lengthen a lease that is held; raises StaleLeaseError once it is lost or given back."""
    rows, here = _row(lease.release_id, lease.place)
    await _set(session, rows.renew, here, lease, until)


async def _set(
    session: AsyncSession, change: Any, here: dict[str, Any], lease: Lease, until: datetime | None
) -> None:
    ours = {"held": lease.fence, "holder": lease.owner}
    done = await session.exec(change, params={**here, **ours, "lease_until": until})
    if changed(done) != 1:
        raise StaleLeaseError(lease.release_id)


async def ensure_target(session: AsyncSession, service: str, environment: str) -> bool:
    """Make the target's row; False where it is there already."""
    row = {"service": service, "environment": environment, "fence": 0}
    done = await session.exec(unless_there(session, TARGETS), params=row)
    return bool(changed(done))


async def lift(session: AsyncSession, lease: Lease, above: int) -> Lease:
    """Raise our fence above a mark found in the cluster (a restored backup is behind it).

    Only for a release on whose resuming a person has decided. Raises StaleLeaseError.
    """
    if lease.place is None:
        raise StaleLeaseError(lease.release_id)
    fence = max(lease.fence, above) + 1
    _, here = _row(lease.release_id, lease.place)
    ours = {"held": lease.fence, "holder": lease.owner}
    done = await session.exec(_TARGETS.hold, params={**here, **ours, "fence": fence})
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
