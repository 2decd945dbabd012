"""PostgreSQL stops and comes back: what was acknowledged is done, the rest is told in words."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import fresh_database
from tests.tester import ANA, BEN, CHANNEL, Bot, World


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

    own_postgres.ensure_postgres_running()
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
    own_postgres.ensure_postgres_running()
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await bot.app.reconciler.settle()
    await bot.until("succeeded", release)
    assert bot.live("orders") == "green"
    await bot.finish()
