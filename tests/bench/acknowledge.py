"""Acknowledging `/release …` over signed HTTP, against a Bolt app at its defaults.

Both are processes of their own; who asks is in this one. One person after the other, then 32 at
the same time, and with 5,000 services in the catalogue.
"""

import asyncio
import sys
from pathlib import Path

from tests.bench.bot_process import BotProcess, Process, free_port
from tests.bench.figures import Figure, quantile
from tests.chaos.driver import RealClock
from tests.crowd import named, with_services
from tests.tester import ANA, CATALOG, CHANNEL, World

ROUNDS, WARM = 300, 20
BETWEEN_SECONDS = 0.06
"""Between two commands: people do not type faster, and each finds nobody at work on the last."""

CLIENTS, ROUNDS_OF_EACH = 32, 20
DOES_NOTHING = 10
"""How much longer 32 people at once may wait than for the peer, which stores nothing and does
nothing after its ack: here each command is stored, worked off and answered meanwhile."""

SERVICES = 5000


async def measure(folder: Path) -> list[Figure]:
    """Ask both in turn, and compare the times that Slack would see."""
    (folder / "large").mkdir()
    world = await World.made(RealClock())  # type: ignore[arg-type]
    world.seed()
    world.slack.rates.on = False
    bot = BotProcess(world, folder, CATALOG)
    large = BotProcess(world, folder / "large", with_services(CATALOG, named("svc", SERVICES)))
    bolt = await _bolt(world)
    await bot.start()
    mine, peer = await _asked(world, [bot.url, bolt.url])
    crowd, peers_crowd = [await _at_once(world, one.url) for one in (bot, bolt)]
    await bolt.stop()
    await large.start()
    small, grown = await _asked(world, [bot.url, large.url])
    for process in (bot, large):
        await process.stop()
    await world.stop()
    return [
        Figure("acknowledge p50, ms", quantile(mine, 0.5), 1000),
        _ratio("acknowledge p50 / Bolt at its defaults", mine, peer, 0.5, 1 / 3),
        _ratio("acknowledge p99 / Bolt at its defaults", mine, peer, 0.99, 0.5),
        Figure(f"acknowledge with {CLIENTS} clients p99, ms", quantile(crowd, 0.99), 1000),
        _ratio(
            f"acknowledge with {CLIENTS} clients p50 / Bolt at its defaults",
            *(crowd, peers_crowd, 0.5, DOES_NOTHING),
        ),
        _ratio(
            f"acknowledge p50 with {SERVICES:,} services / with a few",
            *(grown, small, 0.5, 1.2),
        ),
    ]


def _ratio(name: str, mine: list[float], peer: list[float], share: float, goal: float) -> Figure:
    return Figure(name, quantile(mine, share) / quantile(peer, share), goal)


async def _bolt(world: World) -> Process:
    port = free_port()
    api = f"{world.slack.url}/api/"
    peer = Process(f"http://127.0.0.1:{port}", {})
    await peer.run(sys.executable, "-m", "tests.bench.bolt_peer", api, world.slack.token, str(port))
    return peer


async def _asked(world: World, urls: list[str]) -> list[list[float]]:
    """Milliseconds of each answer, the first ones left out."""
    times: list[list[float]] = [[] for _ in urls]
    for number in range(ROUNDS + WARM):
        for url, found in zip(urls, times, strict=True):
            world.slack.app.url = f"{url}/slack/events"
            reply = await world.slack.app.slash(ANA, "/release", "help", CHANNEL)
            assert reply.status == 200
            if number >= WARM:
                found.append(reply.seconds * 1000)
            await asyncio.sleep(BETWEEN_SECONDS)
    return times


async def _at_once(world: World, url: str) -> list[float]:
    """Milliseconds of each answer where so many people ask all the time."""
    world.slack.app.url = f"{url}/slack/events"
    times: list[float] = []

    async def person() -> None:
        for number in range(ROUNDS_OF_EACH + 1):
            reply = await world.slack.app.slash(ANA, "/release", "help", CHANNEL)
            assert reply.status == 200
            if number:
                times.append(reply.seconds * 1000)

    await asyncio.gather(*(person() for _ in range(CLIENTS)))
    return times
