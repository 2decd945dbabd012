"""Events are sent by one at a time: crashes, frozen replicas, a database away, a process ends."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import Outside
from bot.domain.events import PlatformEvent
from bot.domain.sinks import Sink
from bot.engine.events import EventPost
from bot.engine.schedule import KEEP
from bot.ports import EventSink
from bot.store import events, jobs
from integrations.simulated.server import Fault
from integrations.simulated.sink import SimulatedSink
from tests.conftest import fresh_database, start_again
from tests.scenarios.telling import (
    Make,
    happens,
    listed,
    sooner_or_later,
    with_sinks,
)
from tests.tester import QUICK, Bot, World


@pytest.fixture
async def bot(make: Make, sink: SimulatedSink) -> Bot:
    return await make({"platform": sink})


class Stops:
    """A sink to which events get through, and after which the process ends."""

    def __init__(self, inner: EventSink) -> None:
        self._inner = inner
        self.sent = 0

    async def send(self, sink: Sink, event: PlatformEvent, key: str) -> None:
        await self._inner.send(sink, event, key)
        self.sent += 1
        await asyncio.Event().wait()


async def test_after_a_crash_between_sending_and_writing_it_goes_out_again(
    make: Make, sink: SimulatedSink
) -> None:
    struck: list[Stops] = []

    def wrap(outside: Outside) -> Outside:
        struck.append(Stops(outside.events))
        return replace(outside, events=struck[0])

    bot = await make({"platform": sink}, wrap=wrap)
    first, second = await happens(bot, ("payments", 1), ("payments", 2))
    await bot.app.events.send_due()
    await sooner_or_later(lambda: struck[0].sent == 1)
    bot.wrap = None
    await bot.crashes_and_restarts()
    await bot.works()
    assert sink.times == {first.id: 2, second.id: 1}
    assert [got.attributes["id"] for got in sink.received] == [first.id, second.id]


async def test_a_claim_of_a_dead_process_runs_out_by_itself(bot: Bot, sink: SimulatedSink) -> None:
    await happens(bot, ("payments", 1))
    now, real = bot.world.clock.now(), bot.world.clock.real()
    async with bot.app.store.write() as session:
        until = real + timedelta(seconds=0.3)
        assert await events.claim(session, "platform", now, real, until, 5)
    assert await bot.app.events.send_due() == 0
    await asyncio.sleep(0.35)
    await bot.works()
    assert len(sink.received) == 1


@pytest.mark.long
async def test_what_the_database_did_not_hear_of_goes_out_again(
    world: World,
    sink: SimulatedSink,
    own_postgres: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLATFORM_KEY", "a key")
    bot = Bot(world, fresh_database(own_postgres), tmp_path, catalog=with_sinks(platform=sink))
    bot.limits = replace(QUICK, sink=1.5)
    await bot.start()
    sink.fail(Fault("slow", seconds=1.0))
    [event] = await happens(bot, ("payments", 1))
    loop = asyncio.create_task(bot.app.events.run())
    await sooner_or_later(lambda: not sink.faults[0].times)
    await asyncio.to_thread(own_postgres.stop)
    await sooner_or_later(lambda: not bot.app.events.at_work)
    assert sink.times == {event.id: 1}
    assert not loop.done()
    await asyncio.to_thread(start_again, own_postgres)
    # Its claim runs out first: 1.5 s for the sink, and the margin.
    await sooner_or_later(lambda: sink.times[event.id] == 2, seconds=20)
    await sooner_or_later(lambda: not bot.app.events.at_work)
    assert [row.standing for row in await listed(bot)] == ["delivered"]
    bot.app.events.close()
    await loop
    await bot.finish()


async def test_two_replicas_never_send_the_same(bot: Bot, sink: SimulatedSink) -> None:
    sink.fail(Fault("slow", times=None, seconds=0.2))
    other = EventPost(bot.app.world, bot.app.sinks)
    await happens(bot, *((f"{number}-service", number) for number in range(8)))
    both = (bot.app.events, other)
    for _ in range(5):
        await asyncio.gather(*(post.send_due() for post in both))
    await asyncio.gather(*(post.settle() for post in both))
    assert len(sink.received) == 8
    assert set(sink.times.values()) == {1}


async def test_who_comes_second_claims_nothing(bot: Bot) -> None:
    await happens(bot, ("payments", 1))

    async def claim(before: float, after: float) -> int:
        """Claim in a transaction that begins later, or that takes its time to commit."""
        await asyncio.sleep(before)
        now, real = bot.world.clock.now(), bot.world.clock.real()
        async with bot.app.store.write() as session:
            until = real + timedelta(minutes=1)
            taken = await events.claim(session, "platform", now, real, until, 5)
            await asyncio.sleep(after)
        return len(taken)

    # The second looks while the first has not committed: the row still seems free to it.
    assert list(await asyncio.gather(claim(0.0, 0.4), claim(0.2, 0.0))) == [1, 0]
    async with bot.app.store.write() as session:
        await events.release_all(session)


async def test_who_was_frozen_past_its_claim_sends_nothing(bot: Bot, sink: SimulatedSink) -> None:
    await happens(bot, ("payments", 1))
    now, real = bot.world.clock.now(), bot.world.clock.real()
    async with bot.app.store.write() as session:
        [delivery] = await events.claim(session, "platform", now, real, real, 5)
    bot.app.events._begin(delivery, claimed_at=-60.0)
    await bot.app.events.settle()
    assert sink.journal == []
    # And what it believes of the outcome counts for nothing once another has claimed it.
    async with bot.app.store.write() as session:
        [again] = await events.claim(session, "platform", now, bot.world.clock.real(), real, 5)
        await events.dead(session, delivery, now, "as it saw it")
    assert again.attempts == delivery.attempts + 1
    assert [row.standing for row in await listed(bot)] == ["waiting"]
    await bot.works()
    assert len(sink.received) == 1


class Broken:
    """A sink's adapter with a bug in it."""

    async def send(self, sink: Sink, event: PlatformEvent, key: str) -> None:
        raise ZeroDivisionError(sink, event, key)


