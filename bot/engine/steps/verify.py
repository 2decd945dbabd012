"""Step `verify`: the slot's rollout is complete and its pods are healthy; it fails early.

On the way back it makes sure that the old slot serves.
"""

from bot.domain.facts import SlotFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps import autoscaling, scale
from bot.engine.steps.work import Work, failing
from bot.views import lines

KIND = "verify"
ALL = 100

MAY_PASS = frozenset({"Unschedulable", "QuotaExceeded", "FailedCreate"})
"""What may pass by itself in a while: a node comes, old pods make room in the quota."""


async def run(work: Work) -> Outcome:
    """Judge the slot as `kubectl rollout status` does, and look at pods that can't come up."""
    slot = await work.look_at(work.step.slot)
    if not work.forward:
        return await _old_slot(work, slot)
    if not slot.exists:
        return Failed(Reason.OBJECT_MISSING, f"{work.plan.target.runner(slot.slot)} is gone.")
    if work.plan.image is not None and slot.image != work.plan.image:
        return _another_image(work, slot)
    return _sick(work, slot) or await _whole(work, slot)


def _another_image(work: Work, slot: SlotFact) -> Failed | Held:
    """What a workflow has done is believed only when the image is there; else it is a hand's."""
    said = f"{work.where} runs {slot.image}, not {work.plan.image}."
    if work.plan.strategy == "workflow":
        return Failed(Reason.IMAGE_MISMATCH, f"{work.plan.steps[0].workflow} succeeded, but {said}")
    return Held(said)


def _sick(work: Work, slot: SlotFact) -> Failed | None:
    for trouble in slot.trouble:
        waits = trouble.word in MAY_PASS
        if waits and work.now - work.since < work.world.limits.unschedulable:
            continue
        return failing(work.where, trouble)
    if slot.deadline_exceeded:
        return Failed(
            Reason.ROLLOUT_FAILED,
            f"The rollout on {work.where} made no progress in time: {lines.ready(slot)}.",
        )
    return None


async def _whole(work: Work, slot: SlotFact) -> Outcome:
    live = await work.look_at(work.plan.live)
    needed = work.needed(live)
    if slot.rolled_out and slot.ready >= slot.wanted >= needed:
        unproven = await autoscaling.unproven(work, slot, needed)
        # In place the version has all the traffic as soon as the old pods are gone.
        serves = {"weight": ALL, "restarts": slot.restarts} if work.plan.in_place else {}
        return unproven or Done(lines.pods_ready(work.plan.version, slot, work.where), serves)
    # The live slot may have grown since this one got its size. A workflow sees to its own sizes.
    grows = work.plan.strategy != "workflow"
    growing = await scale.grow(work, slot, needed) if grows else None
    if growing:
        return growing
    overdue = work.overdue()
    if overdue:
        return overdue
    return Wait(work.now + work.world.limits.pod_poll, lines.ready(slot))


async def _old_slot(work: Work, slot: SlotFact) -> Outcome:
    back = not work.plan.in_place or (slot.rolled_out and slot.image == work.plan.previous_image)
    if back and slot.ready > 0 and slot.ready >= slot.wanted:
        return Done(lines.old_slot_serves(slot, work.where))
    runs = "is rolled back" if work.plan.in_place else "has the traffic"
    return Wait(work.now + work.world.limits.pod_poll, f"{work.where} {runs}; {lines.ready(slot)}")
