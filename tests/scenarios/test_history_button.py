"""The Roll back button in the answer to `/release history SERVICE ENVIRONMENT`."""

from datetime import timedelta

from tests.scenarios.test_return import WINDOW, live
from tests.tester import CHANNEL, CY, DAN, Bot

SAID = "/release history orders prod"


async def buttons(bot: Bot, by: str = DAN, words: str = SAID) -> list[str]:
    """The releases that the answer has a button for."""
    await bot.says(words, by=by)
    await bot.settles()
    shown = [m for m in bot.world.slack.space.ephemerals if m.user == by][-1].buttons()
    assert {one.action_id for one in shown} <= {"release:rollback"}
    return [one.value for one in shown]


async def press(bot: Bot, release: str, by: str = DAN) -> None:
    message = [m for m in bot.world.slack.space.ephemerals if m.user == by][-1]
    await bot.world.slack.app.click(by, CHANNEL, message.ts, "release:rollback", release)
    await bot.works()


async def test_the_newest_that_is_live_has_it_and_asks_first(bot: Bot) -> None:
    release = await live(bot)
    assert await buttons(bot) == [release]
    [button] = bot.world.slack.space.ephemerals[-1].buttons()
    assert (button.label, button.style) == ("Roll back", "danger")
    assert button.confirm is not None
    assert "Traffic goes back to blue (2.0.5) in production" in button.confirm


async def test_inside_the_window_a_click_is_a_switch(bot: Bot) -> None:
    release = await live(bot)
    await buttons(bot)
    await press(bot, release)
    back = await bot.until("succeeded")
    assert (back.kind, back.undoes) == ("rollback", release)
    assert bot.live("orders") == "blue"
    assert await buttons(bot) == []


async def test_after_the_window_a_click_releases_what_ran_before(bot: Bot) -> None:
    release = await live(bot)
    await bot.passes(WINDOW)
    assert await buttons(bot) == [release]
    [button] = bot.world.slack.space.ephemerals[-1].buttons()
    assert "2.0.5 is released again in production" in (button.confirm or "")
    await press(bot, release)
    back = await bot.until("succeeded")
    assert (back.kind, back.version) == ("rollback", "v2.0.5")


async def test_an_old_click_says_what_happened_instead(bot: Bot) -> None:
    release = await live(bot)
    await buttons(bot)
    await press(bot, release)
    back = await bot.until("succeeded")
    await press(bot, release)
    await bot.settles()
    assert f"{release} was rolled back already, by {back.id}." in bot.told(DAN)


async def test_who_may_not_roll_back_gets_no_button_and_no_effect(bot: Bot) -> None:
    release = await live(bot)
    assert await buttons(bot, by=CY) == []
    await press(bot, release, by=CY)
    await bot.settles()
    assert "You can't roll back" in bot.told(CY)
    assert bot.live("orders") == "green"


async def test_without_a_service_and_an_environment_nothing_is_meant(bot: Bot) -> None:
    await live(bot)
    for words in ("/release history", "/release history orders", "/release history prod"):
        assert await buttons(bot, words=words) == []


async def test_while_another_is_under_way_its_card_has_the_way_out(bot: Bot) -> None:
    await live(bot)
    await bot.passes(timedelta(minutes=1))
    await bot.says("/release orders v1.9.0 prod --reason x")
    await bot.settles()
    newest = await bot.release()
    shown = await buttons(bot)
    assert newest.id not in shown
