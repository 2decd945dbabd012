"""Step `restore`: no traffic has moved, so put the idle slot back as it was before."""

from datetime import datetime, timedelta

from bot.domain.facts import SlotFact
from bot.domain.outcomes import Done, Outcome, Wait
from bot.domain.releases import SlotBefore
from bot.engine.steps.smoke_job import stop_job
from bot.engine.steps.work import Work
from bot.errors import PermanentError, TemporaryError
from bot.ports import SlotPatch
from bot.store import intents
from bot.views import lines

KIND = "restore"
PATIENCE = timedelta(minutes=2)
"""How long a workflow run that was asked to stop may still deploy over what is restored."""


async def run(work: Work) -> Outcome:
    """Stop what still works on the slot, then look, then patch back what this release changed."""
    await stop_job(work)
    waiting = await _stop_run(work)
    if waiting:
        return waiting
    slot, before = await work.look_at(work.step.slot), work.progress.before
    patch = _patch(slot, before, sized=not work.plan.target.is_rollout)
    if before is None or patch is None:
        changed = await _changed_before(work)
        return Done(lines.slot_restored(work.step.slot) if changed else None)
    newer = work.newer_mark(work.plan.target.runner(slot.slot), slot.fence)
    if newer:
        return newer
    await work.intend("patch", about=f"{slot.slot}: back to {before.image}, {before.replicas} pods")
    await work.world.cluster.change_slot(
        work.plan.target, slot, patch, fence=work.lease.fence, release=work.release.id
    )
    await work.record("patch", "patched")
    return Wait(work.now, f"{slot.slot} is put back")


def _patch(slot: SlotFact, before: SlotBefore | None, *, sized: bool) -> SlotPatch | None:
    """What differs from before; a Deployment that is gone is nobody's to put back.

    Not `sized`: how many pods there are is not the bot's business.
    """
    if before is None or not slot.exists or before.image is None:
        return None
    wrong = slot.image != before.image
    resize = sized and slot.wanted != before.replicas
    if not wrong and not resize:
        return None
    return SlotPatch(
        image=before.image if wrong else None,
        version=before.version if wrong else None,
        replicas=before.replicas if resize else None,
    )


async def _changed_before(work: Work) -> bool:
    return await work.intent("patch") is not None


async def _stop_run(work: Work) -> Wait | None:
    """A run still at work would deploy over what is put back: ask it to stop, and wait a while.

    GitHub may be out of reach; then its time is waited for, and the slot put back all the same.
    """
    run_id = await _deploying_run(work)
    if run_id is None or work.now - work.since >= PATIENCE:
        return None
    world, repository = work.world, work.plan.repository
    try:
        within = world.limits.run_poll / 3
        run = await world.polling.run(world, repository, run_id, _started(work), within)
        if run.status == "completed":
            return None
        if await work.intent("stop") is None:
            await work.intend("stop", about=f"cancel run {run_id}")
            await world.source.cancel_run(repository, run_id)
    except (TemporaryError, PermanentError):
        return Wait(work.now + work.world.limits.pod_poll, f"run {run_id} can't be asked to stop")
    return Wait(work.now + work.world.limits.pod_poll, f"run {run_id} was asked to stop")


def _started(work: Work) -> datetime:
    return work.release.started_at or work.release.created_at


async def _deploying_run(work: Work) -> int | None:
    if work.plan.steps[0].kind != "dispatch":
        return None
    async with work.world.store.read() as session:
        intent = await intents.get(session, work.release.id, "forward:0:run")
    return int(intent.result) if intent and intent.result else None
