"""GitHub's own gate: what waits there is a release like any other, and is told yes or no."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain.audit import AuditTag
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.gated import (
    SOON,
    asks,
    at_the_gate,
    by_hand,
    cases,
    entries,
    guarded,
    passes_by,
)
from tests.scenarios.test_github_view import approved, told
from tests.scenarios.test_in_place import IN_PLACE, seeded
from tests.tester import ANA, BEN, CATALOG, REPO, Bot, World

RULE = "deployment_protection_rule"
JUDGED = (AuditTag.DEPLOYMENT_ASKED, AuditTag.DEPLOYMENT_JUDGED, AuditTag.DEPLOYMENT_ANSWERED)


@pytest.fixture
async def bot(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot that GitHub asks before a job may deploy to production."""
    guarded(world)
    made = await Bot(world, database, tmp_path).start()
    yield made
    await made.finish()


async def test_the_run_of_a_release_is_let_through_at_once(bot: Bot) -> None:
    release = await approved(bot)
    done = await bot.until("succeeded", release)
    gates = bot.world.github.gates
    assert [state for _, _, state, _ in gates.answers] == ["approved"]
    assert gates.said("approved")[0].startswith(f"{release}, payments v2.1.0 to production: ")
    assert len(await bot.all_releases()) == 1
    assert done.run is None
    assert [(e.tag, e.data.get("outcome")) for e in await entries(bot, *JUDGED)] == [
        ("github:deployment:asked", None),
        ("bot:deployment:judged", None),
        ("bot:deployment:answered", "approved"),
    ]


async def test_a_run_by_hand_becomes_a_release_with_gates_and_approval(bot: Bot) -> None:
    run = await asks(bot)
    release = await bot.until("awaiting_approval")
    assert (release.asker.user, release.run, release.version) == (ANA, run.id, "v2.1.0")
    await bot.passes(SOON)
    gates = bot.world.github.gates
    assert gates.waiting == [run.id]
    what = f"{release.id}, payments v2.1.0 to production"
    assert gates.said(None) == [f"{what}, waits for approval in Slack. (needs_approval)"]
    assert f"run {run.id}" in bot.thread()
    await bot.clicks("Approve", by=BEN)
    done = await bot.until("succeeded")
    assert gates.said("approved") == [
        (f"{what}: its gates passed, its approvals are given. The run goes on as its first step.")
    ]
    assert run.conclusion == "success"
    assert [r.workflow for r in bot.world.github.dispatches] == ["smoke.yml"], "no second deploy"
    assert bot.live("payments") == "green"
    assert done.id == release.id
    assert "✓ GitHub was told yes: " in bot.thread()
    assert (await cases(bot))[0].outcome == "approved"


async def test_who_started_it_does_not_approve_it(bot: Bot) -> None:
    await asks(bot, actor="ben")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    assert "You can't approve this: you asked for it." in bot.told(BEN)
    assert bot.world.github.gates.said("approved") == []


async def test_what_a_gate_refuses_is_rejected_with_its_sentence(bot: Bot) -> None:
    commit = bot.world.github.repository(REPO).commit_of("v2.1.0")
    assert commit is not None
    bot.world.github.add_check(REPO, commit.sha, "e2e", "failure")
    run = await asks(bot)
    release = await bot.until("refused")
    await bot.passes(SOON)
    (said,) = bot.world.github.gates.said("rejected")
    assert said.startswith(f"{release.id}, payments v2.1.0 to production, is refused: checks: ")
    assert "e2e" in said
    assert said.endswith("(checks_failed)")
    assert run.conclusion == "failure"
    assert release.reason == "checks_failed"
    assert "✗ GitHub was told no" in bot.thread()
    assert "a gate said no" in bot.card()
    judged = (await entries(bot, AuditTag.DEPLOYMENT_JUDGED))[0]
    assert str(judged.data["checks"]).startswith("failed: ")


