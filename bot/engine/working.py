"""Ticks of a release that holds its target: queued, running, paused, rolling back.

A tick reads people's wishes first, then tries the present step once, then writes what came of
it. It returns when it has to wait for something, or when the release has ended.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.admission import ASK_AGAIN
from bot.domain.analysis import Move
from bot.domain.audit import AuditTag
from bot.domain.gates.result import GateResult, waiting
from bot.domain.lifecycle import Event, State, advance
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.rules import rules_for
from bot.domain.versions import Version, VersionError
from bot.engine import (
    emergencies,
    endings,
    held_back,
    pausing,
    record,
    stop_facts,
    undoing,
    wishing,
)
from bot.engine.effects import HeadStart
from bot.engine.steps import STEPS
from bot.engine.steps.work import Work
from bot.engine.waiting import not_in_catalog
from bot.engine.world import World
from bot.errors import ConflictError, PermanentError, TemporaryError
from bot.store import audit, leases, ledger, releases, targets
from bot.store.leases import Lease
from bot.store.session import Session
from bot.store.wishes import Wish
from bot.views import lines

SHORT_WAIT = timedelta(seconds=1)
FAULT_WAIT = timedelta(seconds=15)
"""The longest time between two tries while something outside is at fault."""


async def tick(
    world: World,
    lease: Lease,
    release: Release,
    wished: Sequence[Wish],
    head_start: HeadStart | None = None,
) -> bool:
    """Take one turn. True: take another at once, there is more to do now.

    False: it waits, or has ended, and the lease is given back. `head_start`: what the decision
    that turned it round has begun under this lease.
    """
    release, lease = await wishing.take(world, lease, release, wished)
    if release.state is State.PAUSED and release.reason is not Reason.HELD:
        return await pausing.tick(world, lease, release)
    if release.ended or release.state is State.PAUSED:
        async with world.store.write() as session:
            await leases.hold(session, lease, None)
        return False
    if release.state is State.QUEUED:
        return await _start(world, lease, release)
    return await _try_step(world, lease, release, head_start)


async def _start(world: World, lease: Lease, release: Release) -> bool:
    now = world.clock.now()
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        await targets.count_start(session, release.environment)
        before = release
        found = () if release.former else await _in_the_way(world, session, release, now)
        release, problem = emergencies.at_start(release, found)
        if problem:
            await leases.hold(session, lease, None)
            await _block(session, before, problem, now)
            return False
        said = await emergencies.settled(session, before, release, now)
        progress = release.progress.model_copy(update={"since": now})
        after = release.model_copy(
            update={
                "state": advance(release.state, Event.STARTED),
                "reason": None,
                "detail": None,
                "started_at": now,
                "progress": progress,
            }
        )
        said += [lines.started(after.plan)] if after.plan else []
        catalog = world.catalog()
        await record.advance(session, before, after, now, due_at=now, lines=said, catalog=catalog)
    return True


async def _block(session: Session, release: Release, problem: GateResult, now: datetime) -> None:
    changes = {
        "state": advance(release.state, Event.GATES_REFUSED),
        "reason": problem.reason,
        "detail": problem.sentence,
    }
    after = release.model_copy(update=changes)
    again = problem.until or now + ASK_AGAIN
    said = [lines.blocked(problem.sentence)]
    await record.advance(session, release, after, now, due_at=again, lines=said)


async def _in_the_way(
    world: World, session: Session, release: Release, now: datetime
) -> tuple[GateResult, ...]:
    """Ask once more, in the transaction that starts it, what may be another since the gates."""
    step, found = "It goes on by itself when that has ended.", []
    broken = await _order_broken(session, release)
    if broken is not None:
        found.append(waiting("order", Reason.DEPENDENCY_UNDER_WAY, broken, next_step=step))
    since = await _rolled_back_since(session, release)
    if since is not None:
        reason = Reason.BAD_COMMITS_UNKNOWN
        found.append(waiting("free", reason, since, next_step=step, until=now))
    rules = release.rules
    if not_in_catalog(world, release) is None:
        rules = rules_for(world.catalog(), release.service, release.environment)
    return (*found, *await stop_facts.standing(session, release, rules, now))


async def _rolled_back_since(session: Session, release: Release) -> str | None:
    """Find a rollback whose bad commits the gates could not look for: it came after them."""
    held = await held_back.ranges(session, release.rules.repository)
    new = next((bad.release for bad in held if bad.release not in release.weighed), None)
    return f"{new} was rolled back meanwhile; its commits are looked for in this." if new else None


async def _order_broken(session: Session, release: Release) -> str | None:
    """Check the order rules against the store, in the transaction that starts it (§4.11)."""
    busy = await releases.under_way(session, release.environment)
    for needed, constraint in release.rules.depends_on.items():
        if needed in busy:
            return f"{needed} is under way in {busy[needed]}, and this needs it to stand still."
        now_there = await ledger.current(session, needed, release.environment)
        if now_there is not None and not _allows(constraint, now_there.version):
            return f"{needed} is {now_there.version} now, and this needs {constraint}."
    return None


def _allows(constraint: object, version: str) -> bool:
    try:
        return bool(constraint.allows(Version(version)))  # type: ignore[attr-defined]
    except VersionError:
        # An adopted name that is no version was judged by the gate; nothing new is known here.
        return True


async def _try_step(
    world: World, lease: Lease, release: Release, head_start: HeadStart | None
) -> bool:
    plan = release.plan
    if plan is None:
        raise RuntimeError(f"{release.id} is {release.state} and has no plan")
    step = release.steps()[release.progress.step]
    work = Work(world, lease, release, plan, step, head_start)
    outcome = await _outcome(work)
    before = work.release
    match outcome:
        case Done():
            return await _done(work, before, outcome)
        case Wait():
            return await _wait(work, before, outcome)
        case Failed():
            return await _failed(work, before, outcome)
        case Held():
            return await _held(work, before, outcome)


async def _outcome(work: Work) -> Outcome:
    """Try the step; a fault outside becomes a wait, by its meaning."""
    try:
        return await STEPS[work.step.kind](work)
    except ConflictError:
        # The object changed between look and write: look again, and judge what is there.
        return Wait(work.now + work.world.limits.confirm, "the cluster changed; looking again")
    except TemporaryError as error:
        soon = SHORT_WAIT if not work.forward else FAULT_WAIT
        delay = min(timedelta(seconds=max(error.delay, 0.5)), soon)
        return work.overdue() or Wait(work.now + delay, str(error), trouble=True)
    except PermanentError as error:
        if work.forward:
            return Failed(Reason.OBJECT_MISSING, f"{error}")
        return Failed(Reason.NEEDS_ATTENTION, f"{error}")


async def _done(work: Work, before: Release, outcome: Done) -> bool:
    world, now, catalog = work.world, work.now, work.world.catalog()
    release = _stepped(work, outcome, now)
    last = release.progress.step >= len(release.steps())
    said = [*work.said, *([outcome.say] if outcome.say else [])]
    async with world.store.write() as session:
        until = None if last else world.clock.real() + leases.LEASE
        await leases.hold(session, work.lease, until)
        await audit.append(
            session,
            AuditTag.STEP_DONE,
            release.id,
            now,
            track=work.progress.track,
            step=work.step.kind,
            slot=work.step.slot,
            weight=work.step.weight,
        )
        catalog = world.catalog()
        if not last:
            await record.advance(
                session, before, release, now, due_at=now, lines=said, catalog=catalog
            )
        elif work.forward:
            await endings.end_forward(session, before, release, now, said, catalog)
        else:
            await endings.end_undo(session, before, release, now, said, catalog)
    world.metrics.step_done(work.step.kind, now - work.since)
    return not last


def _stepped(work: Work, outcome: Done, now: datetime) -> Release:
    moves = work.progress.moves
    if work.forward and work.step.weight is not None:
        moves = (*moves, Move(now, work.step.weight))
    progress = work.progress.model_copy(
        update={
            **outcome.changes,
            "step": work.progress.step + 1,
            "since": now,
            "note": None,
            "trouble": None,
            "short_since": None,
            "promoted": False,
            "moves": moves,
        }
    )
    changes: dict[str, object] = {"progress": progress}
    if work.forward and outcome.changes.get("weight") == 100:  # noqa: PLR2004 - per cent
        changes["live_since"] = now
    if not work.forward:
        changes["needs_attention"] = False
    return work.release.model_copy(update=changes)


async def _wait(work: Work, before: Release, outcome: Wait) -> bool:
    world, now = work.world, work.now
    progress = work.progress.model_copy(
        update={
            **outcome.changes,
            "note": work.progress.note if outcome.trouble else outcome.note,
            "trouble": outcome.note if outcome.trouble else None,
        }
    )
    if not outcome.changes.get("short_since") and not outcome.trouble:
        progress = progress.model_copy(update={"short_since": None})
    after = work.release.model_copy(update={"progress": progress})
    said = list(work.said)
    stuck = not work.forward and now - work.since >= world.limits.attention
    if stuck and not after.needs_attention:
        after = after.model_copy(update={"needs_attention": True, "detail": outcome.note})
        said.append(lines.attention(outcome.note, undoing.by_hand(after)))
    await _write(work, before, after, outcome.until, said)
    return outcome.until <= now


async def _write(
    work: Work, before: Release, after: Release, due_at: datetime, said: list[str]
) -> None:
    until = work.world.clock.real() + leases.LEASE if due_at <= work.now else None
    async with work.world.store.write() as session:
        await leases.hold(session, work.lease, until)
        if after == before and not said:
            await releases.update_row(session, after, due_at)
        else:
            catalog = work.world.catalog()
            await record.advance(
                session, before, after, work.now, due_at=due_at, lines=said, catalog=catalog
            )


async def _failed(work: Work, before: Release, outcome: Failed) -> bool:
    if not work.forward:
        return await _stuck(work, before, outcome.sentence)
    return await undoing.fail(work, before, outcome)


async def _held(work: Work, before: Release, outcome: Held) -> bool:
    if not work.forward:
        return await _stuck(work, before, outcome.sentence)
    if outcome.reason is not Reason.HELD:
        return await pausing.ask(work, before, outcome)
    return await undoing.hold(work, before, outcome)


async def _stuck(work: Work, before: Release, sentence: str) -> bool:
    """A way back that can't finish stays on it, keeps trying, and calls for a person."""
    after = work.release.model_copy(update={"needs_attention": True, "detail": sentence})
    news = not before.needs_attention or before.detail != sentence
    said = [*work.said, *([lines.attention(sentence, undoing.by_hand(after))] if news else [])]
    await _write(work, before, after, work.now + FAULT_WAIT, said)
    return False
