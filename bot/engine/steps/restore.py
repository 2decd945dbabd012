"""Step `restore`: put a slot back as it was before.

The idle one, while no traffic has moved; in place, the one that serves. What a workflow alone has
done it does not touch: only the workflow can take that back.
"""

from datetime import datetime, timedelta
from functools import partial

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
PATCH, MARK = "patch", "mark"
"""Effects: the slot is put back; or it is right, and only bears our mark from now on."""

PATIENCE = timedelta(minutes=2)
"""How long a workflow run that was asked to stop may still deploy over what is restored."""


async def run(work: Work) -> Outcome:
    """Stop what still works on the slot, then look, then patch back what this release changed."""
    await stop_job(work)
    waiting = await _stop_run(work)
    if waiting:
        return waiting
    slot, before = await work.look_at(work.step.slot), _before(work)
    if before is None or not slot.exists:
        return Done()
    patch = _patch(slot, before)
    newer = work.newer_mark(work.plan.target.runner(slot.slot), slot.fence)
    if patch is None:
        # A newer mark refuses what is older as well as ours would.
        await _mark(work, slot, needed=newer is None)
        changed = await work.intent(PATCH) is not None
        return Done(lines.slot_restored(work.where) if changed else None)
    if newer:
        return newer
    await work.intend(PATCH, about=f"{work.where}: back to {before.image}")
    await _change(work, slot, patch)
    await work.record(PATCH, "patched")
    return Wait(work.now, f"{work.where} is put back")


async def _mark(work: Work, slot: SlotFact, *, needed: bool) -> None:
    """Mark what is as it was before, unless this step has written to it already."""
    if needed and not (await work.has_written(PATCH) or await work.has_written(MARK)):
        write = partial(_change, work, slot, SlotPatch())
        await work.mark(MARK, write, about=f"{work.where} stays as it is")


async def _change(work: Work, slot: SlotFact, patch: SlotPatch) -> None:
    await work.world.cluster.change_slot(
        work.plan.target, slot, patch, fence=work.lease.fence, release=work.release.id
    )


def _before(work: Work) -> SlotBefore | None:
    """What is the bot's to put back.

    In place an autoscaler has the say on the size meanwhile, and of a Rollout's pods Argo has it.
    """
    before = work.progress.before
    if work.plan.strategy == "workflow" or before is None:
        return None
    sized = not (work.plan.in_place or work.plan.target.is_rollout)
    return before if sized else before.model_copy(update={"replicas": None})


def _patch(slot: SlotFact, before: SlotBefore | None) -> SlotPatch | None:
    """What differs from before; a Deployment that is gone is nobody's to put back."""
    if before is None or not slot.exists or before.image is None:
        return None
    wrong = slot.image != before.image
    resized = before.replicas is not None and slot.wanted != before.replicas
    if not wrong and not resized:
        return None
    return SlotPatch(
        image=before.image if wrong else None,
        version=before.version if wrong else None,
        replicas=before.replicas if resized else None,
    )


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