@pytest.mark.parametrize("click", ["Reject", "Cancel"])
async def test_what_people_turn_down_is_rejected(bot: Bot, click: str) -> None:
    run = await asks(bot)
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks(click, by=BEN)
    await bot.passes(SOON)
    (said,) = bot.world.github.gates.said("rejected")
    word = "rejected" if click == "Reject" else "cancelled"
    assert said.startswith(f"{release}, payments v2.1.0 to production, was {word}. Nothing was")
    assert run.conclusion == "failure"


async def test_nobody_approves_in_time(bot: Bot) -> None:
    run = await asks(bot)
    await bot.until("awaiting_approval")
    await bot.passes(timedelta(hours=8, minutes=5))
    assert (await bot.release()).state == "expired"
    assert bot.world.github.gates.said("rejected")[0].endswith("(approval_expired)")
    assert run.conclusion == "failure"


async def test_a_doubled_webhook_is_one_release_and_one_answer(bot: Bot) -> None:
    bot.world.github.hooks.duplicate = True
    await asks(bot)
    await bot.until("awaiting_approval")
    bot.world.github.post.replay([event for event, _ in bot.world.github.hooks.bodies].index(RULE))
    await told(bot)
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    assert len(await bot.all_releases()) == 1
    assert len(bot.world.github.gates.said("approved")) == 1
    assert len(await entries(bot, AuditTag.DEPLOYMENT_ASKED)) == 1


async def test_a_forged_webhook_is_refused_and_asks_nothing(bot: Bot) -> None:
    bot.world.github.hooks.forge = True
    run = await asks(bot)
    assert {status for event, _, status in bot.world.github.hooks.sent if event == RULE} == {401}
    assert await cases(bot) == []
    assert run.status == "waiting"


async def test_github_away_at_the_answer_is_tried_again(bot: Bot) -> None:
    run = await asks(bot)
    await bot.until("awaiting_approval")
    await bot.passes(SOON)
    bot.world.github.fail(Fault("status", path=RULE, method="POST", times=2, status=502))
    with capture_logs() as logs:
        await bot.clicks("Approve", by=BEN)
        await bot.until("succeeded")
    waits = [line for line in logs if line["event"] == "protection_waits"]
    assert [line["error"] for line in waits] == ["GitHub answered 502"] * 2
    assert len(bot.world.github.gates.said("approved")) == 1
    assert run.conclusion == "success"


async def test_a_crash_between_the_row_and_its_answer_loses_nothing(bot: Bot) -> None:
    await at_the_gate(bot, by_hand(bot))
    assert [case.release for case in await cases(bot)] == [None]
    await bot.crashes_and_restarts()
    await bot.until("awaiting_approval")
    await bot.crashes_and_restarts()
    await bot.clicks("Approve", by=BEN)
    bot.world.github.fail(Fault("status", path=RULE, method="POST", status=503))
    await bot.until(lambda r: r.progress.run_url is not None)
    await bot.crashes_and_restarts()
    await bot.until("succeeded")
    assert len(bot.world.github.gates.said("approved")) == 1
    assert len(await bot.all_releases()) == 1


async def test_an_environment_that_nobody_knows_is_rejected(bot: Bot) -> None:
    bot.world.github.gates.protect(REPO, "moon")
    await asks(bot, environment="moon")
    assert bot.world.github.gates.said("rejected") == [
        (
            'The catalogue has no environment "moon". Add it, or take the bot\'s rule off it at '
            "GitHub. (unknown_name)"
        )
    ]
    assert await bot.all_releases() == []


async def test_a_repository_that_nobody_knows_is_rejected(bot: Bot) -> None:
    github, other = bot.world.github, "quantivista/other"
    github.add_commit(other)
    github.add_workflow(other, github.repository(REPO).workflows["deploy.yml"])
    github.gates.protect(other, "production")
    run = github.start_run(other, "deploy.yml", {"environment": "production"}, "ana")
    await at_the_gate(bot, run)
    await bot.works()
    assert github.gates.said("rejected")[0].startswith(
        "The catalogue has no service of quantivista/other that runs in production."
    )


