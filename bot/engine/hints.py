"""What a webhook wakes. It is a hint and no fact: whoever is woken reads GitHub again (DESIGN §5).

Two kinds are kept as rows besides: a job that waits for the bot's word, which GitHub asks once, and
a Deployment that went past the bot (docs/protection.md).

Called by the inbox. A hint that is lost, late, doubled or overtaken by another changes only when
something is looked at: releases are looked at without it too, only later.
"""

from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.domain.titles import named_release
from bot.engine import unmanaged
from bot.engine.tagged import spellings
from bot.engine.waiting import ask_gates_again
from bot.engine.world import World
from bot.ports import Webhook
from bot.store import audit, protections, releases, webhooks
from bot.store.audit import written
from bot.store.session import Session


async def take(world: World, webhook: Webhook) -> bool:
    """Note a webhook and wake whom it concerns; False where nobody is woken."""
    concerned = await _concerned(world, webhook)
    now = world.clock.now()
    async with world.store.write() as session:
        if not await webhooks.first_time(session, webhook, now):
            return False
        named = named_release(webhook.release_marker or "")
        if named:
            await releases.wake(session, named, now)
        for release_id in concerned:
            await _ask_again(world, session, webhook, release_id)
        await _of_deployments(world, session, webhook, now)
    return bool(named or concerned)


async def _of_deployments(world: World, session: Session, webhook: Webhook, now: datetime) -> None:
    """Store what GitHub asks about a deployment, and what it tells of one."""
    ask = webhook.ask
    if ask is not None and await protections.insert(session, ask, now):
        await audit.append(
            session,
            AuditTag.DEPLOYMENT_ASKED,
            ask.key,
            now,
            repository=ask.repository,
            environment=ask.environment,
            run=ask.run,
            deployment=ask.deployment,
            commit=ask.commit,
            ref=ask.ref,
            by=written(ask.actor),
        )
    if webhook.deployed is not None:
        await unmanaged.note_deployed(world, session, webhook.deployed, now)


async def _concerned(world: World, webhook: Webhook) -> list[str]:
    """Name the waiting releases whose gates may judge otherwise now."""
    if webhook.commit is None and webhook.tag is None:
        return []
    async with world.store.read() as session:
        found = await releases.waiting(session)
    return [release.id for release in found if concerns(webhook, release)]


async def _ask_again(world: World, session: Session, webhook: Webhook, release_id: str) -> None:
    release = await releases.get_locked(session, release_id)
    if release is not None and concerns(webhook, release):
        await ask_gates_again(session, release, world.clock.now())


def concerns(webhook: Webhook, release: Release) -> bool:
    """Whether a waiting release is of that tag or commit.

    A release whose gates are being asked is left alone by what ends on its commit: many suites do,
    and each would begin the asking anew.
    """
    # GitHub's own spelling and the catalogue's may differ in case; GitHub does not mind.
    if webhook.repository.lower() != release.rules.repository.lower():
        return False
    if webhook.tag is not None:
        tags = (release.rules.tag.format(version=v) for v in spellings(release.version))
        return release.state in _WAITS | {State.GATHERING} and webhook.tag in tags
    plan = release.plan
    return release.state in _WAITS and plan is not None and plan.commit == webhook.commit


_WAITS = frozenset({State.BLOCKED, State.AWAITING_APPROVAL})
