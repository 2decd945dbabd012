"""`/release where`: what can be released now, what is in the way, and what clears it."""

# ruff: noqa: E501 - snapshots are as long as what people read

import asyncio
from dataclasses import replace
from datetime import timedelta

from inline_snapshot import snapshot
from structlog.testing import capture_logs

from bot.domain.audit import AuditTag
from tests.scenarios.conftest import Given
from tests.scenarios.stopping import (
    EVENING,
    MARKET,
    POLICY,
    approved,
    record,
    with_freezes,
    with_windows,
)
from tests.scenarios.test_halt import SLOW, at_ten
from tests.tester import BEN, CATALOG, DAN, QUICK, Bot


async def where(bot: Bot, environment: str = "prod") -> str:
    await bot.says(f"/release where {environment}")
    await bot.settles()
    told = bot.told()
    for found in await bot.all_releases():
        told = told.replace(found.id, "rel-xxxx")
    return told


async def test_nothing_in_the_way(bot: Bot) -> None:
    assert await where(bot) == snapshot("production: ✓ each of its 3 services can be released now.")


async def test_all_that_can_be_in_the_way(given: Given) -> None:
    windows = POLICY.replace("high: 0}", f"high: 0}}, windows: [{EVENING}]")
    catalog = with_freezes(
        MARKET,
        '{name: year end, when: "12-20 .. 01-02"}',
        '{name: review, when: "Thu 10:00-11:00 Europe/London"}',
        catalog=CATALOG.replace(POLICY, windows),
    )
    bot = await given(catalog=catalog)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.says('/release lock config prod "the bank migrates" --until 20:00', by=BEN)
    await bot.passes(timedelta(seconds=1))
    await bot.says('/release lock trading prod "look twice" --warn', by=DAN)
    await bot.says('/release freeze prod "board meeting" --until 22:00', by=DAN)
    await bot.says('/release halt prod "prices are wrong"', by=DAN)
    told = await where(bot)
    ids = [word.strip("`") for word in told.split() if word.startswith("lock-")]
    for number, lock in enumerate(ids):
        told = told.replace(lock, f"lock-{number}")
    assert told == snapshot("""\
production: ✗ nothing can be released now.
! halt @dan halted at 16:30: prices are wrong. Let go, or /release halt production --off.
◷ freeze market hours, by the catalogue, since 09:30 New York, until 16:00 New York. It ends by itself.
◷ freeze @dan froze it at 16:30, until 22:00: board meeting. /release unfreeze production lifts it.
◷ window evening: starts at 18:00 UTC. It opens by itself.
! lock config: @ben holds it locked since 16:30, until 20:00: the bank migrates. /release unlock lock-0 lifts it.
! lock trading: @dan warns since 16:30: look twice. /release unlock lock-1 lifts it.
Next freeze: review at Thu 10:00 London.
payments 2.0.5 → 2.1.0 · production · rel-xxxx: ✗ Not yet: 1 of 11 gates says no. Asked by @ana at 16:30. It waits until 00:30. @dan halted production: prices are wrong.
[1] Let go\
""")


async def test_what_was_taken_back_and_what_is_under_way(given: Given) -> None:
    bot = await given(catalog=SLOW)
    await approved(bot)
    await bot.until(at_ten)
    assert await where(bot) == snapshot("""\
production: ✓ 2 of 3 services can be released now: config, payments.
orders 2.0.5 → 2.1.0 · production · rel-xxxx: 10 % on green: 3 of 3 pods ready.\
""")
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back")
    assert await where(bot) == snapshot("""\
production: ✓ 2 of 3 services can be released now: config, payments.
! held back orders since rel-xxxx was rolled back by @dan at 16:30: 2.1.0 was taken back. Press Cause is mended on rel-xxxx.
[1] Cause is mended\
""")


async def test_some_can_be_released_and_some_not(given: Given) -> None:
    bot = await given(catalog=with_windows(EVENING.replace("}", ", services: [orders]}")))
    assert await where(bot) == snapshot("""\
production: ✓ 2 of 3 services can be released now: config, payments.
◷ window evening for orders: starts at 18:00 UTC. It opens by itself.\
""")


async def test_a_word_that_is_no_environment(bot: Bot) -> None:
    await bot.says("/release where payments")
    assert 'There is no environment "payments".' in bot.told()
    await bot.says("/release where")
    assert "Say /release where ENVIRONMENT." in bot.told()


async def test_a_catalogue_may_not_take_away_what_releases_are_under_way_in(
    given: Given,
) -> None:
    bot = await given(catalog=SLOW, limits=replace(QUICK, catalog=0.05))
    release_id = await approved(bot)
    await bot.until(at_ten)
    head, _, tail = SLOW.partition("  production:\n")
    without = head + tail[tail.index("defaults:") :]
    # At a start too: the last good one stays.
    bot.catalog = without
    with capture_logs() as logs:
        await bot.crashes_and_restarts()
    (told,) = [str(log["problems"]) for log in logs if log["event"] == "catalog_refused"]
    assert f"takes away orders in production, and {release_id} is under way there." in told
    assert "production" in bot.app.catalog.environments
    path = bot.folder / "catalog.yaml"
    path.write_text(without)
    bot.app.watch_catalog(path)
    await asyncio.sleep(0.5)
    assert "production" in bot.app.catalog.environments
    # The words are kept beside the chain; the log has them.
    assert len(await record(bot, AuditTag.CATALOG_REFUSED)) == 2
    await bot.clicks("Roll back")
    await bot.until("rolled_back")
    async with asyncio.timeout(20):
        # A file rings no bell.
        while "production" in bot.app.catalog.environments:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
