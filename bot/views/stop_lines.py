"""What is said of locks, freezes and halts: answers, the halt's message, lines of the thread."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.releases import Release
from bot.domain.stops import Stop
from bot.ports import Message
from bot.views import blocks
from bot.views.card import Card, headline, state_line
from bot.views.words import count, moment, person, safe

MOST = 20
"""Releases that one message lists."""


def halted(user: str) -> str:
    """Somebody pulled the red handle."""
    return f"! {person(user)} halted it. It stays where it is; Roll back is possible at any time."


def halt_message(halt: Stop, flying: Sequence[Release], now: datetime) -> Message:
    """Say what was halted, what was in flight and how far, and how to let go."""
    where = halt.environment or "every environment"
    head = f"! {person(halt.by)} halted {where}: {safe(halt.reason)}."
    rows = [_row(release, now) for release in flying[:MOST]]
    more = [f"{len(flying) - MOST} more: `/release status`."] if len(flying) > MOST else []
    listed = [f"{count(len(flying), 'release')} in flight:", *rows, *more] if flying else [
        "Nothing was in flight."
    ]  # fmt: skip
    rules = "Nothing starts or goes on until somebody lets go. What goes back goes on going back."
    button = blocks.button("Let go", "release:unhalt", halt.environment or "all")
    parts = [head, "\n".join(listed), rules]
    return Message(
        text="\n".join(parts),
        blocks=(*(blocks.section(part) for part in parts), blocks.actions([button])),
    )


def _row(release: Release, now: datetime) -> str:
    share = f", {release.progress.weight} % of the traffic" if release.progress.moved else ""
    state = state_line(Card(release=release, now=now))
    return f"• {safe(headline(release))}{share}: {state}"


def let_go(halt: Stop, by: str, going: Sequence[str], now: datetime) -> Message:
    """Say that a halt is over, and what goes on."""
    where = halt.environment or "every environment"
    whose = "" if halt.by == by else f" (halted by {person(halt.by)})"
    on = f" {', '.join(going)} goes on." if len(going) == 1 else ""
    on = f" {', '.join(going)} go on." if len(going) > 1 else on
    return _plain(
        f"✓ {person(by)} let go of {where}{whose}, halted since {moment(halt.since, now)}.{on} "
        "What waited asks its gates again."
    )


def locked(lock: Stop, now: datetime) -> Message:
    """Say what is locked now, until when, and how it ends."""
    what = "is locked" if lock.hard else "bears a warning"
    ends = [f"until {moment(lock.until, now)}"] if lock.until else []
    ends += [f"until {lock.release} ends"] if lock.release else []
    until = f" {' or '.join(ends)}" if ends else ""
    return _plain(
        f"✓ {_place(lock)} {what}{until} ({lock.id}), by {person(lock.by)}: {safe(lock.reason)}. "
        f"`/release unlock {lock.id}` lifts it. Rollbacks are always possible; what runs already "
        "runs on."
    )


def unlocked(lock: Stop, by: str) -> Message:
    """Say whose lock was lifted, and by whom."""
    whose = "" if lock.by == by else f", which was {person(lock.by)}'s"
    return _plain(f"✓ {person(by)} lifted {lock.id} on {_place(lock)}{whose}: {safe(lock.reason)}.")


def frozen(freeze: Stop, now: datetime) -> Message:
    """Say from when and until when it is frozen."""
    begins = "" if freeze.since <= now else f" from {moment(freeze.since, now)}"
    until = f" until {moment(freeze.until, now)}" if freeze.until else ""
    return _plain(
        f"✓ {freeze.environment} is frozen{begins}{until}, by {person(freeze.by)}: "
        f"{safe(freeze.reason)}. `/release unfreeze {freeze.environment}` lifts it. Rollbacks are "
        "always possible; what runs already runs on."
    )


def unfrozen(environment: str, by: str, lifted: Sequence[str], left: Sequence[str]) -> Message:
    """Say which freezes are lifted, and which are the catalogue's and stay."""
    rest = f" It stays frozen by {safe(', '.join(left))}." if left else ""
    return _plain(f"✓ {person(by)} lifted of {environment}: {safe(', '.join(lifted))}.{rest}")


def _place(stop: Stop) -> str:
    return f"{safe(stop.scope)} in {stop.environment}"


def _plain(text: str) -> Message:
    return Message(text=text, blocks=(blocks.section(text),))
