"""Erases a person (GDPR, article 17), in one transaction that goes on the record.

Called by `release-bot audit erase`. The chain still verifies: what was erased lies beside it.
"""

import secrets
from datetime import datetime
from typing import Any

from bot.domain.audit import AuditTag
from bot.domain.erasure import ERASED, Found, scrubbed, scrubbed_release
from bot.store import audit, catalogs, erasure
from bot.store.session import Session


async def look(session: Session, user: str) -> Found:
    """Say what would be erased, and what is in its way. Changes nothing."""
    return Found(
        obstacles=tuple(await _obstacles(session, user)),
        counts=await erasure.counts(session, user),
        in_clear=await erasure.in_clear(session, user),
    )


async def _obstacles(session: Session, user: str) -> list[str]:
    """What the bot needs for work that is under way stays until that has ended."""
    found = []
    catalog = await catalogs.newest(session)
    if catalog is not None and user in catalog.model_dump_json(by_alias=True):
        found.append(f"The catalogue in force names {user}. Take them out of it first.")
    at_work = await erasure.at_work(session, user)
    if at_work:
        named = ", ".join(at_work[:5])
        more = f" and {len(at_work) - 5} more" if len(at_work) > 5 else ""  # noqa: PLR2004 - as many as are named
        found.append(f"The bot still works on {named}{more}, which names {user}. Wait for its end.")
    if await erasure.on_its_way(session, user):
        found.append(f"Commands or messages of {user} are on their way. Try again in a minute.")
    return found


async def erase(session: Session, user: str, now: datetime) -> Found:
    """Erase, unless something is in the way; the result says which, or what was erased."""
    found = await look(session, user)
    if found.obstacles or not found.counts:
        return found
    # The record first, as everybody does: who sends a message locks its head before the row.
    await audit.lock(session)
    pseudonym = f"{ERASED}{secrets.token_hex(4)}"
    logins = await erasure.logins(session, user)
    rest = (user, logins, pseudonym)

    def scrub(data: dict[str, Any]) -> dict[str, Any]:
        clean: dict[str, Any] = scrubbed(data, *rest)
        return clean

    taken = await erasure.take_texts(session, user)
    await erasure.overwrite(session, user, pseudonym, scrub)
    await erasure.rewrite(
        session, [user, *logins], lambda body: scrubbed_release(body, *rest), scrub
    )
    await audit.append(
        session,
        AuditTag.PERSON_ERASED,
        "person",
        now,
        via="cli",
        texts_taken=len(taken),
        rows=sum(found.counts.values()),
        erased=" ".join(f"{seq}:{name}" for seq, name in taken),
    )
    return found
