"""After the rollback window: the old slot shrinks to what the catalogue lets it keep.

Called by the reconciler with the target's lease, for a release that is live and settled. Nothing
is done where another release has come since, or where the slot isn't what this one left.
"""

from datetime import timedelta

import structlog

from bot.domain.audit import AuditTag
from bot.domain.facts import SlotFact
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.engine import record
from bot.engine.world import World
from bot.errors import ConflictError, PermanentError, StoreError, TemporaryError
from bot.ports import SlotPatch
from bot.store import audit, leases, releases
from bot.store.leases import Lease
from bot.views import lines

log = structlog.get_logger()


def is_wanted(release: Release) -> bool:
    """Whether there is an old slot to make smaller when the window is over."""
    plan = release.plan
    keeps = release.rules.strategy.idle
    live = release.state is State.SUCCEEDED and release.undone_by is None
    has_old = plan is not None and not plan.in_place and plan.previous is not None
    return live and keeps is not None and has_old


LATER = timedelta(minutes=1)
"""How long after the window: a click right at its end has been taken by then."""

AGAIN_SECONDS = 30.0
"""How soon it is tried again where the cluster gave no answer: nobody waits for it."""


async def settle(world: World, lease: Lease, release: Release) -> None:
    """Do what is due after the window, if it still is."""
    if not is_wanted(release):
        return await _write(world, lease, release, None)
    try:
        await scale_down(world, lease, release)
    except StoreError:
        raise
    except TemporaryError as error:
        raise TemporaryError(str(error), AGAIN_SECONDS) from error


async def scale_down(world: World, lease: Lease, release: Release) -> None:
    """Look; patch the size where it is too large; write what came of it, or that nothing did.

    Raises TemporaryError where the cluster doesn't answer, or something changed meanwhile: it is
    tried again.
    """
    plan, keeps = release.plan, release.rules.strategy.idle
    if plan is None or keeps is None:
        return None
    old = await world.cluster.look_at_slot(plan.target, plan.live)
    traffic = await world.cluster.look_at_traffic(plan.target)
    idle = traffic.live == plan.goes_to and _as_left(old, plan.previous_image, lease.fence)
    if not idle or old.wanted <= keeps:
        # After a crash the patch may be done, and nobody told of it yet.
        done = idle and old.wanted == keeps and old.release == release.id
        return await _write(world, lease, release, keeps if done else None)
    if not await _intended(world, lease, release, keeps):
        return await _write(world, lease, release, None)
    try:
        await world.cluster.change_slot(
            plan.target,
            old,
            SlotPatch(replicas=keeps),
            fence=lease.fence,
            release=release.id,
        )
    except ConflictError as error:
        raise TemporaryError(str(error)) from error
    except PermanentError as error:
        log.warning("slot_not_scaled_down", slot=plan.live, error=str(error))
        return await _write(world, lease, release, None)
    return await _write(world, lease, release, keeps)


async def _intended(world: World, lease: Lease, release: Release, keeps: int) -> bool:
    """Write down what is about to be done; False where another release has come since."""
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        if await releases.newer_started(session, release) is not None:
            return False
        await audit.append(
            session,
            AuditTag.STEP_INTENDED,
            release.id,
            world.clock.now(),
            about=f"the old slot keeps {keeps} pods",
        )
    return True


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
