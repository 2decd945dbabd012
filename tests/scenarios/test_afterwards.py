"""When the rollback window is over, the old slot keeps what the catalogue lets it keep."""

from datetime import timedelta

from integrations.simulated.kubernetes import seeding
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.tester import BEN, CATALOG, DAN, Bot

SMALL = CATALOG.replace(
    "strategy: {kind: blue-green, traffic: service, watch: 30s}",
    "strategy: {kind: blue-green, traffic: service, watch: 30s, idle: 1}",
)
WINDOW = timedelta(hours=1, minutes=3)


def size(bot: Bot, slot: str) -> int:
    return seeding.replicas(bot.world.kubernetes.cluster, "production", f"payments-{slot}")


async def live(bot: Bot) -> str:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    return release


async def test_the_card_says_when_and_then_it_is_so(given: Given) -> None:
    bot = await given(catalog=SMALL)
    release = await live(bot)
    assert "still runs on blue. Then blue keeps 1 pod." in bot.card(release)
    assert size(bot, "blue") == 3
    await bot.passes(WINDOW)
    assert (size(bot, "blue"), size(bot, "green")) == (1, 3)
    assert "✓ Blue keeps 1 pod: the rollback window is over." in bot.thread(release)
    changes = len(bot.world.kubernetes.cluster.effects)
    await bot.passes(WINDOW)
    assert len(bot.world.kubernetes.cluster.effects) == changes


async def test_a_cluster_that_is_away_then_is_waited_for(given: Given) -> None:
    bot = await given(catalog=SMALL)
    release = await live(bot)
    bot.world.kubernetes.faults.append(Fault("status", times=None, status=503))
    await bot.passes(WINDOW)
    assert size(bot, "blue") == 3
    bot.world.kubernetes.faults.clear()
    await bot.passes(timedelta(minutes=2))
    assert size(bot, "blue") == 1
    assert bot.thread(release).count("keeps 1 pod") == 1


async def test_a_crash_right_then_does_it_once_more_or_not_at_all(given: Given) -> None:
    bot = await given(catalog=SMALL)
    release = await live(bot)
    bot.world.kubernetes.faults.append(Fault("drop_after", method="PATCH", times=1))
    await bot.passes(WINDOW)
    await bot.crashes_and_restarts()
    await bot.passes(timedelta(minutes=2))
    assert size(bot, "blue") == 1
    assert len([e for e in bot.world.kubernetes.cluster.effects if e.name == "payments-blue"]) == 1
    assert (await bot.release(release)).state.value == "succeeded"


async def test_nothing_shrinks_under_a_newer_release_or_a_rollback(given: Given) -> None:
    bot = await given(catalog=SMALL)
    await live(bot)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("succeeded")
    await bot.passes(WINDOW)
    assert (size(bot, "blue"), size(bot, "green")) == (3, 3)


async def test_what_somebody_else_put_there_is_left(given: Given) -> None:
    bot = await given(catalog=SMALL)
    await live(bot)
    bot.world.kubernetes.cluster.deploy("production", "payments-blue", "somebody/else:1")
    await bot.passes(WINDOW)
    assert size(bot, "blue") == 3


async def test_without_the_key_all_pods_stay(bot: Bot) -> None:
    await live(bot)
    await bot.passes(WINDOW)
    assert size(bot, "blue") == 3


async def test_a_right_that_is_missing_then_is_no_bug(given: Given) -> None:
    bot = await given(catalog=SMALL)
    await live(bot)
    refused = Fault("status", method="PATCH", times=None, status=403)
    bot.world.kubernetes.faults.append(refused)
    await bot.passes(WINDOW)
    asked = len(bot.world.kubernetes.journal)
    await bot.passes(WINDOW)
    assert len(bot.world.kubernetes.journal) == asked
    assert size(bot, "blue") == 3
