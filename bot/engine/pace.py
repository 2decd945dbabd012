"""How soon the next message may go out: Slack's limits, kept before Slack has to (DESIGN §5).

Used by the outbox, in passes: what has to wait in one gets the turn after those before it, so that
it is looked at again when its turn comes and not sooner.
"""

from collections import Counter, deque
from datetime import datetime, timedelta

CHANNEL_PACE = timedelta(seconds=1)
"""Slack's limit for posting: one message a second a channel."""

UPDATES_A_MINUTE = 45
"""chat.update has about 50 a minute for the workspace; a few are left for what can't wait."""


class Pace:
    """Turns by channel, and the workspace's updates."""

    def __init__(self) -> None:
        self._channels: dict[str, datetime] = {}
        self._waiting: Counter[str] = Counter()
        self._updates: deque[datetime] = deque()
        self._no_update_until: datetime | None = None

    def begin(self) -> None:
        """Begin a pass: nothing waits yet."""
        self._waiting.clear()

    def post_at(self, channel: str, now: datetime) -> datetime:
        """When a message may be posted to the channel. A later time is its turn, and is taken."""
        free = self._channels.get(channel, now)
        if free <= now and not self._waiting[channel]:
            return now
        at = max(free, now) + self._waiting[channel] * CHANNEL_PACE
        self._waiting[channel] += 1
        return at

    def posted(self, channel: str, now: datetime) -> None:
        """Note a post."""
        self._channels[channel] = now + CHANNEL_PACE

    def update_at(self, now: datetime, *, urgent: bool) -> datetime:
        """When a message may be updated. What people wait for has the last few to itself."""
        while self._updates and self._updates[0] <= now - timedelta(minutes=1):
            self._updates.popleft()
        room = UPDATES_A_MINUTE if urgent else UPDATES_A_MINUTE - 10
        soonest = max(now, self._no_update_until or now)
        if len(self._updates) < room:
            return soonest
        return max(soonest, self._updates[len(self._updates) - room] + timedelta(minutes=1))

    def updated(self, now: datetime) -> None:
        """Note an update."""
        self._updates.append(now)

    def no_post_until(self, channel: str, moment: datetime) -> None:
        """Note that Slack wants no message to the channel before that."""
        self._channels[channel] = moment

    def no_update_until(self, moment: datetime) -> None:
        """Note that Slack wants no message updated before that."""
        self._no_update_until = moment
