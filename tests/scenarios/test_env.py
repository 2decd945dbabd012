"""Environments that come and go: what people ask of them and say to them."""

# ruff: noqa: E501 - snapshots are as long as what people read

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from bot.domain.audit import AuditTag
from integrations.simulated.kubernetes.namespaces import seed_passing
from tests.scenarios.environments import (
    WITH_REPORT,
    day,
    local,
    press,
    record,
    reports,
    seen,
    strike,
    without,
)
from tests.tester import ANA, BEN, CHANNEL, DAN, EVE, Bot, World


@pytest.fixture
def bot(reporting: Bot) -> Bot:
    return reporting


async def test_extend_by_button_takes_it_out_of_the_report(bot: Bot) -> None:
    await strike(bot, local(4, 9, 0))
    told = await press(bot, "Extend", "pr-1-login")
    assert told == snapshot(
        "✓ pr-1-login is extended until 7 Mar 14:01. The report leaves it out until then."
    )
    await strike(bot, local(5, 9, 0))
    assert "pr-1-login" not in seen(bot, reports(bot)[-1])
    await strike(bot, local(9, 9, 0))
    assert "pr-1-login · 45 days · expired 7 Mar" in seen(bot, reports(bot)[-1])
    assert await record(bot, AuditTag.ENVIRONMENT_EXTENDED) == 1


async def test_the_second_to_press_hears_who_was_first(bot: Bot) -> None:
    await strike(bot, local(4, 9, 0))
    await press(bot, "Extend", "pr-1-login")
    told = await press(bot, "Not stale", "pr-1-login", by=DAN)
    assert told == snapshot("""\
That button is old: @ana said at 14:01 that pr-1-login stays until 7 Mar 14:01. /env extend pr-1-login 3d adds more.
button_old\
""")
    assert await record(bot, AuditTag.ENVIRONMENT_KEPT) == 0


async def test_not_stale_holds_for_a_while(bot: Bot) -> None:
    await strike(bot, local(4, 9, 0))
    told = await press(bot, "Not stale", "pr-2-charts", by=DAN)
    assert told == snapshot(
        "✓ pr-2-charts is not stale, on your word. The report leaves it out until 18 Mar 14:01."
    )
    await strike(bot, local(17, 9, 0))
    assert "pr-2-charts" not in seen(bot, reports(bot)[-1])
    await strike(bot, local(19, 9, 0))
    assert "charts was merged" in seen(bot, reports(bot)[-1])
    assert await record(bot, AuditTag.ENVIRONMENT_KEPT) == 1


async def test_extend_by_words_from_a_phone(bot: Bot) -> None:
    await bot.says("/env Extend *pr-1-login* 2 days")
    assert "pr-1-login is extended until 6 Mar 13:30" in bot.told()
    await bot.says("/release env extend pr-1-login 12h")
    assert "pr-1-login is extended until 7 Mar 01:30" in bot.told()
    await bot.says("/env extend pr-1-login 30d")
    assert bot.told() == snapshot("""\
That is too long: pr-1-login may run until 3 Apr 13:30 at the most, 30d from now. It has until 7 Mar 01:30 already. Say a shorter time.
too_long\
""")
    await bot.says("/env list")
    assert "pr-1-login · @ana · 41 days · until 7 Mar 01:30" in bot.told()


async def test_the_number_or_the_beginning_of_a_name_will_do(bot: Bot) -> None:
    seed_passing(bot.world.kubernetes.cluster, "pr-30-a", age=day(1))
    seed_passing(bot.world.kubernetes.cluster, "pr-30-b", age=day(1))
    await bot.says("/env extend pr-1 1d")
    assert "pr-1-login is extended until" in bot.told()
    await bot.says("/env extend #3 1d")
    assert "pr-3-idle is extended until" in bot.told()
    await bot.says("/env extend 30 1d")
    assert "30 may be pr-30-a or pr-30-b. Say which." in bot.told()


