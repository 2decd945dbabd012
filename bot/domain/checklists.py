"""Checklists: boxes that must be ticked before Approve counts. Pure.

Slack tells what is ticked where the person clicked, not what changed; the click carries what the
card showed, so that two people who tick at once do not undo one another's.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.domain.value import Value


class Tick(Value):
    """One box that somebody (Slack id) ticked for one plan."""

    release_id: str
    digest: str
    item: str
    user: str
    at: datetime


class Marks(Value):
    """What one click on a checklist means, by the items' places in the list."""

    on: tuple[int, ...] = ()
    off: tuple[int, ...] = ()


def marks(
    items: Sequence[str],
    ticks: Iterable[Tick],
    *,
    shown: frozenset[int],
    chosen: frozenset[int],
    user: str,
) -> Marks:
    """Tell what a click changes. `shown`: ticked on the card; `chosen`: ticked after the click.

    What is ticked meanwhile and was not shown is left alone, unless the person ticked it
    themselves: they click faster than the card is drawn anew.
    """
    at = {item: place for place, item in enumerate(items)}
    ticked = {at[tick.item]: tick.user for tick in ticks if tick.item in at}
    known = range(len(items))
    return Marks(
        on=tuple(n for n in known if n in chosen and n not in ticked),
        off=tuple(
            n
            for n in known
            if n in ticked and n not in chosen and (n in shown or ticked[n] == user)
        ),
    )


def open_items(items: Sequence[str], ticks: Iterable[Tick]) -> tuple[str, ...]:
    """List what nobody has ticked."""
    done = {tick.item for tick in ticks}
    return tuple(item for item in items if item not in done)


def numbers(text: str) -> frozenset[int]:
    """Read places as a card's block carries them: `0.2`; nothing else is in there."""
    return frozenset(int(part) for part in text.split(".") if part.isdigit())


def written(places: Iterable[int]) -> str:
    """Write places as `numbers` reads them."""
    return ".".join(str(place) for place in sorted(places))
