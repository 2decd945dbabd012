"""Intents: what a step is about to do outside, written before it does it (DESIGN §4.3)."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.value import Value
from bot.store.leases import insert_for
from bot.store.tables import INTENTS, IntentRow


class Intent(Value):
    """One effect of one release. `result` is what came of it, once that is known."""

    release_id: str
    effect: str
    at: datetime
    result: str | None = None


async def get(session: AsyncSession, release_id: str, effect: str) -> Intent | None:
    """Read an intent; None where the effect was never begun."""
    row = await session.get(IntentRow, (release_id, effect))
    return Intent.model_validate(row.model_dump()) if row else None


async def put(session: AsyncSession, intent: Intent) -> None:
    """Write an intent; one that is there already is begun anew."""
    insert = insert_for(session)
    await session.exec(
        insert(INTENTS)
        .values(**intent.model_dump(), result_at=None)
        .on_conflict_do_update(
            index_elements=["release_id", "effect"],
            set_={"at": intent.at, "result": intent.result, "result_at": None},
        )
    )


async def record(
    session: AsyncSession, release_id: str, effect: str, result: str, now: datetime
) -> None:
    """Write what came of it."""
    await session.exec(
        update(INTENTS)
        .where(INTENTS.c.release_id == release_id, INTENTS.c.effect == effect)
        .values(result=result, result_at=now)
    )


async def retract(session: AsyncSession, release_id: str, effect: str) -> None:
    """Forget an intent of which it is certain that it had no effect."""
    await session.exec(
        delete(INTENTS).where(INTENTS.c.release_id == release_id, INTENTS.c.effect == effect)
    )
