"""The channel's topic: what stops releases is there, and what people wrote stays."""

from datetime import timedelta

from structlog.testing import capture_logs

from bot.engine.topics import Topics
from bot.views.topics import merged
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.stopping import MARKET, with_freezes
from tests.tester import CHANNEL, DAN, Bot

WITH_TOPIC = with_freezes(MARKET).replace("channels: [C0REL]}", "channels: [C0REL], topic: true}")


def topic(bot: Bot) -> str:
    return bot.world.slack.space.channels[CHANNEL].topic


def set_topics(bot: Bot) -> int:
    return sum(method == "conversations.setTopic" for method, _ in bot.world.slack.calls)


async def test_what_stops_releases_stands_behind_what_people_wrote(given: Given) -> None:
    bot = await given(catalog=WITH_TOPIC)
    bot.world.slack.space.channels[CHANNEL].topic = "Releases & rollbacks <3"
    topics = Topics(bot.app.world)
    await topics.show()
    frozen = "frozen until 16:00 New York (market hours)"
    assert topic(bot) == f"Releases & rollbacks <3 [stops: production {frozen}]"
    await bot.says("/release lock payments prod why", by=DAN)
    await bot.says("/release lock orders prod why", by=DAN)
    await bot.says("/release halt staging", by=DAN)
    await topics.show()
    assert topic(bot).endswith(
        f"[stops: staging halted; production {frozen}, payments, orders locked]"
    ) or topic(bot).endswith(f"production {frozen}, orders, payments locked]")
    assert set_topics(bot) == 2
    await topics.show()
    assert set_topics(bot) == 2
    await bot.says("/release halt staging --off", by=DAN)
    await bot.says("/release unlock payments prod", by=DAN)
    await bot.says("/release unlock orders prod", by=DAN)
    await bot.passes(timedelta(hours=5))
    await topics.show()
    assert topic(bot) == "Releases & rollbacks <3"


async def test_a_missing_scope_is_logged_once_and_the_doctor_tells(given: Given) -> None:
    bot = await given(catalog=WITH_TOPIC)
    bot.world.slack.scopes -= {"channels:write.topic"}
    topics = Topics(bot.app.world)
    with capture_logs() as logs:
        await topics.show()
        await topics.show()
    told = [log["event"] for log in logs]
    # On a slow machine the duty may have run out meanwhile, and is taken anew.
    assert [event for event in told if event != "duty_taken"] == ["topic_not_shown"]
    findings = await bot.app.doctor()
    said = [f.sentence for f in findings if not f.good and f.subject == "Slack scopes"]
    (missing,) = said
    assert missing.startswith("channels:write.topic is missing: without it the bot can't show in")


async def test_a_slack_that_is_away_is_asked_again(given: Given) -> None:
    bot = await given(catalog=WITH_TOPIC)
    topics = Topics(bot.app.world)
    bot.world.slack.faults.append(Fault("status", path="setTopic", status=503))
    await topics.show()
    assert topic(bot) == ""
    await topics.show()
    assert topic(bot).startswith("[stops: production frozen")


async def test_off_it_touches_no_topic(given: Given) -> None:
    bot = await given(catalog=with_freezes(MARKET))
    await Topics(bot.app.world).show()
    asked = [method for method, _ in bot.world.slack.calls]
    assert "conversations.setTopic" not in asked
    assert "conversations.info" not in asked


def test_nothing_of_theirs_is_cut() -> None:
    theirs = "x" * 200
    assert merged(theirs, "y" * 100) == f"{theirs} [stops: {'y' * 39}…]"
    assert merged("x" * 240, "production halted") == "x" * 240
    assert merged("a [stops: b]", "") == "a"
    assert merged("[stops: b]", "c") == "[stops: c]"
    assert merged("about [stops: b] and more", "c") == "about [stops: b] and more [stops: c]"
