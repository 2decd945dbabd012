"""What /healthz, /readyz and /metrics are answered from: the state of this process's loops."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bot.engine.world import World
from bot.errors import TemporaryError
from bot.store import cards, events, outbox, releases

SAMPLE_SECONDS = 10.0


class ProcessHealth:
    """Alive while every loop runs; ready while commands can be taken.

    Losing the database does not make it unready: then Slack would see time-outs instead of words.
    """

    def __init__(self, world: World, budget: Callable[[], int | None]) -> None:
        self._world = world
        self._budget = budget
        self._loops: list[asyncio.Task[None]] = []

    def watch(self, loops: list[asyncio.Task[None]]) -> None:
        """Take the loops that must be running."""
        self._loops = loops

    def alive(self) -> bool:
        """Whether no loop has ended."""
        return bool(self._loops) and not any(task.done() for task in self._loops)

    def ready(self) -> bool:
        """Whether the receivers hand on what they get."""
        return self.alive()

    def metrics(self) -> str:
        """Prometheus' text format, with gauges as of the last sample."""
        budget = self._budget()
        if budget is not None:
            self._world.metrics.show_budget(budget)
        return self._world.metrics.text()

    async def sample(self) -> None:
        """Read the gauges from the database, again and again, until cancelled."""
        while True:
            # Where the database is away, the gauges keep their last values.
            with suppress(TemporaryError):
                await self._read()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _read(self) -> None:
        async with self._world.store.read() as session:
            counts = await releases.count_by_state(session)
            message = await outbox.oldest_due(session)
            event = await events.oldest_open(session)
            unsent = await cards.unsent(session)
            dead = await events.count_dead(session)
        now = self._world.clock.now()
        ages = (now - (message or now), now - (event or now))
        self._world.metrics.show(counts, unsent, *ages)
        self._world.metrics.show_dead(dead)
