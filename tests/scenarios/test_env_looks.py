"""What a look at environments costs, whom it waits for, and what a refusal of one source hides."""

import asyncio
from pathlib import Path

import pytest

from bot.engine.surveys import MOST_REPOSITORIES, Surveyor
from bot.errors import ForbiddenError
from integrations.simulated.kubernetes.namespaces import seed_passing
from integrations.simulated.server import Fault
from tests.scenarios.environments import WITH_REPORT, day, local, reports, seen, strike, without
from tests.tester import Bot, World, parsed


@pytest.fixture
def bot(reporting: Bot) -> Bot:
    return reporting


async def test_who_waited_for_a_look_takes_it_though_a_source_was_silent(bot: Bot) -> None:
    bot.world.github.fail(Fault("status", path=r"/(branches|pulls|tags)", times=None))
    surveyor, journal = Surveyor(bot.app.world), bot.world.github.journal
    assert not (await surveyor.whole()).whole
    one = len(journal)
    found = await asyncio.gather(*(surveyor.whole() for _ in range(3)))
    assert len(journal) == 2 * one
    assert not any(survey.whole for survey in found)
    bot.world.github.heal()
    assert (await surveyor.whole()).whole


async def test_a_zone_that_is_moved_makes_no_second_report_that_day(bot: Bot) -> None:
    await strike(bot, local(4, 9, 0))
    moved = WITH_REPORT.replace('"09:00"', '"16:00"').replace("America/New_York", "Europe/Berlin")
    bot.app.catalog = parsed(moved).catalog
    await strike(bot, local(4, 10, 0))
    assert len(reports(bot)) == 1
    await strike(bot, local(5, 10, 0))
    assert len(reports(bot)) == 2


async def test_a_cluster_that_refuses_keeps_nobody_from_the_others(
    world: World, database: str, tmp_path: Path
) -> None:
    seed_passing(
        world.kubernetes.cluster, "pr-9-two", age=day(1), labels={"release-bot/owner": "ana"}
    )
    two = WITH_REPORT.replace("clusters: [main]", "clusters: [main, other]")
    wrap = without("other", ForbiddenError)
    bot = await Bot(world, database, tmp_path, catalog=two, wrap=wrap).start()
    await bot.says("/env extend pr-9-two 3d")
    assert "pr-9-two is extended until" in bot.told()
    await bot.finish()


async def test_a_number_or_a_beginning_may_follow_its_cluster(bot: Bot) -> None:
    await bot.says("/env extend MAIN/#3 1d")
    assert "pr-3-idle is extended until" in bot.told()
    await bot.says("/env extend main/pr-1 1d")
    assert "pr-1-login is extended until" in bot.told()
    await bot.says("/env extend other/3 1d")
    assert 'There is no environment "other/3".' in bot.told()


async def test_marks_that_invent_repositories_cost_no_more_than_so_many(bot: Bot) -> None:
    cluster, more = bot.world.kubernetes.cluster, 20
    for number in range(MOST_REPOSITORIES + more):
        seed_passing(cluster, f"pr-{number + 100}-x", age=day(1),
                     annotations={"release-bot/repository": f"a/r{number}"})  # fmt: skip
    await strike(bot, local(4, 9, 0))
    asked = {entry.path.split("/branches")[0] for entry in bot.world.github.journal
             if "/branches" in entry.path}  # fmt: skip
    assert len(asked) == MOST_REPOSITORIES
    # Most environments name it, so that it is read whatever else is named.
    assert "/repos/quantivista/platform" in asked
    text = seen(bot, reports(bot)[-1])
    assert "4 stale environments" in text
    assert text.count(f"{MOST_REPOSITORIES} are asked") <= 1
