"""The red handle: everything stops at a safe point, is listed, and goes on when it is let go."""

from datetime import timedelta

import pytest

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from integrations.simulated.kubernetes import Behaviour, seeding
from tests.scenarios.conftest import Given
from tests.scenarios.stopping import approved, post_with, posts, presses, record, standing
from tests.scenarios.test_pausing import HOLDING
from tests.tester import ANA, BEN, CHANNEL, CY, DAN, EVE, Bot

SLOW = HOLDING.replace(", hold_at: [10]", "").replace("bake: 1m", "bake: 10m")


def at_ten(release: Release) -> bool:
    return release.progress.weight == 10


async def test_the_handle_stops_it_between_two_weights_and_lets_it_go_on(given: Given) -> None:
    bot = await given(catalog=SLOW)
    release_id = await approved(bot)
    await bot.until(at_ten)
    await bot.passes(timedelta(minutes=4))
    await bot.says('/release halt prod "prices are wrong"', by=DAN)
    await bot.settles()
    release = await bot.release()
    assert (release.state, release.reason) == (State.PAUSED, Reason.HALTED)
    told = posts(bot)[-1]
    assert "! @dan halted production: prices are wrong." in told
    assert f"1 release in flight:\n• orders 2.0.5 → 2.1.0 · production · {release_id}, 10 %" in told
    assert "! Halted by @dan. Now: 3 of 3 pods ready." in bot.card()
    assert [b.label for b in bot.card_message().buttons()] == ["Roll back", "⋯ Details"]
    await bot.passes(timedelta(hours=3))
    assert (await bot.release()).reason is Reason.HALTED
    assert (await bot.release()).progress.weight == 10
    await presses(bot, "Let go", by=CY)
    assert (
        f"@cy let go of production (halted by @dan), halted since 16:34. {release_id} goes"
        in (posts(bot)[-1])
    )
    let_go = bot.world.clock.now()
    await bot.until(lambda r: r.progress.weight == 50)
    # Four of its ten minutes were over when it was halted.
    assert bot.world.clock.now() - let_go < timedelta(minutes=7)
    await bot.until("succeeded")
    (set_,) = await record(bot, AuditTag.HALT_SET)
    assert set_["in_flight"] == f"{release_id}:10%"
    assert len(await record(bot, AuditTag.RELEASE_HALTED)) == 1
    assert [e["goes_on"] for e in await record(bot, AuditTag.HALT_LIFTED)] == [release_id]


