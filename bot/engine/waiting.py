"""Ticks of a release that holds no target yet: gathering, blocked, awaiting approval.

They change nothing outside. A release whose gates and approvals suffice becomes queued.
"""

from collections.abc import Collection
from datetime import datetime

from bot.domain.admission import ASK_AGAIN, Admission, admit, what_changed, yes_votes
from bot.domain.approving import next_look, reminder_due, tally
from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.domain.emergency import override
from bot.domain.facts import Diff, Facts, Known
from bot.domain.foresight import foresee
from bot.domain.gates import evaluate_all
from bot.domain.gates.result import GateResult, failed
from bot.domain.grounds import grounds
from bot.domain.lifecycle import WAITING, Event, State, advance
from bot.domain.planning import build_plan
from bot.domain.plans import Plan
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Progress, Release, SlotBefore
from bot.domain.returning import return_gates, return_rules
from bot.domain.reusing import news_of, seen_of
from bot.domain.rules import Rules, bake_seconds, rules_of, runs_in
from bot.domain.standing import recorded
from bot.engine import emergencies, record, tagged, votes
from bot.engine.facts import gather
from bot.engine.world import World
from bot.store import approvals, audit, leases, releases
from bot.store.leases import Lease
from bot.store.session import Session
from bot.views import lines


async def tick(world: World, lease: Lease, release: Release) -> None:
    """Do what the state asks for, once."""
    now = world.clock.now()
    expired = release.expires_at is not None and release.expires_at <= now
    if release.state is State.GATHERING:
        await _gather(world, lease, release)
    elif expired:
        await _run_out(world, lease, release, now)
    elif release.state is State.BLOCKED:
        await _look_again(world, lease, release, now)
    elif (moment := reminder_due(release, now)) is not None:
        await votes.remind(world, lease, release, moment)
    else:
        await _sleep_until(world, lease, release, next_look(release, now))


async def _run_out(world: World, lease: Lease, release: Release, now: datetime) -> None:
    approval = release.state is State.AWAITING_APPROVAL
    after = release.model_copy(
        update={
            "state": advance(release.state, Event.TIME_RAN_OUT),
            "reason": Reason.APPROVAL_EXPIRED if approval else Reason.BLOCKED_TOO_LONG,
            "ended_at": now,
        }
    )
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        said, catalog = [lines.ran_out(approval=approval)], world.catalog()
        await record.advance(session, release, after, now, due_at=None, lines=said, catalog=catalog)


async def _look_again(world: World, lease: Lease, release: Release, now: datetime) -> None:
    after = release.model_copy(update={"state": advance(release.state, Event.LOOK_AGAIN_ASKED)})
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        await releases.update_row(session, after, now)


async def ask_gates_again(session: Session, release: Release, now: datetime) -> None:
    """Let the gates be asked anew, over the head of a tick that is at work on the waiting row."""
    gathering = release.state is State.GATHERING
    state = release.state if gathering else advance(release.state, Event.LOOK_AGAIN_ASKED)
    after = release.model_copy(update={"state": state})
    await releases.take_over_row(session, release.id)
    await record.advance(session, release, after, now, due_at=now)


async def ask_all_again(session: Session, environments: Collection[str], now: datetime) -> None:
    """Let the gates of whatever waits there be asked anew: what stops releases is another now."""
    for seen in await releases.waiting(session):
        if seen.environment not in environments:
            continue
        release = await releases.get_locked(session, seen.id)
        if release is not None and release.state in WAITING:
            await ask_gates_again(session, release, now)


async def _sleep_until(
    world: World, lease: Lease, release: Release, due_at: datetime | None
) -> None:
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        await releases.update_row(session, release, due_at)


