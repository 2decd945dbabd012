"""What else acts on a slot's pods, as the card says it while a step waits."""

from bot.domain.facts import SlotFact
from bot.domain.surroundings import Autoscaler
from bot.views.words import count


def limits(scaler: Autoscaler, needed: int) -> str:
    """The autoscaler's most is less than the slot needs."""
    return (
        f"{scaler.words} lets {scaler.slot} have {count(scaler.most, 'pod')} at the most, and it "
        f"needs {needed}: set its {scaler.most_key} to {needed} or more"
    )


def took_away(scaler: Autoscaler, size: int, needed: int) -> str:
    """The autoscaler has made the slot smaller than it must be."""
    return (
        f"{scaler.words} took {scaler.slot} back to {count(size, 'pod')}, and it needs {needed}: "
        f"set its {scaler.least_key} to {needed}"
    )


def is_watched(scaler: Autoscaler, slot: SlotFact) -> str:
    """The slot is whole, and the autoscaler could still make it smaller."""
    return (
        f"{slot.ready} of {slot.wanted} pods ready; looking for a minute whether {scaler.words} "
        "leaves them"
    )
