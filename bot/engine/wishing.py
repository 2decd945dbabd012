"""People's wishes for a release under way: a tick takes them before it acts (DESIGN §4.8).

Called by `working`. The newest that applies decides; a wish to go back comes before all others.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.analysis import excused, forgiven
from bot.domain.audit import AuditTag
from bot.domain.baselines import Beside
from bot.domain.facts import BaselineFact, ClusterFact, SlotFact
from bot.domain.lifecycle import Event, State, advance, may
from bot.domain.plans import Plan
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.versions import bare
from bot.engine import endings, halting, pausing, record, undoing
from bot.engine.world import World
from bot.store import audit, leases, wishes
from bot.store.leases import Lease
from bot.store.wishes import Wish
from bot.views import baseline_lines, lines


async def take(
    world: World, lease: Lease, release: Release, open_ones: Sequence[Wish]
) -> tuple[Release, Lease]:
    """Take every open wish; the newest that applies decides. Returns the release as it is then."""
    if not open_ones:
        return release, lease
    back = [w for w in open_ones if w.kind in ("rollback", "cancel")]
    if back:
        return await _go_back(world, lease, release, back[0]), lease
    newest = open_ones[-1]
    halts = [w for w in open_ones if w.kind == "halt"]
    if halts and newest.kind != "resume":
        return await halting.stopped(world, lease, release, halts[0]), lease
    if newest.kind == "resume" and release.reason is Reason.HELD:
        return await _resume(world, lease, release, newest)
    if newest.kind == "pause" and may(release.state, Event.PAUSED):
        return await pausing.pause(world, lease, release, newest), lease
    if newest.kind in ("resume", "promote") and pausing.may_go_on(release, newest.kind):
        promoted = newest.kind == "promote"
        return await pausing.go_on(world, lease, release, newest, promoted=promoted), lease
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
        return await undoing.turn_back(session, release, wish, now, world.catalog())


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
        said, catalog = [lines.cancelled(wish.by)], world.catalog()
        await record.advance(
            session, release, after, now, due_at=None, lines=said, by=wish.by, catalog=catalog
        )
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
    before = release.progress
    # In place the slot serves whatever was done to it: its share tells nothing.
    share = cluster.traffic.weights.get(plan.goes_to, 0)
    weight = before.weight if plan.in_place else share
    progress = before.model_copy(
        update={
            "weight": weight,
            "moved": before.moved or weight > 0,
            "since": now,
            "promoted": False,
            "short_since": None,
            # What had happened until now is what the person has seen.
            "restarts": None if before.restarts is None else cluster.slot(plan.goes_to).restarts,
            "beside": _beside(before.beside, cluster.baseline),
            "analysis": forgiven(excused(before.analysis), release.rules.watching),
        }
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


def _beside(before: Beside | None, now: BaselineFact | None) -> Beside | None:
    """Take a baseline's size as it is there: a person has seen it. Without pods it is none."""
    if before is None or now is None or not now.wanted:
        return before
    return before.model_copy(update={"pods": now.wanted})


def _highest_fence(cluster: ClusterFact) -> int:
    parts = (cluster.blue, cluster.green, cluster.traffic, cluster.baseline)
    return max(part.fence or 0 for part in parts if part is not None)


async def _repaired(world: World, lease: Lease, release: Release, wish: Wish) -> Release:
    """Read the cluster again and end the release as what is true there."""
    plan = release.plan
    if plan is None or release.state is not State.ROLLING_BACK:
        return await _drop(world, lease, release)
    cluster = await world.cluster.look(plan.target)
    goal, sentence = _what_is_true(release, plan, cluster)
    now, catalog = world.clock.now(), world.catalog()
    base = release.model_copy(update={"acted_by": wish.by, "acted_at": wish.at, "ends_as": goal})
    stays = baseline_lines.stays(plan, cluster.baseline)
    said = [lines.repaired(wish.by, sentence), *([stays] if stays else [])]
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
    if not plan.has_pods:
        return State.ROLLED_BACK, f"{bare(plan.previous or 'What ran before')} runs, by their word."
    live = cluster.live
    if live is None or live.ready == 0 or live.ready < live.wanted:
        return State.ABANDONED, "Neither slot has all the traffic and all of its pods."
    says = f"{plan.where(live.slot)} has the traffic, {lines.ready(live)}."
    if plan.in_place:
        return _in_place(plan, live, says, moved=release.progress.moved)
    went_back = live.slot == (plan.goes_to if plan.kind == "rollback" else plan.live)
    if plan.kind == "rollback":
        return (State.SUCCEEDED if went_back else State.FAILED), says
    if went_back:
        return (State.ROLLED_BACK if release.progress.moved else State.FAILED), says
    return State.SUCCEEDED, says


def _in_place(plan: Plan, live: SlotFact, says: str, *, moved: bool) -> tuple[State, str]:
    """Tell by the image, since the slot is the same whichever version is on it."""
    if live.image == plan.previous_image:
        return (State.ROLLED_BACK if moved else State.FAILED), says
    if live.image == plan.image:
        return State.SUCCEEDED, says
    return State.ABANDONED, f"{plan.where(live.slot)} runs {live.image}, neither of the two."
