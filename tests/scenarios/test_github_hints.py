"""GitHub's webhooks as hints, and polling where none arrive: nothing is done twice or late."""

import hashlib
import hmac
import json
from collections import Counter
from datetime import timedelta

import aiohttp
import pytest

from bot.store import webhooks
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.test_github_view import TWO_APPROVALS, approved, told
from tests.tester import ANA, BEN, CATALOG, CY, REPO, Bot

MINUTE = timedelta(minutes=1)


def asked(bot: Bot, path: str = "") -> int:
    """Requests that GitHub got, of a kind or of all."""
    return sum(1 for entry in bot.world.github.journal if path in entry.path)


def answers(bot: Bot) -> Counter[int]:
    return Counter(status for _, _, status in bot.world.github.hooks.sent)


async def half_approved(bot: Bot) -> str:
    """One of two approvals is given."""
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    assert "(1 of 2)" in bot.card(release)
    return release


def moves_the_tag(bot: Bot) -> str:
    github = bot.world.github
    new = github.seed_release(REPO, "v2.1.1", checks=("unit-tests", "e2e"))
    github.push_tag(REPO, "v2.1.0", new)
    return new


# Tags.


async def test_a_moved_tag_voids_the_approval_at_once(given: Given) -> None:
    bot = await given(catalog=TWO_APPROVALS)
    release = await half_approved(bot)
    new = moves_the_tag(bot)
    await told(bot)
    waiting = await bot.until("awaiting_approval", release)
    assert waiting.plan is not None
    assert waiting.plan.commit == new
    await bot.settles()
    assert "(0 of 2)" in bot.card(release)
    assert "v2.1.0 moved from" in bot.thread(release)
    assert bot.world.clock.now() - waiting.created_at < MINUTE


async def test_a_lost_push_is_found_when_the_last_approval_comes(given: Given) -> None:
    bot = await given(catalog=TWO_APPROVALS)
    release = await half_approved(bot)
    bot.world.github.hooks.lose = True
    new = moves_the_tag(bot)
    await told(bot)
    await bot.clicks("Approve", by=CY, release=release)
    waiting = await bot.until("awaiting_approval", release)
    assert waiting.plan is not None
    assert waiting.plan.commit == new
    assert bot.world.github.dispatches == []


async def test_a_forged_push_is_refused_and_wakes_nobody(given: Given) -> None:
    bot = await given(catalog=TWO_APPROVALS)
    release = await half_approved(bot)
    bot.world.github.hooks.forge = True
    moves_the_tag(bot)
    before = asked(bot)
    await told(bot)
    assert answers(bot) == {401: 1}
    assert asked(bot) == before
    await bot.settles()
    assert "(1 of 2)" in bot.card(release)


async def test_doubled_and_replayed_with_a_new_id_it_is_one_hint(given: Given) -> None:
    bot = await given(catalog=TWO_APPROVALS)
    release = await half_approved(bot)
    bot.world.github.hooks.duplicate = True
    moves_the_tag(bot)
    await told(bot)
    await bot.until("awaiting_approval", release)
    before = asked(bot, "/git/ref/tags/")
    for _ in range(3):
        bot.world.github.post.replay()
        await told(bot)
    assert answers(bot) == {202: 8}
    assert asked(bot, "/git/ref/tags/") == before


async def test_the_same_delivery_id_under_another_body_is_no_second_hint(bot: Bot) -> None:
    github = bot.world.github
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    github.push_tag(REPO, "v2.1.0", github.seed_release(REPO, "v2.1.1"))
    await told(bot)
    _, delivery, _ = github.hooks.sent[-1]
    number = int(delivery.removeprefix("delivery-"))
    github.post._delivery = number - 1
    before = asked(bot, "/git/ref/tags/")
    github.push_tag(REPO, "v2.1.0", github.seed_release(REPO, "v2.1.2"))
    await told(bot)
    assert github.hooks.sent[-1][1] == delivery
    assert asked(bot, "/git/ref/tags/") == before


async def test_a_tag_that_is_made_wakes_who_waits_for_it(bot: Bot) -> None:
    github = bot.world.github
    repo = github.repository(REPO)
    sha = repo.tags.pop("v2.1.0")
    github.fail(Fault("status", path="/git/ref/tags/", times=None))
    await bot.says("/release payments 2.1.0 prod")
    await bot.until("blocked")
    github.heal()
    await bot.clicks("Retry")
    blocked = await bot.until(lambda r: r.reason == "version_unknown")
    commit = repo.annotated[sha]["object"]["sha"]
    github.push_tag(REPO, "v2.1.0", commit)
    await told(bot)
    await bot.until("awaiting_approval", blocked.id)
    assert sorted(event for event, _, _ in github.hooks.sent) == ["create", "push"]


