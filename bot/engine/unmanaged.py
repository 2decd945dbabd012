"""What goes past the bot: seen, told of once in the service's channel, and put on the record.

Used by `hints` and `gatekeeping` for what GitHub tells; by `schedule` for looks at clusters.
Nothing is ever put right over a person's head.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from bot.domain.audit import AuditTag, stamp
from bot.domain.protection import Case, WaitingRun, channel_of
from bot.domain.reasons import Reason
from bot.domain.rules import runs_in
from bot.domain.targets import Target, target_of
from bot.domain.titles import version_in_title
from bot.domain.unmanaged import (
    JUST_ENDED,
    TOGETHER,
    Change,
    Deployed,
    Sight,
    before,
    differs,
    meant,
)
from bot.engine.world import World
from bot.errors import PermanentError, StoreError, TemporaryError
from bot.store import audit, changes, jobs, ledger, outbox, protections, releases
from bot.store.audit import written
from bot.store.ledger import Entry
from bot.store.session import Session
from bot.views import unmanaged_lines

log = structlog.get_logger()

AT_ONCE = 8
"""Targets that are looked at beside each other."""

NAME = "unmanaged"


def past_the_gate(case: Case, seen: WaitingRun) -> Deployed:
    """Write as a Deployment what went well though the bot had not said yes."""
    ask = case.ask
    return Deployed(
        repository=ask.repository,
        environment=ask.environment,
        deployment=ask.deployment or ask.run,
        status=0,
        commit=seen.commit,
        ref=ask.ref,
        actor=seen.actor or ask.actor,
        run=ask.run,
        title=seen.run.title,
        url=seen.run.url,
    )


async def note_deployed(world: World, session: Session, deployed: Deployed, now: datetime) -> None:
    """Tell of a Deployment that is no release's; within the webhook's own transaction."""
    catalog = world.catalog()
    environment, services = meant(catalog, deployed)
    if environment is None or not services:
        return
    case = await protections.of_deployment(session, deployed.repository, deployed.deployment)
    bypassed = case is not None and not _said_yes(case)
    if not bypassed and await _is_ours(session, deployed, environment, now):
        return
    service = services[0] if len(services) == 1 else ""
    entry = await ledger.current(session, service, environment) if service else None
    change = Change(
        key=f"github:{deployed.repository.lower()}#{deployed.deployment}",
        source="github",
        service=service,
        environment=environment,
        before=before(entry.fact() if entry else None),
        after=Sight(version=version_in_title(deployed.title)),
        seen_at=now,
        deployed=deployed,
        bypassed=bypassed,
    )
    await _tell(world, session, change, services)


def _said_yes(case: Case) -> bool:
    """Whether GitHub has the bot's yes, or may have it."""
    return "approved" in (case.outcome, case.sent)


async def _is_ours(session: Session, deployed: Deployed, environment: str, now: datetime) -> bool:
    """Whether the bot made it, or a release of this environment works with the run that did."""
    if await changes.is_ours(session, deployed.repository, deployed.deployment):
        return True
    if deployed.run is None:
        return False
    works = await protections.works_with(session, deployed.repository, deployed.run)
    return any(
        release.environment == environment
        and (release.ended_at is None or now - release.ended_at <= JUST_ENDED)
        for release, _ in works
    )


async def _tell(world: World, session: Session, change: Change, services: tuple[str, ...]) -> None:
    """Store it; whoever does also says it and writes it down. Once for each change."""
    if not await changes.insert(session, change):
        return
    catalog, now = world.catalog(), change.seen_at
    deployed = change.deployed
    what = change.service or (deployed.repository if deployed else "")
    await audit.append(
        session,
        AuditTag.CHANGE_SEEN,
        f"{what}/{change.environment}",
        now,
        source=change.source,
        reason=Reason.UNMANAGED_CHANGE.value,
        before=unmanaged_lines.sight(change.before),
        after=unmanaged_lines.sight(change.after),
        since=stamp(change.since) if change.since else None,
        deployment=deployed.deployment if deployed else None,
        commit=deployed.commit if deployed else None,
        run=deployed.run if deployed else None,
        bypassed=change.bypassed,
        by=written(deployed.actor) if deployed else None,
    )
    channel = channel_of(catalog, change.service)
    log.warning(
        "unmanaged_change",
        service=change.service,
        environment=change.environment,
        source=change.source,
    )
    if channel is not None:
        message = unmanaged_lines.told(change, services, catalog)
        await outbox.put(session, "post", f"{NAME}:{change.key}", message, now, channel=channel)
    world.mail.tell()


