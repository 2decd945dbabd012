"""The answer to `/release where`: what can be released now, and what is in the way.

Each thing has its holder, its reason, since when and until when, and what clears it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.calendar import said
from bot.domain.facts import LockFact
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.domain.stops import Stop
from bot.domain.whereabouts import Timed, Whereabouts
from bot.ports import Message
from bot.views import blocks
from bot.views.blocks import Block
from bot.views.card import Card, headline, state_line
from bot.views.words import moment, person, safe, told

NAMED = 12
"""Services and releases that one answer names."""


def answer(seen: Whereabouts) -> Message:
    """Draw all of it; what there is none of is left out."""
    parts = [f"*{seen.environment}*: {_free(seen)}"]
    parts += ["\n".join(group) for group in (standing(seen), _ahead(seen), _open(seen)) if group]
    buttons = _buttons(seen)
    shown = [blocks.section(part) for part in parts]
    return Message(
        text="\n".join(parts),
        blocks=(*shown, *([blocks.actions(buttons)] if buttons else [])),
    )


def _free(seen: Whereabouts) -> str:
    free = seen.free
    if not free:
        return "✗ nothing can be released now."
    if len(free) == seen.services:
        return f"✓ each of its {seen.services} services can be released now."
    more = f" and {len(free) - NAMED} more" if len(free) > NAMED else ""
    named = ", ".join(safe(name) for name in free[:NAMED])
    return f"✓ {len(free)} of {seen.services} services can be released now: {named}{more}."


def standing(seen: Whereabouts) -> list[str]:
    """List what stops releases now, each with what clears it."""
    return [
        *(_halt(stop, seen.now) for stop in _of(seen, "halt")),
        *(line for rule in seen.freezes if (line := _frozen(rule, seen.now))),
        *(_freeze(stop, seen.now) for stop in _of(seen, "freeze")),
        *(line for rule in seen.windows if (line := _window(rule, seen.now))),
        *(_lock(stop, seen.now) for stop in _of(seen, "lock")),
        *(_held(service, lock, seen.now) for service, lock in seen.held_back),
    ]


def in_short(places: Sequence[Whereabouts]) -> list[str]:
    """Say a line for each environment in which something stops releases, and where to look."""
    found = ((seen, _names(seen)) for seen in places)
    return [
        f"! {seen.environment}: {names}. `/release where {seen.environment}` says more."
        for seen, names in found
        if names
    ]


def _names(seen: Whereabouts) -> str:
    """Name what stops releases in one environment, a few words each."""
    now = seen.now
    words = [f"halted by {person(stop.by)}" for stop in _of(seen, "halt")]
    for timed in seen.freezes:
        if timed.inside is not None and not timed.passed:
            until = f" until {said(timed.until, timed.zone, now)}" if timed.until else ""
            words.append(f"frozen by {safe(timed.rule.name)}{until}")
    for stop in _of(seen, "freeze"):
        until = f" until {moment(stop.until, now)}" if stop.until else ""
        words.append(f"frozen by {person(stop.by)}{until}")
    locks = [stop for stop in _of(seen, "lock") if stop.hard]
    words += [f"{safe(stop.scope)} locked by {person(stop.by)}" for stop in locks[:3]]
    words += [f"{len(locks) - 3} more locks"] if len(locks) > 3 else []  # noqa: PLR2004 - named
    return ", ".join(words)


def _of(seen: Whereabouts, kind: str) -> Iterator[Stop]:
    return (stop for stop in seen.stops if stop.kind == kind and stop.stands(seen.now))


def _halt(stop: Stop, now: datetime) -> str:
    env = f" {stop.environment}" if stop.environment else ""
    what = "" if stop.environment else " everything"
    return (
        f"! *halt* {person(stop.by)} halted{what} at {moment(stop.since, now)}: "
        f"{safe(stop.reason)}. Let go, or `/release halt{env} --off`."
    )


def _frozen(timed: Timed, now: datetime) -> str | None:
    rule, zone = timed.rule, timed.zone
    if timed.unread is not None:
        return (
            f"✗ *freeze* {safe(rule.name)}: its calendar was never read ({safe(timed.unread)}), "
            "so nobody knows. It is tried again each minute."
        )
    if timed.inside is None:
        return None
    since = said(timed.inside.start, zone, now)
    until = f", until {said(timed.until, zone, now)}" if timed.until else ", without an end"
    event = f" ({safe(timed.inside.name)})" if timed.inside.name else ""
    if timed.passed:
        return f"✓ *freeze* {safe(rule.name)}{event} stands since {since}{until}, and was lifted."
    return (
        f"◷ *freeze* {safe(rule.name)}{event}, by the catalogue, since {since}{until}. "
        "It ends by itself."
    )


def _freeze(stop: Stop, now: datetime) -> str:
    until = f", until {moment(stop.until, now)}" if stop.until else ""
    return (
        f"◷ *freeze* {person(stop.by)} froze it at {moment(stop.since, now)}{until}: "
        f"{safe(stop.reason)}. `/release unfreeze {stop.environment}` lifts it."
    )


def _window(timed: Timed, now: datetime) -> str | None:
    zone = timed.zone
    whom = _whom(timed.services)
    if timed.unread is not None:
        return f"✗ *window* {safe(timed.rule.name)}{whom}: its calendar was never read."
    if timed.inside is not None:
        until = f" until {said(timed.until, zone, now)}" if timed.until else ""
        return f"✓ *window* {safe(timed.rule.name)}{whom} is open{until}."
    if timed.next is None:
        return f"◷ *window* {safe(timed.rule.name)}{whom} does not open within two weeks."
    starts = said(timed.next.start, zone, now)
    return f"◷ *window* {safe(timed.rule.name)}{whom}: starts at {starts}. It opens by itself."


def _whom(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - named
    return f" for {safe(', '.join(names[:3]))}{more}" if names else ""


def _lock(stop: Stop, now: datetime) -> str:
    ends = f", until {moment(stop.until, now)}" if stop.until else ""
    ends += f", until {stop.release} ends" if stop.release else ""
    verb = "holds it locked" if stop.hard else "warns"
    return (
        f"! *lock* {safe(stop.scope)}: {person(stop.by)} {verb} since "
        f"{moment(stop.since, now)}{ends}: {safe(stop.reason)}. `/release unlock {stop.id}` lifts "
        "it."
    )


def _held(service: str, lock: LockFact, now: datetime) -> str:
    by = f" by {person(lock.by)}" if lock.by else ""
    return (
        f"! *held back* {safe(service)} since {lock.holder} was rolled back{by} at "
        f"{moment(lock.since, now)}: {safe(lock.why)}. Press Cause is mended on {lock.holder}."
    )


def _ahead(seen: Whereabouts) -> list[str]:
    """Say what begins next: a freeze that nobody knows of is a surprise on a Friday."""
    coming = [
        (
            timed.next.start,
            f"{safe(timed.rule.name)} at {said(timed.next.start, timed.zone, seen.now)}",
        )
        for timed in seen.freezes
        if timed.next is not None and timed.inside is None
    ]
    coming += [
        (stop.since, f"{safe(stop.reason)} at {moment(stop.since, seen.now)}")
        for stop in seen.stops
        if stop.kind == "freeze" and stop.since > seen.now
    ]
    return [f"Next freeze: {min(coming)[1]}."] if coming else []


def _open(seen: Whereabouts) -> list[str]:
    rows = [_row(release, seen.now) for release in (*seen.under_way, *seen.waiting)[:NAMED]]
    more = len(seen.under_way) + len(seen.waiting) - NAMED
    return [*rows, *([f"{more} more: `/release status {seen.environment}`."] if more > 0 else [])]


def _row(release: Release, now: datetime) -> str:
    why = ""
    if release.state is State.BLOCKED and release.detail:
        why = f" {told(release.detail)}"
    return f"{safe(headline(release))}: {state_line(Card(release=release, now=now))}{why}"


def _buttons(seen: Whereabouts) -> list[Block]:
    found = [
        blocks.button("Let go", "release:unhalt", stop.environment or "all")
        for stop in _of(seen, "halt")
    ]
    found += [
        blocks.button("Cause is mended", "release:mended", lock.holder)
        for _, lock in seen.held_back[:3]
    ]
    return found[:5]
