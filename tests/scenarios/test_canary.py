"""A canary: the new slot grows with its share of the traffic, and each weight is judged."""

from datetime import timedelta
from functools import partial

from bot.domain.reasons import Reason
from bot.domain.releases import Release
from integrations.simulated.kubernetes import seeding
from integrations.simulated.prometheus import Load
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, PLACE
from tests.tester import BEN, CATALOG, Bot

CANARY = CATALOGUE.replace("weights: [10, 100], bake: 10m", "weights: [10, 50, 100], bake: 10m")
NAMED = CANARY.replace(
    'orders:{version}"\n    depends_on: {config: ">=1.9 <3"}\n    strategy: {kind: blue-green',
    'orders:{version}"\n    depends_on: {config: ">=1.9 <3"}\n    strategy: {kind: canary',
)


def sizes(bot: Bot) -> tuple[int, int]:
    cluster = bot.world.kubernetes.cluster
    return (
        seeding.replicas(cluster, "production", "orders-blue"),
        seeding.replicas(cluster, "production", "orders-green"),
    )


def has_weight(weight: int, release: Release) -> bool:
    return release.progress.weight == weight


async def begun(bot: Bot, words: str = "/release orders v2.1.0 prod") -> None:
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=200.0, failing=0.001))
    await bot.says(words)
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)


async def test_it_grows_with_its_share_and_the_old_one_stays_whole(given: Given) -> None:
    assert NAMED != CANARY
    bot = await given(catalog=NAMED)
    await begun(bot)
    seen = []
    for weight in (10, 50, 100):
        await bot.until(partial(has_weight, weight))
        seen.append((weight, *sizes(bot)))
    assert seen == [(10, 3, 1), (50, 3, 2), (100, 3, 3)]
    await bot.until("succeeded")
    assert bot.live("orders") == "green"
    assert bot.thread().count("Healthy: ") == 2


async def test_a_release_may_ask_for_one(given: Given) -> None:
    bot = await given(catalog=CANARY)
    await begun(bot, "/release orders v2.1.0 prod --strategy canary")
    await bot.until(lambda release: release.progress.weight == 10)
    assert sizes(bot) == (3, 1)
    await bot.clicks("Roll back")
    await bot.until("rolled_back")
    assert bot.live("orders") == "blue"
    assert sizes(bot)[0] == 3


async def test_a_bad_one_goes_back_from_any_weight(given: Given) -> None:
    bot = await given(catalog=NAMED)
    await begun(bot)
    await bot.until(lambda release: release.progress.weight == 50)
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.METRICS_UNHEALTHY
    assert bot.live("orders") == "blue"


async def test_where_the_catalogue_has_no_weights_it_is_refused_in_words(given: Given) -> None:
    bot = await given(catalog=CATALOG)
    await bot.says("/release payments v2.1.0 prod --strategy canary")
    assert "A canary needs a weight below 100 in the catalogue's strategy" in bot.told()
    assert not await bot.all_releases()


async def test_where_policy_names_strategies_no_other_is_taken(given: Given) -> None:
    only = CANARY.replace("high: 0}}}", "high: 0}, strategies: [blue-green]}}")
    bot = await given(catalog=only)
    await bot.says("/release orders v2.1.0 prod --strategy canary")
    assert "The policy of production allows blue-green only" in bot.told()
    assert not await bot.all_releases()


async def test_an_autoscaler_that_shrinks_the_old_slot_shrinks_not_what_is_needed(
    given: Given,
) -> None:
    bot = await given(catalog=NAMED)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "orders-blue", {"spec": {"replicas": 10}})
    await bot.passes(timedelta(minutes=1))
    await begun(bot)
    await bot.until(partial(has_weight, 50))
    assert sizes(bot) == (10, 5)
    cluster.edit("deployments", "production", "orders-blue", {"spec": {"replicas": 5}})
    await bot.until(partial(has_weight, 100))
    assert sizes(bot) == (5, 10)


async def test_one_that_grows_it_makes_the_new_one_grow(given: Given) -> None:
    bot = await given(catalog=NAMED)
    await begun(bot)
    await bot.until(partial(has_weight, 10))
    await bot.until(lambda release: release.steps()[release.progress.step].kind == "verify")
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "orders-blue", {"spec": {"replicas": 8}})
    await bot.until(partial(has_weight, 50))
    assert sizes(bot) == (8, 4)
    await bot.until("succeeded")
    assert sizes(bot) == (8, 8)
