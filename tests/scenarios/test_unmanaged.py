"""What goes past the bot: told of once, in the service's channel, and put on the record."""

# ruff: noqa: E501 - snapshots are as long as what people read

from datetime import timedelta

from inline_snapshot import snapshot

from bot.domain.audit import AuditTag
from bot.engine.unmanaged import look, look_if_due
from bot.store import changes
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.gated import (
    asks,
    by_hand,
    cases,
    entries,
    guarded,
    passes_by,
    posts,
    takes_a_turn,
)
from tests.scenarios.test_github_view import approved, told
from tests.scenarios.test_held import set_weights
from tests.tester import BEN, DAN, REPO, Bot, World

HOUR = timedelta(hours=1)


async def released(bot: Bot, service: str = "payments") -> None:
    await bot.until("succeeded", await approved(bot, service))
    await bot.passes(2 * HOUR)


async def looked(bot: Bot) -> list[str]:
    """Look at the clusters; what the channel has been told so far."""
    await look(bot.app.world)
    await bot.works()
    await bot.settles()
    return posts(bot)


def kubectl(bot: Bot, image: str, deployment: str = "payments-green") -> None:
    bot.world.kubernetes.cluster.deploy("production", deployment, image)


# In the cluster.


async def test_all_as_it_should_be_is_no_news(bot: Bot) -> None:
    await released(bot)
    assert await looked(bot) == []
    assert await entries(bot, AuditTag.CHANGE_SEEN) == []


async def test_the_bots_own_deployment_is_its_own_however_github_spells_the_name(bot: Bot) -> None:
    await released(bot)
    (number,) = bot.world.github.repository(REPO).deployments
    async with bot.app.store.read() as session:
        for name in (REPO, REPO.title(), REPO.upper()):
            assert await changes.is_ours(session, name, number)
        assert not await changes.is_ours(session, REPO, number + 1)
        assert not await changes.is_ours(session, f"{REPO}-extra", number)


async def test_kubectl_by_hand_is_told_of_once(bot: Bot) -> None:
    await released(bot)
    kubectl(bot, "quantivista/payments:v6.6.6")
    await bot.passes(timedelta(minutes=1))
    assert await looked(bot) == snapshot(
        [
            """\
! payments in production was changed past the bot.
Before: 2.1.0 (quantivista/payments:v2.1.0) on green, by the ledger.
Now: 6.6.6 (quantivista/payments:v6.6.6) on green. Seen at 18:32. Its pods run since 18:31.
Kubernetes does not say who did it.
Next: put it back, or record that it is meant so: /release adopt payments 6.6.6 production.\
"""
        ]
    )
    assert len(await looked(bot)) == 1
    (entry,) = await entries(bot, AuditTag.CHANGE_SEEN)
    assert entry.data["before"] == "2.1.0 (quantivista/payments:v2.1.0) on green"
    assert entry.data["after"] == "6.6.6 (quantivista/payments:v6.6.6) on green"
    assert entry.data["reason"] == "unmanaged_change"


async def test_another_change_is_other_news_and_putting_it_back_is_noted(bot: Bot) -> None:
    await released(bot)
    kubectl(bot, "quantivista/payments:v6.6.6")
    await looked(bot)
    kubectl(bot, "quantivista/payments:v6.6.7")
    assert len(await looked(bot)) == 2
    kubectl(bot, "quantivista/payments:v2.1.0")
    assert len(await looked(bot)) == 2
    assert len(await entries(bot, AuditTag.CHANGE_OVER)) == 2
    kubectl(bot, "quantivista/payments:v6.6.6")
    assert len(await looked(bot)) == 3, "it was made again"


async def test_after_adopt_it_is_no_news_any_more(bot: Bot) -> None:
    await released(bot)
    kubectl(bot, "quantivista/payments:v6.6.6")
    await looked(bot)
    await bot.says("/release adopt payments v6.6.6 prod", by=BEN)
    assert await bot.runs("payments") == "v6.6.6"
    assert len(await looked(bot)) == 1
    assert len(await entries(bot, AuditTag.CHANGE_OVER)) == 1


async def test_traffic_moved_by_hand_is_told_of(bot: Bot) -> None:
    await released(bot, "orders")
    set_weights(bot, 100, 0)
    await bot.passes(timedelta(minutes=1))
    (said,) = await looked(bot)
    assert "Before: 2.1.0 (quantivista/orders:v2.1.0) on green, by the ledger." in said
    assert "Now: 2.0.5 (quantivista/orders:v2.0.5) on blue." in said
    set_weights(bot, 50, 50)
    assert "Now: traffic is blue 50 %, green 50 %." in (await looked(bot))[1]


