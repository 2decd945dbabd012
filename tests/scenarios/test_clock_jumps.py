"""The clock jumps in the middle of a release: it goes on, and nothing is done twice or too late."""

from datetime import timedelta

import pytest

from bot.domain.releases import Release
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, PLACE, approved
from tests.tester import ANA, BEN, Bot


def has_tenth(release: Release) -> bool:
    return release.progress.weight == 10


async def baking(bot: Bot) -> str:
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(has_tenth, release)
    return release


def shares_set(bot: Bot) -> list[int]:
    """Green's share after each write to the route."""
    rules = [
        e.after["spec"]["rules"][0]["backendRefs"]
        for e in bot.world.kubernetes.cluster.effects
        if e.kind == "httproutes" and e.after and not e.by_hand
    ]
    return [ref["weight"] for refs in rules for ref in refs if ref["name"] == "orders-green"]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(minutes=-10)])
async def test_the_steps_come_in_order_and_once(bot: Bot, jump: timedelta) -> None:
    release = await baking(bot)
    bot.world.clock.moment += jump
    await bot.until("succeeded", release)
    assert shares_set(bot) == [10, 25, 50, 100]
    assert bot.live("orders") == "green"


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(minutes=-10)])
async def test_a_way_back_waits_for_no_clock(bot: Bot, jump: timedelta) -> None:
    release = await baking(bot)
    bot.world.clock.moment += jump
    asked = bot.world.clock.now()
    await bot.clicks("Roll back", by=ANA)
    await bot.until("rolled_back", release)
    assert bot.world.clock.now() - asked < timedelta(minutes=1)
    assert shares_set(bot)[-1] == 0
    assert bot.live("orders") == "blue"


@pytest.mark.parametrize(
    ("share", "ends", "live"), [(0.0, "succeeded", "green"), (0.05, "rolled_back", "blue")]
)
async def test_metrics_judge_past_a_jump_as_they_do_without(
    given: Given, share: float, ends: str, live: str
) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.passes(timedelta(minutes=1))
    bot.world.clock.moment += timedelta(minutes=4)
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=share)
    await bot.until(ends)
    assert bot.live("orders") == live
    assert ("Unhealthy: errors" in bot.thread()) is (live == "blue")
