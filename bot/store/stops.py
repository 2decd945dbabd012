"""Stops: what people said with lock, freeze, halt and unfreeze. One read gives all that stand.

Who says or lifts one raises the environment's counter of starts in the same transaction
(`targets.count_start`): a start either sees it, or came before it.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.stops import Kind, Stop
from bot.store import targets
from bot.store.inserts import insert_for
from bot.store.releases import ALPHABET
from bot.store.session import changed
from bot.store.stop_tables import STOPS, StopRow

# Built once: each start and each way back asks what stands.
_LISTED = (
    select(StopRow)
    .where(col(StopRow.lifted_at).is_(None))
    .order_by(col(StopRow.since), col(StopRow.id))
)
_STANDING = _LISTED.where(or_(col(StopRow.until).is_(None), col(StopRow.until) > bindparam("now")))
_STANDING_IN = _STANDING.where(
    or_(col(StopRow.environment) == "", col(StopRow.environment) == bindparam("where"))
)
_HELD_BY = _LISTED.where(StopRow.release_id == bindparam("holder"))


async def free_id(session: AsyncSession, kind: Kind) -> str:
    """Make an id that no stop has: `lock-7k3f`."""
    for length in (4, 4, 5, 6, 8):
        candidate = f"{kind}-" + "".join(secrets.choice(ALPHABET) for _ in range(length))
        if await get(session, candidate) is None:
            return candidate
    raise RuntimeError("no free id for a stop in five tries")


async def insert(
    session: AsyncSession, stop: Stop, request_key: str, environments: Iterable[str]
) -> bool:
    """Store a stop that holds in those environments. False: this request made one already."""
    row = {
        "id": stop.id,
        "request_key": request_key,
        "kind": stop.kind,
        "reach": stop.reach,
        "name": stop.name,
        "environment": stop.environment or "",
        "reason": stop.reason,
        "said_by": stop.by,
        "release_id": stop.release,
        "since": stop.since,
        "until": stop.until,
        "hard": stop.hard,
    }
    done = await session.exec(
        insert_for(session)(STOPS)
        .values(**row)
        .on_conflict_do_nothing(index_elements=["request_key"])
    )
    await count_starts(session, environments)
    return bool(changed(done))


async def count_starts(session: AsyncSession, environments: Iterable[str]) -> None:
    """Let what is said here and the starts in those environments follow one another."""
    # Always in one order: two halts of everything must not wait for each other.
    for name in sorted(environments):
        await targets.count_start(session, name)


async def lift(session: AsyncSession, ids: Iterable[str], by: str | None, now: datetime) -> int:
    """Lift stops; count those that had not been lifted."""
    done = await session.exec(
        update(STOPS)
        .where(STOPS.c.id.in_(list(ids)), STOPS.c.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by)
    )
    return changed(done)


async def lift_of_release(session: AsyncSession, release_id: str, now: datetime) -> list[Stop]:
    """Lift what belongs to a release that ends, and nothing else; give what it was."""
    rows = await session.exec(_HELD_BY, params={"holder": release_id})
    held = [_stop(row) for row in rows.all()]
    if held:
        await lift(session, [stop.id for stop in held], None, now)
    return held


async def get(session: AsyncSession, stop_id: str) -> Stop | None:
    """Read one, lifted or not."""
    row = await session.get(StopRow, stop_id, populate_existing=True)
    return _stop(row) if row is not None else None


async def standing(
    session: AsyncSession, now: datetime, environment: str | None = None
) -> tuple[Stop, ...]:
    """List what stands, or will, in an environment or in any, oldest first."""
    if environment is None:
        found = await session.exec(_STANDING, params={"now": now})
    else:
        found = await session.exec(_STANDING_IN, params={"now": now, "where": environment})
    return tuple(_stop(row) for row in found.all())


def _stop(row: StopRow) -> Stop:
    return Stop.model_validate(
        {
            **row.model_dump(exclude={"request_key", "environment", "said_by", "release_id"}),
            "environment": row.environment or None,
            "by": row.said_by,
            "release": row.release_id,
        }
    )
