"""Intents: what a step is about to do outside, written before it does it (DESIGN §4.3)."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.value import Value
from bot.store.inserts import insert_for
from bot.store.tables import INTENTS, IntentRow

_CAME_OF_IT = update(INTENTS).where(
    INTENTS.c.release_id == bindparam("which"), INTENTS.c.effect == bindparam("what")
)


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
    row = {**intent.model_dump(), "result_at": None}
    await session.exec(_anew(insert_for(session)), params=row)


@cache
def _anew(insert: Any) -> Any:
    """Build the statement once: each effect has it on its way."""
    begun = insert(INTENTS)
    new = begun.excluded
    return begun.on_conflict_do_update(
        index_elements=["release_id", "effect"],
        set_={"at": new.at, "result": new.result, "result_at": None},
    )


async def record(
    session: AsyncSession, release_id: str, effect: str, result: str, now: datetime
) -> None:
    """Write what came of it."""
    which = {"which": release_id, "what": effect}
    await session.exec(_CAME_OF_IT, params={**which, "result": result, "result_at": now})


async def retract(session: AsyncSession, release_id: str, effect: str) -> None:
    """Forget an intent of which it is certain that it had no effect."""
    await session.exec(
        delete(INTENTS).where(INTENTS.c.release_id == release_id, INTENTS.c.effect == effect)
    )
