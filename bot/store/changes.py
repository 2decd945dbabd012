"""Changes that went past the bot: each is told of once, and is open until it is so no more."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.unmanaged import Change
from bot.store.inserts import unless_there
from bot.store.protection_tables import CHANGES, ChangeRow
from bot.store.session import changed
from bot.store.tables import HOST_VIEWS


async def insert(session: AsyncSession, change: Change) -> bool:
    """Store one; False where it was told of before."""
    row = {
        "key": change.key,
        "service": change.service,
        "environment": change.environment,
        "found": change.found,
        "seen_at": change.seen_at,
        "body": change.model_dump_json(),
    }
    done = await session.exec(unless_there(session, CHANGES), params=row)
    return bool(changed(done))


async def still_so(session: AsyncSession, service: str, environment: str) -> list[Change]:
    """List what is open of a service in an environment, newest first."""
    found = await session.exec(
        select(ChangeRow.body)
        .where(
            ChangeRow.service == service,
            ChangeRow.environment == environment,
            col(ChangeRow.closed_at).is_(None),
        )
        .order_by(col(ChangeRow.seen_at).desc())
    )
    return [Change.model_validate_json(body) for body in found.all()]


async def saw(session: AsyncSession, change: Change, found: str) -> None:
    """Note what the cluster shows of a change that was told of already."""
    after = change.model_copy(update={"found": found})
    await session.exec(
        update(CHANGES)
        .where(CHANGES.c.key == change.key)
        .values(found=found, body=after.model_dump_json())
    )


async def close(session: AsyncSession, keys: list[str], now: datetime) -> None:
    """Be done with these: they are so no more."""
    await session.exec(update(CHANGES).where(CHANGES.c.key.in_(keys)).values(closed_at=now))


async def is_ours(session: AsyncSession, repository: str, deployment: int) -> bool:
    """Whether a Deployment is one that the bot made, or shows a release on.

    GitHub spells a repository's name in its own case, and the catalogue in another perhaps.
    """
    found = await session.exec(
        select(HOST_VIEWS.c.release_id).where(
            HOST_VIEWS.c.deployment_id == deployment,
            func.lower(HOST_VIEWS.c.repository) == func.lower(repository),
        )
    )
    return found.first() is not None
