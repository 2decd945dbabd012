"""Getting back: one click, in every state, waiting for nothing but the cluster."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.facts import LockFact
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.engine import record
from bot.engine.undoing import turned_back
from bot.store import leases, targets
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.server import Fault
from tests.tester import ANA, BEN, CY, DAN, Bot


async def running(bot: Bot, service: str = "orders", *, weight: int = 25) -> str:
    """A release that has reached that share of traffic."""
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight >= weight, release)
    return release


async def live(bot: Bot, service: str = "payments") -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    return release


async def test_a_click_under_way_puts_all_traffic_back_first(bot: Bot) -> None:
    release = await running(bot)
    assert seeding.weights(bot.world.kubernetes.cluster, "production", "orders")["green"] == 25
    await bot.clicks("Roll back", by=DAN)
    done = await bot.until("rolled_back", release)
    assert done.reason == "rolled_back_by_person"
    assert bot.live("orders") == "blue"
    assert "Rolled back by @dan" in bot.card(release)
    thread = bot.thread()
    assert "2.1.0 is held back in production, and its commits elsewhere. @ana @dan: your" in thread
    assert await bot.runs("orders") is None
    assert len(await bot.all_releases()) == 1


async def test_who_takes_the_lease_over_goes_on_from_what_its_holder_wrote_last(bot: Bot) -> None:
    """A tick that read before it had the lease once undid a rollback's first write."""
    release_id = await running(bot)
    release = await bot.release(release_id)
    place = (release.service, release.environment)
    async with bot.app.store.write() as session:
        lease = await leases.claim(
            session, release_id, place, "another", bot.world.clock.real(), force=True
        )
        assert lease
        taker = asyncio.create_task(bot.app.reconciler.tick(release_id, force=True))
        await asyncio.sleep(0.2)
        back = turned_back(
            release,
            bot.world.clock.now(),
            ends_as=State.ROLLED_BACK,
            reason=Reason.ROLLED_BACK_BY_PERSON,
            detail=None,
        )
        now = bot.world.clock.now()
        await record.advance(session, release, back, now, due_at=now)
    await taker
    assert (await bot.until("rolled_back", release_id)).progress.weight == 0
    assert bot.live("orders") == "blue"


@pytest.mark.parametrize("state", ["awaiting_approval", "blocked"])
async def test_before_anything_began_it_is_a_cancel(bot: Bot, state: str) -> None:
    if state == "blocked":
        bot.world.github.repositories["quantivista/platform"].checks.clear()
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until(state)
    before = len(bot.world.kubernetes.cluster.effects)
    await bot.presses_old("release:rollback", release.id, by=DAN)
    assert (await bot.until("cancelled")).acted_by == DAN
    assert len(bot.world.kubernetes.cluster.effects) == before


