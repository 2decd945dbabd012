"""Step `baseline`: fresh copies of the live version serve beside it; with share 0 there are none.

As many as the new slot has pods, made new at this release, so that what is compared is of one age.
They bear the live slot's label, and so take their part of its traffic: no route is changed. On the
way back they go when the traffic is back, and what can't be taken away holds nothing up.
"""

import asyncio
from datetime import datetime, timedelta

from bot.domain.baselines import Beside
from bot.domain.facts import BaselineFact, SlotFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps.verify import MAY_PASS
from bot.engine.steps.work import Work
from bot.errors import ConflictError, PermanentError, TemporaryError
from bot.ports_baseline import BaselinePatch
from bot.store import intents
from bot.store.intents import Intent
from bot.views import baseline_lines

KIND = "baseline"
CLEARED, BROUGHT, REMOVED = "cleared", "brought", "removed"
"""The effects: old pods go; image, label and size are set, or it goes again. A result is a size."""

AGAIN = timedelta(seconds=5)
"""How soon a removal is tried again that the cluster has refused."""


async def run(work: Work) -> Outcome:
    """Bring it, or take it away; look again on the next try."""
    if work.step.share:
        return await _bring(work)
    return await (_remove(work) if work.forward else _remove_afterwards(work))


async def changed_by_hand(work: Work) -> Held | None:
    """Say what somebody changed since this release brought it; None: it is as it was left.

    Called while it is compared with: a copy of another version would prove nothing.
    """
    before = work.progress.beside
    if before is None:
        return None
    seen = await work.world.cluster.look_at_baseline(work.plan.target)
    newer = work.newer_mark(_name(work), seen.fence)
    if newer or not seen.exists:
        return newer or Held(baseline_lines.gone(_name(work)))
    return _unlike(work, seen, before.pods)


def _name(work: Work) -> str:
    return f"Deployment {work.plan.target.baseline}"


async def _bring(work: Work) -> Outcome:
    world, target = work.world, work.plan.target
    seen, live, new = await asyncio.gather(
        world.cluster.look_at_baseline(target),
        work.look_at(work.plan.live),
        work.look_at(work.step.slot),
    )
    if not seen.exists:
        return Failed(Reason.OBJECT_MISSING, baseline_lines.gone(_name(work)))
    newer = work.newer_mark(_name(work), seen.fence)
    if newer:
        return newer
    if live.image != work.plan.previous_image:
        return Held(baseline_lines.live_changed(live, work.plan.previous_image))
    brought = await work.intent(BROUGHT)
    size = max(1, new.wanted)
    if brought is None and work.progress.beside is None:
        return await _begin(work, seen, live, size)
    return await _go_on(work, seen, live, size, brought)


async def _begin(work: Work, seen: BaselineFact, live: SlotFact, size: int) -> Outcome:
    """Set it up from nothing: pods that are there already are older than this release."""
    if not (seen.wanted or seen.total):
        return await _set_up(work, seen, live, size)
    if seen.wanted:
        await work.intend(CLEARED, about=f"{_name(work)}: 0 pods, so that all are new")
        await _change(work, seen, BaselinePatch(replicas=0))
        await work.record(CLEARED, str(seen.wanted))
    return work.overdue() or Wait(_soon(work), baseline_lines.clearing(seen))


async def _set_up(work: Work, seen: BaselineFact, live: SlotFact, size: int) -> Outcome:
    about = f"{_name(work)}: {live.image}, {size} pods beside {live.slot}"
    await work.intend(BROUGHT, about=about)
    patch = BaselinePatch(
        image=live.image if seen.image != live.image else None,
        version=live.version,
        slot=live.slot if seen.slot != live.slot else None,
        replicas=size,
    )
    await _change(work, seen, patch)
    await work.record(BROUGHT, str(size))
    return Wait(work.now, baseline_lines.growing(size))


async def _go_on(
    work: Work, seen: BaselineFact, live: SlotFact, size: int, brought: Intent | None
) -> Outcome:
    """Wait for what was brought, and let it grow with the new slot; it is never made smaller."""
    if brought and brought.result is None and not seen.wanted:
        # What was about to be done was not, or its answer would be in the world.
        return await _set_up(work, seen, live, size)
    unlike = _unlike(work, seen, _given(work, brought))
    if unlike:
        return unlike
    if seen.wanted < size:
        await work.intend(BROUGHT, about=f"{_name(work)}: {size} pods")
        await _change(work, seen, BaselinePatch(replicas=size))
        await work.record(BROUGHT, str(size))
        return Wait(work.now, baseline_lines.growing(size))
    return _cant_start(work, seen) or _whole(work, seen, live)


def _given(work: Work, brought: Intent | None) -> int:
    """Say how many pods this release gave it. Whoever resumes has seen what there is instead."""
    if brought is None:
        return work.progress.beside.pods if work.progress.beside else 0
    return int(brought.result) if brought.result and brought.at >= work.since else 0