async def test_a_shift_that_was_begun_is_finished_first(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    release = await bot.until(lambda r: r.state is State.RUNNING)
    cluster = bot.world.kubernetes.cluster
    while not _begun(bot):
        await bot.step()
    await bot.says("/release halt prod", by=DAN)
    release = await bot.until(lambda r: r.reason is Reason.HALTED)
    shares = seeding.weights(cluster, "production", "orders")
    assert shares == {"blue": 90, "green": 10}
    assert release.progress.weight == 10
    assert len(bot.traffic_changes()) == 1


def _begun(bot: Bot) -> bool:
    return len(bot.traffic_changes()) == 1


async def test_what_is_bad_goes_back_in_a_halt_too(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    await bot.until(at_ten)
    await bot.says("/release halt prod", by=DAN)
    assert (await bot.release()).reason is Reason.HALTED
    bot.world.kubernetes.cluster.behaves(r"orders:v2\.1\.0$", Behaviour("crashes"))
    release = await bot.until("rolled_back")
    assert release.reason is Reason.PODS_CRASH
    assert bot.live("orders") == "blue"
    (entry,) = await record(bot, AuditTag.STOP_PASSED)
    assert entry["halt"] == "failed: halted"
    assert str(entry["stops"]).startswith("halt-")


async def test_a_person_rolls_back_in_a_halt(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    await bot.until(at_ten)
    await bot.says("/release halt", by=DAN)
    await bot.clicks("Roll back", by=ANA)
    assert (await bot.until("rolled_back")).reason is Reason.ROLLED_BACK_BY_PERSON
    assert len(await record(bot, AuditTag.STOP_PASSED)) == 1


async def test_nobody_goes_on_while_it_stands(given: Given) -> None:
    bot = await given(catalog=SLOW)
    release_id = await approved(bot)
    await bot.until(at_ten)
    await bot.says("/release halt prod why", by=DAN)
    for verb in ("resume", "promote"):
        await bot.says(f"/release {verb} {release_id}", by=BEN)
        assert f"You can't {verb} {release_id}: @dan halted production (why)." in bot.told(BEN)
    assert (await bot.release()).reason is Reason.HALTED


async def test_nobodys_silence_promotes_while_it_stands(given: Given) -> None:
    policy = "high: 0}, analysis: {then: go-on, pause: 10m}"
    catalog = HOLDING.replace("high: 0}", policy, 1)
    bot = await given(catalog=catalog)
    await approved(bot)
    paused = await bot.until("paused")
    assert paused.reason is Reason.AWAITS_PROMOTION
    await bot.says("/release halt prod", by=DAN)
    await bot.passes(timedelta(hours=2))
    still = await bot.release()
    assert (still.state, still.reason) == (State.PAUSED, Reason.AWAITS_PROMOTION)
    assert still.progress.weight == 10
    await bot.says("/release halt prod --off", by=DAN)
    # What a person had been asked is asked still, and its time runs again.
    assert (await bot.release()).reason is Reason.AWAITS_PROMOTION
    await bot.until("succeeded")


async def test_a_persons_own_pause_outlives_the_halt(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    await bot.until(at_ten)
    await bot.clicks("Pause", by=BEN)
    await bot.says("/release halt prod", by=DAN)
    await bot.says("/release halt prod --off", by=DAN)
    release = await bot.release()
    assert (release.state, release.reason) == (State.PAUSED, Reason.PAUSED_BY_PERSON)


async def test_new_releases_are_blocked_and_go_on_when_it_is_let_go(bot: Bot) -> None:
    await bot.says('/release halt "all hands"', by=DAN)
    await bot.settles()
    assert "@dan halted every environment: all hands." in posts(bot)[-1]
    assert "Nothing was in flight." in posts(bot)[-1]
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("blocked")
    assert release.reason is Reason.HALTED
    assert "✗ halt @dan halted everything: all hands." in bot.card()
    await bot.says("/release halt prod --off", by=DAN)
    assert "@dan halted everything. Say /release halt --off." in bot.told(DAN)
    await presses(bot, "Let go", by=DAN)
    await bot.until("awaiting_approval")


async def test_one_halt_more_is_one_halt_more(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    await bot.until(at_ten)
    await bot.says("/release halt prod", by=DAN)
    await bot.says("/release halt", by=DAN)
    await bot.says("/release halt prod again", by=CY)
    assert "production is halted already, by @dan at 16:" in bot.told(CY)
    await bot.says("/release halt prod --off", by=DAN)
    assert (await bot.release()).reason is Reason.HALTED
    await bot.says("/release halt --off", by=DAN)
    await bot.until("succeeded")


async def test_an_old_button_says_so(bot: Bot) -> None:
    await bot.says("/release halt prod", by=DAN)
    await bot.settles()
    message = post_with(bot, "Let go")
    await presses(bot, "Let go", by=DAN)
    button = next(b for b in message.buttons() if b.label == "Let go")
    await bot.world.slack.app.click(CY, CHANNEL, message.ts, button.action_id, button.value)
    await bot.works()
    assert "Nothing halts production: it was let go already." in bot.told(CY)


@pytest.mark.parametrize("words", ["halt prod", "halt", "halt prod --off"])
async def test_who_may_pull_it(bot: Bot, words: str) -> None:
    await bot.says(f"/release {words}", by=ANA)
    assert "it takes responders or release managers." in bot.told()
    assert await standing(bot) == []


async def test_a_guest_may_not(bot: Bot) -> None:
    await bot.says("/release halt prod", by=EVE)
    assert "You can't halt production" in bot.told(EVE)


async def test_a_halt_survives_a_crash(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    await bot.until(at_ten)
    await bot.says("/release halt prod", by=DAN)
    await bot.crashes_and_restarts()
    await bot.passes(timedelta(hours=1))
    assert (await bot.release()).reason is Reason.HALTED
    await bot.says("/release halt prod --off", by=DAN)
    await bot.until("succeeded")


async def test_queued_and_blocked_ones_do_not_start(bot: Bot) -> None:
    await bot.says("/release lock payments prod later --until 17:00", by=BEN)
    await approved(bot, "/release payments v2.1.0 prod")
    await bot.until("blocked")
    await bot.says("/release halt prod", by=DAN)
    await bot.passes(timedelta(hours=1))
    release = await bot.release()
    assert (release.state, release.reason) == (State.BLOCKED, Reason.HALTED)
    await bot.says("/release halt prod --off", by=DAN)
    await bot.until("succeeded")


async def test_another_environment_goes_on(bot: Bot) -> None:
    await bot.says("/release halt staging", by=DAN)
    await approved(bot)
    await bot.until("succeeded")