async def _gather(world: World, lease: Lease, release: Release) -> None:
    missing = not_in_catalog(world, release)
    if missing is not None:
        await _settle_gates(world, lease, release, release.rules, None, (missing,))
        return
    rules = rules_of(world.catalog(), release.request)
    if release.former is not None:
        rules = return_rules(rules)
    now = world.clock.now()
    back = release.former is not None
    facts = await gather(world, release.request, rules, now, release_id=release.id, going_back=back)
    release = release if release.former else _spelled(release, rules, facts)
    if release.former is not None:
        gates = return_gates(release.former, release.request, facts, rules)
    else:
        gates = evaluate_all(release.request, facts, rules)
        gates = over_gates(release, rules, gates)
    plan = build_plan(release.request, rules, facts, release.former)
    release_now = release.model_copy(
        update={
            "diff": _diff(release, plan, facts),
            "rules": rules,
            "weighed": tuple(bad.release for bad in facts.held_back),
            "seen": seen_of(facts),
            "news": news_of(facts),
            "packages": facts.packages,
        }
    )
    await _settle_gates(world, lease, release_now, rules, (facts, plan), gates)


def _diff(release: Release, plan: Plan | None, facts: Facts) -> Diff | None:
    """Take the diff that was read; else the one before, if it is of the same two commits."""
    if isinstance(facts.diff, Known):
        return facts.diff.value
    old = release.plan
    if old is None or plan is None:
        return release.diff if plan is None else None
    same = (old.commit, old.previous_commit) == (plan.commit, plan.previous_commit)
    return release.diff if same else None


def over_gates(
    release: Release, rules: Rules, gates: tuple[GateResult, ...]
) -> tuple[GateResult, ...]:
    """In an emergency, pass over the gates that policy lets pass."""
    if not release.request.emergency:
        return gates
    return override(gates, rules, release.asker.user, release.request.reason or "")


def not_in_catalog(world: World, release: Release) -> GateResult | None:
    """Fail where the catalogue has lost the service or environment since it was asked for."""
    catalog = world.catalog()
    entry = catalog.services.get(release.service)
    there = entry is not None and release.environment in catalog.environments
    if there and entry is not None and runs_in(entry, release.environment):
        return None
    return failed(
        "catalogue",
        Reason.UNKNOWN_NAME,
        f"The catalogue has no {release.service} in {release.environment} any more.",
        "Put it back, then press Retry.",
    )


def _spelled(release: Release, rules: Rules, facts: Facts) -> Release:
    if not isinstance(facts.tag, Known) or facts.tag.value.tag is None:
        return release
    version = tagged.as_tagged(release.request, rules, facts.tag.value.tag)
    request = release.request.model_copy(update={"version": version})
    return release.model_copy(update={"request": request})


async def _settle_gates(
    world: World,
    lease: Lease,
    release: Release,
    rules: Rules,
    seen: tuple[Facts, Plan | None] | None,
    gates: tuple[GateResult, ...],
) -> None:
    facts, plan = seen or (None, None)
    now = world.clock.now()
    looked = await votes.look(world, release, rules.approvals)
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        given = await approvals.of(session, release.id)
        after, said = await _with_plan(session, release, plan, given, now)
        after, counted, told = await votes.settle(session, after, looked, gates, now)
        said += told
        complete = tally(counted, after.digest or "", rules.approvals).complete
        if complete and counted and looked.unreadable is not None:
            gates = (*gates, looked.unreadable)
        verdict = admit(gates, now, approved=complete and after.plan_text is not None)
        usual = await releases.usual_seconds(session, release.service, release.environment)
        after = _decided(after, verdict, gates, facts).model_copy(
            update={
                "expected_seconds": usual or _estimate(after),
                "sights": tuple(foresee(plan.steps, rules.watching, facts.rates, _live_pods(facts)))
                if plan and facts
                else release.sights,
            }
        )
        await audit.append(
            session,
            AuditTag.GATES_EVALUATED,
            release.id,
            now,
            digest=after.digest,
            **{gate.gate: recorded(gate) for gate in gates},
            **(grounds(facts) if facts else {}),
        )
        said += await emergencies.settled(session, release, after, now)
        said += _said(release, after, verdict)
        await _store(session, release, after, verdict, now, said, catalog=world.catalog())
    world.metrics.gates(gates)


