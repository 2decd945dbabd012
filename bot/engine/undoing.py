"""Going back: people's wishes for a release under way, and what turns it round.

Called by the working tick before it acts. A rollback waits for nothing but the cluster.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.by_hand import undo_command
from bot.domain.facts import ClusterFact
from bot.domain.lifecycle import Event, State, advance, may
from bot.domain.plans import Plan
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.engine import endings, record
from bot.engine.world import World
from bot.store import audit, leases, wishes
from bot.store.leases import Lease
from bot.store.session import Session
from bot.store.wishes import Wish
from bot.views import lines


def turned_back(
    release: Release, now: datetime, *, ends_as: State, reason: Reason, detail: str | None
) -> Release:
    """Put a release on its way back. The steps back follow from whether traffic had moved."""
    progress = release.progress.model_copy(
        update={"track": "undo", "step": 0, "since": now, "note": None, "trouble": None}
    )
    return release.model_copy(
        update={
            "state": advance(release.state, Event.UNDO_STARTED),
            "reason": reason,
            "detail": detail,
            "progress": progress,
            "ends_as": ends_as,
        }
    )


def by_hand(release: Release) -> str:
    """Write the kubectl line that would do what the bot can't."""
    return undo_command(release) or "kubectl"


async def take_wishes(
    world: World, lease: Lease, release: Release, open_ones: Sequence[Wish]
) -> tuple[Release, Lease]:
    """Take every open wish; the newest that applies decides. Returns the release as it is then."""
    if not open_ones:
        return release, lease
    back = [w for w in open_ones if w.kind in ("rollback", "cancel")]
    if back:
        return await _go_back(world, lease, release, back[0]), lease
    newest = open_ones[-1]
    if newest.kind == "resume":
        return await _resume(world, lease, release, newest)
    if newest.kind == "repaired":
        return await _repaired(world, lease, release, newest), lease
    return await _drop(world, lease, release), lease


async def _drop(world: World, lease: Lease, release: Release) -> Release:
    """The wish has no meaning in this state any more; it is taken and nothing follows."""
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        await wishes.take_all(session, release.id, world.clock.now())
    return release


async def _go_back(world: World, lease: Lease, release: Release, wish: Wish) -> Release:
    now = world.clock.now()
    if release.state is State.QUEUED:
        return await _withdraw(world, lease, release, wish, now)
    if not may(release.state, Event.UNDO_STARTED):
        return await _drop(world, lease, release)
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        return await turn_back(session, release, wish, now)


async def turn_back(session: Session, release: Release, wish: Wish, now: datetime) -> Release:
    """Put a release on its way back because a person wishes it. The caller holds its lease."""
    moved = release.progress.moved
    after = turned_back(
        release,
        now,
        ends_as=State.ROLLED_BACK if moved else State.CANCELLED,
        reason=Reason.ROLLED_BACK_BY_PERSON if moved else Reason.CANCELLED_BY_PERSON,
        detail=None,
    ).model_copy(update={"acted_by": wish.by, "acted_at": wish.at})
    line = lines.rollback_asked(wish.by) if moved else lines.cancelling(wish.by)
    await wishes.take_all(session, release.id, now)
    await record.advance(session, release, after, now, due_at=now, lines=[line], by=wish.by)
    return after


async def _withdraw(
    world: World, lease: Lease, release: Release, wish: Wish, now: datetime
) -> Release:
    after = release.model_copy(
        update={
            "state": advance(release.state, Event.CANCELLED),
            "reason": Reason.CANCELLED_BY_PERSON,
            "ended_at": now,
            "acted_by": wish.by,
            "acted_at": wish.at,
        }
    )
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        await wishes.take_all(session, release.id, now)
        said = [lines.cancelled(wish.by)]
        await record.advance(session, release, after, now, due_at=None, lines=said, by=wish.by)
    return after


async def _resume(
    world: World, lease: Lease, release: Release, wish: Wish
) -> tuple[Release, Lease]:
    """Go on from what is there, after a look: a person has decided that it may."""
    plan = release.plan
    if plan is None or not may(release.state, Event.RESUMED):
        return await _drop(world, lease, release), lease
    cluster = await world.cluster.look(plan.target)
    now = world.clock.now()
    weight = cluster.traffic.weights.get(plan.idle, 0)
    progress = release.progress.model_copy(
        update={"weight": weight, "moved": release.progress.moved or weight > 0, "since": now}
    )
    after = release.model_copy(
        update={
            "state": advance(release.state, Event.RESUMED),
            "reason": None,
            "detail": None,
            "progress": progress,
        }
    )
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        highest = _highest_fence(cluster)
        if highest > lease.fence:
            lease = await leases.lift(session, lease, highest)
        await wishes.take_all(session, release.id, now)
        said = [lines.resumed(wish.by)]
        await record.advance(session, release, after, now, due_at=now, lines=said, by=wish.by)
    return after, lease


def _highest_fence(cluster: ClusterFact) -> int:
    return max(cluster.blue.fence or 0, cluster.green.fence or 0, cluster.traffic.fence or 0)


async def _repaired(world: World, lease: Lease, release: Release, wish: Wish) -> Release:
    """Read the cluster again and end the release as what is true there."""
    plan = release.plan
    if plan is None or release.state is not State.ROLLING_BACK:
        return await _drop(world, lease, release)
    cluster = await world.cluster.look(plan.target)
    goal, sentence = _what_is_true(release, plan, cluster)
    now, catalog = world.clock.now(), world.catalog()
    base = release.model_copy(update={"acted_by": wish.by, "acted_at": wish.at, "ends_as": goal})
    said = [lines.repaired(wish.by, sentence)]
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        await wishes.take_all(session, release.id, now)
        await audit.append(
            session, AuditTag.RELEASE_REPAIRED, release.id, now, actor=wish.by, found=sentence
        )
        if goal is State.ABANDONED:
            ended = base.model_copy(
                update={
                    "state": advance(release.state, Event.ABANDONED),
                    "reason": Reason.REPAIRED_BY_PERSON,
                    "detail": sentence,
                    "ended_at": now,
                    "needs_attention": False,
                }
            )
            await record.advance(
                session, release, ended, now, due_at=None, lines=said, by=wish.by, catalog=catalog
            )
            return ended
        base = base.model_copy(update={"reason": Reason.REPAIRED_BY_PERSON})
        await endings.end_undo(session, release, base, now, said, catalog)
    return base.model_copy(update={"state": goal, "ended_at": now})


def _what_is_true(release: Release, plan: Plan, cluster: ClusterFact) -> tuple[State, str]:
    live = cluster.live
    if live is None or live.ready == 0 or live.ready < live.wanted:
        return State.ABANDONED, "Neither slot has all the traffic and all of its pods."
    says = f"{live.slot} has the traffic, {lines.ready(live)}."
    went_back = live.slot == (plan.idle if plan.kind == "rollback" else plan.live)
    if went_back and release.kind == "rollback":
        return State.SUCCEEDED, says
    if went_back:
        return (State.ROLLED_BACK if release.progress.moved else State.FAILED), says
    return (State.FAILED if release.kind == "rollback" else State.SUCCEEDED), says
