"""The report on stale environments by the clock: once, in time, and what it says of silence."""

# ruff: noqa: E501 - snapshots are as long as what people read

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from bot.domain.audit import AuditTag
from bot.engine.reporting import report_if_due
from bot.engine.schedule import housekeeping
from bot.store import ledger, namespaces
from bot.store.session import Store
from integrations.scheduler import Scheduler
from integrations.simulated.server import Fault
from tests.conftest import fresh_database
from tests.scenarios.environments import (
    WITH_REPORT,
    day,
    local,
    record,
    reports,
    seed_environments,
    seen,
    strike,
)
from tests.tester import ANA, DAN, REPO, Bot, World, parsed


@pytest.fixture
def bot(reporting: Bot) -> Bot:
    return reporting


async def test_the_report_at_nine(bot: Bot) -> None:
    await strike(bot, local(4, 8, 59))
    assert reports(bot) == []
    await strike(bot, local(4, 9, 0))
    (message,) = reports(bot)
    assert seen(bot, message) == snapshot("""\
4 stale environments, 2 owners, oldest 41 days.
@ana · 2 stale
pr-1-login · 41 days · expired 3 Mar 13:30
pr-3-idle · 30 days · not deployed since 12 Feb 13:30
No owner · 1 stale
pr-5-old · 12 days · its branch old is gone
@dan · 1 stale
pr-2-charts · 9 days · charts was merged 13:30
Extend gives 3d more, Not stale leaves it out for 14d. All environments: /env list.
[1] Extend  [2] Not stale  [3] Extend  [4] Not stale  [5] Extend  [6] Not stale  [7] Extend  [8] Not stale\
""")
    await strike(bot, local(4, 9, 1))
    await strike(bot, local(4, 10, 30))
    assert len(reports(bot)) == 1
    await strike(bot, local(5, 9, 0))
    assert len(reports(bot)) == 2
    assert await record(bot, AuditTag.REPORT_POSTED) == 2


async def test_there_is_none_on_a_saturday_and_one_on_the_monday_after(bot: Bot) -> None:
    for weekend in (7, 8):
        await strike(bot, local(weekend, 9, 0))
    assert reports(bot) == []
    await strike(bot, local(9, 9, 0))
    assert len(reports(bot)) == 1


async def test_a_missed_hour_still_runs_and_a_later_one_does_not(bot: Bot) -> None:
    await strike(bot, local(4, 10, 0))
    assert reports(bot) == []
    await strike(bot, local(5, 9, 59))
    assert len(reports(bot)) == 1


async def test_nine_is_nine_in_new_york_before_and_after_the_change(bot: Bot) -> None:
    # Clocks go forward on Sunday, 8 March 2026: nine is 14:00 UTC before it and 13:00 after.
    await strike(bot, datetime(2026, 3, 6, 13, 0, tzinfo=UTC))
    assert reports(bot) == []
    await strike(bot, datetime(2026, 3, 6, 14, 0, tzinfo=UTC))
    assert len(reports(bot)) == 1
    await strike(bot, datetime(2026, 3, 9, 13, 0, tzinfo=UTC))
    assert len(reports(bot)) == 2
    await strike(bot, datetime(2026, 3, 9, 14, 0, tzinfo=UTC))
    assert len(reports(bot)) == 2


async def test_the_clock_asks_each_minute(bot: Bot) -> None:
    scheduler = Scheduler()
    scheduler.start(housekeeping(bot.app.world))
    assert scheduler._scheduler is not None
    job = scheduler._scheduler.get_job("report")
    soon = job.next_run_time - bot.world.clock.real()
    scheduler.stop()
    assert timedelta(0) < soon <= timedelta(minutes=1)


async def test_a_database_that_is_silent_leaves_the_report_to_the_next_minute(bot: Bot) -> None:
    await bot.world.clock.advance_to(local(4, 9, 0))
    gone = dataclasses.replace(bot.app.world, store=Store("postgresql://127.0.0.1:9/none"))
    for name, _, run in housekeeping(gone):
        if name == "report":
            await run()
    await gone.store.close()
    await strike(bot, local(4, 9, 1))
    assert len(reports(bot)) == 1


async def test_a_crash_before_the_message_is_sent_loses_nothing(bot: Bot) -> None:
    await bot.world.clock.advance_to(local(4, 9, 0))
    fault = bot.world.slack.fail(Fault("drop_before", path="chat.postMessage", times=None))
    await strike(bot, local(4, 9, 0))
    assert reports(bot) == []
    await bot.crashes_and_restarts()
    fault.times = 0
    await strike(bot, local(4, 9, 1))
    await bot.settles(120)
    assert len(reports(bot)) == 1


