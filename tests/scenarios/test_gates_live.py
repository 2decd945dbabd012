"""The gates on a living world: order, promotion, checks, scans, another release under way."""

from datetime import timedelta

import pytest

from integrations.simulated.kubernetes import seeding
from integrations.simulated.server import Fault
from tests.tester import ANA, BEN, CHANNEL, CY, REPO, Bot


async def blocked(bot: Bot, words: str = "/release payments v2.1.0 prod") -> str:
    await bot.says(words)
    await bot.until("blocked")
    return bot.card()


async def test_a_dependency_that_is_too_old_says_what_to_release_first(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    cluster.deploy("production", "config-blue", "quantivista/config:v1.2.0")
    card = await blocked(bot)
    assert "config in production is 1.2.0, and payments 2.1.0 needs >=1.9 <3." in card
    assert "Release it first: /release config v1.9.0 production." in card


async def test_a_dependent_that_would_break_is_named(bot: Bot) -> None:
    github, cluster = bot.world.github, bot.world.kubernetes.cluster
    github.seed_release(REPO, "v3.0.0", checks=("unit-tests", "e2e"))
    cluster.deploy("staging", "config-blue", "quantivista/config:v3.0.0")
    cluster.age("staging", "config-blue", 7200)
    card = await blocked(bot, "/release config v3.0.0 prod")
    assert "needs config >=1.9 <3; 3.0.0 would break it." in card


async def test_never_in_staging(bot: Bot) -> None:
    bot.world.github.seed_release(REPO, "v2.2.0", checks=("unit-tests", "e2e"))
    card = await blocked(bot, "/release payments v2.2.0 prod")
    assert "2.2.0 was never live in staging; 2.1.0 runs there." in card
    assert "/release payments v2.2.0 staging" in card


async def test_the_soak_opens_by_itself(bot: Bot) -> None:
    bot.world.github.seed_release(REPO, "v2.2.0", checks=("unit-tests", "e2e"))
    await bot.says("/release payments v2.2.0 stage")
    await bot.until("succeeded")
    await bot.says("/release payments v2.2.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("blocked", release)
    done = await bot.until("succeeded", release)
    assert done.started_at is not None
    assert done.started_at - done.created_at > timedelta(minutes=50)


async def test_checks_red_missing_and_pending(bot: Bot) -> None:
    github = bot.world.github
    sha = github.repository(REPO).commit_of("v2.1.0")
    assert sha is not None
    github.repository(REPO).checks[sha.sha] = []
    assert "unit-tests, e2e never ran on this commit." in await blocked(bot)
    github.add_check(REPO, sha.sha, "unit-tests", "failure")
    github.add_check(REPO, sha.sha, "e2e", None)
    await bot.clicks("Retry")
    await bot.until(lambda r: r.reason == "checks_failed")
    assert "unit-tests (failure) on this commit." in bot.card()
    github.add_check(REPO, sha.sha, "unit-tests")
    await bot.clicks("Retry")
    await bot.until("awaiting_approval")
    assert "e2e still runs on this commit." in bot.card()
    await bot.clicks("Approve", by=BEN)
    await bot.until("blocked")
    github.add_check(REPO, sha.sha, "e2e")
    await bot.until("succeeded")


async def test_scans_by_severity_missing_and_not_enabled(bot: Bot) -> None:
    github = bot.world.github
    github.add_alert(REPO, "high")
    github.add_alert(REPO, "medium")
    assert "Open findings: 1 high (allowed 0)." in await blocked(bot)
    repo = github.repository(REPO)
    repo.analyses.pop(0)
    await bot.clicks("Retry")
    await bot.until(lambda r: r.reason == "scan_missing")
    repo.analyses.clear()
    await bot.clicks("Retry")
    assert (await bot.until("blocked")).reason == "scan_missing"
    repo.scanning = False
    await bot.clicks("Retry")
    await bot.until(lambda r: r.reason == "scan_not_enabled")
    assert "Code scanning is not enabled for quantivista/platform." in bot.card()


NEWEST = "The newest are v2.1.0, v2.0.5, v1.9.0."


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v2.1.9", f"payments has no tag v2.1.9. Did you mean v2.1.0? {NEWEST}"),
        ("v9.9.9", f"payments has no tag v9.9.9. {NEWEST}"),
    ],
)
async def test_an_unknown_version_is_no_release(bot: Bot, version: str, said: str) -> None:
    for words in ("{} prod", "{} prod --dry-run"):
        await bot.says(f"/release payments {words.format(version)}")
        assert said in bot.told(ANA)
    await bot.says(f"/release plan payments {version} prod", by=BEN)
    assert said in bot.told(BEN)
    assert await bot.all_releases() == []
    assert bot.world.slack.space.roots(CHANNEL) == []


