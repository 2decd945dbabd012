"""What people type: one sentence back, the nearest right word, and nothing stored."""

import asyncio

import pytest

from bot.store import audit
from tests.tester import ANA, BEN, CHANNEL, CY, EVE, Bot

REFUSALS = {
    "/release paymets v2.1.0 prod": 'There is no service "paymets". Did you mean payments?',
    "/release payments v2.1.0 prd": 'There is no environment "prd". Did you mean prod?',
    "/release payments latest prod": '"latest" is not a version such as v2.1.0.',
    "/release payments v2.1.0": "Some words are missing. Say /release SERVICE",
    "/release payments v2.1.0 prod now please": "That has too many words.",
    "/release payments v2.1.0 prod --stratgy canary": "Did you mean --strategy?",
    "/release payments v2.1.0 prod --strategy canry": "Did you mean canary?",
    "/release payments v2.1.0 prod --strategy canary": "A canary needs a weight below 100",
    "/release payments v2.1.0 prod --emergency": "An emergency needs a reason.",
    "/release payments v2.1.0 prod --reason": "--reason needs a value.",
    "/release payments v2.1.0 prod --dry-run --dry-run": "--dry-run is there twice.",
    '/release payments v2.1.0 prod --reason "oops': "A quote was opened and not closed.",
    "/release statu": 'There is no verb "statu". Did you mean status?',
    "/release qqqqqq": '"qqqqqq" is neither a verb nor a service.',
    "/release train prod": "train isn't built yet.",
    "/release promote rel-2222": "There is no release rel-2222.",
    "/release cancel rel-2222": "There is no release rel-2222.",
    "/release cancel 7k3f": '"7k3f" is not a release id such as rel-7k3f.',
    "/release cancel": "Which release?",
    "/release help nonsense": 'There is no verb "nonsense".',
    "/release status payments v2": 'There is no environment "v2".',
    "/release rollback payments prod": "The bot has released nothing of payments in production",
}


@pytest.mark.parametrize("words", REFUSALS)
async def test_a_slip_gets_one_sentence_and_stores_nothing(bot: Bot, words: str) -> None:
    reply = await bot.says(words)
    assert reply.status == 200
    assert REFUSALS[words] in bot.told()
    assert await bot.all_releases() == []
    assert bot.world.slack.space.roots(CHANNEL) == []


