"""Step `bake`: hold a weight for its time; watch pods, restarts, traffic and metrics meanwhile."""

from datetime import timedelta

from bot.domain.analysis import Analysis
from bot.domain.facts import SlotFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps import analysing, baseline, judging
from bot.engine.steps.shift import shares, somebody_moved
from bot.engine.steps.verify import MAY_PASS
from bot.engine.steps.work import Work, failing
from bot.views import lines
from bot.views.words import count

KIND = "bake"


async def run(work: Work) -> Outcome:
    """Fail as soon as the new slot or its metrics are bad; done when the time is over."""
    # Before the looks, so that no change falls between them and the first report.
    followed = work.world.cluster.follow(work.plan.target)
    slot, stop, analysis = await _looked(work)
    if stop:
        return stop
    alarm = judging.alarm(work, analysis)
    # Whoever promotes has read what the card asks; what is bad stops it all the same.
    if isinstance(alarm, Failed) or (alarm and not work.progress.promoted):
        return alarm
    changes = {"analysis": analysis}
    if work.progress.promoted:
        return Done(lines.promoted(work.progress.weight, slot), changes)
    end = work.since + timedelta(seconds=work.step.seconds or 0)
    if work.now >= end:
        return judging.at_the_end(work, slot, analysis)
    limits = work.world.limits
    pause = limits.bake_resync if followed else limits.bake_poll
    soon = analysing.next_look(work, analysis) or end
    until = min(end, work.now + pause, soon)
    note, analysis = judging.told(work, slot, analysis)
    return Wait(until, note, {"analysis": analysis})


async def watch(work: Work) -> tuple[Outcome | None, str, Analysis]:
    """Look while a person is asked: what is bad, if anything; what the card says; the analysis."""
    work.world.cluster.follow(work.plan.target)
    slot, stop, analysis = await _looked(work)
    stop = stop or judging.alarm(work, analysis)
    note, analysis = judging.told(work, slot, analysis)
    return stop, note, analysis


async def watch_beside(work: Work) -> tuple[Failed | None, str]:
    """Look at the pods while another step is paused: what is bad, if anything; what the card says.

    Pods may be few as long as they are being made; what crashes is bad at any time.
    """
    slot = await work.look_at(work.step.slot)
    return _crashing(work, slot), lines.ready(slot)


async def _looked(work: Work) -> tuple[SlotFact, Outcome | None, Analysis]:
    """Look at traffic and pods; at the metrics only where those are well."""
    if not work.plan.has_pods:
        nothing = SlotFact(slot=work.step.slot, exists=False)
        return nothing, None, await analysing.look(work)
    moved = await _somebody_moved_it(work)
    slot = await work.look_at(work.step.slot)
    stop = moved or _sick(work, slot) or await baseline.changed_by_hand(work)
    if stop:
        return slot, stop, work.progress.analysis
    return slot, None, await analysing.look(work)


async def _somebody_moved_it(work: Work) -> Held | None:
    traffic = await work.world.cluster.look_at_traffic(work.plan.target)
    newer = work.newer_mark("What carries the traffic", traffic.fence)
    expected = shares(work.step.slot, work.progress.weight)
    if newer or dict(traffic.weights) == expected:
        return newer
    return somebody_moved(traffic, expected)


def _sick(work: Work, slot: SlotFact) -> Outcome | None:
    if not slot.exists:
        return Failed(Reason.OBJECT_MISSING, f"{work.plan.target.runner(slot.slot)} is gone.")
    if work.plan.image is not None and slot.image != work.plan.image:
        return Held(f"{work.where} runs {slot.image}, not {work.plan.image}.")
    return _crashing(work, slot) or _too_few(work, slot)


def _crashing(work: Work, slot: SlotFact) -> Failed | None:
    if not slot.exists:
        return Failed(Reason.OBJECT_MISSING, f"{work.plan.target.runner(slot.slot)} is gone.")
    crashing = [t for t in slot.trouble if t.word not in MAY_PASS]
    if crashing:
        return failing(work.where, crashing[0])
    if work.progress.restarts is not None and slot.restarts > work.progress.restarts:
        more = count(slot.restarts - work.progress.restarts, "restart")
        return Failed(Reason.PODS_CRASH, f"Pods on {work.where} crash: {more} since traffic came.")
    return None


def _too_few(work: Work, slot: SlotFact) -> Outcome | None:
    if slot.ready >= slot.wanted:
        return None
    short_since = work.progress.short_since
    gone = slot.ready == 0
    if gone or (short_since and work.now - short_since >= work.world.limits.unready):
        return Failed(Reason.PODS_UNREADY, f"{work.where.capitalize()} has {lines.unready(slot)}.")
    return Wait(
        work.now + work.world.limits.pod_poll,
        lines.ready(slot),
        {"short_since": short_since or work.now},
    )
