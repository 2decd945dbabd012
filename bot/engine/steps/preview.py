"""Looks where the preview Service leads before it is tried. Used by smoke.

A test that finds its target through it would otherwise pass on the version that is live already.
"""

from bot.domain.outcomes import Failed, Held
from bot.domain.reasons import Reason
from bot.engine.steps.work import Work


async def wrong_preview(work: Work) -> Held | Failed | None:
    """Say what is wrong with the preview Service; None: it leads to the step's slot.

    In place there is none: what serves is what is tried.
    """
    if work.plan.in_place:
        return None
    traffic = await work.world.cluster.look_at_traffic(work.plan.target)
    name = f"Service {work.plan.target.preview}"
    if traffic.preview == work.step.slot:
        return None
    if traffic.preview is None:
        return Failed(Reason.OBJECT_MISSING, f"{name} is gone, or selects neither slot.")
    return Held(
        f"{name} leads to {traffic.preview}, not to {work.step.slot}: the smoke test would try "
        "the wrong version."
    )
