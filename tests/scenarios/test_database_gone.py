"""PostgreSQL stops, is full or takes no writes, and comes back.

What was acknowledged is done, the rest is told in words.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.conftest import fresh_database, start_again
from tests.tester import ANA, BEN, CHANNEL, Bot, World

Gone = Callable[[Any, AsyncExitStack], Awaitable[None]]


@pytest.mark.long
async def test_a_server_that_stops_and_comes_back_loses_nothing(
    world: World, own_postgres: Any, tmp_path: Path
) -> None:
    bot = await Bot(world, fresh_database(own_postgres), tmp_path).start()
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    card = bot.card_message()
    approve = next(b for b in card.buttons() if b.label == "Approve")
    acknowledged = await world.slack.app.click(
        BEN, CHANNEL, card.ts, approve.action_id, approve.value
    )
    assert acknowledged.status == 200

    own_postgres.stop()
    unsaved = await world.slack.app.slash(ANA, "/release", "orders v2.1.0 prod", CHANNEL)
    assert unsaved.status == 200
    assert unsaved.text == "Could not confirm that this was saved. `/release status` tells."
    assert unsaved.seconds < 3

    start_again(own_postgres)
    await bot.until("succeeded", release)
    assert bot.live("payments") == "green"
    assert len(await bot.all_releases()) == 1
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.finish()


@pytest.mark.long
async def test_it_stops_under_way_and_the_loops_live_on(
    world: World, own_postgres: Any, tmp_path: Path
) -> None:
    bot = await Bot(world, fresh_database(own_postgres), tmp_path).start()
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight >= 25, release)
    loops = [asyncio.create_task(run()) for run in (bot.app.reconciler.run, bot.app.outbox.run)]
    own_postgres.stop()
    await asyncio.sleep(1.5)
    assert not any(loop.done() for loop in loops)
    start_again(own_postgres)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await bot.app.reconciler.settle()
    await bot.until("succeeded", release)
    assert bot.live("orders") == "green"
    await bot.finish()


async def _full(server: Any, stack: AsyncExitStack) -> None:
    """Take every connection that the server has, and cut those that others hold."""
    url = server.get_uri()
    first = await asyncpg.connect(url)
    stack.push_async_callback(first.close)
    most = int(await first.fetchval("SHOW max_connections"))
    taken = [first]
    async with asyncio.timeout(60):
        # Whoever lost a connection asks for another one: it is a race until all are taken.
        while len(taken) < most:
            await first.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND NOT pid = ANY($1)",
                [one.get_server_pid() for one in taken],
            )
            try:
                taken.append(await asyncpg.connect(url))
            except asyncpg.TooManyConnectionsError:
                await asyncio.sleep(0.05)
            else:
                stack.push_async_callback(taken[-1].close)


async def _standby(server: Any, stack: AsyncExitStack) -> None:
    """Let whoever connects find a server that takes no writes, as after a failover."""
    connection = await asyncpg.connect(server.get_uri())
    stack.push_async_callback(connection.close)

    async def turn(word: str) -> None:
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
        await connection.execute("SELECT pg_reload_conf()")
        while await connection.fetchval("SHOW default_transaction_read_only") != word:  # noqa: ASYNC110 - a setting rings no bell
            await asyncio.sleep(0.01)

    await turn("on")
    stack.push_async_callback(turn, "off")


@pytest.mark.long
@pytest.mark.parametrize("gone", [_full, _standby])
async def test_out_of_connections_or_failed_over_it_is_told_and_waited_for(
    world: World, own_postgres: Any, tmp_path: Path, gone: Gone
) -> None:
    bot = await Bot(world, fresh_database(own_postgres), tmp_path).start()
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    loops = [asyncio.create_task(run()) for run in (bot.app.reconciler.run, bot.app.outbox.run)]
    async with AsyncExitStack() as stack:
        await gone(own_postgres, stack)
        unsaved = await world.slack.app.slash(ANA, "/release", "orders v2.1.0 prod", CHANNEL)
        assert unsaved.status == 200
        assert unsaved.text == "Could not confirm that this was saved. `/release status` tells."
        assert unsaved.seconds < 3
        await asyncio.sleep(1.5)
        assert not any(loop.done() for loop in loops)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await bot.app.reconciler.settle()
    await bot.until("succeeded", release)
    assert bot.live("payments") == "green"
    assert len(await bot.all_releases()) == 1
    await bot.finish()
