"""Turns that are rarer: the database away, bugs, repairs by hand, words instead of buttons."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.engine.world import Wake
from bot.errors import StaleLeaseError, StoreError
from bot.ports import Invocation, Webhook
from bot.store import inbox, leases, releases, wishes
from bot.store.migrate import migrate
from bot.store.session import Store, async_url
from integrations.simulated.kubernetes import seeding
from integrations.simulated.server import Fault
from tests.chaos.driver import RealClock
from tests.tester import ANA, BEN, CHANNEL, DAN, Bot, World


async def test_a_locked_database_is_answered_in_words(world: World, tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    bot = await Bot(world, f"sqlite:///{path}", tmp_path).start()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        reply = await world.slack.app.slash(ANA, "/release", "payments v2.1.0 prod", CHANNEL)
        assert reply.status == 200
        assert reply.text == "Could not confirm that this was saved. `/release status` tells."
        assert reply.seconds < 3
        other.execute("ROLLBACK")
    await bot.works()
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.finish()


async def test_an_acknowledged_command_survives_the_crash_before_its_work(bot: Bot) -> None:
    reply = await bot.world.slack.app.slash(ANA, "/release", "payments v2.1.0 prod", CHANNEL)
    assert reply.status == 200
    assert await bot.all_releases() == []
    await bot.crashes_and_restarts()
    await bot.until("awaiting_approval")


async def test_every_state_survives_a_restart(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    await bot.crashes_and_restarts()
    release = (await bot.until("awaiting_approval")).id
    await bot.crashes_and_restarts()
    await bot.clicks("Approve", by=BEN)
    for weight in (0, 10, 50):
        await bot.until(lambda r, w=weight: r.progress.weight >= w, release)  # type: ignore[misc]
        await bot.crashes_and_restarts()
    await bot.until("succeeded", release)
    assert len(bot.traffic_changes()) == 4


async def test_a_bug_is_logged_with_an_id_that_the_user_sees(bot: Bot) -> None:
    async def broken(_invocation: Invocation, _at: object) -> None:
        raise ZeroDivisionError

    bot.app.inbox._handle = broken  # type: ignore[assignment]
    await bot.says("/release status")
    await bot.passes(timedelta(minutes=2))
    assert "This is a fault of the bot, not yours. It is logged as err-" in bot.told()


async def test_reject_and_resume_by_words(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.says(f"/release resume {release}", by=ANA)
    assert "there is nothing to resume yet." in bot.told()
    await bot.says(f'/release reject {release} --comment "not today"', by=BEN)
    await bot.until("rejected", release)
    await bot.says(f"/release cancel {release}", by=ANA)
    assert "was rejected by @ben" in bot.told()


@pytest.mark.parametrize(
    ("action", "value", "said"),
    [
        ("release:approve", "nothing", "That button names no release."),
        ("release:approve", "rel-2222", "That button names no plan."),
        ("release:promote", "rel-2222", "There is no release rel-2222."),
        ("release:dance", "rel-2222", "That button does nothing here."),
        ("release:details", "rel-2222", "There is no release rel-2222."),
        ("release:retry", "rel-2222", "There is no release rel-2222."),
        ("other:thing", "x", ""),
    ],
)
async def test_odd_buttons_get_one_sentence(bot: Bot, action: str, value: str, said: str) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    reply = await bot.presses_old(action, value)
    assert reply.status == 200
    assert said in bot.told()


async def stuck(bot: Bot) -> str:
    """A rollback that can't finish: the old slot has no pods."""
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "payments-blue", {"spec": {"replicas": 0}})
    await bot.clicks("Roll back", by=DAN)
    return (await bot.until(lambda r: r.needs_attention)).id


async def test_repaired_after_going_back_by_hand(bot: Bot) -> None:
    release = await stuck(bot)
    cluster = bot.world.kubernetes.cluster
    bot.world.kubernetes.fail(Fault("status", path="endpointslices", times=None))
    await bot.passes(timedelta(seconds=20))
    cluster.edit("deployments", "production", "payments-blue", {"spec": {"replicas": 3}})
    cluster.edit("services", "production", "payments", {"spec": {"selector": {"slot": "blue"}}})
    await bot.world.clock.advance_to(bot.world.clock.now() + timedelta(seconds=5))
    await bot.clicks("Repaired by hand", by=DAN, release=release, settle=False)
    bot.world.kubernetes.heal()
    done = await bot.until("succeeded", release)
    assert done.state == "succeeded"
    assert await bot.runs("payments") == "v2.0.5"


async def test_repaired_where_neither_is_whole_is_abandoned(bot: Bot) -> None:
    release = await stuck(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "payments-green", {"spec": {"replicas": 0}})
    await bot.clicks("Repaired by hand", by=ANA, release=release)
    done = await bot.until("abandoned", release)
    assert "Neither slot has all the traffic and all of its pods." in (done.detail or "")
    assert "Look at the cluster before the next release." in bot.card(release)


