"""Reads the catalogue's iCalendars by the clock, and keeps the last good copy of each.

Called each minute by `schedule`. Nobody waits for a calendar: the gates judge by the copy in the
store, and say how old it is where the last read failed.
"""

from datetime import datetime, timedelta

import structlog

from bot.domain.audit import AuditTag
from bot.domain.stop_checks import sources
from bot.domain.value import digest
from bot.engine.waiting import ask_all_again
from bot.engine.world import World
from bot.errors import PermanentError, StoreError, TemporaryError
from bot.store import audit, calendars, jobs
from bot.store.calendars import Copy

log = structlog.get_logger()

BEHIND, AHEAD = timedelta(days=2), timedelta(days=400)
"""From when until when events are worked out."""

ANEW = timedelta(days=1)
"""How often they are worked out anew from the same text: time goes on."""


async def read_due(world: World) -> int:
    """Read each calendar whose time has come; count them. Raises TemporaryError of the store."""
    named, now = sources(world.catalog()), world.clock.now()
    done = 0
    for source, zone in named.items():
        async with world.store.read() as session:
            copy = await calendars.get(session, source)
        every = world.catalog().calendars.every
        fresh = copy.tried_at is not None and now - copy.tried_at < every and copy.zone == zone
        if not fresh and await _is_mine(world, source, now):
            await _read(world, copy, zone)
            done += 1
    return done


async def _is_mine(world: World, source: str, now: datetime) -> bool:
    """Claim the read of this minute: two replicas do it once."""
    due = now.replace(second=0, microsecond=0)
    async with world.store.write() as session:
        return await jobs.claim(session, f"calendar:{digest(source)[:16]}", due)


async def _read(world: World, before: Copy, zone: str) -> None:
    now = world.clock.now()
    try:
        text = await world.calendars.read(before.source, world.catalog().calendars.hosts)
        after = await _spread(world, before, text, zone)
    except StoreError:
        raise
    except (TemporaryError, PermanentError) as error:
        log.warning("calendar_not_read", source=before.source, error=str(error))
        after = (await _as_it_was(world, before, zone)).model_copy(
            update={"problem": str(error)[:300], "tried_at": now}
        )
    await _store(world, before, after)


async def _spread(world: World, copy: Copy, text: str, zone: str) -> Copy:
    """Give the copy with that text, worked out where the text or the time asks for it."""
    now, fingerprint = world.clock.now(), digest(text)
    old = copy.spread_at is None or now - copy.spread_at >= ANEW
    changes: dict[str, object] = {"read_at": now, "tried_at": now, "problem": None}
    if old or fingerprint != copy.digest or zone != copy.zone:
        spans = await world.calendars.spread(text, zone, now - BEHIND, now + AHEAD)
        changes |= {"spans": spans, "spread_at": now, "zone": zone}
        changes |= {"digest": fingerprint, "body": text}
    return copy.model_copy(update=changes)


async def _as_it_was(world: World, copy: Copy, zone: str) -> Copy:
    """Give the last good copy, for the time that is ahead now."""
    if copy.body is None:
        return copy.model_copy(update={"zone": zone})
    again = await _spread(world, copy, copy.body, zone)
    return again.model_copy(update={"read_at": copy.read_at})


async def _store(world: World, before: Copy, after: Copy) -> None:
    """Keep it; where it says something else than before, what waits asks its gates again."""
    catalog, now = world.catalog(), world.clock.now()
    news = before.spans != after.spans or before.read_at is None
    async with world.store.write() as session:
        await calendars.put(session, after)
        await calendars.keep_only(session, sources(catalog))
        if before.digest != after.digest:
            await audit.append(
                session,
                AuditTag.CALENDAR_READ,
                "calendar",
                now,
                source=after.source,
                digest=after.digest,
                events=len(after.spans),
            )
        if news and after.read_at is not None:
            await ask_all_again(session, catalog.environments, now)
    if news:
        world.work.tell()