async def test_a_bug_is_a_failed_try_with_an_id(make: Make, sink: SimulatedSink) -> None:
    bot = await make({"platform": sink}, wrap=lambda outside: replace(outside, events=Broken()))
    await happens(bot, ("payments", 1))
    await bot.works()
    [row] = await listed(bot, "waiting")
    assert row.error is not None
    assert row.error.startswith("a fault of the bot, err-")
    assert row.due_at == bot.world.clock.now() + timedelta(seconds=1)


# Its loop, its end, its keeping.


async def test_its_loop_sends_and_ends(bot: Bot, sink: SimulatedSink) -> None:
    loop = asyncio.create_task(bot.app.events.run())
    await happens(bot, ("payments", 1))
    await sooner_or_later(lambda: len(sink.received) == 1)
    # The next of the service follows at once, not with the next look.
    await happens(bot, ("payments", 2), ("payments", 3))
    await sooner_or_later(lambda: len(sink.received) == 3)
    bot.app.events.close()
    async with asyncio.timeout(3):
        await loop


async def test_at_its_end_it_gives_back_what_is_under_way(make: Make, sink: SimulatedSink) -> None:
    bot = await make({"platform": sink}, io_seconds=5.0)
    sink.fail(Fault("hang", times=1, seconds=30))
    await happens(bot, ("payments", 1))
    await bot.app.events.send_due()
    await sooner_or_later(lambda: not sink.faults[0].times)
    await bot.app.events.stop()
    assert await bot.app.events.send_due() == 1
    await bot.app.events.settle()
    assert len(sink.received) == 1


async def test_old_events_are_swept_and_waiting_ones_are_not(bot: Bot, sink: SimulatedSink) -> None:
    await happens(bot, ("payments", 1))
    await bot.works()
    sink.fail(Fault("status", status=500, times=None))
    [waits] = await happens(bot, ("orders", 2))
    await bot.works()
    async with bot.app.store.write() as session:
        assert await jobs.sweep(session, bot.world.clock.now() + KEEP) >= 2
    assert [row.event.id for row in await listed(bot)] == [waits.id]
