"""The bot's part of a channel's topic: what stops releases, behind what people wrote."""

import re
from collections.abc import Iterator, Sequence

from bot.domain.calendar import said
from bot.domain.whereabouts import Whereabouts

LONGEST = 250
"""Characters of a topic."""

SHORTEST = 30
"""With less room than this nothing is said."""

_OURS = re.compile(r"\s*\[stops: [^\]]*\]\s*$")


def merged(topic: str, ours: str) -> str:
    """Put the bot's part behind what people wrote; nothing of theirs is ever cut."""
    theirs = _OURS.sub("", topic)
    room = LONGEST - len(theirs) - len(" [stops: ]")
    if not ours or room < SHORTEST:
        return theirs
    part = ours if len(ours) <= room else ours[: room - 1] + "…"
    return f"{theirs} [stops: {part}]".lstrip()


def stops(places: Sequence[Whereabouts]) -> str:
    """Say it in few words; a topic names nobody, and its times are in the rules' own zones."""
    found = ((seen.environment, ", ".join(_words(seen))) for seen in places)
    text = "; ".join(f"{name} {words}" for name, words in found if words)
    return text.replace("[", "(").replace("]", ")")


def _words(seen: Whereabouts) -> Iterator[str]:
    now = seen.now
    stand = [stop for stop in seen.stops if stop.stands(now)]
    if any(stop.kind == "halt" for stop in stand):
        yield "halted"
    for timed in seen.freezes:
        if timed.inside is not None and not timed.passed:
            until = f" until {said(timed.until, timed.zone, now)}" if timed.until else ""
            yield f"frozen{until} ({timed.rule.name})"
    for stop in stand:
        if stop.kind == "freeze":
            until = f" until {said(stop.until, 'UTC', now)}" if stop.until else ""
            yield f"frozen{until} ({stop.reason})"
    locked = [stop.scope for stop in stand if stop.kind == "lock" and stop.hard]
    if locked:
        yield f"{', '.join(dict.fromkeys(locked))} locked"