async def test_what_can_not_be_told_is_rejected_with_what_to_type(bot: Bot) -> None:
    await asks(bot, service="ledger")
    assert bot.world.github.gates.said("rejected") == [
        (
            "It can't be told which service and version this brings to production. It may be of "
            "config, orders, payments. In Slack: /release SERVICE VERSION production "
            "(deployment_unclear)"
        )
    ]


async def test_a_title_on_a_branch_of_ones_own_is_not_believed(bot: Bot) -> None:
    await asks(bot, ref="mine")
    assert bot.world.github.gates.said("rejected")[0].endswith("(deployment_unclear)")
    assert await bot.all_releases() == []


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("mallory", '"mallory", so nobody\'s right can be checked. In Slack: /release payments'),
        ("dan", "dan may not release payments to production. In Slack: /release payments v2.1.0"),
    ],
)
async def test_who_has_no_right_is_rejected(bot: Bot, actor: str, said: str) -> None:
    await asks(bot, actor=actor)
    assert said in bot.world.github.gates.said("rejected")[0]
    assert await bot.all_releases() == []


async def test_a_tag_that_is_every_services_tells_nothing(bot: Bot) -> None:
    await asks(bot, ref="v2.1.0")
    assert bot.world.github.gates.said("rejected")[0].endswith("(deployment_unclear)")


ONE = (
    CATALOG.replace('tag: "{version}"', "")
    .replace(
        '    image: "quantivista/orders:{version}"',
        '    tag: "orders/{version}"\n    image: "quantivista/orders:{version}"',
    )
    .replace(
        '    image: "quantivista/config:{version}"',
        '    tag: "config/{version}"\n    image: "quantivista/config:{version}"',
    )
)


async def test_a_tag_tells_where_but_one_service_has_such(world: World, given: Given) -> None:
    guarded(world)
    bot = await given(catalog=ONE)
    commit = world.github.repository(REPO).commit_of("v2.1.0")
    assert commit is not None
    world.github.add_tag(REPO, "config/v2.1.0", world.github.add_commit(REPO))
    await asks(bot, service="config", ref="config/v2.1.0")
    assert bot.world.github.gates.said("rejected") == [
        (
            "No workflow deploys config: the bot sets its image. In Slack: /release config v2.1.0 "
            "production (not_by_workflow)"
        )
    ]
    await asks(bot, ref="v2.1.0")
    await bot.passes(SOON)
    release = await bot.release()
    assert (release.service, release.version) == ("payments", "v2.1.0")
    # A tag does not tell the slot, and payments has two.
    assert bot.world.github.gates.said("rejected")[-1].endswith("(slot_differs)")


async def test_a_tag_that_is_moved_meanwhile_is_another_version(world: World, given: Given) -> None:
    guarded(world)
    kind = "strategy: {kind: blue-green, traffic: service, watch: 30s}"
    bot = await given(
        catalog=ONE[: -len(ONE.split("  payments:")[1])]
        + ONE.split("  payments:")[1].replace(kind, "strategy: {kind: rolling, watch: 30s}")
    )
    await asks(bot, ref="v2.1.0")
    await bot.until("awaiting_approval")
    world.github.push_tag(REPO, "v2.1.0", world.github.seed_release(REPO, "v2.1.1"))
    await bot.passes(SOON)
    assert bot.world.github.gates.said("rejected")[-1].endswith("(commit_differs)")
    assert (await bot.release()).state in ("cancelled", "refused")


async def test_a_run_that_is_cancelled_at_github_ends_its_release(bot: Bot) -> None:
    run = await asks(bot)
    await bot.until("awaiting_approval")
    run.cancelling = True
    await passes_by(bot, run)
    await bot.passes(timedelta(minutes=3))
    ended = await bot.release()
    assert (ended.state, ended.reason) == ("cancelled", "run_ended")
    assert bot.world.github.gates.said("approved") == []
    assert (await cases(bot))[0].outcome == "gone"