async def test_two_replicas_at_once_report_once(
    world: World, postgres: Any, tmp_path: Path
) -> None:
    world.clock.moment = local(4, 8, 30)
    seed_environments(world)
    database, pair = fresh_database(postgres), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = Bot(world, database, tmp_path / name, catalog=WITH_REPORT)
        pair.append(await made.start())
    await world.clock.advance_to(local(4, 9, 0))
    did = await asyncio.gather(*(report_if_due(bot.app.world) for bot in pair))
    assert sorted(did) == [False, True]
    for bot in pair:
        await bot.settles()
    assert len(reports(pair[0])) == 1
    assert await record(pair[0], AuditTag.REPORT_POSTED) == 1
    for bot in pair:
        await bot.finish()


async def test_an_hour_that_is_moved_makes_no_second_report_that_day(bot: Bot) -> None:
    await strike(bot, local(4, 9, 0))
    bot.app.catalog = parsed(WITH_REPORT.replace('"09:00"', '"11:00"')).catalog
    await strike(bot, local(4, 11, 0))
    assert len(reports(bot)) == 1
    await strike(bot, local(5, 11, 0))
    assert len(reports(bot)) == 2


async def test_a_silent_code_host_is_waited_for_and_then_named(bot: Bot) -> None:
    bot.world.github.fail(Fault("status", path=r"/(branches|pulls)", times=None))
    await strike(bot, local(4, 9, 0))
    assert reports(bot) == []
    await strike(bot, local(4, 9, 10))
    (message,) = reports(bot)
    text = seen(bot, message)
    assert "2 stale environments" in text
    assert "GitHub answered 503" in text
    assert "3 environments may be stale for all that is known." in text
    assert "pr-2-charts" not in text


async def test_a_cluster_that_is_silent_has_no_stale_environments(bot: Bot) -> None:
    bot.world.kubernetes.fail(Fault("status", path=r"/api/v1/namespaces\?", times=None))
    await strike(bot, local(4, 9, 10))
    text = seen(bot, reports(bot)[-1])
    assert "No environment is known to be stale." in text
    assert "Kubernetes (main) answered 503" in text


async def test_it_is_silent_for_a_minute_and_the_report_is_whole(bot: Bot) -> None:
    fault = bot.world.kubernetes.fail(Fault("status", path="/deployments", times=None))
    await strike(bot, local(4, 9, 0))
    fault.times = 0
    await strike(bot, local(4, 9, 1))
    (message,) = reports(bot)
    assert "4 stale environments" in seen(bot, message)
    assert "known" not in seen(bot, message)


async def test_nothing_to_report_is_one_line_for_who_asked_and_none_by_the_clock(
    bot: Bot,
) -> None:
    for name, by in (("pr-1-login", ANA), ("pr-2-charts", DAN), ("pr-3-idle", ANA),
                     ("pr-5-old", DAN)):  # fmt: skip
        await bot.says(f"/env keep {name}", by=by)
    await strike(bot, local(4, 9, 0))
    assert reports(bot) == []
    assert await record(bot, AuditTag.REPORT_POSTED) == 1
    await bot.says("/env report")
    assert bot.told() == snapshot(
        "No environment is stale and no service falls behind. 5 environments looked at."
    )


async def test_what_was_said_is_swept_when_it_is_long_over(bot: Bot) -> None:
    await bot.says("/env extend pr-1-login 1d")
    await bot.says("/env keep pr-2-charts", by=DAN)
    for wait, left in ((20, 2), (12, 1), (20, 0)):
        await bot.world.clock.advance_to(bot.world.clock.now() + day(wait))
        await next(run for name, _, run in housekeeping(bot.app.world) if name == "sweep")()
        async with bot.app.store.read() as session:
            assert len(await namespaces.all_said(session)) == left


async def test_services_that_fall_behind(bot: Bot) -> None:
    world, now = bot.world, bot.world.clock.now()
    for tag in ("v2.2.0", "v2.3.0"):
        world.github.seed_release(REPO, tag)
    stays = (
        ("payments", "production", "v2.0.5", day(30), None),
        ("payments", "staging", "v2.3.0", day(1), None),
        ("orders", "staging", "v2.1.0", day(20), None),
        ("orders", "production", "v2.0.5", day(40), None),
        ("config", "staging", "v1.9.0", day(3), None),
    )
    async with bot.app.store.write() as session:
        for service, environment, version, age, slot in stays:
            entry = ledger.Entry(
                service=service, environment=environment, version=version, slot=slot,
                since=now - age, source="observed",
            )  # fmt: skip
            await ledger.replace(session, entry, ended_by="release")
    world.kubernetes.cluster.deploy("production", "config-blue", "quantivista/config:by-hand")
    world.kubernetes.cluster.deploy("production", "config-green", "quantivista/config:by-hand")
    await bot.says("/env list services")
    assert bot.told() == snapshot("""\
3 services fall behind.
• config · production runs quantivista/config:by-hand, which no tag has
• payments · staging 2.3.0 is ahead of production 2.0.5 by 3 versions, since 3 Mar 13:30
• orders · staging 2.1.0 is ahead of production 2.0.5 by 1 version, since 12 Feb 13:30\
""")
    await strike(bot, local(4, 9, 0))
    assert "3 services fall behind." in seen(bot, reports(bot)[-1])
