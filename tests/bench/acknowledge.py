"""Acknowledging `/release …` over signed HTTP, against a Bolt app at its defaults."""

import asyncio
from pathlib import Path

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from tests.bench.figures import Figure, quantile
from tests.tester import ANA, CHANNEL, Bot, World

ROUNDS = 300


async def _bolt(world: World) -> tuple[web.AppRunner, str]:
    """The peer: Bolt as its README has it, with a listener that does nothing but ack."""
    from slack_sdk.web.async_client import AsyncWebClient

    client = AsyncWebClient(token=world.slack.token, base_url=f"{world.slack.url}/api/")
    app = AsyncApp(signing_secret="shh", client=client)

    @app.command("/release")
    async def release(ack: object) -> None:
        await ack()  # type: ignore[operator]

    async def receive(request: web.Request) -> web.Response:
        answer = await app.async_dispatch(await to_bolt_request(request))
        found: web.Response = await to_aiohttp_response(answer)
        return found

    server = web.Application()
    server.add_routes([web.post("/slack/events", receive)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"


async def measure(folder: Path) -> list[Figure]:
    """Ask both in turn, and compare the times that Slack would see."""
    world = await World.made()
    world.seed()
    bot = await Bot(world, f"sqlite:///{folder}/bot.db", folder).start()
    ours = world.slack.app.url
    runner, theirs = await _bolt(world)
    times: dict[str, list[float]] = {ours: [], theirs: []}
    for number in range(ROUNDS + 20):
        for url in (ours, theirs):
            world.slack.app.url = url
            reply = await world.slack.app.slash(ANA, "/release", "help", CHANNEL)
            assert reply.status == 200
            if number >= 20:
                times[url].append(reply.seconds * 1000)
            await asyncio.sleep(0)
    await runner.cleanup()
    await bot.app.close()
    await world.stop()
    mine, peer = times[ours], times[theirs]
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
