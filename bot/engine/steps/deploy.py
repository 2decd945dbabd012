"""Step `deploy`: the slot runs the plan's image, with at least its share of replicas.

Either the bot sets the image, or a workflow has set it and the bot only sees to the size.
"""

from bot.domain.facts import SlotFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps.work import Work
from bot.ports import SlotPatch
from bot.views import lines

KIND = "deploy"
ALL = 100


async def run(work: Work) -> Outcome:
    """Look; patch what differs; look again on the next try."""
    idle = await work.look_at(work.step.slot)
    if not idle.exists:
        name = work.plan.target.runner(work.step.slot)
        return Failed(Reason.OBJECT_MISSING, f"{name} is gone.")
    newer = work.newer_mark(work.plan.target.runner(idle.slot), idle.fence)
    if newer:
        return newer
    live = await work.look_at(work.plan.live)
    exactly = work.step.share < ALL and await work.intent("patch") is None
    patch = _patch(work, idle, work.needed(live), exactly=exactly)
    if isinstance(patch, SlotPatch):
        return await _apply(work, idle, patch)
    full = max(live.wanted, work.progress.full)
    return patch or Done(lines.deployed(work.plan.version, work.where), {"full": full})


def _patch(
    work: Work, idle: SlotFact, size: int, *, exactly: bool
) -> SlotPatch | Failed | Held | None:
    """What to change, if anything. `exactly`: a canary begins small, once; then it only grows."""
    wrong_image = idle.image != work.plan.image
    if wrong_image and work.step.workflow is not None:
        return Failed(
            Reason.IMAGE_MISMATCH,
            f"{work.step.workflow} succeeded, but {work.where} runs {idle.image}, "
            f"not {work.plan.image}.",
        )
    before = work.progress.before
    if wrong_image and before is not None and idle.image != before.image:
        return Held(f"{work.where} runs {idle.image}, which this release did not set.")
    wrong_size = idle.wanted < size or (exactly and idle.wanted > size)
    if not wrong_image and not wrong_size:
        return None
    return SlotPatch(
        image=work.plan.image if wrong_image else None,
        version=work.plan.version if wrong_image else None,
        replicas=size if wrong_size else None,
    )


async def _apply(work: Work, idle: SlotFact, patch: SlotPatch) -> Outcome:
    about = f"{idle.slot}: image {patch.image or 'as it is'}, replicas {patch.replicas or 'as is'}"
    # In place the pods that take traffic are replaced from now on.
    await work.intend("patch", about=about, moved=work.plan.in_place)
    await work.world.cluster.change_slot(
        work.plan.target, idle, patch, fence=work.lease.fence, release=work.release.id
    )
    await work.record("patch", "patched")
    return Wait(work.now, f"{work.where} was changed")