async def test_extend_in_the_thread_of_the_report(bot: Bot) -> None:
    await strike(bot, local(4, 9, 0))
    thread = reports(bot)[-1].ts
    await bot.says("env extend pr-1-login 1d", thread=thread)
    assert "pr-1-login is extended until 5 Mar 14:00" in bot.told()
    await bot.says("extend pr-1-login 1d", thread=thread)
    assert "Say /env extend …, or env extend … here." in bot.told()


async def test_who_has_no_right_hears_who_has(bot: Bot) -> None:
    await bot.says("/env extend pr-2-charts 3d", by=ANA)
    assert bot.told(ANA) == snapshot("""\
You can't extend pr-2-charts: it takes its owner or release managers or responders. @dan, @ben, @cy can.
no_right\
""")
    await bot.says("/env keep pr-5-old", by=EVE)
    assert "You can't say that pr-5-old is not stale" in bot.told(EVE)
    # A release manager by user group, and the owner by the login of the code host.
    await bot.says("/env extend pr-2-charts 3d", by=BEN)
    assert "pr-2-charts is extended until" in bot.told(BEN)
    await bot.says("/env extend pr-3-idle 3d", by=ANA)
    assert "pr-3-idle is extended until" in bot.told(ANA)


async def test_a_role_may_own_an_environment(world: World, database: str, tmp_path: Path) -> None:
    seed_passing(world.kubernetes.cluster, "pr-9-x", age=day(1),
                 labels={"release-bot/owner": "release-managers"})  # fmt: skip
    text = WITH_REPORT.replace("clusters: [main]", "clusters: [main], rights: [owners]")
    bot = await Bot(world, database, tmp_path, catalog=text).start()
    await bot.says("/env extend pr-9-x 3d", by=DAN)
    assert bot.told(DAN) == snapshot("""\
You can't extend pr-9-x: it takes its owner. @ben, @cy can.
no_right\
""")
    await bot.says("/env extend pr-9-x 3d", by=BEN)
    assert "pr-9-x is extended until" in bot.told(BEN)
    await bot.finish()


async def test_a_guest_has_no_right_whatever_a_mark_says(bot: Bot) -> None:
    seed_passing(bot.world.kubernetes.cluster, "pr-70-q", age=day(1),
                 labels={"release-bot/owner": EVE})  # fmt: skip
    await bot.says("/env extend pr-70-q 3d", by=EVE)
    assert bot.told(EVE) == snapshot("""\
You can't extend pr-70-q: guests and people from other workspaces have no rights here. @ben, @cy, @dan can.
no_right\
""")
    assert await record(bot, AuditTag.ENVIRONMENT_EXTENDED) == 0