async def test_phones_write_dashes_and_quotes_their_own_way(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod —reason “it’s urgent”")
    release = await bot.until("awaiting_approval")
    assert release.request.reason == "it's urgent"


async def test_a_version_without_v_finds_its_tag(bot: Bot) -> None:
    await bot.says("/release payments 2.1.0 prod")
    release = await bot.until("awaiting_approval")
    assert release.version == "v2.1.0"


async def test_dry_run_and_plan_show_everything_and_store_nothing(bot: Bot) -> None:
    for words in ("/release payments v2.1.0 prod --dry-run", "/release plan payments v2.1.0 prod"):
        await bot.says(words)
        told = bot.told()
        assert "payments 2.0.5 → 2.1.0 · production · plan only" in told
        assert "✓ Every gate lets it pass" in told
        assert "deploy to green · health · smoke · 100 %" in told
    assert await bot.all_releases() == []


async def test_help_lists_every_verb_and_explains_one(bot: Bot) -> None:
    await bot.says("/release help")
    for verb in ("approve", "rollback", "adopt", "status", "SERVICE VERSION ENVIRONMENT"):
        assert verb in bot.told()
    await bot.says("/release help adopt")
    assert "adopt SERVICE VERSION ENVIRONMENT" in bot.told()
    await bot.says("/release")
    assert "No environment is ever a default." in bot.told()


async def test_a_mention_in_the_thread_takes_the_same_words(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    card = bot.card_message()
    await bot.says("@releasebot status", by=BEN, thread=card.ts)
    assert "Waiting for a release manager" in bot.told(BEN)
    await bot.says("@releasebot cancel", by=ANA, thread=card.ts)
    assert (await bot.until("cancelled")).acted_by == ANA


async def test_who_may_not_hears_who_may(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod", by=CY)
    assert "You can't release payments to production: it takes owners. @ana, @ben can." in bot.told(
        CY
    )
    assert "no_right" in bot.told(CY)
    await bot.says("/release payments v2.1.0 prod", by=EVE)
    assert "You can't release payments" in bot.told(EVE)
    assert await bot.all_releases() == []


async def test_another_channel_is_refused(bot: Bot) -> None:
    bot.world.slack.add_channel("C0GEN", "general")
    await bot.world.slack.app.slash(ANA, "/release", "status", "C0GEN")
    await bot.works()
    assert "I answer in #releases only." in bot.told()


async def test_the_same_command_delivered_twice_is_one_release(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    app = bot.world.slack.app
    first = await app.again()
    second = await app.again(retry=1)
    assert (first.status, second.status) == (200, 200)
    await bot.until("awaiting_approval")
    assert len(await bot.all_releases()) == 1


async def test_forged_stale_and_odd_requests_are_refused(bot: Bot) -> None:
    app = bot.world.slack.app
    body, form = b"command=/release&text=status", "application/x-www-form-urlencoded"
    assert (await app.send(body, form, secret="wrong")).status == 401
    assert (await app.send(body, form, age=600)).status == 401
    for stamp, signature in (("soon", "v0=" + "0" * 64), ("1", "v0=é"), ("", "")):
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
        assert (await app._post(body, {"Content-Type": form, **headers})).status == 401
    assert (await app.send(b"x" * (2**20 + 1), form)).status == 413
    assert (await app.send(b"\xff\xfe", form)).status == 400
    assert (await app.send(b"payload=%7Bnot", form)).status in (200, 400)
    assert (await app.send(b"[]", "application/json")).status in (200, 400)
    assert (await app.send(b"", form)).status in (200, 400)


async def test_another_team_gets_a_sentence_and_nothing_is_stored(bot: Bot) -> None:
    app = bot.world.slack.app
    reply = await app.slash(ANA, "/release", "payments v2.1.0 prod", CHANNEL, team="T999")
    await bot.works()
    assert (reply.status, reply.text) == (200, "This bot serves another workspace.")
    assert await bot.all_releases() == []


async def test_commands_that_come_later_say_so(bot: Bot) -> None:
    await bot.says("/release train")
    assert "isn't built yet" in bot.told()


async def test_status_and_history_tell_what_is_and_was(bot: Bot) -> None:
    await bot.says("/release status")
    assert "Nothing is under way." in bot.told()
    await bot.says("/release status payments prod")
    assert "The cluster runs 2.0.5." in bot.told()
    await bot.says("/release history payments")
    assert "The bot has released nothing of payments yet." in bot.told()
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("awaiting_approval")
    await bot.says("/release status prod")
    assert "1 under way." in bot.told()
    await bot.says(f"/release status {release.id}")
    assert "Waiting for a release manager (0 of 1)" in bot.told()
    await bot.says("/release history prod")
    assert "payments 2.0.5 → 2.1.0" in bot.told()


async def test_details_show_the_record_and_the_way_out_by_hand(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("⋯ Details", by=BEN)
    told = bot.told(BEN)
    assert "kubectl --context main -n production patch httproute orders --type=json" in told
    assert "person:release:requested @ana" in told


async def test_the_catalogue_is_read_anew_and_a_broken_one_leaves_the_last_good(bot: Bot) -> None:
    path = bot.folder / "catalog.yaml"
    path.write_text(bot.catalog)
    bot.app.watch_catalog(path)
    good = bot.app.catalog
    await asyncio.sleep(0.5)
    path.write_text(bot.catalog.replace("tier: core", "teir: core", 1))
    assert await _noted(bot, "bot:catalog:refused")
    assert bot.app.catalog is good
    path.write_text(bot.catalog.replace("aliases: [prod]", "aliases: [prod, live]"))
    async with asyncio.timeout(20):
        # A file rings no bell.
        while "live" not in bot.app.catalog.environments["production"].aliases:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await bot.says("/release payments v2.1.0 live")
    assert (await bot.until("awaiting_approval")).environment == "production"


async def _noted(bot: Bot, tag: str) -> bool:
    async with asyncio.timeout(20):
        while True:
            async with bot.app.store.read() as session:
                if tag in [link.entry.tag async for link in audit.chain(session)]:
                    return True
            await asyncio.sleep(0.05)


async def test_another_command_of_the_app_is_told_which_there_are(bot: Bot) -> None:
    reply = await bot.world.slack.app.slash(ANA, "/relaese", "payments v2.1.0 prod", CHANNEL)
    assert reply.text == (
        "The bot has no command /relaese. It listens to `/release`, `/env` and `/scan`; "
        "`/release help` lists what they do."
    )
    assert await bot.all_releases() == []
