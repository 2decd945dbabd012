"""Locks on targets: after a rollback the target is held until its cause is mended."""

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.facts import LockFact
from bot.store.inserts import insert_for
from bot.store.leases import ensure_target
from bot.store.session import changed
from bot.store.tables import ENVIRONMENTS, TARGETS, TargetRow


async def lock(session: AsyncSession, place: tuple[str, str], lock_: LockFact) -> None:
    """Lock a target in a release's name."""
    await ensure_target(session, *place)
    await session.exec(
        update(TARGETS)
        .where(TARGETS.c.service == place[0], TARGETS.c.environment == place[1])
        .values(
            lock_holder=lock_.holder,
            lock_why=lock_.why,
            lock_by=lock_.by,
            lock_since=lock_.since,
        )
    )


async def unlock(session: AsyncSession, place: tuple[str, str], holder: str) -> bool:
    """Lift the lock that this release holds; False where it holds none."""
    done = await session.exec(
        update(TARGETS)
        .where(
            TARGETS.c.service == place[0],
            TARGETS.c.environment == place[1],
            TARGETS.c.lock_holder == holder,
        )
        .values(lock_holder=None, lock_why=None, lock_by=None, lock_since=None)
    )
    return bool(changed(done))


async def lock_on(session: AsyncSession, place: tuple[str, str]) -> LockFact | None:
    """Read the lock on a target."""
    row = await session.get(TargetRow, place)
    if row is None or row.lock_holder is None or row.lock_since is None:
        return None
    return LockFact(
        holder=row.lock_holder, why=row.lock_why or "", by=row.lock_by, since=row.lock_since
    )


async def locks(session: AsyncSession) -> list[tuple[str, str, LockFact]]:
    """List every lock as service, environment and lock."""
    found = await session.exec(select(TargetRow).where(col(TargetRow.lock_holder).is_not(None)))
    return [
        (
            row.service,
            row.environment,
            LockFact(
                holder=row.lock_holder or "",
                why=row.lock_why or "",
                by=row.lock_by,
                since=row.lock_since,
            ),
        )
        for row in found.all()
        if row.lock_since is not None
    ]


async def count_start(session: AsyncSession, environment: str) -> None:
    """Raise the environment's counter: two starts in one environment follow one another.

    On PostgreSQL the row stays locked until the transaction ends, so what is read after this
    sees every start before it (DESIGN §4.11).
    """
    await session.exec(
        insert_for(session)(ENVIRONMENTS)
        .values(name=environment, starts=1)
        .on_conflict_do_update(index_elements=["name"], set_={"starts": ENVIRONMENTS.c.starts + 1})
    )