async def test_not_while_a_release_is_under_way(bot: Bot) -> None:
    await released(bot)
    bot.world.github.seed_release(REPO, "v2.2.0", checks=("unit-tests", "e2e"))
    await bot.says("/release payments v2.2.0 staging")
    await bot.until("succeeded")
    await bot.passes(2 * HOUR)
    await bot.says("/release payments v2.2.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 100, release)
    assert await looked(bot) == []
    await bot.until("succeeded", release)
    assert await looked(bot) == []
    await bot.clicks("Roll back", by=DAN, release=release)
    await bot.until("succeeded")
    assert await looked(bot) == []


async def test_what_the_ledger_does_not_know_is_not_compared(bot: Bot) -> None:
    kubectl(bot, "quantivista/payments:v6.6.6", "payments-blue")
    assert await looked(bot) == []


async def test_a_cluster_that_is_silent_is_no_news(bot: Bot) -> None:
    await released(bot)
    bot.world.kubernetes.fail(Fault("status", times=None, status=503))
    kubectl(bot, "quantivista/payments:v6.6.6")
    assert await looked(bot) == []
    bot.world.kubernetes.faults.clear()
    assert len(await looked(bot)) == 1


async def test_the_look_is_one_processs_and_as_often_as_is_set(bot: Bot) -> None:
    bot.world.clock.moment = bot.world.clock.now().replace(minute=30, second=2)
    every = timedelta(minutes=5)
    assert await look_if_due(bot.app.world, every)
    assert not await look_if_due(bot.app.world, every)
    bot.world.clock.moment += timedelta(minutes=4)
    assert not await look_if_due(bot.app.world, every)
    bot.world.clock.moment += timedelta(minutes=1)
    assert await look_if_due(bot.app.world, every)


# At GitHub.


async def test_a_release_of_ones_own_is_no_news(world: World, given: Given) -> None:
    guarded(world)
    bot = await given()
    await released(bot)
    sent = [event for event, _, _ in world.github.hooks.sent]
    assert "deployment_status" in sent
    assert posts(bot) == []


async def test_an_admins_bypass_is_told_of_and_ends_its_release(world: World, given: Given) -> None:
    guarded(world)
    bot = await given()
    run = await asks(bot)
    waiting = await bot.until("awaiting_approval")
    await passes_by(bot, run)
    await bot.passes(timedelta(minutes=5))
    await bot.settles()
    assert run.conclusion == "success"
    (said,) = posts(bot)
    assert said == snapshot("""\
! payments in production was changed past the bot.
Before: the ledger does not know.
Now: [run 4711] of quantivista/platform deployed at f20731c (main): "deploy.yml payments v2.1.0 green (by-hand-0)". Seen at 16:30.
Started by @ana. The bot had not said yes: its rule was passed at GitHub.
Next: put it back, or record that it is meant so: /release adopt payments 2.1.0 production.\
""")
    assert (await bot.release(waiting.id)).reason == "run_ended"
    assert (await cases(bot))[0].outcome == "bypassed"
    (entry,) = await entries(bot, AuditTag.CHANGE_SEEN)
    assert entry.data["bypassed"] is True


async def test_a_bypass_whose_webhook_was_lost_is_found_by_looking(
    world: World, given: Given
) -> None:
    guarded(world)
    bot = await given()
    run = await asks(bot)
    await bot.until("awaiting_approval")
    world.github.hooks.lose = True
    await passes_by(bot, run)
    await bot.passes(timedelta(minutes=5))
    await bot.settles()
    assert len(posts(bot)) == 1


async def test_a_bypass_of_what_was_rejected_is_told_of(world: World, given: Given) -> None:
    guarded(world)
    bot = await given()
    world.github.rights.granted["deployments"] = "read"
    run = await asks(bot, actor="mallory")
    await passes_by(bot, run)
    await bot.passes(timedelta(minutes=2))
    await bot.settles()
    (said,) = posts(bot)
    assert "Started by mallory (GitHub). The bot had not said yes" in said


async def test_a_job_that_no_rule_stops_is_told_of_once_with_what_it_brought(
    world: World, given: Given
) -> None:
    guarded(world)
    world.github.gates.protect(REPO, "production", enabled=False)
    world.github.hooks.duplicate = True
    bot = await given()
    await released(bot)
    by_hand(bot, version="v1.9.0", actor="ben")
    await takes_a_turn()
    await bot.passes(timedelta(minutes=2))
    await told(bot)
    assert bot.image("payments-green") == "quantivista/payments:v1.9.0"
    said = await looked(bot)
    assert len(said) == 1, "the cluster shows what the Deployment has told of"
    assert "Started by @ben. The bot was not asked: no release has to do with it." in said[0]
    kubectl(bot, "quantivista/payments:v6.6.6")
    assert len(await looked(bot)) == 2


async def test_a_forged_one_tells_nobody(world: World, given: Given) -> None:
    guarded(world)
    world.github.gates.protect(REPO, "production", enabled=False)
    world.github.hooks.forge = True
    bot = await given()
    by_hand(bot)
    await takes_a_turn()
    await bot.passes(timedelta(minutes=2))
    await told(bot)
    assert posts(bot) == []