def _unlike(work: Work, seen: BaselineFact, given: int) -> Held | None:
    """Hold where it isn't the copy any more that this release made of the live version."""
    plan = work.plan
    if seen.image != plan.previous_image:
        return Held(baseline_lines.other_image(seen, plan.previous_image))
    if seen.slot != plan.live:
        label = plan.target.slot_label
        return Held(baseline_lines.other_slot(seen, label, plan.live))
    return Held(baseline_lines.smaller(seen, given)) if seen.wanted < given else None


def _cant_start(work: Work, seen: BaselineFact) -> Failed | None:
    """Tell early of pods that won't come up: it is the live version that can't start."""
    for trouble in seen.trouble:
        waits = trouble.word in MAY_PASS
        if waits and work.now - work.since < work.world.limits.unschedulable:
            continue
        said = baseline_lines.trouble(trouble)
        return _failed(said if waits else f"{said} {baseline_lines.same(work.plan)}")
    if seen.deadline_exceeded:
        stalled = baseline_lines.stalled(seen)
        return _failed(f"{stalled} {baseline_lines.same(work.plan)}")
    return None


def _whole(work: Work, seen: BaselineFact, live: SlotFact) -> Outcome:
    if seen.rolled_out and seen.ready >= seen.wanted:
        beside = Beside(pods=seen.wanted, live=max(1, live.wanted))
        return Done(baseline_lines.ready(work.plan, seen), {"beside": beside})
    return _late(work, seen) or Wait(_soon(work), baseline_lines.waiting(seen))


def _late(work: Work, seen: BaselineFact) -> Failed | None:
    late = work.overdue()
    if late is None:
        return None
    return _failed(f"{baseline_lines.late(work.plan, seen)} {baseline_lines.same(work.plan)}")


def _failed(sentence: str) -> Failed:
    return Failed(Reason.BASELINE_UNREADY, sentence)


def _soon(work: Work) -> datetime:
    return work.now + work.world.limits.pod_poll


async def _remove(work: Work) -> Outcome:
    """On the way forward: before the slot is tried, and when nothing is compared any more."""
    seen = await work.world.cluster.look_at_baseline(work.plan.target)
    if not seen.exists:
        return Failed(Reason.OBJECT_MISSING, baseline_lines.gone(_name(work)))
    newer = work.newer_mark(_name(work), seen.fence)
    if newer:
        return newer
    if seen.wanted:
        return await _take_away(work, seen)
    if work.progress.beside is not None:
        return Done(baseline_lines.removed(), {"beside": None})
    if seen.total:
        return work.overdue() or Wait(_soon(work), baseline_lines.clearing(seen))
    return Done(baseline_lines.removed() if await work.intent(REMOVED) else None)


async def _remove_afterwards(work: Work) -> Outcome:
    """On the way back: only what this release has begun, and for no longer than it is worth.

    Written once even where it has no pods: a process that was frozen before its patch finds
    another mark then, and can bring nothing back.
    """
    if not await _was_begun(work):
        return Done()
    seen = None
    try:
        seen = await work.world.cluster.look_at_baseline(work.plan.target)
        return await _clear(work, seen)
    except ConflictError:
        raise
    except (TemporaryError, PermanentError) as error:
        return _tried(work, seen, str(error))


async def _clear(work: Work, seen: BaselineFact) -> Outcome:
    # A newer mark: another release, or a newer state of the bot, has it now, and looks after it.
    if not seen.exists or work.newer_mark(_name(work), seen.fence):
        return Done(changes={"beside": None})
    removed = await work.intent(REMOVED)
    if removed and removed.result is not None:
        said = baseline_lines.removed() if removed.result != "0" and not seen.wanted else None
        return Done(said, {"beside": None})
    return await _take_away(work, seen)


def _tried(work: Work, seen: BaselineFact | None, why: str) -> Outcome:
    """Try again for a while, then say what may be left. `seen`: None where no look succeeded."""
    if work.now - work.since < work.world.limits.attention:
        return Wait(work.now + AGAIN, why, trouble=True)
    if seen is not None and not seen.wanted:
        return Done(changes={"beside": None})
    return Done(baseline_lines.left(work.plan.target, seen, why), {"beside": None})


async def _was_begun(work: Work) -> bool:
    """Whether any step forward was about to change it."""
    steps = [n for n, one in enumerate(work.plan.steps) if one.kind == KIND and one.share]
    effects = [f"forward:{step}:{name}" for step in steps for name in (CLEARED, BROUGHT)]
    async with work.world.store.read() as session:
        for effect in effects:
            if await intents.get(session, work.release.id, effect) is not None:
                return True
    return False


async def _take_away(work: Work, seen: BaselineFact) -> Wait:
    await work.intend(REMOVED, about=f"{_name(work)}: 0 pods")
    await _change(work, seen, BaselinePatch(replicas=0 if seen.wanted else None))
    await work.record(REMOVED, str(seen.wanted))
    return Wait(work.now, baseline_lines.going())


async def _change(work: Work, seen: BaselineFact, patch: BaselinePatch) -> None:
    await work.world.cluster.change_baseline(
        work.plan.target, seen, patch, fence=work.lease.fence, release=work.release.id
    )