async def test_an_answer_that_the_bot_may_not_give_is_said_and_tried_again(bot: Bot) -> None:
    bot.world.github.rights.granted["deployments"] = "read"
    with capture_logs() as logs:
        await asks(bot, service="ledger")
    assert "protection_not_allowed" in {line["event"] for line in logs}
    bot.world.github.rights.granted["deployments"] = "write"
    await bot.passes(timedelta(minutes=11))
    assert len(bot.world.github.gates.said("rejected")) == 1


async def test_what_is_never_answered_runs_out(bot: Bot) -> None:
    bot.world.github.rights.granted["deployments"] = "read"
    await asks(bot, service="ledger")
    bot.world.clock.moment += timedelta(days=30)
    await bot.works()
    assert (await cases(bot))[0].outcome == "timed_out"


async def test_a_run_that_would_replace_what_serves_is_rejected(bot: Bot) -> None:
    run = await asks(bot, slot="blue")
    await bot.passes(SOON)
    assert bot.world.github.gates.said("rejected") == [
        (
            "It has to go to green, the idle slot, and the run's title names blue. In Slack: "
            "/release payments v2.1.0 production (slot_differs)"
        )
    ]
    assert (await bot.release()).state == "cancelled"
    assert run.conclusion == "failure"
    assert bot.image("payments-blue") == "quantivista/payments:v2.0.5"


async def test_where_no_approval_is_needed_it_goes_on_by_itself(bot: Bot) -> None:
    github = bot.world.github
    github.gates.protect(REPO, "staging")
    github.seed_release(REPO, "v2.2.0")
    await asks(bot, version="v2.2.0", environment="staging")
    done = await bot.until("succeeded")
    assert (done.environment, done.version) == ("staging", "v2.2.0")
    assert len(github.gates.said("approved")) == 1


async def test_a_halt_holds_the_releases_own_run_at_the_gate(bot: Bot) -> None:
    bot.world.github.rights.granted["deployments"] = "read"
    release = await approved(bot)
    await bot.until(lambda r: r.progress.run_url is not None, release)
    await bot.says('/release halt prod "prices are wrong"', by="U0DAN")
    await bot.until("paused", release)
    bot.world.github.rights.granted["deployments"] = "write"
    await bot.passes(timedelta(minutes=15))
    assert bot.world.github.gates.said("approved") == []


async def test_in_place_a_run_by_hand_does_it_all_and_can_be_taken_back(
    world: World, given: Given
) -> None:
    clearing = IN_PLACE.replace("  clearing:\n", '  clearing:\n    tag: "clearing/{version}"\n')
    bot = await given(catalog=clearing)
    seeded(world)
    guarded(world)
    github = world.github
    old, new = (
        github.repository(REPO).commit_of("v2.0.5"),
        github.repository(REPO).commit_of("v2.1.0"),
    )
    assert old
    assert new
    github.add_tag(REPO, "clearing/v2.0.5", old.sha)
    github.add_tag(REPO, "clearing/v2.1.0", new.sha)
    run = await asks(bot, service="clearing", slot="")
    release = await bot.until("awaiting_approval")
    assert release.plan is not None
    assert release.plan.in_place
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.moved, release.id)
    await bot.until(lambda r: r.progress.step >= 1, release.id)
    assert (run.conclusion, bot.image("clearing")) == ("success", "quantivista/clearing:v2.1.0")
    await bot.clicks("Roll back", by="U0DAN", release=release.id)
    await bot.until("rolled_back", release.id)
    assert bot.image("clearing") == "quantivista/clearing:v2.0.5"
    # The way back has a run of its own, which is let through as the release's.
    assert [state for _, _, state, _ in github.gates.answers if state] == ["approved"] * 2
