"""Step `settle`: look once more that what the ending will say is so: traffic, and the image.

Where a Rollout carries it, that has to come to rest there: promoted to its end, or its template
set back to the version that serves. What the ending changes in our own books is written with the
ending (`engine.endings`).
"""

from bot.domain.facts import TrafficFact
from bot.domain.outcomes import Done, Held, Outcome, Wait
from bot.engine.steps.shift import shares, written
from bot.engine.steps.work import Work

KIND = "settle"


async def run(work: Work) -> Outcome:
    """Done where the slot has all the traffic and rests; held where somebody moved it meanwhile."""
    if not work.plan.has_pods:
        return Done()
    traffic = await work.world.cluster.look_at_traffic(work.plan.target)
    all_on_it = shares(work.step.slot, 100)
    if dict(traffic.weights) != all_on_it:
        said = f"Traffic is {written(traffic.weights)}, not all on {work.step.slot}."
        return Held(" ".join((said, *traffic.unfit)))
    if traffic.rest is None:
        return await _another_image(work) or Done()
    newer = work.newer_mark("What carries the traffic", traffic.fence)
    return newer or await _rest(work, traffic)


async def _another_image(work: Work) -> Held | None:
    """Say what runs there, where it is not what the ending would say."""
    if not work.forward or work.plan.image is None:
        return None
    slot = await work.look_at(work.step.slot)
    if slot.image == work.plan.image:
        return None
    return Held(f"{work.where} runs {slot.image}, not {work.plan.image}.")


async def _rest(work: Work, traffic: TrafficFact) -> Outcome:
    """Let the Rollout come to rest, and look until it has."""
    if traffic.rest == "needed":
        wanted = (await work.look_at(work.plan.goes_to)).image
        if wanted != work.plan.image:
            runner = work.plan.target.runner(work.plan.goes_to)
            return Held(f"{runner} is set to {wanted}, which this release did not set.")
        await work.intend("rest", about=f"the Rollout rests on {work.step.slot}")
        await work.world.cluster.rest(
            work.plan.target, traffic, fence=work.lease.fence, release=work.release.id
        )
        await work.record("rest", "patched")
    until = work.now + work.world.limits.pod_poll
    return work.overdue() or Wait(until, f"the Rollout is coming to rest on {work.step.slot}")
