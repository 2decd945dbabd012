"""Events that are given up, and what an operator sees and does."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.engine import catalogs
from bot.store import events
from integrations.simulated.server import Fault
from integrations.simulated.sink import SimulatedSink
from tests.scenarios.telling import (
    Make,
    command,
    happens,
    listed,
    with_sinks,
)
from tests.tester import CATALOG, QUICK, Bot, parsed


@pytest.fixture
async def bot(make: Make, sink: SimulatedSink) -> Bot:
    return await make({"platform": sink})


# Dead letters.


async def test_refused_for_good_it_is_dead_and_the_next_ones_go_on(
    bot: Bot, sink: SimulatedSink
) -> None:
    sink.fail(Fault("status", status=422, times=7))
    first, second = await happens(bot, ("payments", 1), ("payments", 2))
    # Refusals take an hour: a sink that is rolled out, or whose key is changed, is no reason.
    await bot.passes(timedelta(minutes=60))
    assert await listed(bot, "dead") == []
    await bot.passes(timedelta(minutes=10))
    assert [got.attributes["id"] for got in sink.received] == [second.id]
    [row] = await listed(bot, "dead")
    assert (row.event.id, row.attempts, row.error) == (first.id, 7, "it answered 422")
    assert await command(bot, "resend", "--dead") == (0, "1 delivery goes out again.\n")
    await bot.works()
    assert [got.attributes["id"] for got in sink.received] == [second.id, first.id]
    assert await listed(bot, "dead") == []


async def test_only_refusals_in_a_row_count(bot: Bot, sink: SimulatedSink) -> None:
    for status, times in ((404, 6), (503, 1), (404, 6)):
        sink.fail(Fault("status", status=status, times=times))
    [event] = await happens(bot, ("payments", 1))
    await bot.passes(timedelta(hours=5))
    assert [got.attributes["id"] for got in sink.received] == [event.id]


async def test_after_the_last_try_it_is_dead(make: Make, sink: SimulatedSink) -> None:
    bot = await make({"platform": sink}, limits=replace(QUICK, event_tries=3))
    sink.fail(Fault("status", status=500, times=None))
    await happens(bot, ("payments", 1))
    await bot.passes(timedelta(minutes=10))
    assert len(sink.journal) == 3
    [row] = await listed(bot, "dead")
    assert row.dead_at is not None
    # Sent again it has all of its tries anew.
    await command(bot, "resend", row.event.id)
    await bot.passes(timedelta(minutes=10))
    assert len(sink.journal) == 6


async def test_what_waits_for_a_sink_that_left_the_catalogue_is_dead(
    make: Make, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    bot = await make({"platform": sink, "audit": audit})
    sink.fail(Fault("status", status=500, times=None))
    await happens(bot, ("payments", 1))
    await bot.works()
    bot.app.catalog = parsed(with_sinks(audit=audit)).catalog
    await bot.passes(timedelta(minutes=1))
    # Only who has the catalogue in force may say so: this one may just be the last to hear of it.
    assert [row.standing for row in await listed(bot, "waiting")] == ["waiting"]
    await catalogs.take_over(bot.app.world, bot.app.catalog)
    await bot.passes(timedelta(minutes=1))
    [row] = await listed(bot, "dead")
    assert (row.sink, row.error) == ("platform", "the catalogue has no sink platform any more")
    assert len(audit.received) == 1


async def test_a_sink_that_leaves_while_it_is_sent_to_is_left_alone(
    bot: Bot, sink: SimulatedSink
) -> None:
    await happens(bot, ("payments", 1))
    now, real = bot.world.clock.now(), bot.world.clock.real()
    async with bot.app.store.write() as session:
        [delivery] = await events.claim(session, "platform", now, real, real, 5)
    bot.app.catalog = parsed(CATALOG).catalog
    bot.app.events._begin(delivery, claimed_at=0.0)
    await bot.app.events.settle()
    assert sink.journal == []


# The command line.


async def test_list_says_what_became_of_each(bot: Bot, sink: SimulatedSink) -> None:
    assert await command(bot, "list") == (0, "Nothing was released yet, so there are no events.\n")
    assert await command(bot, "list", "--dead") == (0, "No event is dead.\n")
    assert await command(bot, "list", "--waiting") == (0, "No event waits.\n")
    sink.fail(Fault("status", status=403, times=7))
    first, second = await happens(bot, ("payments", 1), ("payments", 2))
    await bot.passes(timedelta(minutes=70))
    [third] = await happens(bot, ("orders", 3))
    await bot.works()
    status, said = await command(bot, "list", "--limit", "3")
    assert status == 0
    lines = said.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [third.id, second.id, first.id]
    assert "DeploymentStartedEvent  orders rel-7k3f  platform: delivered 2026-03-04T17:4" in said
    assert lines[2].endswith("platform: dead after 7 tries, it answered 403")
    assert lines[3] == "These are the newest 3. --limit shows more."
    assert "release-bot events resend ID" in lines[4]
    assert (await command(bot, "list", "--dead"))[0] == 1


async def test_list_as_json(bot: Bot, sink: SimulatedSink) -> None:
    sink.fail(Fault("status", status=503, times=None))
    [event] = await happens(bot, ("payments", 1))
    await bot.works()
    status, said = await command(bot, "list", "--json")
    assert status == 0
    assert json.loads(said) == [
        {
            "id": event.id,
            "type": "DeploymentStartedEvent",
            "at": "2026-03-04T16:30:00.000Z",
            "service": "payments",
            "release": "rel-7k3f",
            "sink": "platform",
            "standing": "waiting",
            "attempts": 1,
            "error": "it answered 503",
            "again": "2026-03-04T16:30:01.000Z",
        }
    ]


async def test_resend_goes_to_one_sink_or_to_all(
    make: Make, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    bot = await make({"platform": sink, "audit": audit})
    [event] = await happens(bot, ("payments", 1))
    await bot.works()
    assert (await command(bot, "resend", event.id, "--sink", "audit"))[0] == 0
    await bot.works()
    assert (sink.times[event.id], audit.times[event.id]) == (1, 2)
    assert await command(bot, "resend", event.id) == (0, "2 deliveries go out again.\n")
    await bot.works()
    assert (sink.times[event.id], audit.times[event.id]) == (2, 3)


async def test_resend_says_what_it_cannot_do(bot: Bot) -> None:
    assert await command(bot, "resend", "--dead") == (0, "No event is dead.\n")
    assert await command(bot, "resend", "no-such") == (
        1,
        "There is no event no-such. release-bot events list shows them.\n",
    )
    assert await command(bot, "resend", "--dead", "--sink", "audti") == (
        1,
        "The catalogue has no sink audti; it has platform.\n",
    )
    for misused in (["resend"], ["resend", "x", "--dead"], ["list", "--dead", "--waiting"]):
        assert (await command(bot, *misused))[0] == 2