async def look_if_due(world: World, every: timedelta) -> bool:
    """Look at the clusters if this process claims the look; whether it did. Raises StoreError."""
    now = world.clock.now()
    due = now - timedelta(seconds=now.timestamp() % every.total_seconds())
    async with world.store.write() as session:
        if not await jobs.claim(session, NAME, due.replace(microsecond=0)):
            return False
    await look(world)
    return True


async def look(world: World) -> None:
    """Compare what has the traffic with the ledger, everywhere that no release is under way."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(target: Target, entry: Entry) -> bool:
        async with turns:
            return await _look_at(world, target, entry)

    known = await _known(world)
    seen = await asyncio.gather(*(one(target, entry) for target, entry in known))
    if not all(seen):
        log.info("unmanaged_look_partial", unread=sum(not answered for answered in seen))


async def _known(world: World) -> list[tuple[Target, Entry]]:
    """List the targets of which the ledger says what runs there, and nothing is under way."""
    catalog, now = world.catalog(), world.clock.now()
    found = []
    async with world.store.read() as session:
        for environment in catalog.environments:
            busy = await releases.under_way(session, environment)
            for entry in await ledger.stays(session, environment, now):
                service = catalog.services.get(entry.service)
                here = service is not None and runs_in(service, environment)
                if here and entry.until is None and entry.service not in busy:
                    found.append((target_of(catalog, entry.service, environment), entry))
    return found


async def _look_at(world: World, target: Target, entry: Entry) -> bool:
    """Look at one; False where the cluster did not tell."""
    slot = entry.slot or "blue"
    try:
        glance = await world.cluster.glance(target, slot)
        traffic, live = glance.traffic, glance.slot
        if traffic.live not in (None, slot) or live.image != entry.image:
            # The whole of it, with its pods: they tell since when it runs.
            live = await world.cluster.look_at_slot(target, traffic.live or slot)
    except StoreError:
        raise
    except (TemporaryError, PermanentError):
        return False
    if target.may_be_elsewhere and not live.exists:
        return True
    found = differs(entry.fact(), traffic, live, target)
    await _settle(world, entry, found, live.since if found else None)
    return True


async def _settle(world: World, entry: Entry, found: Sight | None, since: datetime | None) -> None:
    """Tell of what is new, close what is so no more; nothing where a release came in between."""
    service, environment, now = entry.service, entry.environment, world.clock.now()
    async with world.store.read() as session:
        known = await changes.still_so(session, service, environment)
    if found is None and not known:
        return
    async with world.store.write() as session:
        busy = await releases.under_way(session, environment)
        if service in busy or await ledger.current(session, service, environment) != entry:
            return
        known = await changes.still_so(session, service, environment)
        if found is None:
            await _close(session, known, now)
        else:
            await _found(world, session, entry, found, known, since)


async def _close(session: Session, known: list[Change], now: datetime) -> None:
    over = [c for c in known if c.found is not None or now - c.seen_at > TOGETHER]
    await changes.close(session, [change.key for change in over], now)
    for change in over:
        subject = f"{change.service}/{change.environment}"
        await audit.append(session, AuditTag.CHANGE_OVER, subject, now, source=change.source)


async def _found(
    world: World,
    session: Session,
    entry: Entry,
    found: Sight,
    known: list[Change],
    since: datetime | None,
) -> None:
    now, mark = world.clock.now(), found.fingerprint()
    if any(change.found == mark for change in known):
        return
    cause = next((c for c in known if c.found is None and now - c.seen_at <= TOGETHER), None)
    if cause is not None:
        await changes.saw(session, cause, mark)
        return
    change = Change(
        key=f"cluster:{entry.service}/{entry.environment}:{stamp(now)}:{mark[:8]}",
        source="cluster",
        service=entry.service,
        environment=entry.environment,
        before=before(entry.fact()),
        after=found,
        seen_at=now,
        since=since,
        found=mark,
    )
    await _tell(world, session, change, (entry.service,))
