"""Clocks. The one file that reads the wall clock."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from bot.errors import TemporaryError


class SystemClock:
    """The host's own time: right where one process works alone."""

    def now(self) -> datetime:
        """Give the moment."""
        return datetime.now(UTC)

    def real(self) -> datetime:
        """Give the moment."""
        return datetime.now(UTC)


class ServerClock:
    """The database server's time, so that replicas agree whatever their hosts' clocks say.

    Between two measurements it goes by the monotonic clock, which no adjustment makes jump.
    """

    def __init__(self, read: Callable[[], Awaitable[datetime]]) -> None:
        self._read = read
        self._at = monotonic()
        self._then = datetime.now(UTC)

    async def refresh(self) -> None:
        """Measure again; the answer counts for the middle of its round trip."""
        before = monotonic()
        try:
            then = await self._read()
        except TemporaryError:
            # The last offset stays good: clocks drift by parts in a million.
            return
        self._at, self._then = (before + monotonic()) / 2, then.astimezone(UTC)

    def now(self) -> datetime:
        """Give the moment."""
        return self._then + timedelta(seconds=monotonic() - self._at)

    def real(self) -> datetime:
        """Give the moment."""
        return self.now()
