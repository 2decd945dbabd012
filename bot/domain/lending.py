"""Lent rights: who lends the right to approve to whom, where, and until when. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.until import read_moment
from bot.domain.value import Value

LONGEST = timedelta(days=7)

EXAMPLES = "until 18:00, until tomorrow 09:00, until 2026-12-24 09:00 Europe/London, for 3d"


class Delegation(Value):
    """A right that one person lent to another. Ids are Slack's; `key` is the request's own."""

    key: str
    lender: str
    to: str
    environment: str
    since: datetime
    until: datetime
    reason: str | None = None
    ended_at: datetime | None = None
    """When its lender took it back before its time."""

    def stands(self, now: datetime) -> bool:
        """Whether it can be used now."""
        return self.ended_at is None and self.since <= now < self.until


def read_until(words: Sequence[str], now: datetime, zone: str) -> tuple[datetime, tuple[str, ...]]:
    """Read `until 18:00` or `for 3d` at the beginning; also give the words after it.

    `zone`: where the words name none. Raises ValueError with one sentence.
    """
    first = words[0].lower() if words else ""
    most = {"until": 3, "for": 1}.get(first, 0)
    # The longest reading counts: `2026-12-24 09:00 Europe/London` before `2026-12-24 09:00`.
    for size in range(min(most, len(words) - 1), 0, -1):
        try:
            return read_moment(" ".join(words[1 : 1 + size]), now, zone), tuple(words[1 + size :])
        except ValueError as error:
            # A word behind the time is no zone unless it looks like one; the reason begins there.
            said, last = str(error), words[size]
            if not said.startswith('"') and ("time zone" not in said or "/" in last):
                raise
    raise ValueError(f"Say how long: {EXAMPLES}")


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
