"""Step `shift`: give a slot its share of traffic, and confirm what really holds.

Forward it moves only from what this release last confirmed; anything else is somebody's hand,
and the release is held. On the way back it moves from whatever is there: all traffic on the old
version is the safe state, and a person or a failing pod asked for it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from bot.domain.catalog import Slot, other_slot
from bot.domain.facts import SlotFact, TrafficFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.domain.targets import ARGO
from bot.engine.effects import TRAFFIC
from bot.engine.steps import scale
from bot.engine.steps.verify import MAY_PASS
from bot.engine.steps.work import Work, failing
from bot.views import lines
from bot.views.words import count

KIND = "shift"
ALL = 100


async def run(work: Work) -> Outcome:
    """Look, move if needed, confirm by endpoints or by the route's conditions."""
    want = shares(work.step.slot, work.step.weight or 0)
    if not work.forward and work.progress.note is None:
        stop = await _move_at_once(work, want)
        if stop:
            return stop
    traffic = await work.world.cluster.look_at_traffic(work.plan.target)
    newer = work.newer_mark("What carries the traffic", traffic.fence)
    if newer:
        return newer
    stop = await _move_if_needed(work, traffic, want, None)
    if stop:
        return stop
    if dict(traffic.weights) != want:
        traffic = await work.world.cluster.look_at_traffic(work.plan.target)
    return await _confirm(work, traffic, want)


async def _move_at_once(work: Work, want: Mapping[Slot, int]) -> Outcome | None:
    """Begin a way back with a glance: who serves is read when the traffic has moved."""
    glance = await work.glance()
    newer = work.newer_mark("What carries the traffic", glance.traffic.fence)
    return newer or await _move_if_needed(work, glance.traffic, want, glance.slot)


async def _move_if_needed(
    work: Work, traffic: TrafficFact, want: Mapping[Slot, int], slot: SlotFact | None
) -> Outcome | None:
    """Move traffic that is elsewhere. On a way back what is right is marked all the same.

    Forward a process may be frozen right before its patch. Where the way back finds nothing to
    undo, that patch would still be taken when the process wakes: our mark refuses it.
    """
    if dict(traffic.weights) != want:
        stop = _may_move(work, traffic) or await _slot_not_ready(work, slot)
        if stop:
            return stop
        await _move(work, traffic, want)
    elif not work.forward and not await work.has_written(TRAFFIC):
        about = f"traffic stays {written(want)}"
        await work.mark(TRAFFIC, partial(_set, work, traffic, want), about=about)
    return None


def shares(slot: Slot, weight: int) -> dict[Slot, int]:
    """Weights of both slots when one has that share."""
    return {slot: weight, other_slot(slot): ALL - weight}


def _may_move(work: Work, traffic: TrafficFact) -> Held | None:
    expected = shares(work.step.slot, work.progress.weight)
    if not work.forward or dict(traffic.weights) == expected:
        return None
    return somebody_moved(traffic, expected)


def somebody_moved(traffic: TrafficFact, expected: Mapping[Slot, int]) -> Held:
    """Hold where the shares are not as this release left them; with what is known of the why."""
    said = f"Traffic is {written(traffic.weights)}; this release left it at {written(expected)}."
    return Held(" ".join((said, *traffic.unfit)))


async def _slot_not_ready(work: Work, seen: SlotFact | None) -> Outcome | None:
    slot = seen or await work.look_at(work.step.slot)
    if not work.forward:
        return _old_slot_gone(work, slot)
    if slot.trouble:
        return failing(work.where, slot.trouble[0])
    live = await work.look_at(work.plan.live)
    needed = work.needed(live)
    if slot.ready >= max(1, needed):
        return None
    growing = await scale.grow(work, slot, needed)
    if growing:
        return growing
    # The shift is refused until the slot can take its share of what the live one takes.
    return work.overdue() or Wait(
        work.now + work.world.limits.pod_poll,
        f"{slot.slot} needs {count(max(1, needed), 'ready pod')} before traffic; "
        f"{lines.ready(slot)}",
    )


def _old_slot_gone(work: Work, slot: SlotFact) -> Failed | None:
    if not slot.exists:
        return Failed(
            Reason.OBJECT_MISSING,
            f"{work.plan.target.runner(slot.slot)} is gone: nothing to go back to.",
        )
    goal = work.plan.image if work.plan.kind == "rollback" else work.plan.previous_image
    if goal is not None and slot.image != goal:
        return Failed(Reason.IMAGE_MISMATCH, f"{slot.slot} runs {slot.image} now, not {goal}.")
    if slot.ready == 0:
        return Failed(Reason.PODS_UNREADY, f"{slot.slot} has no ready pod to go back to.")
    return None


