"""The catalogue in force: taken over when its file is good, recorded with its difference.

A change of people, roles, rights or policy is announced; open plans that a change touches are
made anew, which voids their approvals. Releases under way keep the rules that they began with.
"""

import asyncio
from collections.abc import Callable

import structlog

from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.domain.catalog_changes import Change, differences, mentioning, people_in
from bot.domain.environment_events import environment_events
from bot.domain.lifecycle import UNDER_WAY, WAITING, State
from bot.domain.releases import Release
from bot.domain.rules import rules_of, runs_in
from bot.engine.waiting import ask_gates_again, not_in_catalog
from bot.engine.world import World
from bot.store import audit, catalogs, events, outbox, releases
from bot.store.audit import Datum, written
from bot.store.session import Session
from bot.views import catalog_news

log = structlog.get_logger()

MOST_CHANGES = 40
"""Changes that go into one entry of the record; the whole catalogue is stored beside it."""


async def take_over(world: World, catalog: Catalog) -> tuple[Change, ...]:
    """Record a catalogue that was just loaded; returns what changed since the last one."""
    now = world.clock.now()
    fingerprint = catalog.fingerprint()
    async with world.store.write() as session:
        before = await catalogs.newest(session)
        if before is not None and before.fingerprint() == fingerprint:
            return ()
        await catalogs.insert(session, catalog, fingerprint, now)
        changes = differences(before, catalog) if before else ()
        await audit.append(
            session,
            AuditTag.CATALOG_LOADED,
            "catalogue",
            now,
            actor=None,
            fingerprint=fingerprint,
            changes=len(changes),
            **_told(changes[:MOST_CHANGES], before, catalog),
        )
        await _announce(world, session, catalog, changes, fingerprint)
        if before is not None:
            await _tell_outside(world, session, before, catalog)
        await _look_again(world, session)
    world.work.ring()
    world.mail.tell()
    return changes


async def settled(world: World, load: Callable[[], Catalog]) -> Catalog:
    """Wait until nothing is under way in what a new catalogue takes away, and give it.

    `load` reads it anew each time: somebody may mend it meanwhile.
    """
    told = None
    while True:
        catalog = load()
        problem = await _in_use(world, catalog)
        if problem is None:
            return catalog
        if problem != told:
            log.error("catalog_refused", problems=problem)
            await refused(world, problem)
        told = problem
        await asyncio.sleep(world.limits.catalog)


async def good_one(world: World, catalog: Catalog) -> Catalog:
    """Give the catalogue to begin with: the last one, where this takes away what is under way."""
    problem = await _in_use(world, catalog)
    if problem is None:
        return catalog
    log.error("catalog_refused", problems=problem)
    await refused(world, problem)
    async with world.store.read() as session:
        return await catalogs.newest(session) or catalog


async def _in_use(world: World, catalog: Catalog) -> str | None:
    async with world.store.read() as session:
        unfinished = await releases.unfinished(session)
    lost = [r for r in unfinished if r.state in UNDER_WAY and not _has(catalog, r)]
    return catalog_news.in_use(lost) if lost else None


def _has(catalog: Catalog, release: Release) -> bool:
    entry = catalog.services.get(release.service)
    there = entry is not None and release.environment in catalog.environments
    return there and entry is not None and runs_in(entry, release.environment)


def _told(changes: tuple[Change, ...], before: Catalog | None, now: Catalog) -> dict[str, Datum]:
    """Write changes for the record: people by mention, what is said of them beside the chain."""
    users = people_in(now) | (people_in(before) if before else frozenset())
    told: dict[str, Datum] = {}
    for change in changes:
        path, difference = change.path, f"{change.before} → {change.after}"
        owner = change.person
        if owner is not None or "waivers" in path:
            # A waiver has an owner and a reason in somebody's words.
            told[mentioning(path, users)] = written(difference, owner)
        else:
            told[mentioning(path, users)] = mentioning(difference, users)
    return told


async def _announce(
    world: World,
    session: Session,
    catalog: Catalog,
    changes: tuple[Change, ...],
    fingerprint: str,
) -> None:
    sensitive = tuple(change for change in changes if change.sensitive)
    if not sensitive or not catalog.slack.channels:
        return
    await outbox.put(
        session,
        "post",
        f"catalogue:{fingerprint[:16]}:{world.clock.now().timestamp():.3f}",
        catalog_news.changed(sensitive),
        world.clock.now(),
        channel=catalog.slack.channels[0],
    )


async def _tell_outside(world: World, session: Session, before: Catalog, catalog: Catalog) -> None:
    """Write an event for each environment that came, changed or went, where a sink takes such."""
    takers = catalog.events.takers("cdevents")
    if not takers:
        return
    for name, event in environment_events(before, catalog, world.clock.now()).items():
        await events.put(session, event, (events.NO_RELEASE, f"environment/{name}"), takers)


async def _look_again(world: World, session: Session) -> None:
    """Ask the gates of open releases again whose rules are others now."""
    for seen in await releases.unfinished(session):
        release = await releases.get_locked(session, seen.id)
        if release is None or release.state not in WAITING or release.state is State.GATHERING:
            continue
        if not _touched(world, release):
            continue
        await ask_gates_again(session, release, world.clock.now())


def _touched(world: World, release: Release) -> bool:
    if not_in_catalog(world, release) is not None:
        return True
    rules = rules_of(world.catalog(), release.request)
    times = (rules.freezes, rules.windows) != (release.rules.freezes, release.rules.windows)
    return times or rules.fingerprint() != release.rules.fingerprint()


async def refused(world: World, problems: str) -> None:
    """Record that a changed file was refused, and the last good catalogue stays."""
    async with world.store.write() as session:
        await audit.append(
            session,
            AuditTag.CATALOG_REFUSED,
            "catalogue",
            world.clock.now(),
            problems=written(problems[:2000]),
        )
