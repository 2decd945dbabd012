"""Words of the tests about events: sinks in the catalogue, events that happen, what became of them.

Used by the scenarios about events; their fixtures are in conftest.py beside this.
"""

import asyncio
from collections.abc import Awaitable, Callable

from typer.testing import CliRunner

from bot.__main__ import cli
from bot.domain.deliveries import Listed, Which
from bot.domain.events import PlatformEvent, event_of
from bot.domain.lifecycle import State
from bot.store import events
from integrations.simulated.sink import SimulatedSink
from tests.tester import BEN, CATALOG, Bot, parsed
from tests.views.releases import release
from tests.virtual import START

STARTED, COMPLETED = "DeploymentStartedEvent", "DeploymentCompletedEvent"
Make = Callable[..., Awaitable[Bot]]


def with_sinks(**sinks: SimulatedSink) -> str:
    """The tests' catalogue with these sinks in it."""
    lines = [
        f"    {name}: {{url: '{one.url}/events', secret: PLATFORM_KEY}}\n"
        for name, one in sinks.items()
    ]
    return f"{CATALOG}events:\n  sinks:\n{''.join(lines)}" if lines else CATALOG


async def approved(bot: Bot, service: str = "payments") -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    found = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return found


async def released(bot: Bot, service: str = "payments") -> str:
    found = await approved(bot, service)
    await bot.until("succeeded", found)
    return found


async def listed(bot: Bot, which: Which = "all") -> list[Listed]:
    async with bot.app.store.read() as session:
        return await events.listed(session, which, 100)


def made(service: str, number: int = 1) -> PlatformEvent:
    """An event of a service, made without a release."""
    of = release(State.RUNNING, id=f"rel-{number}{service[:3]}")
    request = of.request.model_copy(update={"service": service})
    return event_of(
        "DeploymentStartedEvent",
        of.model_copy(update={"request": request, "started_at": START}),
        parsed(CATALOG).catalog,
    )


async def happens(bot: Bot, *which: tuple[str, int]) -> list[PlatformEvent]:
    """Write events as releases would, for all sinks of the catalogue."""
    found = [made(service, number) for service, number in which]
    for (service, _), event in zip(which, found, strict=True):
        sinks = bot.app.catalog.events.sinks
        async with bot.app.store.write() as session:
            await events.put(session, event, ("rel-7k3f", service), sinks)
    return found


async def sooner_or_later(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait in real time: sinks are."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - a sink rings no bell
            await asyncio.sleep(0.01)


async def command(bot: Bot, *words: str) -> tuple[int, str]:
    """Run `release-bot events …` on the bot's database: its status, and what it said."""
    # In a thread, since it has a loop of its own.
    run = CliRunner(env={"DATABASE_URL": bot.database}).invoke
    done = await asyncio.to_thread(run, cli, ["events", *words])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output
