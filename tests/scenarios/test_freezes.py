"""Freezes and release windows: what waits says until when, and goes on by itself."""

from datetime import timedelta

import pytest

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.engine import catalogs
from integrations.catalog_file import CatalogError, parse_catalog
from tests.scenarios.conftest import Given
from tests.scenarios.stopping import (
    EVENING,
    MARKET,
    approved,
    posts,
    record,
    standing,
    with_freezes,
    with_windows,
)
from tests.tester import ANA, BEN, CATALOG, DAN, Bot


async def test_market_hours_wait_for_new_york_and_go_on_by_themselves(given: Given) -> None:
    bot = await given(catalog=with_freezes(MARKET))
    await approved(bot)
    release = await bot.until("blocked")
    assert release.reason is Reason.FROZEN
    card = bot.card()
    assert "◷ freeze production is frozen until 16:00 New York: market hours." in card
    assert "Not yet: a gate opens by itself later." in card
    await bot.passes(timedelta(hours=4, minutes=29))
    assert (await bot.release()).state is State.BLOCKED
    await bot.until("running")
    assert bot.world.clock.now().strftime("%H:%M") == "21:00"
    await bot.until("succeeded")


async def test_a_window_says_when_it_opens_and_the_release_goes_on_then(given: Given) -> None:
    bot = await given(catalog=with_windows(EVENING))
    await approved(bot)
    release = await bot.until("blocked")
    assert release.reason is Reason.OUTSIDE_WINDOW
    assert "◷ window evening: starts at 18:00 UTC." in bot.card()
    await bot.until("running")
    assert bot.world.clock.now().strftime("%H:%M") == "18:00"
    assert "✓ window evening is open until 20:00 UTC" not in bot.card()
    await bot.until("succeeded")


async def test_the_nearest_windows_count(given: Given) -> None:
    catalog = with_windows(
        EVENING,
        '{name: trading nights, when: "Mon-Fri 22:00-23:00 UTC", tiers: [trading]}',
        '{name: always, when: "Mon-Sun 00:00-24:00", services: [payments]}',
        '{name: elsewhere, when: "Mon-Fri 01:00-02:00 UTC", environments: [staging], '
        "services: [orders]}",
    )
    bot = await given(catalog=catalog)
    await bot.says("/release plan payments v2.1.0 prod")
    await bot.settles()
    assert "✓ window always is open" in bot.told()
    await bot.says("/release plan orders v2.1.0 prod")
    await bot.settles()
    assert "◷ window trading nights: starts at 22:00 UTC." in bot.told()


async def test_a_freeze_that_begins_cuts_no_switch_and_stops_the_next(given: Given) -> None:
    freeze = '{name: close, when: "Mon-Fri 16:31-17:30 UTC"}'
    bot = await given(catalog=with_freezes(freeze))
    await approved(bot)
    await bot.until(lambda release: release.progress.weight == 25)
    assert bot.world.clock.now().strftime("%H:%M") >= "16:31"
    await bot.until("succeeded")
    assert bot.live("orders") == "green"
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    assert "frozen until 17:30 UTC: close." in bot.card()


async def test_what_opens_after_its_time_can_be_let_wait(given: Given) -> None:
    bot = await given(catalog=with_freezes('{name: audit, when: "2026-03-01 .. 2026-03-08"}'))
    await approved(bot)
    release = await bot.until("blocked")
    assert release.expires_at is not None
    assert [b.label for b in bot.card_message().buttons()][:2] == ["Wait for it", "Retry"]
    await bot.clicks("Wait for it")
    release = await bot.until("blocked")
    assert "@ana lets it wait until" in bot.thread()
    assert release.opens_late is None
    await bot.passes(timedelta(days=3))
    assert (await bot.release()).state is State.BLOCKED
    await bot.passes(timedelta(days=2))
    assert (await bot.release()).state is State.SUCCEEDED
    assert await bot.votes(release.id) == 1


async def test_nobody_lets_it_wait_and_it_is_refused_in_the_end(given: Given) -> None:
    bot = await given(catalog=with_freezes('{name: audit, when: "2026-03-01 .. 2026-03-08"}'))
    await approved(bot)
    await bot.until("blocked")
    await bot.passes(timedelta(hours=9))
    assert (await bot.release()).reason is Reason.BLOCKED_TOO_LONG


async def test_a_freeze_by_command_and_its_end(bot: Bot) -> None:
    await bot.says("/release freeze prod board meeting --until 18:00 UTC", by=DAN)
    await bot.settles()
    assert "production is frozen until" in posts(bot)[-1]
    assert "by @dan: board meeting." in posts(bot)[-1]
    await approved(bot)
    await bot.until("blocked")
    assert "production is frozen until 18:00 UTC: board meeting (set by @dan)." in bot.card()
    await bot.says("/release unfreeze prod", by=BEN)
    await bot.settles()
    assert "@ben lifted of production: board meeting." in posts(bot)[-1]
    await bot.until("running")
    (entry,) = await record(bot, AuditTag.FREEZE_LIFTED)
    assert entry["of_another"] is True


async def test_a_freeze_may_begin_later(bot: Bot) -> None:
    await bot.says('/release freeze prod "close" --from 17:00 --until 18:00', by=DAN)
    await bot.says("/release plan payments v2.1.0 prod")
    await bot.settles()
    assert "frozen" not in bot.told()
    await bot.passes(timedelta(minutes=31))
    await bot.says("/release plan payments v2.1.0 prod")
    await bot.settles()
    assert "frozen until 18:00 UTC: close" in bot.told()