async def _with_plan(
    session: Session,
    release: Release,
    plan: Plan | None,
    given: tuple[Approval, ...],
    now: datetime,
) -> tuple[Release, list[str]]:
    """Take the new plan, unless its bytes are those that we have. A change voids approvals."""
    # Values are compared, not bytes: a newer version of the bot may write the same plan longer.
    if plan is None or plan == release.plan:
        return release, []
    old = release.plan
    after = release.model_copy(update={"plan_text": plan.text(), "again": None})
    tag = AuditTag.PLAN_CHANGED if old else AuditTag.PLAN_MADE
    await audit.append(session, tag, release.id, now, digest=after.digest, plan=after.plan_text)
    voided = old is not None and bool(yes_votes(given, release.digest or ""))
    return after, [lines.plan_changed(what_changed(old, plan))] if voided and old else []


def _decided(
    release: Release, verdict: Admission, gates: tuple[GateResult, ...], facts: Facts | None
) -> Release:
    changes: dict[str, object] = {
        "state": advance(release.state, verdict.event),
        "reason": verdict.reason,
        "detail": verdict.detail,
        "gates": gates,
    }
    if verdict.event is Event.GATES_PASSED and facts is not None:
        changes["progress"] = Progress(before=_slot_before(release, facts))
        changes["hand_patch"] = _hand_patch(release, facts)
    return release.model_copy(update=changes)


def _slot_before(release: Release, facts: Facts) -> SlotBefore | None:
    plan = release.plan
    if plan is None or not isinstance(facts.cluster, Known):
        return None
    idle = facts.cluster.value.slot(plan.goes_to)
    return SlotBefore(image=idle.image, version=idle.version, replicas=idle.wanted)


def _hand_patch(release: Release, facts: Facts) -> str | None:
    plan = release.plan
    if plan is None or not isinstance(facts.cluster, Known):
        return None
    return facts.cluster.value.traffic.by_hand.get(plan.live)


def _live_pods(facts: Facts) -> int:
    live = facts.cluster.value.live if isinstance(facts.cluster, Known) else None
    return live.wanted if live else 0


def _estimate(release: Release) -> int:
    """Seconds that the plan's watching takes, and two minutes for what comes before it."""
    return int(bake_seconds(release.rules.strategy).total_seconds()) + 120


def _said(before: Release, after: Release, verdict: Admission) -> list[str]:
    """The thread hears of a block only when it is news."""
    news = after.state is State.BLOCKED and (
        before.reason is not after.reason or before.detail != after.detail
    )
    return [lines.blocked(verdict.detail)] if news and verdict.detail else []


async def _store(  # noqa: PLR0913 - what was, what is and why, and what to say of it
    session: Session,
    before: Release,
    after: Release,
    verdict: Admission,
    now: datetime,
    said: list[str],
    *,
    catalog: Catalog,
) -> None:
    due = next_look(after, now) if after.state is State.AWAITING_APPROVAL else None
    due = due or _due(after, verdict, now)
    try:
        await record.advance(session, before, after, now, due_at=due, lines=said, catalog=catalog)
    except releases.UnderWayError:
        # Another release took the target between the gate's look and this write.
        blocked = after.model_copy(
            update={
                "state": State.BLOCKED,
                "reason": Reason.UNDER_WAY,
                "detail": f"Another release is under way for {after.service} "
                f"in {after.environment}.",
            }
        )
        await record.advance(session, before, blocked, now, due_at=now + ASK_AGAIN)


def _due(after: Release, verdict: Admission, now: datetime) -> datetime | None:
    if after.state is State.QUEUED:
        return now
    times = [t for t in (verdict.again_at, after.expires_at) if t is not None]
    return min(times, default=None)
