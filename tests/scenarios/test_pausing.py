"""Pause, Resume, Promote, and weights that wait for a person; the watching goes on meanwhile."""

from datetime import timedelta

from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from integrations.simulated.kubernetes import Behaviour
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, LONGER, PLACE, POLICY, approved
from tests.tester import BEN, CATALOG, DAN, Bot

HOLDING = CATALOG.replace(LONGER, "weights: [10, 50, 100], bake: 1m, watch: 1m, hold_at: [10]}")


async def baking(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: release.progress.weight == 10)


async def test_it_waits_where_it_is_told_to_until_somebody_promotes(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    release = await bot.until("paused")
    assert release.reason is Reason.AWAITS_PROMOTION
    assert "Asks you: 10 % on green held, 3 of 3 pods ready. Promote goes on." in bot.card()
    assert "If nobody decides by" in bot.thread()
    await bot.clicks("Promote", by=BEN)
    await bot.until("succeeded")
    assert "✓ @ben promoted it" in bot.thread()
    assert "10 % ended early" in bot.thread()


async def test_promote_skips_the_bake_and_only_that(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.passes(timedelta(minutes=1))
    before = bot.world.clock.now()
    await bot.clicks("Promote")
    release = await bot.until(lambda release: release.progress.weight == 100)
    assert bot.world.clock.now() - before < timedelta(seconds=20)
    assert not release.progress.promoted
    await bot.until("succeeded")


async def test_promote_never_skips_the_look_at_the_pods(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    await bot.until("paused")
    bot.world.kubernetes.cluster.delete("deployments", "production", "orders-green")
    await bot.clicks("Promote")
    release = await bot.until("rolled_back")
    assert release.reason is Reason.OBJECT_MISSING
    assert bot.live("orders") == "blue"


async def test_a_breach_while_a_person_is_asked_goes_back_and_takes_promote_away(
    given: Given,
) -> None:
    bot = await given(catalog=CATALOGUE.replace("watch: 1m}", "watch: 1m, hold_at: [10]}"))
    await approved(bot)
    await bot.until("paused")
    promote = next(b for b in bot.card_message().buttons() if b.label == "Promote")
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.1)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.METRICS_UNHEALTHY
    await bot.presses_old("release:promote", promote.value)
    assert "was rolled back" in bot.told()
    assert bot.live("orders") == "blue"


async def test_a_person_stops_it_and_lets_it_go_on(given: Given) -> None:
    bot = await given(catalog=HOLDING.replace(", hold_at: [10]", ""))
    await baking(bot)
    await bot.passes(timedelta(seconds=30))
    await bot.clicks("Pause")
    release = await bot.release()
    assert release.reason is Reason.PAUSED_BY_PERSON
    assert "Paused by @ana. Now: 3 of 3 pods ready. At" in bot.card()
    assert "it goes back by itself." in bot.card()
    await bot.passes(timedelta(minutes=10))
    assert (await bot.release()).progress.weight == 10
    await bot.clicks("Resume")
    resumed = bot.world.clock.now()
    await bot.until(lambda release: release.progress.weight == 50)
    # Half of the bake was over when it was paused.
    assert bot.world.clock.now() - resumed < timedelta(seconds=40)


async def test_before_traffic_a_pause_stops_what_comes_next(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.clicks("Pause")
    assert (await bot.release()).state is State.PAUSED
    labels = [button.label for button in bot.card_message().buttons()]
    assert labels == ["Resume", "Cancel", "⋯ Details"]
    await bot.passes(timedelta(minutes=30))
    assert bot.live("orders") == "blue"
    assert "10 % on green" not in bot.thread()
    await bot.clicks("Resume")
    await bot.until(lambda release: release.progress.weight == 10)


async def test_a_pause_that_nobody_ends_goes_back(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.PAUSE_RAN_OUT
    assert "✗ Nobody decided by" in bot.thread()
    assert bot.live("orders") == "blue"


async def test_or_it_goes_on_where_the_policy_says_so(given: Given) -> None:
    policy = POLICY.replace("high: 0}", "high: 0}, analysis: {then: go-on, pause: 10m}")
    bot = await given(catalog=HOLDING.replace(POLICY, policy))
    await baking(bot)
    paused = await bot.until("paused")
    assert paused.progress.pause_until is not None
    await bot.until("succeeded")
    assert "◷ Nobody decided in time: it goes on." in bot.thread()


async def test_what_has_no_meaning_is_refused_in_words(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    release_id = (await bot.release()).id
    await bot.says(f"/release pause {release_id}")
    assert "That is no longer possible (pause)" not in bot.told()
    assert "waits for approval" in bot.told()
    await bot.clicks("Approve", by=BEN)
    await bot.says(f"/release promote {release_id}")
    assert "there is no bake to end" in bot.told()
    await bot.says(f"/release resume {release_id}")
    assert "is running already" in bot.told()
    await bot.says(f"/release pause {release_id}", by=DAN)
    assert "You can't pause" in bot.told(DAN)
    await bot.until("paused")
    await bot.says(f"/release pause {release_id}")
    assert "is paused already" in bot.told()


async def test_a_thread_takes_the_words_too_and_a_rollback_needs_no_resume(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    ts = bot.card_message().ts
    await bot.says("pause", thread=ts)
    assert (await bot.release()).state is State.PAUSED
    await bot.clicks("Roll back", by=DAN)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.ROLLED_BACK_BY_PERSON


async def test_somebodys_hand_in_a_pause_is_held(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    await bot.until("paused")
    route = {"spec": {"rules": [{"backendRefs": [
        {"name": "orders-blue", "port": 80, "weight": 70},
        {"name": "orders-green", "port": 80, "weight": 30},
    ]}]}}  # fmt: skip
    bot.world.kubernetes.cluster.edit("httproutes", "production", "orders", route)
    release = await bot.until(lambda release: release.reason is Reason.HELD)
    assert release.state is State.PAUSED
    labels = [button.label for button in bot.card_message().buttons()]
    assert "Promote" not in labels
    await bot.passes(timedelta(hours=3))
    assert (await bot.release()).state is State.PAUSED


async def test_a_pause_survives_a_crash(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    paused = await bot.until("paused")
    await bot.crashes_and_restarts()
    await bot.passes(timedelta(minutes=5))
    again = await bot.release()
    assert again.state is State.PAUSED
    assert again.progress.pause_until == paused.progress.pause_until
    await bot.clicks("Promote")
    await bot.until("succeeded")


CANARY = HOLDING.replace(", hold_at: [10]", "").replace(
    "{kind: blue-green, traffic: gateway", "{kind: canary, traffic: gateway"
)


async def test_between_two_weights_the_pods_are_watched_too(given: Given) -> None:
    bot = await given(catalog=CANARY)
    await baking(bot)
    await bot.until(lambda release: _at(release) == "verify")
    await bot.clicks("Pause")
    assert (await bot.release()).state is State.PAUSED
    bot.world.kubernetes.cluster.behaves(r"orders:v2\.1\.0$", Behaviour("crashes"))
    release = await bot.until("rolled_back")
    assert release.reason is Reason.PODS_CRASH


def _at(release: Release) -> str:
    return release.steps()[release.progress.step].kind


async def test_who_was_short_a_while_ago_has_its_time_again(given: Given) -> None:
    bot = await given(catalog=HOLDING)
    await baking(bot)
    await bot.until("paused")
    cluster = bot.world.kubernetes.cluster
    for size in (4, 5):
        due = (await bot._due()).release
        assert due is not None
        await bot.passes(due - bot.world.clock.now() - timedelta(seconds=1))
        replicas = {"spec": {"replicas": size}}
        cluster.edit("deployments", "production", "orders-green", replicas)
        await bot.passes(timedelta(minutes=10))
    assert (await bot.release()).state is State.PAUSED


async def test_a_promotion_does_not_outlive_a_hold(given: Given) -> None:
    bot = await given(
        catalog=HOLDING.replace("bake: 1m", "bake: 20m").replace(", hold_at: [10]", "")
    )
    await baking(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", "production", "orders-green", {"spec": {"replicas": 4}})
    await bot.clicks("Promote", by=BEN)
    cluster.deploy("production", "orders-green", "somebody/else:1")
    await bot.until(lambda release: release.reason is Reason.HELD)
    cluster.deploy("production", "orders-green", "quantivista/orders:v2.1.0")
    await bot.passes(timedelta(minutes=1))
    await bot.clicks("Resume", by=BEN)
    await bot.passes(timedelta(minutes=10))
    assert (await bot.release()).progress.weight == 10


async def test_whoever_paused_it_is_not_who_took_it_back(given: Given) -> None:
    bot = await given(catalog=CANARY)
    await baking(bot)
    await bot.clicks("Pause", by=BEN)
    release = await bot.until("rolled_back")
    assert release.acted_by is None
    assert "Rolled back at" in bot.card()
    assert "Nobody decided by 17:" in bot.thread()
