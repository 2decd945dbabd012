"""Step `settle`: look once more that the traffic is where the ending will say it is.

What the ending changes in our own books is written with the ending (`engine.endings`).
"""

from bot.domain.outcomes import Done, Held, Outcome
from bot.engine.steps.shift import shares, written
from bot.engine.steps.work import Work

KIND = "settle"


async def run(work: Work) -> Outcome:
    """Done where the slot has all the traffic; held where somebody moved it meanwhile."""
    if not work.plan.has_pods:
        return Done()
    traffic = await work.world.cluster.look_at_traffic(work.plan.target)
    if dict(traffic.weights) == shares(work.step.slot, 100):
        return Done()
    return Held(f"Traffic is {written(traffic.weights)}, not all on {work.step.slot}.")
