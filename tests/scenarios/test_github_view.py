"""GitHub's own view of releases: Deployments, commit statuses, and what goes wrong with them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from bot.app import Outside
from bot.engine.host_view import MOST_TRIES, HostViews
from bot.store.tables import HOST_VIEWS
from integrations.simulated.kubernetes import Behaviour
from integrations.simulated.server import Fault, FaultKind
from tests.scenarios.conftest import Given
from tests.tester import ANA, BEN, CATALOG, CY, REPO, Bot

SET_IMAGE = CATALOG.replace("deploy: {workflow: deploy.yml}", "deploy: {kubernetes: set-image}")
TWO_APPROVALS = CATALOG.replace("count: 1", "count: 2")
SOON = timedelta(seconds=15)
CONTEXT = "release-bot/production/payments"


async def approved(bot: Bot, service: str = "payments") -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN, settle=False)
    return release


async def ends(bot: Bot, state: str, release: str) -> None:
    await bot.until(state, release)
    await bot.passes(SOON)


def shown(bot: Bot) -> list[list[str]]:
    """The states that each Deployment has shown, oldest Deployment first."""
    made = bot.world.github.repository(REPO).deployments.values()
    return [[status["state"] for status in row["statuses"]] for row in made]


def plans(bot: Bot, commit: str | None = None) -> list[str]:
    """The states that a commit has shown, each with its context."""
    repo = bot.world.github.repository(REPO)
    found = repo.commit_of(commit or "v2.1.0")
    assert found is not None
    return [f"{row['context']} {row['state']}" for row in repo.statuses.get(found.sha, [])]


def attempts(bot: Bot, path: str) -> int:
    """Writes of that kind that GitHub was asked for, whatever it answered."""
    journal = bot.world.github.journal
    return sum(1 for e in journal if e.method == "POST" and path in e.path)


async def told(bot: Bot) -> None:
    """Let the webhooks that are on their way arrive, and be acted upon."""
    while bot.world.github.delivering:  # noqa: ASYNC110 - a webhook rings no bell
        await asyncio.sleep(0.001)
    await bot.works()


def jobs_name_their_environment(bot: Bot) -> None:
    bot.world.github.repository(REPO).workflows["deploy.yml"].environment = True


async def test_a_release_is_shown_from_its_plan_to_its_end(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.passes(SOON)
    assert plans(bot) == [f"{CONTEXT} pending"]
    assert shown(bot) == [], "nothing is asked to deploy before it is approved"
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 100, release)
    assert shown(bot) == [["in_progress"]]
    await ends(bot, "succeeded", release)
    assert shown(bot) == [["in_progress", "success"]]
    assert plans(bot) == [f"{CONTEXT} pending", f"{CONTEXT} success"]
    made = next(iter(bot.world.github.repository(REPO).deployments.values()))
    assert made["payload"] == {"release_bot": release}
    assert made["statuses"][-1]["description"] == f"payments 2.1.0 is live. {release}"
    link = "https://slack.com/app_redirect?team=T123&channel=C0REL"
    assert {status["target_url"] for status in made["statuses"]} == {link}


async def test_what_is_approved_and_waits_for_its_turn_is_pending(given: Given) -> None:
    bot = await given(catalog=SET_IMAGE)
    release = await approved(bot)
    await bot.app.inbox.start_due()
    await bot.app.inbox.settle()
    await bot.app.reconciler.tick(release)
    assert (await bot.release(release)).state == "queued"
    await bot.world.clock.advance_to(bot.world.clock.now() + SOON)
    await bot.app.host_views.send_due()
    await bot.app.host_views.settle()
    assert shown(bot) == [["pending"]]
    await ends(bot, "succeeded", release)
    assert shown(bot) == [["pending", "in_progress", "success"]]


async def test_rolled_back_on_its_way_is_a_failure(bot: Bot) -> None:
    release = await approved(bot, "orders")
    await bot.until(lambda r: r.progress.weight >= 25, release)
    await bot.clicks("Roll back", by=ANA)
    await ends(bot, "rolled_back", release)
    assert shown(bot) == [["in_progress", "failure"]]
    assert plans(bot)[-1] == "release-bot/production/orders failure"


async def test_rolled_back_after_its_end_it_is_inactive_and_the_rollback_is_shown(
    bot: Bot,
) -> None:
    release = await approved(bot)
    await ends(bot, "succeeded", release)
    await bot.clicks("Roll back", by=ANA, release=release)
    back = await bot.until("succeeded")
    assert back.undoes == release
    await bot.passes(SOON)
    assert shown(bot) == [["in_progress", "success", "inactive"], ["success"]]
    assert plans(bot)[-1] == f"{CONTEXT} failure"
    assert plans(bot, "v2.0.5") == [f"{CONTEXT} success"]
    newest = list(bot.world.github.repository(REPO).deployments.values())[-1]
    assert newest["payload"] == {"release_bot": back.id}


async def test_a_newer_release_of_the_service_makes_the_older_inactive(bot: Bot) -> None:
    for tag in ("v2.2.0", "v2.3.0"):
        bot.world.github.seed_release(REPO, tag)
        for service in ("payments", "orders"):
            await bot.says(f"/release {service} {tag} stage")
            await bot.until("succeeded")
    await bot.passes(SOON)
    assert [states[-1] for states in shown(bot)] == ["inactive", "inactive", "success", "success"]


async def test_a_version_that_crashes_is_a_failure(given: Given) -> None:
    bot = await given(catalog=SET_IMAGE)
    image = "^quantivista/payments:v2.1.0$"
    bot.world.kubernetes.cluster.deploy(
        "staging", "payments-blue", "mirror/quantivista/payments:v2.1.0"
    )
    bot.world.kubernetes.cluster.age("staging", "payments-blue", 7200)
    bot.world.kubernetes.cluster.behaves(image, Behaviour("crashes"))
    await ends(bot, "failed", await approved(bot))
    assert shown(bot)[0][-1] == "failure"


async def test_the_deployment_that_a_job_makes_is_adopted_and_not_doubled(bot: Bot) -> None:
    jobs_name_their_environment(bot)
    release = await approved(bot)
    await ends(bot, "succeeded", release)
    # The job's own two, then ours: the job's success is not the release's.
    assert shown(bot) == [["in_progress", "success", "in_progress", "success"]]
    made = next(iter(bot.world.github.repository(REPO).deployments.values()))
    assert made["payload"] == {}
    assert release in made["statuses"][-1]["description"]


async def test_two_releases_at_a_time_adopt_each_its_own(bot: Bot) -> None:
    jobs_name_their_environment(bot)
    first = await approved(bot, "payments")
    await bot.passes(timedelta(seconds=1))
    second = await approved(bot, "orders")
    for release in (first, second):
        await bot.until("succeeded", release)
    await bot.passes(SOON)
    made = list(bot.world.github.repository(REPO).deployments.values())
    assert len(made) == 2
    by_run = {run.deployment: run.inputs["release_id"] for run in bot.world.github.runs}
    assert all(by_run[row["id"]] in row["statuses"][-1]["description"] for row in made)


async def test_a_deploying_run_that_fails_makes_no_deployment_of_ours(bot: Bot) -> None:
    bot.world.github.fails("deploy.yml")
    await ends(bot, "failed", await approved(bot))
    assert shown(bot) == []
    assert plans(bot)[-1] == f"{CONTEXT} failure"


async def test_a_deploying_job_that_fails_shows_why_on_its_own_deployment(bot: Bot) -> None:
    jobs_name_their_environment(bot)
    bot.world.github.fails("deploy.yml")
    await ends(bot, "failed", await approved(bot))
    assert shown(bot) == [["in_progress", "failure", "failure"]]
    made = next(iter(bot.world.github.repository(REPO).deployments.values()))
    assert "(workflow_failed)" in made["statuses"][-1]["description"]


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after"])
@pytest.mark.parametrize("path", [r"/deployments$", r"/deployments/\d+/statuses$", "/statuses/"])
async def test_an_answer_that_is_lost_doubles_nothing(bot: Bot, kind: FaultKind, path: str) -> None:
    bot.world.github.shown.listing_delay = 30
    bot.world.github.fail(Fault(kind, path=path, method="POST"))
    release = await approved(bot)
    await bot.until("succeeded", release)
    await bot.passes(timedelta(minutes=3))
    assert len(shown(bot)) == 1
    states = shown(bot)[0]
    assert states[-1] == "success"
    assert len(states) == len(set(states))
    assert plans(bot)[-1] == f"{CONTEXT} success"


class DiesAfter:
    """A source whose process dies as soon as GitHub has made the Deployment."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def create_deployment(self, *asked: Any) -> int:
        await self._source.create_deployment(*asked)
        raise asyncio.CancelledError


