"""Looks at one version for `/scan`: what proves it, against the version that is live."""

import asyncio

from bot.domain.catalog import Catalog
from bot.domain.facts import Known, Tag
from bot.domain.rules import Rules, rules_for, runs_in
from bot.domain.scanned import SHOWN, Compared, Scanned
from bot.domain.scanning import SECURITY_SET
from bot.domain.scores import scores_of
from bot.domain.submitted import Submitted
from bot.engine import tagged
from bot.engine.asking import asked
from bot.engine.facts import running
from bot.engine.proofs import alerts_of, attested
from bot.engine.world import World
from bot.errors import PermanentError, TemporaryError
from bot.store import evidence
from bot.views import evidence_refusals


async def look(world: World, service: str, version: str) -> Scanned:
    """Gather it. Raises UserError where the version has no tag, TemporaryError without GitHub."""
    catalog, now = world.catalog(), world.clock.now()
    entry, limit, source = catalog.services[service], world.limits.source, world.source
    spelling, tag = await _tagged(world, service, version)
    environment = furthest(catalog, service)
    live, live_commit = await _live(world, service, environment)
    path = entry.path.format(service=service) if entry.path else None
    async with world.store.read() as session:
        found = await evidence.compared(session, service, tag.commit, live_commit)
    changes, alerts, listed, scan, checks = await asyncio.gather(
        _changes(world, service, found, live_commit),
        alerts_of(world, entry.repository, path, ("secrets", "dependencies")),
        attested(world, entry.repository, Known(value=found)),
        asked("GitHub", source.scan(entry.repository, tag.commit, path), limit),
        asked("GitHub", source.checks(entry.repository, tag.commit), limit),
    )
    return Scanned(
        service=service,
        version=spelling,
        commit=tag.commit,
        at=now,
        environment=environment,
        live=live,
        evidence=found,
        changes=changes,
        missing=tuple(sorted(SECURITY_SET - {one.kind for one in found})),
        scores=scores_of(found, catalog.evidence.weights, entry.evidence.budgets),
        alerts=alerts,
        attested=listed,
        code_scanning=scan,
        checks=checks,
    )


async def _tagged(world: World, service: str, version: str) -> tuple[str, Tag]:
    entry = world.catalog().services[service]
    found = await tagged.look_up(world, entry.repository, entry.tag, version)
    if found is not None:
        return found
    raise evidence_refusals.no_version(service, version, entry.tag.format(version=version))


def furthest(catalog: Catalog, service: str) -> str | None:
    """Name the environment that comes after all others of the service: production, as a rule."""
    entry = catalog.services[service]
    own = [name for name in catalog.environments if runs_in(entry, name)]
    before = {catalog.environments[name].after for name in own}
    last = [name for name in own if name not in before]
    return next(reversed(last or own), None)


async def _live(
    world: World, service: str, environment: str | None
) -> tuple[str | None, str | None]:
    """Tell the version that is live there, and its commit; what can't be told is None."""
    if environment is None:
        return None, None
    try:
        async with asyncio.timeout(world.limits.cluster):
            version = (await running(world, service, environment)).version
        if version is None:
            return None, None
        rules = rules_for(world.catalog(), service, environment)
        return version, await _commit(world, rules, version)
    except (TimeoutError, TemporaryError, PermanentError):
        return None, None


async def _commit(world: World, rules: Rules, version: str) -> str | None:
    found = await tagged.look_up(world, rules.repository, rules.tag, version)
    return found[1].commit if found is not None else None


async def _changes(
    world: World, service: str, found: tuple[Submitted, ...], live: str | None
) -> dict[int, Compared]:
    """Name the worst of what is new and what is gone, for each report that was compared."""
    if live is None:
        return {}
    made: dict[int, Compared] = {}
    async with world.store.read() as session:
        pairs = evidence.paired(found, await evidence.of_commit(session, service, live))
        for one in found:
            if one.id in pairs and (one.new or one.gone):
                made[one.id] = Compared(
                    new=await evidence.lacking(session, one.id, pairs[one.id], SHOWN),
                    gone=await evidence.lacking(session, pairs[one.id], one.id, SHOWN),
                )
    return made
