"""After the rollback window: the old slot shrinks to what the catalogue lets it keep.

Called by the reconciler with the target's lease, for a release that is live and settled. Nothing
is done where another release has come since, or where the slot isn't what this one left.
"""

from bot.domain.audit import AuditTag
from bot.domain.facts import SlotFact
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.engine import record
from bot.engine.world import World
from bot.ports import SlotPatch
from bot.store import audit, leases, releases
from bot.store.leases import Lease
from bot.views import lines


def is_wanted(release: Release) -> bool:
    """Whether there is an old slot to make smaller when the window is over."""
    plan = release.plan
    keeps = release.rules.strategy.idle
    live = release.state is State.SUCCEEDED and release.undone_by is None
    return live and keeps is not None and plan is not None and plan.previous is not None


async def scale_down(world: World, lease: Lease, release: Release) -> None:
    """Look; patch the size where it is too large; write what came of it, or that nothing did.

    Raises TemporaryError where the cluster doesn't answer: it is tried again.
    """
    plan, keeps = release.plan, release.rules.strategy.idle
    if plan is None or keeps is None:
        return None
    async with world.store.read() as session:
        newer = await releases.newer_started(session, release)
    old = await world.cluster.look_at_slot(plan.target, plan.live)
    traffic = await world.cluster.look_at_traffic(plan.target)
    serves = traffic.live != plan.idle
    if (
        newer
        or serves
        or not _as_left(old, plan.previous_image, lease.fence)
        or old.wanted <= keeps
    ):
        return await _write(world, lease, release, None)
    await world.cluster.change_slot(
        plan.target,
        old,
        SlotPatch(replicas=keeps),
        fence=lease.fence,
        release=release.id,
    )
    return await _write(world, lease, release, keeps)


def _as_left(old: SlotFact, image: str | None, fence: int) -> bool:
    """Whether the slot still holds what ran before, and nobody newer wrote to it."""
    return old.exists and old.image == image and (old.fence is None or old.fence <= fence)


async def _write(world: World, lease: Lease, release: Release, size: int | None) -> None:
    now = world.clock.now()
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        said = []
        if size is not None and release.plan is not None:
            slot = release.plan.live
            await audit.append(
                session, AuditTag.SLOT_SCALED_DOWN, release.id, now, slot=slot, replicas=size
            )
            said = [lines.scaled_down(slot, size)]
        await record.advance(session, release, release, now, due_at=None, lines=said)
