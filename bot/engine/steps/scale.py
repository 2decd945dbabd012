"""Step `scale`: a canary's slot gets the pods that its next share of the traffic takes.

It only ever adds: what an autoscaler or a person gave it besides is left.
"""

from bot.domain.facts import SlotFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps import autoscaling
from bot.engine.steps.work import Work
from bot.ports import SlotPatch

KIND = "scale"


async def run(work: Work) -> Outcome:
    """Look; patch the size where it is too small; look again on the next try."""
    slot = await work.look_at(work.step.slot)
    if not slot.exists:
        return Failed(Reason.OBJECT_MISSING, f"{work.plan.target.runner(slot.slot)} is gone.")
    newer = work.newer_mark(work.plan.target.runner(slot.slot), slot.fence)
    if newer:
        return newer
    if work.plan.image is not None and slot.image != work.plan.image:
        return Held(f"{slot.slot} runs {slot.image}, not {work.plan.image}.")
    live = await work.look_at(work.plan.live)
    full = max(live.wanted, work.progress.full)
    return await grow(work, slot, work.needed(live)) or Done(changes={"full": full})


async def grow(work: Work, slot: SlotFact, needed: int) -> Wait | Failed | None:
    """Make a slot larger where it is too small; None where it is large enough.

    Where an autoscaler is known to undo that, it is said by name, and left to people.
    """
    if slot.wanted >= needed:
        return None
    stopped = await autoscaling.in_the_way(work, slot, needed)
    if stopped:
        return stopped
    await work.intend("patch", about=f"{slot.slot}: {needed} pods for {work.step.share} %")
    await work.world.cluster.change_slot(
        work.plan.target,
        slot,
        SlotPatch(replicas=needed),
        fence=work.lease.fence,
        release=work.release.id,
    )
    await work.record("patch", "patched")
    return Wait(work.now, f"{slot.slot} gets {needed} pods")
