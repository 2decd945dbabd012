"""What /healthz, /readyz and /metrics are answered from: the state of this process's loops."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bot.engine.world import World
from bot.errors import TemporaryError
from bot.store import cards, outbox, releases

SAMPLE_SECONDS = 10.0


class ProcessHealth:
    """Alive while every loop runs; ready while commands can be taken.

    Losing the database does not make it unready: then Slack would see time-outs instead of words.
    """

    def __init__(self, world: World, budget: Callable[[], int | None]) -> None:
        self._world = world
        self._budget = budget
        self._loops: list[asyncio.Task[None]] = []
        self._registry = CollectorRegistry()
        self._releases = Gauge(
            "release_bot_releases",
            "Releases that have not ended",
            ["state"],
            registry=self._registry,
        )
        self._mail = Gauge(
            "release_bot_outbox_age_seconds", "Age of the oldest unsent message",
            registry=self._registry,
        )  # fmt: skip
        self._cards = Gauge(
            "release_bot_cards_unsent", "Cards not shown in their newest state",
            registry=self._registry,
        )  # fmt: skip
        self._github = Gauge(
            "release_bot_github_budget", "GitHub requests left this hour", registry=self._registry
        )

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
        """Prometheus' text format, as of the last sample."""
        budget = self._budget()
        if budget is not None:
            self._github.set(budget)
        return generate_latest(self._registry).decode()

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
            oldest = await outbox.oldest_due(session)
            self._cards.set(await cards.unsent(session))
        self._releases.clear()
        for state, number in counts.items():
            self._releases.labels(state=state).set(number)
        age = (self._world.clock.now() - oldest).total_seconds() if oldest else 0.0
        self._mail.set(max(0.0, age))
