"""Pauses: a question to a person, or a person's own stop. The watching goes on meanwhile.

Called by `working`. What is bad takes the release back although somebody is being asked, and with
it the button that would have gone on. Each pause has an end, and policy says which.
A release that is `held` is not here: its world is as nobody left it, and nobody acts on that.
"""

from datetime import datetime
from typing import Literal

from bot.domain.analysis import excused
from bot.domain.audit import AuditTag
from bot.domain.lifecycle import Event, State, advance
from bot.domain.outcomes import Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.engine import record, stop_facts, undoing
from bot.engine.steps import bake
from bot.engine.steps.work import Work
from bot.engine.world import World
from bot.errors import ConflictError, PermanentError, TemporaryError
from bot.store import audit, leases, wishes
from bot.store.leases import Lease
from bot.store.wishes import Wish
from bot.views import lines
from bot.views.words import moment, plain_moment


async def ask(work: Work, before: Release, outcome: Held) -> bool:
    """Stop where it is and ask a person; look again soon."""
    after = _stopped(work.release.progressed(outcome.changes), work.now).model_copy(
        update={"reason": outcome.reason, "detail": outcome.sentence}
    )
    said = lines.asked(outcome.sentence, *_default(after, work.now))
    async with work.world.store.write() as session:
        await leases.hold(session, work.lease, None)
        await audit.append(
            session,
            AuditTag.PERSON_ASKED,
            before.id,
            work.now,
            reason=outcome.reason.value,
            why=outcome.sentence,
        )
        due = _next(after, work.now)
        await record.advance(session, before, after, work.now, due_at=due, lines=[*work.said, said])
    return False


async def pause(world: World, lease: Lease, release: Release, wish: Wish) -> Release:
    """Stop a running release where it is, because a person wishes it."""
    now = world.clock.now()
    after = _stopped(release, now, wish.by).model_copy(
        update={"reason": Reason.PAUSED_BY_PERSON, "detail": None}
    )
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        await wishes.take_all(session, release.id, now)
        said = [lines.paused(wish.by, *_default(after, now))]
        due = _next(after, now)
        await record.advance(session, release, after, now, due_at=due, lines=said, by=wish.by)
    return after


async def go_on(
    world: World, lease: Lease, release: Release, wish: Wish, *, promoted: bool
) -> Release:
    """End a pause: look on for another bake, or with Promote take the next step now."""
    now = world.clock.now()
    after = going_on(release, now, promoted=promoted)
    said = lines.promote_asked(wish.by) if promoted else lines.resumed(wish.by)
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        await wishes.take_all(session, release.id, now)
        await record.advance(session, release, after, now, due_at=now, lines=[said], by=wish.by)
    return after


def may_go_on(release: Release, kind: str) -> bool:
    """Whether `resume` or `promote` has a meaning where the release is."""
    if kind == "resume":
        return release.state is State.PAUSED
    return release.can_be_promoted


def going_on(release: Release, now: datetime, *, promoted: bool) -> Release:
    """Give the release as it goes on. A person's own pause keeps the time that had passed."""
    progress = release.progress
    since = progress.since
    if release.state is State.PAUSED:
        waited = now - (progress.pause_since or now)
        own = release.reason in (Reason.PAUSED_BY_PERSON, Reason.HALTED)
        since = since + waited if own and since else now
    changes = {
        "since": since,
        "promoted": promoted,
        "paused_by": None,
        "pause_since": None,
        "pause_until": None,
        "short_since": None,
        "analysis": excused(progress.analysis),
    }
    paused = release.state is State.PAUSED
    state = advance(release.state, Event.RESUMED) if paused else release.state
    return release.progressed(changes).model_copy(
        update={"state": state, "reason": None, "detail": None}
    )


async def tick(world: World, lease: Lease, release: Release) -> bool:
    """Look at what is paused: go back where it is bad, end the pause when its time is over."""
    plan = release.plan
    if plan is None:
        raise RuntimeError(f"{release.id} is paused and has no plan")
    work = Work(world, lease, release, plan, release.steps()[release.progress.step])
    changes: dict[str, object] = {}
    if release.progress.moved:
        stop, changes = await _look(work)
        if isinstance(stop, Failed):
            work.release = release.progressed(changes)
            return await undoing.fail(work, release, stop)
        if isinstance(stop, Held) and stop.reason is Reason.HELD:
            return await undoing.hold(work, release, stop)
    until = release.progress.pause_until
    if until is not None and work.now >= until:
        return await _over(work, release)
    after = release.progressed(changes)
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        await record.advance(session, release, after, work.now, due_at=_next(after, work.now))
    return False


async def _look(work: Work) -> tuple[Outcome | None, dict[str, object]]:
    """Look as a bake does; in another step at the pods only.

    What can't be told from a look that failed stays as it was.
    """
    try:
        if work.step.kind != bake.KIND:
            bad, pods = await bake.watch_beside(work)
            return bad, {"note": pods, "trouble": None}
        stop, note, analysis = await bake.watch(work)
    except (TemporaryError, ConflictError, PermanentError) as error:
        return None, {"trouble": str(error)}
    changes: dict[str, object] = {"note": note, "analysis": analysis, "trouble": None}
    # Whoever was short a while ago and is well now begins anew.
    changes["short_since"] = None
    if isinstance(stop, Wait):
        changes |= stop.changes
    return stop, changes


async def _over(work: Work, release: Release) -> bool:
    """Nobody ended the pause: do what policy says. In a halt nobody's silence moves anything on."""
    now = work.now
    if _then(release) == "go-on" and release.kind == "release" and await _is_halted(work):
        after = release.progressed({"pause_until": now + release.rules.doubt.pause})
        async with work.world.store.write() as session:
            await leases.hold(session, work.lease, None)
            await record.advance(session, release, after, now, due_at=_next(after, now))
        return False
    if _then(release) == "rollback":
        sentence = f"Nobody decided by {plain_moment(release.progress.pause_until or now, now)}."
        return await undoing.fail(work, release, Failed(Reason.PAUSE_RAN_OUT, sentence))
    asked = release.reason is not Reason.PAUSED_BY_PERSON
    after = going_on(release, now, promoted=asked)
    async with work.world.store.write() as session:
        await leases.hold(session, work.lease, work.world.clock.real() + leases.LEASE)
        said = [lines.pause_over(lines.then("go-on"))]
        await record.advance(session, release, after, now, due_at=now, lines=said)
    return True


async def _is_halted(work: Work) -> bool:
    async with work.world.store.read() as session:
        return await stop_facts.halt_on(session, work.release.environment, work.now) is not None


def _stopped(release: Release, now: datetime, by: str | None = None) -> Release:
    until = now + release.rules.doubt.pause
    state = advance(release.state, Event.PAUSED)
    stopped = release.progressed({"paused_by": by, "pause_since": now, "pause_until": until})
    return stopped.model_copy(update={"state": state})


def _default(release: Release, now: datetime) -> tuple[str, str]:
    """Say until when somebody is waited for, and what happens then."""
    until = release.progress.pause_until or now
    return moment(until, now), lines.then(_then(release))


def _then(release: Release) -> Literal["rollback", "go-on"]:
    """Say how a pause that nobody ends is ended. A rollback is never taken back by the machine."""
    return "go-on" if release.kind == "rollback" else release.rules.doubt.then


def _next(release: Release, now: datetime) -> datetime:
    """Say when to look again while it is paused."""
    until = release.progress.pause_until or now + release.rules.doubt.pause
    return min(until, now + release.rules.watching.every)