async def test_a_button_is_about_the_very_environment_that_it_names(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    seed_passing(cluster, "pr-1", age=day(40), annotations={
        "release-bot/expires": (bot.world.clock.now() - day(1)).isoformat(),
    }, labels={"release-bot/branch": "one", "release-bot/owner": "ana"})  # fmt: skip
    await strike(bot, local(4, 9, 0))
    report = reports(bot)[-1]
    cluster.objects.remove("namespaces", "", "pr-1")
    told = await press(bot, "Extend", "pr-1", message=report)
    assert told == snapshot("""\
That button is old: pr-1 is gone.
button_old\
""")
    await bot.passes(timedelta(hours=1))
    seed_passing(cluster, "pr-1", age=timedelta(minutes=5),
                 labels={"release-bot/branch": "one", "release-bot/owner": "ana"})  # fmt: skip
    told = await press(bot, "Extend", "pr-1", message=report)
    assert told == snapshot("""\
That button is old: pr-1 was made anew at 14:56. /env extend pr-1 3d is about the new one.
button_old\
""")
    assert await record(bot, AuditTag.ENVIRONMENT_EXTENDED) == 0


async def test_an_extension_counts_from_the_later_end(bot: Bot) -> None:
    await bot.says("/env extend pr-1-login 1d")
    later = bot.world.clock.now() + day(10)
    seed_passing(bot.world.kubernetes.cluster, "pr-1-login", age=day(41), annotations={
        "release-bot/expires": later.isoformat(),
    }, labels={"release-bot/owner": "ana"})  # fmt: skip
    await bot.says("/env extend pr-1-login 1d")
    assert "pr-1-login is extended until 15 Mar 13:30" in bot.told()


async def test_what_can_be_no_name_asks_no_cluster(bot: Bot) -> None:
    await bot.says("/env list")
    asked = len(bot.world.kubernetes.journal)
    for name in ("=pr-2-charts", "pr-1,x", "a" * 200):
        await bot.says(f"/env keep {name}", by=DAN)
        assert f'There is no environment "{name[:100]}".' in bot.told(DAN)
    assert len(bot.world.kubernetes.journal) == asked


async def test_marks_that_anybody_may_write_break_nothing(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    marks = {
        "release-bot/expires": "9999-12-31T23:59:59-05:00",
        "release-bot/repository": "https://github.com/quantivista/platform",
        "release-bot/branch": "x" * 5000,
        "release-bot/owner": "x*\n✓ fine https://evil.example",
    }
    seed_passing(cluster, "pr-80-odd", age=day(50), annotations=marks)
    seed_passing(cluster, "pr-81-first", age=day(50), labels={"release-bot/owner": "UNKNOWN"},
                 annotations={"release-bot/expires": "0001-01-01T00:00:00+14:00"})  # fmt: skip
    await strike(bot, local(4, 9, 0))
    text = seen(bot, reports(bot)[-1])
    assert "pr-81-first · 50 days · expired" in text
    assert "UNKNOWN · 1 stale" in text
    await bot.says("/env list")
    assert "pr-80-odd · x ✓ fine https:evil.example · 50 days" in bot.told()
    await bot.says("/env extend pr-80-odd 3d", by=DAN)
    assert "That is too long" in bot.told(DAN)


async def test_a_repository_that_github_refuses_is_named_and_not_waited_for(bot: Bot) -> None:
    seed_passing(bot.world.kubernetes.cluster, "pr-90-x", age=day(1),
                 annotations={"release-bot/repository": "quantivista/nowhere"})  # fmt: skip
    await strike(bot, local(4, 9, 0))
    text = seen(bot, reports(bot)[-1])
    assert "quantivista/nowhere: GitHub has no such thing" in text
    await bot.says("/env list")
    asked = len(bot.world.github.journal)
    await bot.says("/env list")
    assert len(bot.world.github.journal) == asked


async def test_two_who_ask_at_once_share_a_look_and_services_are_remembered(bot: Bot) -> None:
    before = len(bot.world.github.journal)
    await bot.says("/env report")
    one = len(bot.world.github.journal) - before
    await bot.passes(timedelta(minutes=2))
    before = len(bot.world.github.journal)
    slack = bot.world.slack.app
    await asyncio.gather(*(slack.slash(by, "/env", "report", CHANNEL) for by in (ANA, BEN)))
    await bot.works()
    await bot.says("/env list services")
    await bot.says("/env report")
    assert len(bot.world.github.journal) - before == one


async def test_an_unknown_name_gets_the_nearest(bot: Bot) -> None:
    await bot.says("/env extend pr-1-logn 3d")
    assert 'There is no environment "pr-1-logn". Did you mean pr-1-login?' in bot.told()
    await bot.says("/env keep xyz")
    assert 'There is no environment "xyz". /env list lists them.' in bot.told()
    # The catalogue's own environments never come and go.
    await bot.says("/env extend production 3d")
    assert 'There is no environment "production".' in bot.told()


async def test_a_namespace_that_was_made_anew_owes_nothing_to_the_old_one(bot: Bot) -> None:
    await bot.says("/env keep pr-5-old", by=DAN)
    await bot.passes(timedelta(hours=1))
    cluster, ended = bot.world.kubernetes.cluster, bot.world.clock.now().isoformat()
    seed_passing(cluster, "pr-5-old", age=timedelta(minutes=5),
                 annotations={"release-bot/expires": ended})  # fmt: skip
    await bot.says("/env report")
    assert "pr-5-old · under an hour · expired" in bot.told()


async def test_a_report_that_was_asked_for_goes_to_who_asked(bot: Bot) -> None:
    await bot.says("/env report", by=BEN)
    assert reports(bot) == []
    assert "4 stale environments, 2 owners, oldest 41 days." in bot.told(BEN)


async def test_the_list_shows_all_in_pages(bot: Bot) -> None:
    await bot.says("/env list")
    assert bot.told() == snapshot("""\
5 environments, 4 of them stale.
• pr-1-login · @ana · 41 days · stale: expired 3 Mar 13:30
• pr-3-idle · @ana · 30 days · stale: not deployed since 12 Feb 13:30
• pr-5-old · No owner · 12 days · stale: its branch old is gone
• pr-2-charts · @dan · 9 days · stale: charts was merged 13:30
• pr-4-fresh · No owner · 1 day · in use\
""")
    for number in range(100, 130):
        seed_passing(bot.world.kubernetes.cluster, f"pr-{number}-x", age=day(number / 100))
    await bot.passes(timedelta(minutes=2))
    await bot.says("/env list 2")
    assert "Page 2 of 2." in bot.told()
    assert bot.told().count("•") == 15
    asked = len(bot.world.github.journal)
    await bot.says("/env list 1")
    assert "Next: /env list 2." in bot.told()
    assert len(bot.world.github.journal) == asked


async def test_a_cluster_or_a_name_in_two_of_them(
    world: World, database: str, tmp_path: Path
) -> None:
    seed_passing(
        world.kubernetes.cluster, "pr-9-two", age=day(1), labels={"release-bot/owner": "ana"}
    )
    two = WITH_REPORT.replace("clusters: [main]", "clusters: [main, other]")
    bot = await Bot(world, database, tmp_path, catalog=two).start()
    world.kubernetes.kubeconfig(tmp_path / "kubeconfig", ["main", "other"])
    await bot.says("/env extend pr-9-two 3d")
    assert "pr-9-two may be main/pr-9-two or other/pr-9-two. Say which." in bot.told()
    await bot.says("/env extend other/pr-9-two 3d")
    assert "other/pr-9-two is extended until" in bot.told()
    await bot.says("/env list")
    assert "main/pr-9-two · @ana · 1 day · stale: its branch two is gone" in bot.told()
    await bot.finish()


async def test_a_cluster_that_is_away_keeps_nobody_from_the_others(
    world: World, database: str, tmp_path: Path
) -> None:
    seed_passing(
        world.kubernetes.cluster, "pr-9-two", age=day(1), labels={"release-bot/owner": "ana"}
    )
    two = WITH_REPORT.replace("clusters: [main]", "clusters: [main, Away]")
    bot = await Bot(world, database, tmp_path, catalog=two, wrap=without("Away")).start()
    await bot.says("/env extend pr-9-two 3d")
    assert "pr-9-two is extended until" in bot.told()
    await bot.says("/env extend MAIN/pr-9-two 1d")
    assert "pr-9-two is extended until" in bot.told()
    await bot.says("/env extend away/pr-9-two 1d")
    assert "Kubernetes (Away) didn't answer" in bot.told()
    await bot.finish()


async def test_without_the_part_in_the_catalogue_it_says_so(
    world: World, database: str, tmp_path: Path
) -> None:
    bot = await Bot(world, database, tmp_path).start()
    await bot.says("/env list")
    assert "The catalogue has no part ephemeral" in bot.told()
    await bot.says("/env extend pr-1 3d")
    assert "The catalogue has no part ephemeral" in bot.told()
    await bot.says("/env report")
    assert "No environment is stale and no service falls behind." in bot.told()
    await strike(bot, local(5, 9, 0))
    assert reports(bot) == []
    await bot.finish()