async def test_repaired_forward_ends_as_succeeded(bot: Bot) -> None:
    """A release that fails after traffic, whose old slot is gone, and whose new one was mended."""
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 100, release)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "orders-blue", {"spec": {"replicas": 0}})
    await bot.clicks("Roll back", by=DAN)
    await bot.until(lambda r: r.needs_attention, release)
    await bot.clicks("Repaired by hand", by=DAN, release=release)
    done = await bot.until("succeeded", release)
    assert done.reason == "repaired_by_person"
    assert await bot.runs("orders") == "v2.1.0"


async def test_the_preview_follows_the_switch(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    cluster = bot.world.kubernetes.cluster
    preview = cluster.objects.get("services", "production", "payments-preview")
    assert preview["spec"]["selector"]["slot"] == "blue"


async def test_a_release_that_two_ask_for_at_once_runs_once(bot: Bot) -> None:
    for by in (ANA, BEN):
        await bot.world.slack.app.slash(by, "/release", "config v2.0.5 stage", CHANNEL)
    await bot.works()
    for _ in range(60):
        await bot.step()
    found = await bot.all_releases()
    assert sorted(r.state.value for r in found) in (
        ["blocked", "succeeded"], ["refused", "succeeded"],
    )  # fmt: skip
    images = [e for e in bot.world.kubernetes.cluster.effects if e.kind == "deployments"]
    assert len(images) == 1


async def test_leases_fences_and_wishes(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("awaiting_approval")
    store, real = bot.app.store, bot.world.clock.real()
    place = ("payments", "production")
    async with store.write() as session:
        first = await leases.claim(session, release.id, place, "a", real)
        assert first is not None
        assert await leases.claim(session, release.id, place, "b", real) is None
        second = await leases.claim(session, release.id, place, "b", real, force=True)
        assert second is not None
        assert second.fence == first.fence + 1
    with pytest.raises(StaleLeaseError):
        async with store.write() as session:
            await leases.hold(session, first, real)
    with pytest.raises(StaleLeaseError):
        async with store.write() as session:
            await leases.lift(session, first, 99)
    async with store.write() as session:
        lifted = await leases.lift(session, second, 99)
        assert lifted.fence == 100
        assert await leases.fence_of(session, *place) == 100
        assert await leases.fence_of(session, "nobody", "nowhere") == 0
        own = await leases.claim(session, release.id, None, "a", real)
        assert own is not None
        with pytest.raises(StaleLeaseError):
            await leases.lift(session, own, 5)
        await leases.release_all(session, "a")
        wish = wishes.Wish(key="k", release_id=release.id, kind="resume", by=ANA, at=real)
        assert await wishes.insert(session, wish)
        assert not await wishes.insert(session, wish)
    with pytest.raises(StaleLeaseError):
        async with store.write() as session:
            await inbox.finish(session, "never came", real)
    await bot.clicks("Cancel")


async def test_a_wish_that_came_too_late_changes_nothing(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("running", release)
    now = bot.world.clock.now()
    async with bot.app.store.write() as session:
        for kind in ("resume", "repaired"):
            late = wishes.Wish(key=kind, release_id=release, kind=kind, by=ANA, at=now)
            await wishes.insert(session, late)
        await releases.wake(session, release, now)
    await bot.until("succeeded", release)


async def test_a_hint_about_nothing_wakes_nobody(bot: Bot) -> None:
    hint = Webhook(delivery="d", body_hash="h", event="workflow_run", release_marker="(rel-2222)")
    await bot.app.inbox.hint(hint)
    await bot.app.inbox.hint(hint)
    assert await bot.all_releases() == []


async def test_webhooks_that_are_odd(bot: Bot) -> None:
    import hashlib
    import hmac

    import aiohttp

    async def post(body: bytes, event: str, *, secret: str = "hook") -> int:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": event}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{bot.app.url}/github/webhooks", data=body, headers=headers) as answer,
        ):
            return answer.status

    assert await post(b"{}", "ping") == 200
    assert await post(b"{}", "push") == 202
    assert await post(b"[]", "workflow_run") == 202
    assert await post(b"not json", "workflow_run") == 400
    assert await post(b"{}", "ping", secret="wrong") == 401
    assert await post(b"x" * (25 * 2**20 + 1), "push") == 413


def test_database_urls() -> None:
    assert async_url("sqlite:///x.db") == "sqlite+inloop:///x.db"
    assert async_url("postgres://u@h/d") == "postgresql+asyncpg://u@h/d"
    with pytest.raises(ValueError, match="must start with"):
        async_url("mysql://x")


async def test_a_database_that_is_not_there_is_a_store_error(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/none/bot.db")
    with pytest.raises(StoreError):
        await migrate(store, tries=1)
    await store.close()
    # The driver's thread says goodbye to this loop after the error; let it find the loop there.
    await asyncio.sleep(0.2)


async def test_a_wake_ends_a_wait() -> None:
    bell = Wake()
    bell.ring()
    async with asyncio.timeout(20):
        await bell.wait(30)
    assert bell.open
    bell.close()
    async with asyncio.timeout(20):
        await bell.wait(30)
    assert not bell.open


async def test_a_running_release_can_be_retried_at_once(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("running", release)
    await bot.presses_old("release:retry", release, by=ANA)
    assert bot.told() == ""
    await bot.until("succeeded", release)
    await bot.presses_old("release:retry", release, by=ANA)
    assert "is no longer possible (retry)" in bot.told()
    assert seeding.live_slot(bot.world.kubernetes.cluster, "production", "payments") == "green"


async def test_a_cancel_before_the_start_changes_nothing(bot: Bot) -> None:
    """Approved and queued, but not begun: the wish is read before the first step."""
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    bot.world.kubernetes.fail(Fault("hang", method="POST", times=None, seconds=0.01))
    bot.world.kubernetes.heal()
    await bot.clicks("Approve", by=BEN, settle=False)
    await bot.app.inbox.start_due()
    await bot.app.inbox.settle()
    await bot.app.reconciler.tick(release)
    assert (await bot.release(release)).state == "queued"
    await bot.clicks("Cancel", by=ANA, release=release)
    done = await bot.until("cancelled", release)
    assert done.acted_by == ANA
    assert bot.world.github.dispatches == []


async def test_the_order_is_checked_again_in_the_moment_of_the_start(bot: Bot) -> None:
    from bot.store import ledger

    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN, settle=False)
    await bot.app.inbox.start_due()
    await bot.app.inbox.settle()
    await bot.app.reconciler.tick(release)
    now = bot.world.clock.now()
    old = ledger.Entry(
        service="config", environment="production", version="v1.0.0", since=now, source="released"
    )
    async with bot.app.store.write() as session:
        await ledger.replace(session, old, ended_by="release")
    await bot.app.reconciler.tick(release)
    blocked = await bot.release(release)
    assert blocked.state == "blocked"
    assert "config is v1.0.0 now, and this needs >=1.9 <3." in (blocked.detail or "")
    named = old.model_copy(update={"version": "main"})
    async with bot.app.store.write() as session:
        await ledger.replace(session, named, ended_by="adopt")
    await bot.until("succeeded", release)


async def test_pods_that_stay_unready_in_a_bake_fail_it(bot: Bot) -> None:
    from integrations.simulated.kubernetes import Behaviour

    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 10, release)
    bot.world.kubernetes.cluster.behaves("orders:v2.1.0", Behaviour("never_ready"))
    done = await bot.until("rolled_back", release)
    assert done.reason == "pods_unready"


async def test_one_pod_short_is_borne_for_a_while(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 10, release)
    cluster = bot.world.kubernetes.cluster
    cluster.ready_after = 15
    cluster.edit("deployments", "production", "orders-green", {"spec": {"replicas": 4}})
    await bot.until("succeeded", release)


async def test_traffic_moved_by_hand_at_the_end_is_held(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 100, release)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("services", "production", "payments", {"spec": {"selector": {"slot": "blue"}}})
    await bot.until("paused", release)
    assert "Traffic is blue 100 %, green 0 %" in bot.card(release)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)


