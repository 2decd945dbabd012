"""Acknowledging `/release …` over signed HTTP, against a Bolt app at its defaults.

Both are processes of their own; who asks is in this one.
"""

import asyncio
import sys
from pathlib import Path

from tests.bench.bot_process import BotProcess, Process, free_port
from tests.bench.figures import Figure, quantile
from tests.chaos.driver import RealClock
from tests.tester import ANA, CATALOG, CHANNEL, World

ROUNDS = 300
BETWEEN_SECONDS = 0.06
"""Between two commands: people do not type faster, and each finds nobody at work on the last."""


async def measure(folder: Path) -> list[Figure]:
    """Ask both in turn, and compare the times that Slack would see."""
    world = await World.made(RealClock())  # type: ignore[arg-type]
    world.seed()
    world.slack.rates.on = False
    bot = BotProcess(world, folder, CATALOG)
    await bot.start()
    bolt = await _bolt(world)
    times = await _asked(world, [bot.url, bolt.url])
    await bolt.stop()
    await bot.stop()
    await world.stop()
    mine, peer = times
    return [
        Figure("acknowledge p50, ms", quantile(mine, 0.5), 1000),
        Figure(
            "acknowledge p50 / Bolt at its defaults",
            quantile(mine, 0.5) / quantile(peer, 0.5),
            1 / 3,
        ),
        Figure(
            "acknowledge p99 / Bolt at its defaults",
            quantile(mine, 0.99) / quantile(peer, 0.99),
            0.5,
        ),
    ]


async def _bolt(world: World) -> Process:
    port = free_port()
    api = f"{world.slack.url}/api/"
    peer = Process(f"http://127.0.0.1:{port}", {})
    await peer.run(sys.executable, "-m", "tests.bench.bolt_peer", api, world.slack.token, str(port))
    return peer


async def _asked(world: World, urls: list[str]) -> list[list[float]]:
    """Milliseconds of each answer, the first ones left out."""
    times: list[list[float]] = [[] for _ in urls]
    for number in range(ROUNDS + 20):
        for url, found in zip(urls, times, strict=True):
            world.slack.app.url = f"{url}/slack/events"
            reply = await world.slack.app.slash(ANA, "/release", "help", CHANNEL)
            assert reply.status == 200
            if number >= 20:
                found.append(reply.seconds * 1000)
            await asyncio.sleep(BETWEEN_SECONDS)
    return times
