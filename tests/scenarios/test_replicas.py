"""Two replicas on one PostgreSQL: either takes what comes, one speaks, nothing happens twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from bot.engine import duties
from bot.engine.duties import Duty
from bot.errors import StaleLeaseError
from bot.ports import Invocation
from bot.store import inbox, targets
from bot.store.migrate import migrate, standing
from bot.store.session import Store
from bot.store.tables import EnvironmentRow, InboxRow, ReleaseRow, TargetRow
from integrations.clock import ServerClock
from integrations.simulated.server import Fault
from tests.conftest import fresh_database
from tests.tester import BEN, CHANNEL, Bot, World


@pytest.fixture
async def pair(world: World, postgres: Any, tmp_path: Path) -> AsyncIterator[tuple[Bot, Bot]]:
    """Two bots on one database and one world."""
    database = fresh_database(postgres)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = await Bot(world, database, tmp_path / "one").start()
    second = await Bot(world, database, tmp_path / "two").start()
    yield first, second
    for bot in (first, second):
        await bot.finish()


async def test_one_takes_the_command_and_the_other_carries_it_out(pair: tuple[Bot, Bot]) -> None:
    first, second = pair
    world = first.world
    world.slack.app.url = f"{first.app.url}/slack/events"
    await first.says("/release payments v2.1.0 prod")
    release = (await first.until("awaiting_approval")).id
    world.slack.app.url = f"{second.app.url}/slack/events"
    card = first.card_message()
    button = next(b for b in card.buttons() if b.label == "Approve")
    await world.slack.app.click(BEN, CHANNEL, card.ts, button.action_id, button.value)
    await second.until("succeeded", release)
    assert second.live("payments") == "green"
    assert len(world.github.dispatches) == 2


async def held(bot: Bot) -> int:
    """Count the leases on targets and releases that nobody else could claim now."""
    async with bot.app.store.read() as session:
        rows = [await session.exec(select(row.lease_until)) for row in (TargetRow, ReleaseRow)]
    now = bot.world.clock.real()
    return sum(until is not None and until > now for found in rows for until in found.all())


async def test_a_release_that_only_waits_is_nobodys_and_any_replica_moves_it_on(
    pair: tuple[Bot, Bot],
) -> None:
    first, second = pair
    world = first.world
    world.slack.app.url = f"{first.app.url}/slack/events"
    await first.says("/release payments v2.1.0 prod")
    release = (await first.until("awaiting_approval")).id
    assert await held(first) == 0
    await first.clicks("Approve", by=BEN)
    # While its run is under way, and while it bakes: whoever holds it now dies.
    await first.until(lambda r: r.progress.weight == 100, release)
    assert await held(first) == 0
    due = (await second._due()).release
    assert due is not None
    await world.clock.advance_to(max(due, world.clock.now()))
    assert await second.app.reconciler.start_due() == 1
    await second.app.reconciler.settle()
    await second.until("succeeded", release)


async def test_told_to_end_it_gives_its_lease_back_in_the_middle_of_a_release(
    pair: tuple[Bot, Bot],
) -> None:
    first, second = pair
    world = first.world
    world.slack.app.url = f"{first.app.url}/slack/events"
    await first.says("/release payments v2.1.0 prod")
    release = (await first.until("awaiting_approval")).id
    world.kubernetes.fail(Fault("slow", path="/deployments/", times=1, seconds=1.0))
    await first.clicks("Approve", by=BEN, settle=False)
    await first.app.inbox.start_due()
    await first.app.inbox.settle()
    assert await first.app.reconciler.start_due() == 1
    async with asyncio.timeout(60):
        while not await held(first):  # noqa: ASYNC110 - a row rings no bell
            await asyncio.sleep(0.01)
    await first.app.reconciler.stop()
    assert await held(second) == 0
    world.slack.app.url = f"{second.app.url}/slack/events"
    await second.until("succeeded", release)
    assert second.live("payments") == "green"


async def test_only_one_of_them_speaks_in_slack(pair: tuple[Bot, Bot]) -> None:
    first, second = pair
    first.world.slack.app.url = f"{first.app.url}/slack/events"
    await first.says("/release payments v2.1.0 prod")
    assert len(first._cards()) == 1
    assert await second.app.outbox.send_due() == 0
    # It ends, and gives the duty back: nobody waits for a lease.
    await first.app.reconciler.stop()
    await second.until("awaiting_approval")
    assert "Waiting for" in second.card()
    assert len(second._cards()) == 1


async def test_both_at_once_do_a_command_and_a_release_once(pair: tuple[Bot, Bot]) -> None:
    first, _ = pair
    first.world.slack.app.url = f"{first.app.url}/slack/events"
    await first.world.slack.app.slash("U0ANA", "/release", "payments v2.1.0 prod", CHANNEL)
    for _ in range(20):
        await asyncio.gather(*(bot.app.inbox.start_due() for bot in pair))
        await asyncio.gather(*(bot.app.inbox.settle() for bot in pair))
        await asyncio.gather(*(bot.app.reconciler.start_due() for bot in pair))
        await asyncio.gather(*(bot.app.reconciler.settle() for bot in pair))
    found = await first.all_releases()
    assert [release.state for release in found] == ["awaiting_approval"]


async def test_who_was_frozen_past_its_lease_sends_nothing_more(pair: tuple[Bot, Bot]) -> None:
    first, second = pair
    mine, other = Duty(first.app.world, "slack"), Duty(second.app.world, "slack")
    assert await mine.held()
    assert not await other.held()
    mine.check()
    # As after a SIGSTOP: its claim has grown old while it knew nothing of it.
    assert mine._claimed_at is not None
    mine._claimed_at -= 60
    with pytest.raises(StaleLeaseError):
        mine.check()
    assert duties.MARGIN_SECONDS > 0


async def test_two_that_start_at_once_migrate_once(postgres: Any) -> None:
    database = fresh_database(postgres)
    postgres.psql("SELECT 1;")
    stores = [Store(database) for _ in range(2)]
    await asyncio.gather(*(migrate(store) for store in stores))
    for store in stores:
        stored, known = await standing(store)
        assert stored == known[0]
        await store.close()


async def test_clocks_of_hosts_do_not_matter(postgres: Any) -> None:
    store = Store(fresh_database(postgres))
    early, late = ServerClock(store.server_time), ServerClock(store.server_time)
    early._then = early._then.replace(year=2020)
    late._then = late._then.replace(year=2040)
    await asyncio.gather(early.refresh(), late.refresh())
    assert abs((early.now() - late.now()).total_seconds()) < 1
    await store.close()


async def test_a_command_that_another_has_done_is_not_made_due_again(pair: tuple[Bot, Bot]) -> None:
    first, _ = pair
    first.world.slack.app.url = f"{first.app.url}/slack/events"
    await first.says("/release status")
    async with first.app.store.write() as session:
        key = (await session.exec(select(InboxRow.key))).one()
        # Its first holder was slow, and learns only now that something outside was away.
        await inbox.retry(session, key, first.world.clock.now())
    assert await first.app.inbox.start_due() == 0


async def test_first_starts_at_the_same_moment_are_counted_both(postgres: Any) -> None:
    store = Store(fresh_database(postgres))
    await migrate(store)

    async def start() -> None:
        async with store.write() as session:
            await targets.count_start(session, "production")

    await asyncio.gather(*(start() for _ in range(8)))
    async with store.read() as session:
        assert (await session.exec(select(EnvironmentRow.starts))).one() == 8
    await store.close()


async def test_two_that_work_off_one_command_make_one_release(pair: tuple[Bot, Bot]) -> None:
    first, second = pair
    first.world.slack.app.url = f"{first.app.url}/slack/events"
    await first.world.slack.app.slash("U0ANA", "/release", "payments v2.1.0 prod", CHANNEL)
    async with first.app.store.read() as session:
        row = (await session.exec(select(InboxRow))).one()
    words = Invocation.model_validate_json(row.body)
    # As after a lease that ran out while its holder was slow: both are at it.
    for bot in (first, second):
        bot.app.inbox._begin(words, row.received_at, 1)
    await asyncio.gather(first.app.inbox.settle(), second.app.inbox.settle())
    assert len(await first.all_releases()) == 1
