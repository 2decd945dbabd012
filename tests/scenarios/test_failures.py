"""A version that is bad: undone before it takes traffic, or traffic first and then the rest."""

from datetime import timedelta

import pytest

from integrations.simulated.github import Workflow
from integrations.simulated.kubernetes import Behaviour, seeding
from tests.tester import ANA, BEN, REPO, Bot


async def approved(bot: Bot, service: str = "payments") -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


BAD = {
    "crashes": "pods_crash",
    "oom": "pods_crash",
    "unpullable": "image_unpullable",
    "config_error": "pods_misconfigured",
    "unschedulable": "pods_unschedulable",
    "never_ready": "rollout_failed",
}


@pytest.mark.parametrize("kind", BAD)
async def test_pods_that_do_not_come_up_are_undone_before_traffic(bot: Bot, kind: str) -> None:
    release = await approved(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.behaves("payments:v2.1.0", Behaviour(kind))  # type: ignore[arg-type]
    done = await bot.until("failed", release)
    assert done.reason == BAD[kind]
    assert bot.live("payments") == "blue"
    assert bot.image("payments-green") == "quantivista/payments:v1.9.0"
    assert bot.traffic_changes() == []
    assert "before traffic moved" in bot.card(release)
    assert "✓ Green is as it was before." in bot.thread(release)
    assert await bot.runs("payments") is None


async def test_a_crash_is_told_in_seconds(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves("payments:v2.1.0", Behaviour("crashes"))
    release = await approved(bot)
    done = await bot.until("failed", release)
    assert done.ended_at is not None
    assert done.started_at is not None
    assert done.ended_at - done.started_at < timedelta(seconds=60)
    assert "crashes again and again (CrashLoopBackOff" in bot.thread(release)


async def test_a_crash_under_traffic_takes_it_back_first(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves("orders:v2.1.0", Behaviour("crashes_after", 60))
    release = await approved(bot, "orders")
    done = await bot.until("rolled_back", release)
    assert done.reason in ("pods_crash", "pods_unready")
    assert bot.live("orders") == "blue"
    thread = bot.thread(release)
    assert thread.index("Traffic goes back first.") < thread.index("Traffic is back on blue")
    assert "✓ Blue serves: 3 of 3 pods ready." in thread
    assert done.locks
    assert "Cause is mended" in [b.label for b in bot.card_message(release).buttons()]


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out"])
async def test_a_deploy_workflow_that_fails_ends_it(bot: Bot, conclusion: str) -> None:
    bot.world.github.fails("deploy.yml", conclusion)
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "workflow_failed"
    assert f"ended with {conclusion}" in bot.card(done.id)


async def test_a_workflow_that_lies_is_not_believed(bot: Bot) -> None:
    bot.world.github.repository(REPO).workflows["deploy.yml"].on_success = None
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "image_mismatch"
    assert "deploy.yml succeeded, but green runs quantivista/payments:v1.9.0" in bot.card(done.id)


async def test_a_missing_workflow_is_named(bot: Bot) -> None:
    del bot.world.github.repository(REPO).workflows["deploy.yml"]
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "workflow_missing"
    assert "quantivista/platform has no workflow deploy.yml" in bot.card(done.id)


async def test_inputs_that_a_workflow_does_not_declare_are_said(bot: Bot) -> None:
    bot.world.github.repository(REPO).workflows["deploy.yml"].inputs = ("service",)
    done = await bot.until("failed", await approved(bot))
    assert "Unexpected inputs provided" in bot.card(done.id)


@pytest.mark.parametrize("counts", [(40, 2, 0), (0, 0, 0)])
async def test_smoke_tests_that_fail_stop_it_before_traffic(
    bot: Bot, counts: tuple[int, int, int]
) -> None:
    smoke = bot.world.github.repository(REPO).workflows["smoke.yml"]
    smoke.junit, smoke.conclusion = counts, "success" if counts[1] else "failure"
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "smoke_failed"
    assert bot.traffic_changes() == []


async def test_smoke_without_counts_shows_no_number(bot: Bot) -> None:
    bot.world.github.repository(REPO).workflows["smoke.yml"].junit = None
    done = await bot.until("succeeded", await approved(bot))
    assert "Smoke] passed. It left no test counts." in bot.thread(done.id)
    assert done.progress.tests_run is None


async def test_a_run_that_never_ends_meets_the_deadline(bot: Bot) -> None:
    bot.world.github.repository(REPO).workflows["deploy.yml"].hangs = True
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "deadline"
    assert bot.world.github.runs[0].cancelling


async def test_a_route_that_the_gateway_refuses_goes_back(bot: Bot) -> None:
    release = await approved(bot, "orders")
    await bot.until(lambda r: r.progress.step >= 3, release)
    bot.world.kubernetes.cluster.rejects_routes = "weights are not supported"
    await bot.until(lambda r: r.state != "running", release)
    bot.world.kubernetes.cluster.rejects_routes = None
    done = await bot.until("rolled_back", release)
    assert done.reason == "route_rejected"
    assert bot.live("orders") == "blue"


async def test_the_switch_waits_for_the_full_size(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "payments-green", {"spec": {"replicas": 1}})
    release = await approved(bot)
    await bot.until("succeeded", release)
    assert seeding.replicas(cluster, "production", "payments-green") == 3


async def test_set_image_deploys_without_a_workflow(bot: Bot) -> None:
    bot.world.kubernetes.cluster.deploy("staging", "config-blue", "quantivista/config:v2.0.5")
    bot.world.kubernetes.cluster.age("staging", "config-blue", 7200)
    await bot.says("/release config v2.0.5 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    assert bot.world.github.dispatches == []
    assert bot.image("config-green") == "quantivista/config:v2.0.5"
    assert bot.live("config") == "green"


async def test_a_deleted_deployment_is_named(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    release = await approved(bot)
    await bot.until("running", release)
    cluster.delete("deployments", "production", "payments-green")
    bot.world.github.repository(REPO).workflows["deploy.yml"].on_success = None
    done = await bot.until("failed", release)
    assert done.reason == "object_missing"


async def test_a_new_release_may_follow_a_failed_one(bot: Bot) -> None:
    workflow = bot.world.github.repository(REPO).workflows["deploy.yml"]
    workflow.conclusion = "failure"
    await bot.until("failed", await approved(bot))
    workflow.conclusion = "success"
    await bot.says("/release payments v2.1.0 prod", by=ANA)
    done = await bot.until("succeeded")
    assert isinstance(workflow, Workflow)
    assert await bot.runs("payments") == "v2.1.0"
    # Nothing that was approved has changed, and no traffic had moved.
    assert "used again: the same commits, plan, policy and reports" in bot.thread(done.id)


async def test_a_quota_that_keeps_pods_out_is_told_and_waited_for_a_while(bot: Bot) -> None:
    release = await approved(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.quotas["production"] = 0
    done = await bot.until("failed", release)
    assert done.reason == "pods_not_made"
    assert "can't be made: the namespace's quota is used up (QuotaExceeded" in bot.thread(release)
    assert bot.live("payments") == "blue"


async def test_a_probe_that_says_no_is_told_in_words(bot: Bot) -> None:
    release = await approved(bot, "orders")
    await bot.until(lambda r: r.progress.weight >= 10, release)
    bot.world.kubernetes.cluster.behaves("orders:v2.1.0", Behaviour("never_ready"))
    done = await bot.until("rolled_back", release)
    assert done.reason == "pods_unready"
    said = "Green has 0 of 3 pods ready; 3 pods run, and the readiness probe says no."
    assert said in bot.thread(release)