async def test_the_loops_do_it_all_by_themselves(tmp_path: Path) -> None:
    """The same, with the app's own loops and real time instead of the test's hand."""
    real = await World.made(RealClock())
    real.seed()
    bot = Bot(real, f"sqlite:///{tmp_path}/bot.db", tmp_path)
    await bot.start()
    loops = [bot.app.inbox.run(), bot.app.reconciler.run(), bot.app.outbox.run()]
    tasks = [asyncio.create_task(loop) for loop in loops]
    await real.slack.app.slash(ANA, "/release", "payments v2.1.0 prod", CHANNEL)
    for _ in range(1200):
        if bot._cards() and "Waiting for" in bot.card():
            break
        await asyncio.sleep(0.05)
    assert "Waiting for a release manager" in bot.card()
    for wake in (bot.app.world.commands, bot.app.world.work, bot.app.world.mail):
        wake.close()
    await asyncio.gather(*tasks)
    await bot.finish()
    await real.stop()


def test_the_way_that_providers_write_encryption_is_understood() -> None:
    written = async_url("postgresql://u:p%40ss@h:5432/d?sslmode=require")
    assert written == "postgresql+asyncpg://u:p%40ss@h:5432/d?ssl=require"


async def test_the_version_before_works_on_a_newer_schema(bot: Bot) -> None:
    async with bot.app.store.write() as session:
        await session.exec(text("UPDATE alembic_version SET version_num = '9999'"))  # type: ignore[call-overload]
    with capture_logs() as logged:
        await bot.crashes_and_restarts()
    assert [row["stored"] for row in logged if row["event"] == "schema_newer"] == ["9999"]
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