async def test_where_there_are_no_tags_one_is_to_be_pushed(bot: Bot) -> None:
    bot.world.github.repository(REPO).tags.clear()
    await bot.says("/release payments v2.1.0 prod")
    assert "payments has no tag v2.1.0. It has no tags yet: push one first." in bot.told(ANA)


async def test_while_github_is_silent_the_release_waits_for_what_it_says(bot: Bot) -> None:
    github = bot.world.github
    github.fail(Fault("status", path="/git/ref/tags/", times=None))
    card = await blocked(bot, "/release payments v2.1.9 prod")
    assert "version unknown: GitHub answered 503" in card
    github.heal()
    await bot.clicks("Retry")
    await bot.until(lambda r: r.reason == "version_unknown")
    assert "payments has no tag v2.1.9." in bot.card()
    assert NEWEST in bot.card()


async def test_what_is_live_already_is_no_release(bot: Bot) -> None:
    card = await blocked(bot, "/release payments v2.0.5 prod")
    assert "payments 2.0.5 has the traffic in production already." in card


async def test_a_second_release_waits_for_the_first(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    first = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("running", first)
    await bot.says("/release payments v1.9.0 prod", by=ANA)
    second = await bot.until(lambda r: r.state in ("blocked", "awaiting_approval"))
    assert second.id != first
    assert f"{first} is under way for payments in production." in bot.card(second.id)
    await bot.until("succeeded", first)


async def test_a_dependency_under_way_is_waited_for(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    cluster.deploy("staging", "config-blue", "quantivista/config:v2.0.5")
    cluster.age("staging", "config-blue", 7200)
    await bot.says("/release config v2.0.5 prod")
    first = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("running", first)
    await bot.says("/release payments v2.1.0 prod")
    second = (await bot.until("awaiting_approval")).id
    assert f"config is under way in {first}" in bot.card(second)
    await bot.clicks("Approve", by=CY, release=second)
    await bot.until("succeeded", second)
    assert (await bot.release(first)).state == "succeeded"


async def test_the_first_day_reads_versions_and_lets_people_adopt_the_unknown(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    cluster.deploy("production", "config-blue", "quantivista/config@sha256:" + "a" * 64)
    card = await blocked(bot)
    assert "Nothing tells which version of config runs in production" in card
    assert "/release adopt config VERSION production" in card
    await bot.says("/release adopt config v1.9.0 prod", by=ANA)
    assert "You can't adopt" in bot.told()
    await bot.says("/release adopt config v1.9.0 prod", by=BEN)
    assert "Recorded: config v1.9.0 runs in production since now, on @ben's word." in bot.told(BEN)
    await bot.until("awaiting_approval")


async def test_a_version_label_wins_over_the_image(bot: Bot) -> None:
    seeding.seed_blue_green(
        bot.world.kubernetes.cluster, "production", "labelled", "x:1", version="v2.0.5"
    )
    bot.catalog += (
        '\n  labelled: {image: "quantivista/labelled:{commit}", environments: [production]}'
    )
    bot.catalog = bot.catalog.replace("    after: staging\n", "")
    await bot.crashes_and_restarts()
    await bot.says("/release labelled v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    assert "labelled 2.0.5 → 2.1.0" in bot.card(release)


async def test_a_changed_catalogue_makes_open_plans_anew(bot: Bot) -> None:
    from bot.engine import catalogs
    from integrations.catalog_file import parse_catalog

    await bot.says("/release payments v2.1.0 prod")
    before = await bot.until("awaiting_approval")
    bot.app.catalog = parse_catalog(
        bot.catalog.replace("traffic: service, watch: 30s", "traffic: service, watch: 40s")
    ).catalog
    await catalogs.take_over(bot.app.world, bot.app.catalog)
    await bot.works()
    after = await bot.until("awaiting_approval")
    assert before.digest != after.digest


async def test_a_service_that_left_the_catalogue_is_blocked_in_words(bot: Bot) -> None:
    from bot.engine import catalogs

    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    services = {k: v for k, v in bot.app.catalog.services.items() if k != "payments"}
    bot.app.catalog = bot.app.catalog.model_copy(update={"services": services})
    await catalogs.take_over(bot.app.world, bot.app.catalog)
    await bot.works()
    await bot.until("blocked")
    assert "The catalogue has no payments in production any more." in bot.card()
