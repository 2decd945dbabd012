"""Metrics decide: what is bad goes back by itself, what can't be told asks, nothing is guessed."""

from datetime import timedelta

import pytest

from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from integrations.simulated.prometheus import Load
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.tester import BEN, CATALOG, REPO, Bot

MEASURED = """
    metrics:
      scrape: 5s
      indicators:
        errors:
          requests: 'http_requests_total{namespace="{namespace}",service="{service}",slot="{slot}"}'
          failed: 'http_requests_total{namespace="{namespace}",service="{service}",slot="{slot}",code="500"}'
          objective: 99
          clump: 1
        slow:
          requests: 'http_request_duration_seconds_count{namespace="{namespace}",service="{service}",slot="{slot}"}'
          good: 'http_request_duration_seconds_bucket{namespace="{namespace}",service="{service}",slot="{slot}",le="0.3"}'
          objective: 95
          clump: 1
"""  # noqa: E501 - selectors
LONGER = "weights: [10, 25, 50, 100], bake: 30s, watch: 1m}"
CATALOGUE = CATALOG.replace(LONGER, "weights: [10, 100], bake: 10m, watch: 1m}" + MEASURED)
GUARDED = CATALOGUE.replace(
    "      indicators:\n",
    """      guards:
        failing:
          query: >-
            sum(rate(http_requests_total{namespace="{namespace}",service="{service}",code="500"}[1m]))
            / sum(rate(http_requests_total{namespace="{namespace}",service="{service}"}[1m]))
          above: 0.1
      indicators:
""",
)
POLICY = "policies: {default: {scans: {critical: 0, high: 0}}}"
CONFIG = "    strategy: {kind: blue-green, traffic: service, watch: 30s}\n  orders:"
NEEDED = CONFIG.replace("watch: 30s}", "watch: 10m}\n    metrics: {dependents: true}")
CHECKS = ("unit-tests", "e2e")
PLACE = ("production", "orders")


async def approved(bot: Bot, rate: float = 200.0) -> None:
    """Bring a release of orders to its first bake."""
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=rate, failing=0.001))
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: release.progress.weight == 10)


async def test_the_plan_says_beforehand_what_the_bake_can_see(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=100.0, failing=0.005), past=3600)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    assert "The bakes can see errors at 2." in bot.card()
    assert "blue's rate, or more." in bot.card()


async def test_with_hardly_any_traffic_it_says_so(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=0.2, failing=0.005), past=3600)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    assert (
        "They can only see a crash in errors and slow: there is too little traffic." in bot.card()
    )