async def test_a_tag_of_somebody_else_wakes_nobody(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    before = asked(bot)
    github = bot.world.github
    github.push_tag(REPO, "v3.0.0", github.add_commit(REPO))
    github.repository("quantivista/other").default_branch = "main"
    github.push_tag("quantivista/other", "v2.1.0", github.add_commit("quantivista/other"))
    await told(bot)
    assert answers(bot) == {202: 4}
    assert asked(bot) == before


# Checks.


async def test_a_suite_that_ends_opens_the_gate(bot: Bot) -> None:
    github = bot.world.github
    commit = github.repository(REPO).commit_of("v2.1.0")
    assert commit is not None
    github.add_check(REPO, commit.sha, "e2e", "failure")
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    assert blocked.reason == "checks_failed"
    github.add_check(REPO, commit.sha, "e2e", "success")
    github.end_suite(REPO, "f" * 40)
    await told(bot)
    assert (await bot.release(blocked.id)).state == "blocked"
    github.end_suite(REPO, commit.sha)
    await told(bot)
    waiting = await bot.until("awaiting_approval", blocked.id)
    assert bot.world.clock.now() - waiting.created_at < MINUTE / 6


async def test_a_suite_that_ends_badly_closes_it_again(bot: Bot) -> None:
    github = bot.world.github
    commit = github.repository(REPO).commit_of("v2.1.0")
    assert commit is not None
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    github.add_check(REPO, commit.sha, "e2e", "failure")
    github.end_suite(REPO, commit.sha, "failure")
    await told(bot)
    assert (await bot.until("blocked", release)).reason == "checks_failed"


@pytest.mark.parametrize("by_socket", [True, False])
async def test_a_check_that_turns_green_is_found_without_its_webhook(
    given: Given, *, by_socket: bool
) -> None:
    bot = await given(by_socket=by_socket)
    github = bot.world.github
    commit = github.repository(REPO).commit_of("v2.1.0")
    assert commit is not None
    github.add_check(REPO, commit.sha, "e2e", "failure")
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("blocked")
    github.hooks.lose = True
    github.add_check(REPO, commit.sha, "e2e", "success")
    github.end_suite(REPO, commit.sha)
    await bot.passes(timedelta(minutes=6))
    assert (await bot.release()).state == "awaiting_approval"


async def test_a_repository_may_be_spelled_in_another_case(given: Given) -> None:
    bot = await given(catalog=CATALOG.replace("quantivista/platform", "QuantiVista/Platform"))
    bot.world.github.repositories["QuantiVista/Platform"] = bot.world.github.repository(REPO)
    release = await approved(bot)
    await bot.until("succeeded", release)
    assert "polled" not in bot.card(release)
    async with bot.app.store.read() as session:
        assert await webhooks.last(session, "QuantiVista/Platform", "workflow_run") is not None


async def test_what_is_not_known_or_no_json_is_taken_and_ignored(bot: Bot) -> None:
    url = f"{bot.app.url}/github/webhooks"
    sent = [
        ("star", json.dumps({"action": "created"}), 202),
        ("push", json.dumps([1]), 202),
        ("push", "{", 400),
        ("ping", "{}", 200),
    ]
    async with aiohttp.ClientSession() as session:
        for event, body, status in sent:
            mark = hmac.new(b"hook", body.encode(), hashlib.sha256).hexdigest()
            headers = {"X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={mark}"}
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == status


# Runs.


async def test_late_by_ten_minutes_and_overtaking_each_other_they_change_nothing(
    bot: Bot,
) -> None:
    hooks = bot.world.github.hooks
    hooks.delays = [600.0, 1.0, 900.0, 30.0]
    release = await approved(bot)
    done = await bot.until("succeeded", release)
    assert done.started_at is not None
    assert bot.world.clock.now() - done.started_at < 3 * MINUTE
    await bot.passes(20 * MINUTE)
    assert answers(bot) == {202: 4}
    assert len(bot.world.github.dispatches) == 2
    assert (await bot.release(release)).state == "succeeded"


async def test_a_lost_webhook_costs_a_minute_at_the_most(bot: Bot) -> None:
    workflow = bot.world.github.repository(REPO).workflows["deploy.yml"]
    workflow.duration = 100
    release = await approved(bot)
    await bot.until(lambda r: bool(r.progress.note and "is running" in r.progress.note), release)
    bot.world.github.hooks.lose = True
    begun = bot.world.clock.now()
    await bot.until(lambda r: r.progress.step >= 1, release)
    assert bot.world.clock.now() - begun < timedelta(seconds=100) + MINUTE


@pytest.mark.parametrize("lose", [True, False])
async def test_a_run_that_is_listed_thirty_seconds_late_is_started_once(
    bot: Bot, *, lose: bool
) -> None:
    bot.world.github.hooks.lose = lose
    for workflow in bot.world.github.repository(REPO).workflows.values():
        workflow.listing_delay, workflow.run_details = 30, False
    bot.world.github.fail(Fault("drop_after", path="deploy.yml/dispatches", method="POST"))
    await bot.until("succeeded", await approved(bot))
    started = Counter(run.workflow for run in bot.world.github.dispatches)
    assert started == {"deploy.yml": 1, "smoke.yml": 1}


async def test_without_webhooks_the_card_says_that_github_is_polled(bot: Bot) -> None:
    bot.world.github.hooks.lose = True
    bot.world.github.repository(REPO).workflows["deploy.yml"].duration = 300
    release = await approved(bot)
    await bot.passes(MINUTE / 4)
    await bot.settles()
    assert "no webhooks arrive" not in bot.card(release), "that is not known so soon"
    await bot.passes(MINUTE)
    await bot.settles()
    said = "deploy.yml run 4711 is running. GitHub is polled every 15 s: no webhooks arrive"
    assert said in bot.card(release)
    await bot.until("succeeded", release)


async def test_where_none_can_come_in_the_card_says_so_at_once(given: Given) -> None:
    bot = await given(by_socket=True)
    release = await approved(bot)
    await bot.works()
    await bot.settles()
    assert "GitHub is polled every 15 s: no webhooks arrive" in bot.card(release)
    await bot.until("succeeded", release)


async def test_all_runs_of_a_repository_share_a_request(bot: Bot) -> None:
    bot.world.github.hooks.lose = True
    bot.world.github.repository(REPO).workflows["deploy.yml"].duration = 600
    first = await approved(bot, "payments")
    await bot.passes(timedelta(seconds=1))
    second = await approved(bot, "orders")
    await bot.passes(2 * MINUTE)
    before, since = asked(bot, "/actions/runs"), bot.world.clock.now()
    await bot.passes(3 * MINUTE)
    polls = (bot.world.clock.now() - since) / timedelta(seconds=15)
    assert asked(bot, "/actions/runs") - before <= polls + 1
    for release in (first, second):
        await bot.until("succeeded", release)


async def test_polling_slows_down_when_the_hour_is_nearly_used_up(bot: Bot) -> None:
    bot.world.github.hooks.lose = True
    bot.world.github.budget["remaining"] = 300
    bot.world.github.repository(REPO).workflows["deploy.yml"].duration = 600
    release = await approved(bot)
    await bot.passes(3 * MINUTE)
    known = bot.app.github.budget()
    assert known is not None
    assert (known.limit, known.remaining) == (5000, 300)
    before = asked(bot, "/actions/runs")
    await bot.passes(4 * MINUTE)
    assert asked(bot, "/actions/runs") - before <= 3
    await bot.settles()
    assert "GitHub is polled every 2 min" in bot.card(release)
    bot.world.github.budget["remaining"] = 4000
    await bot.until("succeeded", release)


@pytest.mark.parametrize("webhooks", [True, False])
async def test_how_many_requests_a_release_costs(bot: Bot, *, webhooks: bool) -> None:
    bot.world.github.hooks.lose = not webhooks
    bot.world.github.repository(REPO).workflows["deploy.yml"].duration = 300
    release = await approved(bot)
    await bot.until("succeeded", release)
    await bot.passes(MINUTE)
    spent = Counter(bot.app.github.calls)
    shown = ("write deployments", "read deployments", "write statuses")
    assert sum(spent[kind] for kind in shown) <= 6
    # Five minutes of a run under way: told of, or looked at every 15 s and shared with all others.
    assert spent["read runs"] <= (12 if webhooks else 26)
    assert spent["write dispatches"] == 2
    gates = spent.total() - sum(spent[kind] for kind in shown) - spent["read runs"]
    assert gates <= 26
    assert spent.total() == asked(bot)


async def test_a_click_does_not_wait_for_the_next_look(bot: Bot) -> None:
    bot.world.github.hooks.lose = True
    bot.world.github.repository(REPO).workflows["deploy.yml"].duration = 300
    release = await approved(bot)
    await bot.passes(MINUTE)
    await bot.clicks("Cancel", by=ANA, release=release)
    done = await bot.until("cancelled", release)
    assert done.acted_at is not None
    assert bot.world.clock.now() - done.acted_at < 3 * MINUTE