async def _move(work: Work, traffic: TrafficFact, want: Mapping[Slot, int]) -> None:
    about = f"traffic from {written(traffic.weights)} to {written(want)}"
    await work.intend(TRAFFIC, about=about, moved=work.forward)
    await _set(work, traffic, want)
    await work.record(TRAFFIC, written(want))


async def _set(work: Work, traffic: TrafficFact, want: Mapping[Slot, int]) -> None:
    fence, release = work.lease.fence, work.release.id
    await work.world.cluster.shift(work.plan.target, traffic, want, fence=fence, release=release)


async def _confirm(work: Work, traffic: TrafficFact, want: Mapping[Slot, int]) -> Outcome:
    if traffic.rejected and work.forward:
        return _refused(work, traffic.rejected)
    problem = unconfirmed(traffic, want, work.plan.target.traffic)
    if problem is not None:
        sick = await _sick_as_it_grows(work)
        return sick or work.overdue() or Wait(_soon(work), problem)
    if want[work.step.slot] == ALL:
        await _move_preview(work, traffic)
    return await _done(work)


async def _sick_as_it_grows(work: Work) -> Failed | None:
    """Look at the pods that a Rollout makes as its share rises: other ways had them before."""
    if not (work.forward and work.plan.target.is_rollout):
        return None
    slot = await work.look_at(work.step.slot)
    sick = [trouble for trouble in slot.trouble if trouble.word not in MAY_PASS]
    return failing(slot.slot, sick[0]) if sick else None


def _refused(work: Work, why: str) -> Failed:
    if work.plan.target.is_rollout:
        return Failed(Reason.ROLLOUT_FAILED, f"The Rollout is degraded: {why.rstrip('.')}.")
    return Failed(Reason.ROUTE_REJECTED, f"The route was not accepted: {why}")


def unconfirmed(traffic: TrafficFact, want: Mapping[Slot, int], kind: str) -> str | None:
    """Say what is still missing until the shares truly hold; None when they do."""
    if dict(traffic.weights) != dict(want):
        return f"traffic is {written(traffic.weights)}, not yet {written(want)}"
    if not traffic.accepted:
        if kind == ARGO:
            return "Argo Rollouts is not there yet"
        return "the gateway has not accepted the route yet"
    if kind == "service":
        slots = [slot for slot, ready in traffic.serving.items() if ready]
        wanted = [slot for slot, share in want.items() if share]
        return None if slots == wanted else "endpoints have not followed yet"
    empty = [slot for slot, share in want.items() if share and not traffic.serving.get(slot)]
    return f"{empty[0]} has no ready endpoint" if empty else None


def _soon(work: Work) -> datetime:
    """Look again at once at first, then ever more slowly: endpoints follow within 0.1 s."""
    age = work.now - work.since
    return work.now + max(work.world.limits.confirm, min(age / 2, work.world.limits.pod_poll))


async def _move_preview(work: Work, traffic: TrafficFact) -> None:
    idle = other_slot(work.step.slot)
    target = work.plan.target
    if target.preview is None or target.is_rollout or traffic.preview == idle:
        return
    await work.intend("preview", about=f"preview to {idle}")
    await work.world.cluster.point_preview(
        target, traffic, idle, fence=work.lease.fence, release=work.release.id
    )
    await work.record("preview", idle)


async def _done(work: Work) -> Done:
    weight, slot, now = work.step.weight or 0, work.step.slot, work.now
    if not work.forward:
        since = work.release.acted_at or work.release.progress.since
        return Done(lines.traffic_back(slot, now, now, since), {"weight": 0})
    changes: dict[str, object] = {"weight": weight}
    if work.progress.restarts is None:
        changes["restarts"] = (await work.look_at(slot)).restarts
    return Done(lines.shifted(weight, slot, now, now), changes)


def written(weights: Mapping[Slot, int]) -> str:
    """Write shares: `blue 90 %, green 10 %`."""
    if not weights:
        return "on neither slot"
    return ", ".join(f"{slot} {share} %" for slot, share in sorted(weights.items()))
