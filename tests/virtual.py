"""A clock that tests move by hand. Leases and limits stay in real time."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 4, 16, 30, tzinfo=UTC)


class VirtualClock:
    """The bot's and the simulated systems' time."""

    def __init__(self, start: datetime = START) -> None:
        self.moment = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self.moment

    def real(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - leases are never virtual

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(
            self._sleepers, (self.moment + timedelta(seconds=seconds), self._count, future)
        )
        await future

    def next_sleeper(self) -> datetime | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def advance_to(self, moment: datetime) -> None:
        """Go there, waking each sleeper at its own time."""
        while (due := self.next_sleeper()) is not None and due <= moment:
            self.moment = max(self.moment, due)
            heapq.heappop(self._sleepers)[2].set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)
        self.moment = max(self.moment, moment)
