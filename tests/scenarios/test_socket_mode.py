"""Socket Mode: the same conversation, with nothing that comes inward."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from integrations.simulated.server import Fault
from tests.tester import ANA, BEN, CHANNEL, Bot, World


@pytest.fixture
async def socketed(world: World, database: str, tmp_path: Path) -> Bot:
    return await Bot(world, database, tmp_path, by_socket=True).start()


async def test_a_release_and_a_rollback_need_nothing_inward(socketed: Bot) -> None:
    bot = socketed
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    assert bot.live("payments") == "green"
    await bot.clicks("Roll back", by=ANA)
    await bot.until("succeeded")
    assert bot.live("payments") == "blue"
    await bot.finish()


async def test_there_is_no_inward_route_but_the_probes(socketed: Bot) -> None:
    async with aiohttp.ClientSession() as http:
        for path, status in (("/slack/events", 404), ("/github/webhooks", 404), ("/healthz", 200)):
            verb = http.get if path == "/healthz" else http.post
            async with verb(f"{socketed.app.url}{path}") as answer:
                # The loops of a test's bot do not run by themselves, so it is not healthy.
                assert answer.status == status or path == "/healthz"
    await socketed.finish()


async def test_words_in_a_thread_and_refusals_come_the_same_way(socketed: Bot) -> None:
    bot = socketed
    await bot.says("/release paymnts v2.1.0 prod")
    assert 'There is no service "paymnts". Did you mean payments?' in bot.told()
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.says("@releasebot cancel", by=ANA, thread=bot.card_message().ts)
    await bot.until("cancelled")
    await bot.finish()


async def test_a_form_opens_and_is_answered_the_same_way(socketed: Bot) -> None:
    bot = socketed
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("⋯ Approve with comment…", by=BEN)
    assert await bot.world.slack.app.submit(BEN, {"comment": "ship it"}) == {}
    await bot.until("succeeded", release)
    assert "They say: ship it" in bot.thread(release)
    await bot.finish()


async def test_an_envelope_that_is_delivered_twice_is_one_command(socketed: Bot) -> None:
    sockets = socketed.world.slack.app.sockets
    sockets.drops = 1
    reply = await socketed.says("/release payments v2.1.0 prod")
    assert reply.status == 200
    assert len(sockets.delivered) == 2
    assert len(set(sockets.delivered)) == 1
    await socketed.until("awaiting_approval")
    assert len(await socketed.all_releases()) == 1
    await socketed.finish()


async def test_connections_are_made_anew_when_slack_asks_or_cuts_them(socketed: Bot) -> None:
    sockets = socketed.world.slack.app.sockets
    before = set(map(id, sockets.open))
    await sockets.refresh()
    async with asyncio.timeout(60):
        while len([s for s in sockets.open if id(s) not in before]) < 2:  # noqa: ASYNC110 - no bell
            await asyncio.sleep(0.01)
    await socketed.says("/release payments v2.1.0 prod")
    await socketed.until("awaiting_approval")
    await sockets.cut()
    reply = await socketed.clicks("Approve", by=BEN)
    assert reply.status == 200
    await socketed.until("succeeded")
    await socketed.finish()


async def test_slack_out_of_reach_at_the_start_is_waited_for(
    world: World, database: str, tmp_path: Path
) -> None:
    fault = world.slack.fail(Fault("status", path="apps.connections.open", times=None))
    bot = Bot(world, database, tmp_path, by_socket=True)
    starting = asyncio.create_task(bot.start())
    await asyncio.sleep(0.3)
    assert not starting.done()
    world.slack.faults.remove(fault)
    await starting
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.finish()


async def test_a_payload_of_no_known_shape_is_acknowledged_and_nothing_happens(
    socketed: Bot,
) -> None:
    sockets = socketed.world.slack.app.sockets
    odd = {"type": "block_actions", "user": {"id": ANA}, "actions": [{"action_id": "release:x"}]}
    assert await sockets.deliver("interactive", odd) is not None
    assert await sockets.deliver("events_api", {"event": {"type": "unheard_of"}}) is not None
    assert await sockets.deliver("slash_commands", {"command": "/release"}) is not None
    assert len(sockets.delivered) == 3
    assert await socketed.all_releases() == []
    await socketed.finish()


async def test_both_ways_at_once_are_one_bot(world: World, database: str, tmp_path: Path) -> None:
    bot = await Bot(world, database, tmp_path).start()
    body, headers = b"", {}
    await bot.says("/release payments v2.1.0 prod")
    body, headers = world.slack.app.last or (body, headers)
    assert b"payments" in body
    assert headers["X-Slack-Signature"].startswith("v0=")
    assert bot.app.socket is None
    await bot.until("awaiting_approval")
    assert CHANNEL in body.decode()
    await bot.finish()