async def test_cancel_while_the_workflow_runs_changes_nothing_and_stops_the_run(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("running", release)
    await bot.clicks("Cancel", by=ANA)
    done = await bot.until("cancelled", release)
    assert done.ends_as == "cancelled"
    assert bot.live("payments") == "blue"
    assert bot.image("payments-green") == "quantivista/payments:v1.9.0"
    assert bot.world.github.runs[0].conclusion == "cancelled"
    assert seeding.replicas(bot.world.kubernetes.cluster, "production", "payments-blue") == 3


async def test_the_lock_holds_until_the_cause_is_mended(bot: Bot) -> None:
    release = await live(bot)
    await bot.clicks("Roll back", by=ANA)
    rollback = await bot.until("succeeded")
    assert rollback.undoes == release
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    assert blocked.reason == "locked"
    why = f"2.1.0 is held back since {rollback.id} took it back in production."
    assert why in bot.card(blocked.id)
    await bot.clicks("Cause is mended", by=CY, release=rollback.id)
    assert "You can't lift the lock" in bot.told(CY)
    await bot.clicks("Cause is mended", by=DAN, release=rollback.id)
    await bot.until("awaiting_approval", blocked.id)
    assert "says that the cause is mended" in bot.thread(rollback.id)
    await bot.presses_old("release:mended", rollback.id, by=DAN)
    assert "holds no lock any more" in bot.told(DAN)


async def after_the_window(bot: Bot) -> str:
    release = await live(bot)
    assert "Instant rollback until 17:30: 2.0.5 still runs on blue." in bot.card(release)
    await bot.passes(timedelta(hours=1, minutes=1))
    await bot.settles()
    return release


async def test_after_the_window_it_is_a_release_of_what_ran_before(bot: Bot) -> None:
    release = await after_the_window(bot)
    assert "Going back to 2.0.5 takes a release now" in bot.card(release)
    bot.world.kubernetes.cluster.deploy("production", "payments-blue", "quantivista/payments:old")
    await bot.clicks("Roll back", by=DAN, release=release)
    rollback = await bot.until("succeeded")
    assert (rollback.kind, rollback.undoes, rollback.version) == ("rollback", release, "v2.0.5")
    assert bot.live("payments") == "blue"
    assert bot.image("payments-blue") == "quantivista/payments:v2.0.5"
    assert await bot.runs("payments") == "v2.0.5"
    assert "↩ @dan asked to go back to 2.0.5." in bot.thread(rollback.id)
    assert "2.1.0 is held back in production, and its commits elsewhere." in bot.thread(rollback.id)
    assert f"Rolled back by {rollback.id}." in bot.card(release)
    run = bot.world.github.runs[-2]
    assert (run.inputs["version"], run.inputs["slot"]) == ("v2.0.5", "blue")


async def test_it_needs_no_approval_no_checks_and_passes_a_lock(bot: Bot) -> None:
    await after_the_window(bot)
    repository = bot.world.github.repositories["quantivista/platform"]
    repository.checks.clear()
    async with bot.app.store.write() as session:
        lock = LockFact(holder="rel-2222", why="odd", by=ANA, since=bot.world.clock.now())
        await targets.lock(session, ("payments", "production"), lock)
    await bot.says("/release rollback payments prod", by=DAN)
    rollback = await bot.until("succeeded")
    assert [gate.gate for gate in rollback.gates] == ["order", "free", "cluster"]


async def test_who_may_not_roll_back_may_not_do_this_either(bot: Bot) -> None:
    await after_the_window(bot)
    await bot.says("/release rollback payments prod", by=CY)
    assert "You can't roll back" in bot.told(CY)
    assert len(await bot.all_releases()) == 1


async def test_a_version_further_back_is_named(bot: Bot) -> None:
    await bot.says("/release adopt payments v2.0.5 prod", by=BEN)
    await live(bot)
    await bot.says("/release rollback payments prod to v1.0.0", by=DAN)
    told = bot.told(DAN)
    assert "1.0.0 was never live and well for payments in production. What was: 2.0.5." in told
    await bot.says("/release rollback payments prod too v2.0.5", by=DAN)
    assert "Say /release rollback SERVICE ENVIRONMENT [to VERSION]" in bot.told(DAN)
    await bot.says("/release rollback payments prod to v2.0.5", by=DAN)
    rollback = await bot.until("succeeded")
    # What is wanted still runs on the other slot: then a switch is all it takes.
    assert rollback.former is None
    assert bot.live("payments") == "blue"


async def test_the_machine_never_takes_a_rollback_back(bot: Bot) -> None:
    release = await after_the_window(bot)
    await bot.clicks("Roll back", by=DAN, release=release)
    rollback = await bot.until(lambda r: r.progress.weight == 100)
    bot.world.kubernetes.cluster.behaves(r"payments:v2\.0\.5$", Behaviour("crashes"))
    bot.world.kubernetes.cluster.deploy("production", "payments-blue", "quantivista/payments:x")
    held = await bot.until("paused", rollback.id)
    assert held.reason is Reason.HELD
    assert bot.live("payments") == "blue"


async def test_a_rollback_that_fails_before_traffic_is_put_back(bot: Bot) -> None:
    release = await after_the_window(bot)
    bot.world.kubernetes.cluster.deploy("production", "payments-blue", "quantivista/payments:x")
    bot.world.kubernetes.cluster.behaves(r"payments:v2\.0\.5$", Behaviour("crashes"))
    await bot.clicks("Roll back", by=DAN, release=release)
    failed = await bot.until("failed")
    assert failed.kind == "rollback"
    assert bot.live("payments") == "green"
    assert bot.image("payments-blue") == "quantivista/payments:x"


async def test_it_survives_a_crash_and_a_second_click(bot: Bot) -> None:
    release = await after_the_window(bot)
    await bot.clicks("Roll back", by=DAN, release=release)
    await bot.world.slack.app.again()
    await bot.works()
    await bot.crashes_and_restarts()
    await bot.until("succeeded")
    assert len(await bot.all_releases()) == 2
    await bot.presses_old("release:rollback", release, by=DAN)
    assert "was rolled back already" in bot.told(DAN)


async def test_rollback_by_words_finds_what_ran_last(bot: Bot) -> None:
    await live(bot)
    await bot.says("/release rollback payments prod", by=DAN)
    rollback = await bot.until("succeeded")
    assert rollback.kind == "rollback"
    assert await bot.runs("payments") == "v2.0.5"
    await bot.says(f"/release rollback {rollback.id}", by=DAN)
    assert "is a rollback. To go forward again, release a version." in bot.told(DAN)


async def test_the_same_rollback_click_twice_is_one_rollback(bot: Bot) -> None:
    release = await live(bot)
    before = len(bot.traffic_changes())
    await bot.clicks("Roll back", by=ANA)
    await bot.world.slack.app.again()
    await bot.works()
    await bot.until("succeeded")
    await bot.presses_old("release:rollback", release, by=ANA)
    assert "was rolled back already" in bot.told()
    assert len(bot.traffic_changes()) - before == 1
    assert len(await bot.all_releases()) == 2


async def test_it_waits_for_neither_github_nor_slack(bot: Bot) -> None:
    release = await live(bot)
    bot.world.github.fail(Fault("status", times=None))
    bot.world.slack.fail(Fault("status", path="/api/", times=None))
    await bot.clicks("Roll back", by=ANA, release=release)
    for _ in range(20):
        await bot.app.reconciler.start_due()
        await bot.app.reconciler.settle()
    assert bot.live("payments") == "blue"
    bot.world.slack.heal()
    await bot.until("succeeded")


async def test_it_is_refused_where_the_old_slot_is_gone_and_says_how_by_hand(bot: Bot) -> None:
    release = await live(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "payments-blue", {"spec": {"replicas": 0}})
    await bot.clicks("Roll back", by=ANA, release=release)
    stuck = await bot.until(lambda r: r.needs_attention)
    assert bot.live("payments") == "green"
    assert "blue has no ready pod to go back to" in bot.card(stuck.id)
    assert "kubectl --context main -n production patch service payments" in bot.card(stuck.id)
    cluster.edit("deployments", "production", "payments-blue", {"spec": {"replicas": 3}})
    await bot.until("succeeded", stuck.id)
    assert bot.live("payments") == "blue"


async def test_repaired_by_hand_ends_it_as_what_is_true(bot: Bot) -> None:
    release = await live(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "payments-blue", {"spec": {"replicas": 0}})
    await bot.clicks("Roll back", by=ANA, release=release)
    stuck = await bot.until(lambda r: r.needs_attention)
    await bot.clicks("Repaired by hand", by=DAN, release=stuck.id)
    done = await bot.until("failed", stuck.id)
    assert done.reason == "repaired_by_person"
    assert "green has the traffic, 3 of 3 pods ready." in bot.thread(stuck.id)
    assert await bot.runs("payments") == "v2.1.0"


async def test_a_newer_release_takes_the_button_away(bot: Bot) -> None:
    release = await live(bot)
    sha = bot.world.github.seed_release(
        "quantivista/platform", "v2.2.0", checks=("unit-tests", "e2e")
    )
    assert sha
    await bot.says("/release payments v2.2.0 stage", by=ANA)
    await bot.until("succeeded")
    await bot.passes(timedelta(minutes=61))
    await bot.says("/release payments v2.2.0 prod")
    newer = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=CY)
    await bot.until("succeeded", newer)
    await bot.presses_old("release:rollback", release, by=DAN)
    assert f"{newer} started after {release}" in bot.told(DAN)


async def test_rolling_back_a_rollback_under_way_says_so(bot: Bot) -> None:
    release = await running(bot)
    bot.world.kubernetes.fail(Fault("status", method="PATCH", times=3))
    await bot.clicks("Roll back", by=DAN)
    await bot.presses_old("release:rollback", release, by=ANA)
    assert "is going back already" in bot.told() or "was rolled back" in bot.told()
    await bot.until("rolled_back", release)