async def test_a_good_version_is_healthy_and_goes_on(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.until("succeeded")
    assert "10 % held for 10 min: 3 of 3 pods ready. Healthy: " in bot.thread()
    assert bot.live("orders") == "green"


async def test_a_version_that_fails_more_often_goes_back_by_itself(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    begun = bot.world.clock.now()
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.METRICS_UNHEALTHY
    assert release.ended_at is not None
    assert release.ended_at - begun < timedelta(minutes=3)
    assert "✗ Unhealthy: errors" in bot.thread()
    assert bot.live("orders") == "blue"


async def test_what_moves_both_slots_alike_is_nobodys_fault(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    bot.world.prometheus.streams.fails(*PLACE, share=0.05)
    release = await bot.until("succeeded")
    assert release.progress.analysis.evidence["errors"].f_s > 1000
    assert not release.progress.analysis.unhealthy


async def test_a_version_that_is_slow_goes_back(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    bot.world.prometheus.streams.slows(*PLACE, version="v2.1.0", factor=8)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.METRICS_UNHEALTHY
    assert "✗ Unhealthy: slow " in bot.thread()


async def test_an_absolute_limit_asks_and_what_is_allowed_is_not_asked_again(given: Given) -> None:
    bot = await given(catalog=GUARDED)
    await approved(bot)
    bot.world.prometheus.streams.fails(*PLACE, share=0.2)
    release = await bot.until("paused")
    assert release.reason is Reason.GUARD_BROKEN
    assert "failing is 0.2" in bot.card()
    assert "above 0.1 for 1 min or longer, over both slots together." in bot.card()
    await bot.clicks("Resume")
    await bot.passes(timedelta(minutes=5))
    assert (await bot.release()).state is State.RUNNING
    bot.world.prometheus.streams.heals(*PLACE)
    await bot.passes(timedelta(minutes=3))
    bot.world.prometheus.streams.fails(*PLACE, share=0.2)
    await bot.until("paused")


async def test_a_guard_may_go_back_by_itself_in_the_last_watch_too(given: Given) -> None:
    strict = "policies: {default: {scans: {critical: 0, high: 0}, analysis: {guard: rollback}}}"
    catalog = GUARDED.replace("watch: 1m", "watch: 10m").replace(POLICY, strict)
    bot = await given(catalog=catalog)
    await approved(bot)
    await bot.until(lambda release: release.progress.weight == 100)
    bot.world.prometheus.streams.fails(*PLACE, share=0.2)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.GUARD_BROKEN
    assert bot.live("orders") == "blue"


async def test_what_it_does_to_those_that_depend_on_it_counts(given: Given) -> None:
    bot = await given(catalog=GUARDED.replace(CONFIG, NEEDED))
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=200.0, failing=0.001))
    bot.world.github.seed_release(REPO, "v1.9.5", commits=[("ana", "x")], checks=CHECKS)
    bot.world.kubernetes.cluster.deploy("staging", "config-blue", "quantivista/config:v1.9.5")
    await bot.passes(timedelta(hours=2))
    await bot.says("/release config v1.9.5 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: release.progress.weight == 100)
    bot.world.prometheus.streams.fails(*PLACE, share=0.3)
    release = await bot.until("paused")
    assert release.reason is Reason.GUARD_BROKEN
    assert "orders failing is 0.3" in bot.card()


async def test_no_data_is_never_healthy(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    bot.world.prometheus.streams.nan(*PLACE)
    release = await bot.until("paused")
    assert release.reason is Reason.METRICS_UNDECIDED
    assert release.progress.analysis.until is None
    assert "a counter is not a number" in bot.card()


async def test_what_prometheus_missed_counts_when_it_is_back(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.passes(timedelta(minutes=2))
    seen = (await bot.release()).progress.analysis
    bot.world.prometheus.faults.append(Fault("status", times=None, status=503))
    await bot.passes(timedelta(minutes=3))
    gone = (await bot.release()).progress.analysis
    assert gone.until == seen.until
    assert gone.evidence == seen.evidence
    assert "left out: Prometheus doesn't answer: it says 503" in bot.card()
    bot.world.prometheus.faults.clear()
    await bot.passes(timedelta(seconds=30))
    back = (await bot.release()).progress.analysis
    assert back.until is not None
    assert seen.until is not None
    assert back.evidence["errors"].elapsed == (back.until - seen.until).total_seconds() + (
        seen.evidence["errors"].elapsed
    )


async def test_healthy_at_one_weight_says_nothing_of_the_next(given: Given) -> None:
    bot = await given(catalog=CATALOGUE.replace("weights: [10, 100]", "weights: [10, 50, 100]"))
    await approved(bot)
    await bot.until(lambda release: release.progress.weight == 50)
    bot.world.prometheus.faults.append(Fault("status", times=None, status=503))
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.5)
    release = await bot.until("paused")
    assert release.reason is Reason.METRICS_UNDECIDED
    assert release.progress.weight == 50


async def test_a_guard_that_can_not_be_asked_costs_no_comparison(given: Given) -> None:
    bot = await given(catalog=GUARDED.replace("sum(rate(", "no_such_function(rate("))
    await approved(bot)
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.5)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.METRICS_UNHEALTHY


@pytest.mark.parametrize(
    ("choice", "state", "reason"),
    [
        ("go-on", "succeeded", Reason.DONE),
        ("rollback", "rolled_back", Reason.METRICS_UNDECIDED),
        ("ask", "paused", Reason.METRICS_UNDECIDED),
    ],
)
async def test_policy_says_what_follows_where_nothing_could_be_told(
    given: Given, choice: str, state: str, reason: Reason
) -> None:
    policy = POLICY.replace("high: 0}", f"high: 0}}, analysis: {{undecided: {choice}}}")
    bot = await given(catalog=CATALOGUE.replace(POLICY, policy))
    await approved(bot, rate=0.5)
    release = await bot.until(state)
    assert release.reason is reason
    assert "too little traffic to judge yet" in bot.thread().lower()


async def test_a_restart_neither_repeats_nor_loses_a_look(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.passes(timedelta(minutes=2))
    before = (await bot.release()).progress.analysis
    await bot.crashes_and_restarts()
    await bot.passes(timedelta(minutes=2))
    after = (await bot.release()).progress.analysis
    assert before.until is not None
    assert after.until is not None
    more = (after.until - before.until).total_seconds()
    gained = after.evidence["errors"].elapsed - before.evidence["errors"].elapsed
    assert gained == pytest.approx(more)
    await bot.until("succeeded")


async def test_a_slot_that_gets_no_traffic_asks(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.passes(timedelta(minutes=1))
    # Whatever the route says, something in between sends green nothing.
    bot.world.starved.add((*PLACE, "green"))
    release = await bot.until("paused")
    assert release.reason is Reason.NO_TRAFFIC
    assert "Green gets far less traffic than its 10 % on green." in bot.card()