async def test_killed_between_the_effect_and_its_record_it_looks_first(given: Given) -> None:
    def wrap(outside: Outside) -> Outside:
        return replace(outside, source=DiesAfter(outside.source))

    bot = await given(wrap=wrap)
    release = await approved(bot)
    await bot.until(lambda r: r.progress.step > 0, release)
    await bot.world.clock.advance_to(bot.world.clock.now() + SOON)
    await bot.app.host_views.send_due()
    await bot.app.host_views.settle()
    assert shown(bot) == [[]]
    bot.wrap = None
    await bot.crashes_and_restarts()
    await ends(bot, "succeeded", release)
    assert len(shown(bot)) == 1
    assert shown(bot)[0][-1] == "success"


async def test_two_replicas_send_it_once(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.world.clock.advance_to(bot.world.clock.now() + SOON)
    both = [bot.app.host_views, HostViews(bot.app.world)]
    assert sorted(await asyncio.gather(*(one.send_due() for one in both))) == [0, 1]
    await asyncio.gather(*(one.settle() for one in both))
    assert plans(bot) == [f"{CONTEXT} pending"]


async def test_without_the_right_a_release_succeeds_and_nobody_is_asked_for_an_hour(
    bot: Bot,
) -> None:
    github = bot.world.github
    github.shown.denied |= {"deployments", "statuses"}
    with capture_logs() as logged:
        await ends(bot, "succeeded", await approved(bot))
        other = await approved(bot, "orders")
        await ends(bot, "succeeded", other)
    assert (attempts(bot, "/deployments"), attempts(bot, "/statuses/")) == (1, 1)
    told = [row for row in logged if row["event"] == "view_not_allowed"]
    assert [row["right"] for row in told] == ["statuses", "deployments"]
    findings = await bot.app.github.check_view(REPO)
    assert [f.good for f in findings] == [False, False]
    github.shown.denied.clear()
    await bot.passes(timedelta(minutes=70))
    assert [states[-1] for states in shown(bot)] == ["success", "success"]


async def test_github_away_holds_nothing_up_and_the_newest_state_wins(bot: Bot) -> None:
    away = Fault("status", path="/deployments|/statuses/", times=None, status=502)
    bot.world.github.fail(away)
    release = await approved(bot)
    done = await bot.until("succeeded", release)
    assert done.started_at is not None
    assert bot.world.clock.now() - done.started_at < timedelta(minutes=3)
    bot.world.github.heal()
    await bot.passes(timedelta(minutes=10))
    assert shown(bot) == [["success"]]
    assert plans(bot) == [f"{CONTEXT} success"]


async def test_with_little_of_the_hour_left_gates_and_runs_go_first(bot: Bot) -> None:
    bot.world.github.budget["remaining"] = 400
    release = await approved(bot)
    await ends(bot, "succeeded", release)
    assert (shown(bot), plans(bot)) == ([], [])
    # Nobody asks GitHub meanwhile: that the hour is over is known by the clock.
    bot.world.github.budget["remaining"] = 4000
    await bot.passes(timedelta(minutes=75))
    assert shown(bot) == [["success"]]


async def test_one_lost_answer_days_later_leaves_no_older_one_active(bot: Bot) -> None:
    for tag in ("v2.2.0", "v2.3.0"):
        bot.world.github.seed_release(REPO, tag)
    await bot.says("/release payments v2.2.0 stage")
    await bot.until("succeeded")
    await bot.passes(timedelta(days=2))
    await bot.says("/release payments v2.3.0 stage")
    await bot.until("succeeded")
    path = r"/deployments/\d+/statuses$"
    bot.world.github.fail(Fault("status", path=path, method="POST", status=502, times=2))
    await bot.passes(timedelta(hours=3))
    assert [states[-1] for states in shown(bot)] == ["inactive", "success"]


async def test_a_deployment_that_somebody_deleted_is_nobody_elses_business(bot: Bot) -> None:
    release = await approved(bot)
    await bot.until(lambda r: r.progress.weight >= 25, release)
    await bot.passes(SOON)
    bot.world.github.repository(REPO).deployments.clear()
    with capture_logs() as logged:
        await ends(bot, "succeeded", release)
        await ends(bot, "succeeded", await approved(bot, "orders"))
        await bot.passes(timedelta(minutes=10))
    assert not [row for row in logged if row["event"] == "view_not_allowed"]
    assert "success" in [states[-1] for states in shown(bot)]


async def test_after_many_tries_it_is_given_up_and_said(bot: Bot) -> None:
    release = await approved(bot)
    bot.world.github.fail(Fault("status", path="/deployments", times=None, status=502))
    with capture_logs() as logged:
        await bot.until("succeeded", release)
        async with bot.app.store.write() as session:
            await session.exec(update(HOST_VIEWS).values(attempts=MOST_TRIES - 1))
        await bot.passes(timedelta(minutes=10))
    given_up = [row for row in logged if row["event"] == "view_given_up"]
    assert [row["release"] for row in given_up] == [release]


async def test_a_moved_tag_is_shown_on_its_new_commit(given: Given) -> None:
    bot = await given(catalog=TWO_APPROVALS)
    github = bot.world.github
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.passes(SOON)
    old = github.repository(REPO).commit_of("v2.1.0")
    assert old is not None
    new = github.seed_release(REPO, "v2.1.1", checks=("unit-tests", "e2e"))
    github.push_tag(REPO, "v2.1.0", new)
    await told(bot)
    await bot.passes(SOON)
    assert plans(bot, old.sha) == [f"{CONTEXT} pending", f"{CONTEXT} error"]
    assert plans(bot, new) == [f"{CONTEXT} pending"]


async def test_nobody_wants_it_and_its_plan_says_so(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Reject", by=CY)
    await bot.passes(SOON)
    assert shown(bot) == []
    assert plans(bot)[-1] == f"{CONTEXT} failure"
