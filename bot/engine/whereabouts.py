"""Looks up what `/release where` tells. Reads the store only, and changes nothing."""

import asyncio

from bot.domain.stop_checks import sources
from bot.domain.stops import StopFacts
from bot.domain.whereabouts import Whereabouts, whereabouts
from bot.engine.world import World
from bot.store import calendars, releases, stops, targets


async def look(world: World, environment: str) -> Whereabouts:
    """Gather it in one read; work it out beside the loop, for there may be many services."""
    catalog, now = world.catalog(), world.clock.now()
    async with world.store.read() as session:
        facts = StopFacts(
            stops=await stops.standing(session, now, environment),
            calendars=await calendars.facts(session, sources(catalog)),
        )
        locks = await targets.locks(session)
        unfinished = await releases.unfinished(session)
    held = [(service, lock) for service, place, lock in locks if place == environment]
    here = [release for release in unfinished if release.environment == environment]
    return await asyncio.to_thread(whereabouts, catalog, environment, facts, held, here, now)
