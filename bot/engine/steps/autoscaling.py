"""What an autoscaler does to a size that the bot sets. Used by the steps that see to a slot's size.

A HorizontalPodAutoscaler decides every 15 s, by measurements of the moment: an idle slot needs
little, so what the bot adds it takes away again, down to its least; what is above its most it cuts
at once. To set the size again would only make pods come and go: so it is said what is in the way.
A version that takes the other's place has its autoscaler with it, and that one its measurements.
"""

from bot.domain.facts import SlotFact
from bot.domain.outcomes import Failed, Wait
from bot.engine.steps.work import Work
from bot.views import neighbour_lines


async def in_the_way(work: Work, slot: SlotFact, needed: int) -> Wait | Failed | None:
    """Say why a slot can't have its size; None where nothing is known to keep it small."""
    if work.plan.in_place:
        return None
    scaler = await work.world.autoscalers.autoscaler(work.plan.target, slot.slot)
    if scaler is None:
        return None
    if scaler.most < needed:
        note = neighbour_lines.limits(scaler, needed)
    elif scaler.undercut(slot.wanted, work.since):
        note = neighbour_lines.took_away(scaler, slot.wanted, needed)
    else:
        return None
    late = work.overdue()
    if late:
        return Failed(late.reason, f"{late.sentence} {note[:1].upper()}{note[1:]}.")
    return Wait(work.now + work.world.limits.pod_poll, note)


async def unproven(work: Work, slot: SlotFact, needed: int) -> Wait | None:
    """Wait until a size has held for a while that an autoscaler could undercut; else None."""
    until = work.since + work.world.limits.autoscaler
    if work.plan.in_place or work.now >= until:
        return None
    scaler = await work.world.autoscalers.autoscaler(work.plan.target, slot.slot)
    if scaler is None or not scaler.may_undercut(needed):
        return None
    again = min(until, work.now + work.world.limits.pod_poll)
    return Wait(again, neighbour_lines.is_watched(scaler, slot))
