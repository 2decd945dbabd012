"""Somebody's hand in the middle: held and asked, never put right over a person's head."""

from integrations.simulated.kubernetes import seeding
from tests.tester import ANA, BEN, DAN, Bot


async def at_ten(bot: Bot) -> str:
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 10, release)
    return release


def set_weights(bot: Bot, blue: int, green: int) -> None:
    cluster = bot.world.kubernetes.cluster
    rules = cluster.objects.get("httproutes", "production", "orders")["spec"]["rules"]
    refs = rules[0]["backendRefs"]
    new = [refs[0] | {"weight": blue}, refs[1] | {"weight": green}]
    body = {"spec": {"rules": [{"backendRefs": new}]}}
    cluster.edit("httproutes", "production", "orders", body)


async def test_weights_set_by_hand_hold_it_and_resume_goes_on_from_there(bot: Bot) -> None:
    release = await at_ten(bot)
    set_weights(bot, 70, 30)
    held = await bot.until("paused", release)
    assert held.reason == "held"
    assert "Traffic is blue 70 %, green 30 %; this release left it at blue 90 %" in bot.card(
        release
    )
    assert seeding.weights(bot.world.kubernetes.cluster, "production", "orders")["green"] == 30
    await bot.clicks("Resume", by=ANA)
    done = await bot.until("succeeded", release)
    assert "✓ @ana resumed it from what is there now." in bot.thread(release)
    assert done.state == "succeeded"
    assert bot.live("orders") == "green"


async def test_held_and_rolled_back_goes_back_from_whatever_is_there(bot: Bot) -> None:
    release = await at_ten(bot)
    set_weights(bot, 40, 60)
    await bot.until("paused", release)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)
    assert bot.live("orders") == "blue"


async def test_an_image_changed_by_hand_holds_it(bot: Bot) -> None:
    release = await at_ten(bot)
    bot.world.kubernetes.cluster.deploy("production", "orders-green", "quantivista/orders:v6.6.6")
    await bot.until("paused", release)
    assert "green runs quantivista/orders:v6.6.6, not quantivista/orders:v2.1.0" in bot.card(
        release
    )


async def test_a_mark_newer_than_the_database_holds_it(bot: Bot) -> None:
    """A restored backup: the cluster knows a fence that this database never gave out."""
    cluster = bot.world.kubernetes.cluster
    marks = {"metadata": {"annotations": {"release-bot/fence": "100000"}}}
    cluster.edit("httproutes", "production", "orders", marks)
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("paused", release)
    assert "bears fence 100000, and this database knows only" in bot.card(release)
    await bot.clicks("Resume", by=ANA)
    await bot.until("succeeded", release)


async def test_a_malformed_mark_is_said(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    marks = {"metadata": {"annotations": {"release-bot/fence": "many"}}}
    cluster.edit("services", "production", "payments", marks)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("blocked")
    assert "annotation release-bot/fence is 'many', not a number" in bot.card()


async def test_a_process_frozen_before_its_patch_is_refused_by_the_cluster(bot: Bot) -> None:
    """It wakes after somebody's rollback: the old value is back, and it still may not pass."""
    release = await at_ten(bot)
    found = await bot.release(release)
    assert found.plan is not None
    cluster = bot.app.world.cluster
    seen = await cluster.look_at_traffic(found.plan.target)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)
    set_weights(bot, 90, 10)
    import pytest

    from bot.errors import ConflictError

    with pytest.raises(ConflictError):
        await cluster.shift(
            found.plan.target, seen, {"blue": 75, "green": 25}, fence=2, release=release
        )
    assert seeding.weights(bot.world.kubernetes.cluster, "production", "orders")["green"] == 10


async def test_traffic_that_is_split_before_it_begins_is_no_start(bot: Bot) -> None:
    set_weights(bot, 50, 50)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("blocked")
    assert "No slot has all the traffic: 50 % on blue, 50 % on green." in bot.card()
