"""Lent rights: who lends the right to approve to whom, where, and until when. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.durations import PATTERN, parse_duration
from bot.domain.value import Value

LONGEST = timedelta(days=7)

EXAMPLES = "until 18:00, until tomorrow 09:00, until 2026-12-24 09:00, for 3d"

_DAY = timedelta(days=1)
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Delegation(Value):
    """A right that one person lent to another. Ids are Slack's; `key` is the request's own."""

    key: str
    lender: str
    to: str
    environment: str
    since: datetime
    until: datetime
    reason: str | None = None
    salt: str | None = None
    """Salts the reason's hash in the record."""
    ended_at: datetime | None = None
    """When its lender took it back before its time."""

    def stands(self, now: datetime) -> bool:
        """Whether it can be used now."""
        return self.ended_at is None and self.since <= now < self.until


def read_until(words: Sequence[str], now: datetime) -> tuple[datetime, tuple[str, ...]]:
    """Read `until 18:00` or `for 3d` at the beginning; also give the words after it.

    Times are UTC. Raises ValueError with one sentence.
    """
    if len(words) > 1 and words[0].lower() == "for" and re.match(PATTERN, words[1].lower()):
        return now + min(parse_duration(words[1].lower()), 2 * LONGEST), tuple(words[2:])
    if len(words) > 1 and words[0].lower() == "until":
        found = _moment(words[1:], now)
        if found is not None:
            moment, used = found
            rest = words[1 + used :]
            return moment, tuple(rest[1:] if rest and rest[0].upper() == "UTC" else rest)
    raise ValueError(f"Say how long: {EXAMPLES} (UTC)")


def _moment(words: Sequence[str], now: datetime) -> tuple[datetime, int] | None:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = words[0].lower()
    if re.match(PATTERN, first):
        return now + min(parse_duration(first), 2 * LONGEST), 1
    clock = _clock(first)
    if clock is not None:
        moment = today + clock
        return (moment if moment > now else moment + _DAY), 1
    later = _clock(words[1]) if len(words) > 1 else None
    if later is None:
        return None
    if first in ("today", "tomorrow"):
        return today + later + (_DAY if first == "tomorrow" else timedelta(0)), 2
    try:
        day = datetime.fromisoformat(first).replace(tzinfo=UTC) if _DATE.fullmatch(first) else None
    except ValueError:
        return None
    return (day + later, 2) if day else None


def _clock(word: str) -> timedelta | None:
    found = _CLOCK.fullmatch(word)
    if found is None or int(found[1]) > 23:  # noqa: PLR2004 - hours of a day
        return None
    return timedelta(hours=int(found[1]), minutes=int(found[2]))


def usable(
    delegations: Sequence[Delegation],
    to: str,
    environment: str,
    now: datetime,
    *,
    not_of: frozenset[str],
) -> tuple[Delegation, ...]:
    """List whose right somebody may use there now. `not_of`: people whose right is no help here.

    The requester is among them always: nobody's own request is approved by their own right.
    """
    return tuple(
        one
        for one in delegations
        if one.to == to
        and one.environment == environment
        and one.stands(now)
        and one.lender not in not_of
    )
