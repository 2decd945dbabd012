"""The announcement that the catalogue changed who may do what, or what releases must satisfy."""

from collections.abc import Sequence

from bot.domain.catalog_changes import Change
from bot.domain.releases import Release
from bot.ports import Message
from bot.views import blocks
from bot.views.words import count, safe

MOST = 10


def changed(changes: Sequence[Change]) -> Message:
    """List the changes, the first ten of many."""
    head = f"! The catalogue changed people, rights or policy: {count(len(changes), 'change')}."
    rows = [f"• `{safe(c.path)}`: {safe(c.before or 'nothing')} → {safe(c.after or 'nothing')}"
            for c in changes[:MOST]]  # fmt: skip
    more = [f"{len(changes) - MOST} more are on the record."] if len(changes) > MOST else []
    text = "\n".join([head, *rows, *more, "Open plans that it touches are made anew."])
    return Message(text=text, blocks=(blocks.section(text),))


def in_use(lost: Sequence[Release]) -> str:
    """Say why a catalogue waits: it takes away what releases are under way in."""
    places = dict.fromkeys(f"{r.service} in {r.environment}" for r in lost)
    ids = ", ".join(release.id for release in lost[:MOST])
    verb = "is" if len(lost) == 1 else "are"
    return (
        f"The catalogue takes away {', '.join(list(places)[:MOST])}, and {ids} {verb} under way "
        "there. The one before stays in force until that has ended; then this one is taken over."
    )