async def test_the_catalogues_freeze_is_lifted_only_where_it_says_so(given: Given) -> None:
    soft = MARKET.replace("}", ", unfreeze: true}")
    bot = await given(catalog=with_freezes(MARKET))
    await bot.says("/release unfreeze prod", by=DAN)
    assert "production is frozen by the catalogue (market hours), and that says nowhere" in (
        bot.told(DAN)
    )
    bot.app.catalog = parse_catalog(with_freezes(soft)).catalog
    await approved(bot)
    await bot.until("blocked")
    await bot.says("/release unfreeze prod", by=DAN)
    await bot.until("succeeded")
    assert bot.world.clock.now().hour < 21
    (entry,) = await record(bot, AuditTag.FREEZE_PASSED)
    assert entry["scope"] == "all market hours"
    # It was for this one stretch: the next day it freezes again.
    await bot.passes(timedelta(days=1))
    await bot.says("/release plan payments v2.1.0 prod")
    await bot.settles()
    assert "frozen until 16:00 New York: market hours" in bot.told()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("freeze prod why", "Say until when: "),
        ("freeze prod --until 18:00", "Say why: "),
        ("freeze prod why --until 18:00 --from 19:00", "That freeze ends before it begins: from"),
        ("freeze prod why --until 2028-01-01 10:00", "is more than a year away. Nothing was"),
        ("freeze prod why --until 18:00 Europe/Lundon", "Did you mean Europe/London?"),
        ("freeze prodd why --until 18:00", "Did you mean prod"),
        ("unfreeze prod", "production is not frozen. /release where production shows"),
    ],
)
async def test_bad_input_gets_a_sentence_and_stores_nothing(
    bot: Bot, words: str, sentence: str
) -> None:
    await bot.says(f"/release {words}", by=DAN)
    assert sentence in bot.told(DAN)
    assert await standing(bot) == []


async def test_who_may_freeze(bot: Bot) -> None:
    await bot.says('/release freeze prod "x" --until 18:00', by=ANA)
    assert "You can't freeze production: it takes responders or release managers." in bot.told()
    assert await standing(bot) == []


@pytest.mark.parametrize(
    ("freeze", "problem"),
    [
        ('{name: x, when: "2027-01-02 .. 2026-12-20"}', "it ends before it begins"),
        ('{name: x, when: "Mon-Fri 09:30-16:00 Mars/Olympus"}', "there is no time zone"),
        ("{name: x}", "say either when: TIMES or calendar: ADDRESS-OR-FILE"),
        ('{name: x, calendar: "http://a.example.com/x.ics"}', "must begin with https://"),
        ('{name: x, calendar: "https://a.example.com/x.ics"}', "a.example.com is not in"),
        ('{name: x, calendar: "https://u:p@a.example.com/x.ics"}', "no user, password or #part"),
        ('{name: x, calendar: "../x.ics"}', "is neither an https address nor an .ics file"),
        ("{name: x, calendar: /etc/x.ics}", "is neither an https address nor an .ics file"),
        (f"{MARKET}, {MARKET}", "market hours is there twice"),
        ('{name: x, wen: "12-20 .. 01-02"}', "there is no key wen. Did you mean when?"),
        ("{name: x, calendar: a.ics, zone: UTC}, {name: y, calendar: a.ics}", "another zone in x"),
    ],
)
def test_a_catalogue_with_bad_times_is_refused_with_its_place(freeze: str, problem: str) -> None:
    with pytest.raises(CatalogError) as caught:
        parse_catalog(with_freezes(freeze))
    assert problem in str(caught.value)
    assert "environments.production.freezes" in str(caught.value)


@pytest.mark.parametrize("key", ["tiers", "services", "environments"])
def test_a_window_names_what_there_is(key: str) -> None:
    with pytest.raises(CatalogError, match=f"there is no {key[:-1]} nothing"):
        parse_catalog(with_windows(EVENING.replace("}", f", {key}: [nothing]}}")))


async def test_a_freeze_that_is_moved_voids_no_approval(given: Given) -> None:
    bot = await given(catalog=with_freezes(MARKET))
    release_id = await approved(bot)
    before = await bot.until("blocked")
    later = MARKET.replace("16:00", "17:00")
    catalog = parse_catalog(with_freezes(later)).catalog
    bot.app.catalog = catalog
    await catalogs.take_over(bot.app.world, catalog)
    after = await bot.until(
        lambda release: (
            release.state is State.BLOCKED and "17:00 New York" in (release.detail or "")
        )
    )
    assert after.digest == before.digest
    assert await bot.votes(release_id) == 1


async def test_a_freeze_in_the_plan_and_in_status(given: Given) -> None:
    bot = await given(catalog=with_freezes(MARKET, '{name: year end, when: "12-20 .. 01-02"}'))
    await bot.says("/release status")
    await bot.settles()
    assert "! production: frozen by market hours until 16:00 New York." in bot.told()
    await bot.says("/release status payments prod")
    await bot.settles()
    assert "◷ freeze production is frozen until 16:00 New York: market hours." in bot.told()


async def test_without_stops_nothing_is_said_of_them(bot: Bot) -> None:
    assert "freezes" not in CATALOG
    await bot.says("/release plan payments v2.1.0 prod")
    await bot.settles()
    assert not any(word in bot.told() for word in ("freeze", "window", "lock", "halt"))


async def test_presses_of_an_old_wait_button_are_told(given: Given) -> None:
    bot = await given(catalog=with_freezes(MARKET))
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    release = await bot.release()
    await bot.presses_old("release:wait", release.id)
    assert f"{release.id} waits for approval, and waits for no time beyond its own." in bot.told()
