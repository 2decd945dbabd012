"""GitHub, Kubernetes or Slack in trouble: it waits, says so, goes on; nothing is done twice."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from integrations.simulated.server import Fault, FaultKind
from tests.crowd import most_in_a_second, named, seed_staging, with_services
from tests.scenarios.conftest import Given
from tests.tester import ANA, BEN, CATALOG, CHANNEL, QUICK, REPO, Bot, State, World


async def approved(bot: Bot, service: str = "payments") -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN, settle=False)
    return release


def dispatched(bot: Bot, workflow: str = "deploy.yml") -> int:
    return sum(1 for run in bot.world.github.dispatches if run.workflow == workflow)


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after"])
@pytest.mark.parametrize("workflow", ["deploy.yml", "smoke.yml"])
async def test_a_lost_dispatch_is_looked_for_and_never_doubled(
    bot: Bot, kind: FaultKind, workflow: str
) -> None:
    bot.world.github.fail(Fault(kind, path=f"{workflow}/dispatches", method="POST"))
    release = await approved(bot)
    await bot.until("succeeded", release)
    assert dispatched(bot, workflow) == 1


async def test_a_run_that_is_listed_late_is_waited_for(bot: Bot) -> None:
    workflow = bot.world.github.repository(REPO).workflows["deploy.yml"]
    workflow.listing_delay, workflow.run_details = 30, False
    await bot.until("succeeded", await approved(bot))
    assert dispatched(bot) == 1


async def test_after_the_grace_time_it_is_dispatched_again(bot: Bot) -> None:
    bot.world.github.fail(Fault("drop_before", path="deploy.yml/dispatches", method="POST"))
    release = await approved(bot)
    done = await bot.until("succeeded", release)
    assert done.started_at is not None
    assert done.ended_at is not None
    assert done.ended_at - done.started_at > timedelta(seconds=60)


async def test_github_away_while_gathering_fails_closed_and_is_asked_again(bot: Bot) -> None:
    bot.world.github.fail(Fault("status", path="check-runs", times=None))
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    assert blocked.reason == "source_unknown"
    assert "✗ checks unknown: GitHub answered 503" in bot.card()
    assert "Retry" in [b.label for b in bot.card_message().buttons()]
    bot.world.github.heal()
    await bot.clicks("Retry", by=ANA)
    await bot.until("awaiting_approval")


async def test_github_away_is_asked_again_each_minute_by_itself(bot: Bot) -> None:
    bot.world.github.fail(Fault("status", path="/compare/|code-scanning", times=None))
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("blocked")
    bot.world.github.heal()
    found = await bot.until("awaiting_approval")
    assert bot.world.clock.now() - found.created_at <= timedelta(minutes=2)


async def test_a_source_that_does_not_answer_has_its_own_time_limit(given: Given) -> None:
    bot = await given(limits=replace(QUICK, source=2.0))
    bot.world.github.fail(Fault("hang", path="code-scanning", times=None, seconds=30))
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("blocked")
    assert "✗ scans unknown: GitHub didn't answer for 2 s." in bot.card()


async def test_github_away_for_two_minutes_under_way_is_waited_for(bot: Bot) -> None:
    release = await approved(bot)
    await bot.until("running", release)
    bot.world.github.fail(Fault("status", times=None, status=502))
    await bot.passes(timedelta(seconds=50))
    await bot.settles()
    assert "GitHub answered 502; it goes on by itself." in bot.card(release)
    bot.world.github.heal()
    await bot.until("succeeded", release)
    assert dispatched(bot) == 1


async def test_a_rate_limit_is_waited_for(bot: Bot) -> None:
    release = await approved(bot)
    await bot.until("running", release)
    limited = Fault(
        "status",
        path="/actions/runs",
        status=403,
        times=2,
        headers={"Retry-After": "20"},
        body={"message": "You have exceeded a secondary rate limit."},
    )
    bot.world.github.fail(limited)
    await bot.until("succeeded", release)
    assert limited.times == 0


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after"])
@pytest.mark.parametrize("service", ["payments", "orders"])
async def test_a_patch_whose_answer_is_lost_moves_traffic_once(
    bot: Bot, kind: FaultKind, service: str
) -> None:
    path = "services/payments$" if service == "payments" else "httproutes"
    bot.world.kubernetes.fail(Fault(kind, path=path, method="PATCH"))
    release = await approved(bot, service)
    await bot.until("succeeded", release)
    assert bot.live(service) == "green"
    assert len(bot.traffic_changes()) == (1 if service == "payments" else 4)


async def test_the_cluster_away_for_two_minutes_is_waited_for(bot: Bot) -> None:
    release = await approved(bot, "orders")
    await bot.until(lambda r: r.progress.weight >= 10, release)
    bot.world.kubernetes.fail(Fault("status", times=None))
    await bot.passes(timedelta(minutes=2))
    await bot.settles()
    assert "Kubernetes (main) answered 503; it goes on by itself." in bot.card(release)
    bot.world.kubernetes.heal()
    await bot.until("succeeded", release)


async def test_a_right_that_is_missing_is_named_before_anything_begins(bot: Bot) -> None:
    bot.world.kubernetes.cluster.deny("patch", "services")
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    assert blocked.reason == "cluster_forbidden"
    assert "The bot may not patch services in production." in bot.card()


async def test_a_cluster_that_is_not_ready_says_what_is_missing(bot: Bot) -> None:
    bot.world.kubernetes.cluster.delete("deployments", "production", "payments-green")
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    assert blocked.reason == "cluster_not_ready"
    assert "There is no Deployment payments-green." in bot.card()


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after"])
async def test_slack_losing_a_post_shows_the_card_once(bot: Bot, kind: FaultKind) -> None:
    bot.world.slack.fail(Fault(kind, path="chat.postMessage", times=1))
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.until(lambda _: len(bot._cards()) > 0)
    assert len(bot._cards()) == 1


async def test_slack_losing_a_thread_line_says_it_once(bot: Bot) -> None:
    release = await approved(bot)
    await bot.until("running", release)
    bot.world.slack.fail(Fault("drop_after", path="chat.postMessage", times=1))
    await bot.until("succeeded", release)
    await bot.settles(120)
    thread = bot.thread(release)
    assert thread.count("✓ 100 % on green") == 1
    assert thread.count("is live since") == 1


async def test_slack_away_holds_nothing_up(bot: Bot) -> None:
    release = await approved(bot)
    await bot.until("running", release)
    bot.world.slack.fail(Fault("status", path="/api/", times=None, status=500))
    for _ in range(400):
        await bot.step()
        if (await bot.release(release)).ended:
            break
    assert (await bot.release(release)).state == "succeeded"
    bot.world.slack.heal()
    await bot.settles(300)
    assert "Live since" in bot.card(release)


async def test_slacks_rate_limit_is_waited_for(bot: Bot) -> None:
    limited = Fault(
        "status",
        path="chat.postMessage",
        status=429,
        headers={"Retry-After": "7"},
        body={"ok": False, "error": "ratelimited"},
    )
    bot.world.slack.fail(limited)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.settles(20)
    assert len(bot._cards()) == 1


async def test_a_deleted_card_is_posted_anew(bot: Bot) -> None:
    release = await approved(bot)
    space = bot.world.slack.space
    del space.channels["C0REL"].messages[bot.card_message().ts]
    await bot.until("succeeded", release)
    await bot.settles(30)
    assert "Live since" in bot.card(release)


async def test_no_channel_gets_more_than_one_message_a_second(bot: Bot) -> None:
    await bot.until("succeeded", await approved(bot))
    assert most_in_a_second(bot.world.slack.space.channel(CHANNEL)) == 1


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_forty_releases_talk_while_slack_limits_them_for_five_minutes(
    world: World, migrated_file: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'bot.db')}"
    names = named("svc", 40)
    seed_staging(world, names)
    bot = await Bot(world, database, tmp_path, catalog=with_services(CATALOG, names)).start()
    limited = Fault(
        "status",
        path="/api/chat",
        times=None,
        status=429,
        headers={"Retry-After": "30"},
        body={"ok": False, "error": "ratelimited"},
    )
    world.slack.fail(limited)
    for name in names:
        await bot.says(f"/release {name} v2.1.0 stage")
    await bot.passes(timedelta(minutes=5))
    made = await bot.all_releases()
    assert len(made) == 40
    assert {release.state for release in made} == {State.SUCCEEDED}
    asked = [entry for entry in world.slack.journal if entry.status == 429]
    # Who is told to wait half a minute asks no sooner.
    assert len(asked) <= 12
    world.slack.heal()
    await bot.settles(1800)
    channel = world.slack.space.channel(CHANNEL)
    assert most_in_a_second(channel) == 1
    for release in made:
        card = bot.card(release.id)
        assert "Live since" in card
        thread = bot.thread(release.id)
        assert thread.count("100 % on green") == 1, thread
        assert thread.count("is live since") == 1, thread
    assert len(bot._cards()) == 40
    await bot.finish()


async def test_webhooks_doubled_forged_and_lost_change_nothing(bot: Bot) -> None:
    bot.world.github.hooks.duplicate = True
    await bot.until("succeeded", await approved(bot))
    assert {status for _, _, status in bot.world.github.hooks.sent} == {202}
    bot.world.github.hooks.forge = True
    bot.world.github.hooks.sent.clear()
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    assert {status for _, _, status in bot.world.github.hooks.sent} == {401}


async def test_a_webhook_wakes_its_release(bot: Bot) -> None:
    workflow = bot.world.github.repository(REPO).workflows["deploy.yml"]
    workflow.duration = 3
    release = await approved(bot)
    done = await bot.until(lambda r: r.progress.step >= 1, release)
    assert done.started_at is not None
    assert bot.world.clock.now() - done.started_at < timedelta(seconds=10)


async def test_a_card_that_was_posted_unheard_is_brought_up_to_date(bot: Bot) -> None:
    """It is found again by its key, and shows what was true when it was posted."""
    bot.world.slack.fail(Fault("drop_after", path="chat.postMessage", times=1))
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.release()).id
    await bot.says(f"/release cancel {release}", by=ANA)
    await bot.passes(timedelta(minutes=1))
    assert len(bot._cards()) == 1
    assert "✗ Cancelled by @ana" in bot.card(release)
