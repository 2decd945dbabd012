"""Fixtures of the scenarios: bots with something special about them, and sinks of events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.simulated.sink import SimulatedSink
from tests.scenarios.environments import WITH_REPORT, local, seed_environments
from tests.scenarios.submitting import TOKEN, Sender, sending, with_sources
from tests.scenarios.telling import Make, with_sinks
from tests.tester import Bot, World

Given = Callable[..., Awaitable[Bot]]


async def listening(world: World) -> AsyncIterator[SimulatedSink]:
    made = SimulatedSink(world.clock.now, world.clock.sleep, key="a key")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sink(world: World) -> AsyncIterator[SimulatedSink]:
    """The platform's sink."""
    async for made in listening(world):
        yield made


@pytest.fixture
async def audit(world: World) -> AsyncIterator[SimulatedSink]:
    """Another team's sink."""
    async for made in listening(world):
        yield made


@pytest.fixture
async def given(world: World, database: str, tmp_path: Path) -> AsyncIterator[Given]:
    """Start a bot with something special about it."""
    made: list[Bot] = []

    async def start(**special: Any) -> Bot:
        made.append(Bot(world, database, tmp_path, **special))
        return await made[-1].start()

    yield start
    for bot in made:
        await bot.finish()


@pytest.fixture
async def make(
    world: World, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Make]:
    """Start the test's bot: its sinks, and whatever else is special about it."""
    monkeypatch.setenv("PLATFORM_KEY", "a key")
    made: list[Bot] = []

    async def start(sinks: dict[str, SimulatedSink], **special: Any) -> Bot:
        bot = Bot(world, database, tmp_path, catalog=with_sinks(**sinks), **special)
        made.append(bot)
        return await bot.start()

    yield start
    for bot in made:
        await bot.finish()


@pytest.fixture
async def reporting(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot whose catalogue has the report, on a world with environments."""
    world.clock.moment = local(4, 8, 30)
    seed_environments(world)
    made = await Bot(world, database, tmp_path, catalog=WITH_REPORT).start()
    yield made
    await made.finish()


@pytest.fixture
async def sender(
    world: World, given: Given, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Sender]:
    """A run that submits evidence to a bot which takes it."""
    monkeypatch.setenv("PAYMENTS_EVIDENCE_TOKEN", TOKEN)
    async for made in sending(world):
        made.bot = await given(catalog=with_sources(made.issuer))
        yield made
