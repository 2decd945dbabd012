"""A fresh baseline: the new version is compared with new pods of the old one, not with old pods."""

from datetime import timedelta
from functools import partial

import pytest

from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.errors import ConflictError
from bot.ports_baseline import BaselinePatch
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.prometheus import Load
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, PLACE
from tests.tester import BEN, DAN, Bot

SPACE, BASE = "production", "orders-baseline"
OLD, NEW = "quantivista/orders:v2.0.5", "quantivista/orders:v2.1.0"

BY_PODS = CATALOGUE.replace('slot="{slot}"', 'pod=~"{service}-{slot}-.+"').replace(
    "weights: [10, 100], bake: 10m", "weights: [10, 50, 100], bake: 4m"
)
"""The same service, compared with the live slot."""
BASED = BY_PODS.replace(
    "    metrics:\n", '    kubernetes: {baseline: "{service}-baseline"}\n    metrics:\n', 1
)
CANARY = BASED.replace("{kind: blue-green, traffic: gateway", "{kind: canary, traffic: gateway")


def seeded(bot: Bot) -> Bot:
    """Keep a Deployment for the baseline, as a team does; in staging too, by one catalogue."""
    for namespace in ("staging", SPACE):
        # What it ran the last time is no matter.
        seeding.seed_baseline(
            bot.world.kubernetes.cluster, namespace, "orders", "quantivista/orders:v1.9.0"
        )
    return bot


def size(bot: Bot, name: str = BASE) -> int:
    return seeding.replicas(bot.world.kubernetes.cluster, SPACE, name)


def serves_beside(bot: Bot) -> str | None:
    item = bot.world.kubernetes.cluster.objects.get("deployments", SPACE, BASE)
    label: str | None = item["spec"]["template"]["metadata"]["labels"].get("slot")
    return label


def writes(bot: Bot, name: str) -> int:
    effects = bot.world.kubernetes.cluster.effects
    return sum(e.name == name and e.kind == "deployments" and not e.by_hand for e in effects)


async def begun(bot: Bot, rate: float = 200.0) -> str:
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=rate, failing=0.001))
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


def is_at(step: str, release: Release) -> bool:
    steps, at = release.steps(), release.progress.step
    if release.ended or at >= len(steps) or steps[at].kind != step:
        return False
    # A baseline is looked for twice where none is wanted.
    return step != "baseline" or steps[at].share > 0


def has_weight(weight: int, release: Release) -> bool:
    return release.progress.weight == weight


async def test_a_good_version_is_compared_with_new_pods_of_the_old_one(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    assert (size(bot), bot.image(BASE), serves_beside(bot)) == (3, OLD, "blue")
    assert "A fresh baseline of 2.0.5 serves beside blue: 3 of 3 pods ready." in bot.thread()
    await bot.until(partial(has_weight, 50), release)
    assert "(baseline " in bot.thread()
    assert "(blue " not in bot.thread()
    assert "the baseline's rate" in bot.thread()
    await bot.until(partial(has_weight, 100), release)
    assert size(bot) == 0
    await bot.until("succeeded", release)
    assert bot.live("orders") == "green"
    assert writes(bot, "orders-blue") == 0
    assert (size(bot), size(bot, "orders-blue")) == (0, 3)
    assert writes(bot, BASE) == 2


async def test_the_next_release_finds_its_label_and_image_and_turns_them_round(
    given: Given,
) -> None:
    bot = seeded(await given(catalog=BASED))
    await begun(bot)
    await bot.until("succeeded")
    await bot.passes(timedelta(hours=2))
    await bot.clicks("Roll back", by=DAN)
    await bot.until(partial(has_weight, 10))
    assert (size(bot), bot.image(BASE), serves_beside(bot)) == (3, NEW, "green")
    await bot.until("succeeded")
    assert (size(bot), bot.live("orders")) == (0, "blue")


async def test_the_plan_says_what_it_is_compared_with_and_what_room_that_takes(
    given: Given,
) -> None:
    bot = seeded(await given(catalog=BASED))
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=100.0, failing=0.005), past=3600)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    assert "10 → 50 → 100 %, compared with a fresh baseline" in bot.card()
    assert "The baseline takes up to 3 pods besides while it is compared with" in bot.card()
    assert "the baseline's rate, or more." in bot.card()


async def test_a_bad_version_goes_back_and_takes_the_baseline_along(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    await begun(bot)
    await bot.until(partial(has_weight, 10))
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    release = await bot.until("rolled_back")
    assert release.reason is Reason.METRICS_UNHEALTHY
    assert "✗ Unhealthy: errors" in bot.thread()
    assert "(baseline 0." in bot.thread()
    assert "; baseline 2.0.5: 0." in bot.thread()
    assert bot.thread().index("Traffic is back") < bot.thread().index("The baseline is at 0 pods")
    assert (size(bot), size(bot, "orders-blue"), bot.live("orders")) == (0, 3, "blue")


@pytest.mark.parametrize("catalog", [BASED, BY_PODS], ids=["baseline", "live slot"])
async def test_where_old_pods_are_slow_only_new_ones_show_that_the_new_version_is(
    given: Given, catalog: str
) -> None:
    """The live slot has run for long and is slow by age: beside it a slow version looks well."""
    bot = await given(catalog=catalog)
    if catalog is BASED:
        seeded(bot)
    release = await begun(bot)
    streams = bot.world.prometheus.streams
    streams.slows(*PLACE, pod="orders-blue-", factor=8)
    streams.slows(*PLACE, version="v2.1.0", factor=8)
    ended = await bot.until(lambda r: r.ended, release)
    if catalog is BASED:
        assert (ended.state, ended.reason) == (State.ROLLED_BACK, Reason.METRICS_UNHEALTHY)
        assert "✗ Unhealthy: slow " in bot.thread()
    else:
        assert ended.state is State.SUCCEEDED


@pytest.mark.parametrize("catalog", [BASED, BY_PODS], ids=["baseline", "live slot"])
async def test_what_every_new_pod_suffers_from_is_not_the_new_versions_fault(
    given: Given, catalog: str
) -> None:
    """Caches are cold on every new pod: beside the live slot a good version looks slow."""
    bot = await given(catalog=catalog)
    if catalog is BASED:
        seeded(bot)
    release = await begun(bot)
    streams = bot.world.prometheus.streams
    streams.slows(*PLACE, pod="orders-green-", factor=8)
    streams.slows(*PLACE, pod="orders-baseline-", factor=8)
    ended = await bot.until(lambda r: r.ended, release)
    healthy = State.SUCCEEDED if catalog is BASED else State.ROLLED_BACK
    assert ended.state is healthy


async def test_a_canary_has_a_baseline_of_its_own_size_at_each_weight(given: Given) -> None:
    bot = seeded(await given(catalog=CANARY))
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", SPACE, "orders-blue", {"spec": {"replicas": 10}})
    await bot.passes(timedelta(minutes=1))
    release = await begun(bot)
    seen = []
    for weight in (10, 50, 100):
        await bot.until(partial(has_weight, weight), release)
        seen.append((weight, size(bot, "orders-green"), size(bot)))
    assert seen == [(10, 1, 1), (50, 5, 5), (100, 10, 0)]
    await bot.until("succeeded", release)
    assert bot.thread().count("Healthy: ") == 2


async def test_its_share_is_little_and_that_is_no_lack_of_traffic(given: Given) -> None:
    """At 10 % one pod of eleven has the baseline's traffic: the canary gets the most of both."""
    bot = seeded(await given(catalog=CANARY))
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", SPACE, "orders-blue", {"spec": {"replicas": 10}})
    await bot.passes(timedelta(minutes=1))
    release = await begun(bot, rate=1000.0)
    await bot.until(partial(has_weight, 10), release)
    await bot.passes(timedelta(minutes=3))
    found = (await bot.release(release)).progress.analysis.evidence["errors"]
    assert found.n_c / (found.n_c + found.n_s) == pytest.approx(0.55, abs=0.05)
    bot.world.starved.add((SPACE, "orders", "green"))
    paused = await bot.until("paused", release)
    assert paused.reason is Reason.NO_TRAFFIC
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)


async def test_what_is_live_cant_start_any_more_and_it_ends_before_traffic(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(is_at, "smoke"), release)
    # Its image can't be had any more; pods that run don't mind.
    bot.world.kubernetes.cluster.behaves("v2.0.5", Behaviour("unpullable"), BASE)
    ended = await bot.until("failed", release)
    assert ended.reason is Reason.BASELINE_UNREADY
    assert "Baseline pod orders-baseline-" in bot.thread()
    assert "It runs 2.0.5, as blue does: new pods of what is live can't start now." in bot.thread()
    assert (size(bot), size(bot, "orders-blue"), bot.live("orders")) == (0, 3, "blue")
    assert bot.image("orders-green") == "quantivista/orders:v1.9.0"


async def test_without_room_it_says_that(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(is_at, "smoke"), release)
    cluster = bot.world.kubernetes.cluster
    cluster.quotas[SPACE] = 0
    ended = await bot.until("failed", release)
    assert ended.reason is Reason.BASELINE_UNREADY
    assert "can't be made: the namespace's quota is used up" in bot.thread()
    assert "can't start now" not in bot.thread()
    assert size(bot) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"template": {"spec": {"containers": [{"name": "orders", "image": NEW}]}}}},
         f"The baseline runs {NEW}, not {OLD}, which is live."),
        ({"spec": {"template": {"metadata": {"labels": {"slot": "green"}}}}},
         "The baseline's pods carry slot: green, not slot: blue, which is live."),
        ({"spec": {"replicas": 1}},
         "The baseline is set to 1 pod; this release gave it 3."),
    ],
    ids=["image", "slot", "size"],
)  # fmt: skip
async def test_changed_by_hand_it_proves_nothing_and_a_person_is_asked(
    given: Given, change: dict[str, object], said: str
) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    bot.world.kubernetes.cluster.edit("deployments", SPACE, BASE, change)
    held = await bot.until("paused", release)
    assert held.reason is Reason.HELD
    assert said in bot.card(release)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)
    assert (size(bot), bot.live("orders")) == (0, "blue")


async def test_changed_while_it_comes_up_it_is_held_and_goes_on_when_it_is_put_right(
    given: Given,
) -> None:
    bot = seeded(await given(catalog=BASED))
    cluster = bot.world.kubernetes.cluster
    cluster.ready_after = 30.0
    release = await begun(bot)
    await bot.until(lambda r: is_at("baseline", r) and size(bot) == 3, release)
    cluster.edit("deployments", SPACE, BASE, {"spec": {"replicas": 1}})
    await bot.until("paused", release)
    assert "The baseline is set to 1 pod; this release gave it 3." in bot.card()
    cluster.deploy(SPACE, BASE, "somebody/else:1")
    await bot.clicks("Resume")
    await bot.until("paused", release)
    assert f"The baseline runs somebody/else:1, not {OLD}, which is live." in bot.card()
    cluster.deploy(SPACE, BASE, OLD)
    await bot.clicks("Resume")
    await bot.until(partial(has_weight, 10), release)
    assert size(bot) == 3
    await bot.until("succeeded", release)


async def test_a_mark_on_it_that_is_newer_than_the_database_holds_it(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    marks = {"metadata": {"annotations": {"release-bot/fence": "100000"}}}
    bot.world.kubernetes.cluster.edit("deployments", SPACE, BASE, marks)
    release = await begun(bot)
    await bot.until("paused", release)
    assert "Deployment orders-baseline bears fence 100000" in bot.card(release)
    await bot.clicks("Resume")
    await bot.until("succeeded", release)
    assert size(bot) == 0


async def test_what_is_live_changed_since_the_plan_is_held(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(is_at, "smoke"), release)
    bot.world.kubernetes.cluster.deploy(SPACE, "orders-blue", "somebody/else:1")
    await bot.until("paused", release)
    assert f"Blue runs somebody/else:1, not {OLD}, which was live when it began." in bot.card()
    assert size(bot) == 0
    await bot.clicks("Cancel")
    await bot.until("cancelled", release)


async def test_another_size_that_a_person_has_seen_is_as_good(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", SPACE, BASE, {"spec": {"replicas": 2}})
    await bot.until("paused", release)
    await bot.clicks("Resume")
    await bot.until("succeeded", release)
    assert size(bot) == 0


async def test_gone_in_the_middle_of_a_bake_it_is_held(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    bot.world.kubernetes.cluster.delete("deployments", SPACE, BASE)
    await bot.until("paused", release)
    assert "Deployment orders-baseline is gone: there is nothing to compare with." in bot.card()
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)


async def test_gone_before_it_is_made_it_fails(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(is_at, "smoke"), release)
    bot.world.kubernetes.cluster.delete("deployments", SPACE, BASE)
    ended = await bot.until("failed", release)
    assert ended.reason is Reason.OBJECT_MISSING


async def test_pods_that_stood_there_before_are_too_old_and_go_first(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", SPACE, BASE, {"spec": {"replicas": 2}})
    old = {pod.name for _, pod in cluster.pods(SPACE, {"track": "baseline"})}
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    assert "Deployment orders-baseline is not at 0 pods now: those go first" in bot.card()
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=200.0, failing=0.001))
    await bot.clicks("Approve", by=BEN)
    await bot.until(partial(has_weight, 10), release)
    now = {pod.name for _, pod in cluster.pods(SPACE, {"track": "baseline"})}
    assert len(now) == 3
    assert not now & old
    sizes = [
        e.after["spec"]["replicas"]
        for e in cluster.effects
        if e.name == BASE and not e.by_hand and e.after
    ]
    assert sizes == [0, 3]


async def test_pods_left_behind_the_slot_that_is_idle_now_answer_no_smoke_test(
    given: Given,
) -> None:
    bot = seeded(await given(catalog=BASED))
    cluster = bot.world.kubernetes.cluster
    label = {"template": {"metadata": {"labels": {"slot": "green"}}}}
    cluster.edit("deployments", SPACE, BASE, {"spec": {"replicas": 2, **label}})
    await bot.passes(timedelta(minutes=1))
    release = await begun(bot)
    await bot.until(partial(is_at, "smoke"), release)
    assert size(bot) == 0
    assert not list(cluster.pods(SPACE, {"track": "baseline"}))
    assert bot.thread(release).count("The baseline is at 0 pods again") == 1
    await bot.until("succeeded", release)
    assert bot.thread(release).count("The baseline is at 0 pods again") == 2


async def test_repaired_by_hand_nobody_takes_it_away_and_the_thread_says_so(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", SPACE, "orders-blue", {"spec": {"replicas": 0}})
    await bot.clicks("Roll back", by=DAN)
    await bot.until(lambda r: r.needs_attention, release)
    assert size(bot) == 3
    await bot.clicks("Repaired by hand", by=DAN)
    await bot.until("abandoned", release)
    assert (
        "! The baseline still has 3 pods of the old version: this release takes them away no more. "
        "By hand: kubectl --context main -n production scale deployment orders-baseline "
        "--replicas=0"
    ) in bot.thread(release)


@pytest.mark.parametrize("at", ["none", "unknown"])
async def test_repaired_by_hand_it_is_told_of_only_where_it_may_have_pods(
    given: Given, at: str
) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("deployments", SPACE, "orders-blue", {"spec": {"replicas": 0}})
    await bot.clicks("Roll back", by=DAN)
    await bot.until(lambda r: r.needs_attention, release)
    change: dict[str, object] = {"replicas": 0}
    if at == "unknown":
        change = {"template": {"spec": {"containers": [{"name": "other", "image": OLD}]}}}
    cluster.edit("deployments", SPACE, BASE, {"spec": change})
    await bot.clicks("Repaired by hand", by=DAN)
    await bot.until("abandoned", release)
    told = "The baseline may still have pods of the old version: " in bot.thread(release)
    assert told is (at == "unknown")
    assert "The baseline still has" not in bot.thread(release)


@pytest.mark.parametrize("lost", [None, "drop_before", "drop_after"])
async def test_it_is_brought_once_whatever_dies_or_is_lost(given: Given, lost: str | None) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(is_at, "baseline"), release)
    if lost:
        fault = Fault(lost, path=BASE, method="PATCH", times=1)  # type: ignore[arg-type]
        bot.world.kubernetes.faults.append(fault)
    await bot.crashes_and_restarts()
    await bot.until(partial(has_weight, 10), release)
    assert (size(bot), writes(bot, BASE)) == (3, 1)
    await bot.crashes_and_restarts()
    await bot.until("succeeded", release)
    assert size(bot) == 0


async def test_cancelled_while_it_is_brought_it_goes_with_all_the_rest(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    bot.world.kubernetes.cluster.ready_after = 60.0
    release = await begun(bot)
    await bot.until(lambda r: is_at("baseline", r) and size(bot) == 3, release)
    await bot.clicks("Cancel")
    await bot.until("cancelled", release)
    assert (size(bot), size(bot, "orders-blue"), bot.live("orders")) == (0, 3, "blue")


async def test_a_process_frozen_before_its_patch_brings_nothing_after_the_end(
    given: Given,
) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(is_at, "smoke"), release)
    lost = Fault("status", path=BASE, method="PATCH", times=None, status=503)
    bot.world.kubernetes.faults.append(lost)
    found = await bot.until(partial(is_at, "baseline"), release)
    assert found.plan is not None
    cluster, target = bot.app.world.cluster, found.plan.target
    seen = await cluster.look_at_baseline(target)
    await bot.passes(timedelta(seconds=10))
    bot.world.kubernetes.faults.clear()
    await bot.clicks("Cancel")
    await bot.until("cancelled", release)
    assert "baseline is at 0" not in bot.thread(release)
    patch = BaselinePatch(image=OLD, slot="blue", replicas=3)
    with pytest.raises(ConflictError):
        await cluster.change_baseline(target, seen, patch, fence=2, release=release)
    assert size(bot) == 0


async def test_rolled_back_in_the_middle_the_traffic_comes_first(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)
    assert (size(bot), bot.live("orders")) == (0, "blue")


async def test_what_cant_be_taken_away_holds_up_neither_traffic_nor_ending(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    refused = Fault("status", path=BASE, method="PATCH", times=None, status=403)
    bot.world.kubernetes.faults.append(refused)
    await bot.clicks("Roll back", by=DAN)
    asked = bot.world.clock.now()
    ended = await bot.until("rolled_back", release)
    assert ended.ended_at is not None
    assert ended.ended_at - asked < timedelta(minutes=1)
    assert not ended.needs_attention
    assert "! The baseline still has 3 pods of the old version: " in bot.thread(release)
    assert "scale deployment orders-baseline --replicas=0" in bot.thread(release)
    assert (size(bot), bot.live("orders")) == (3, "blue")


@pytest.mark.parametrize("how", ["forbidden", "down", "renamed"])
async def test_what_cant_even_be_looked_at_holds_up_neither(given: Given, how: str) -> None:
    """Nobody knows then how many pods it has, and the thread says that too."""
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    if how == "renamed":
        containers = [{"name": "other", "image": OLD}]
        change = {"spec": {"template": {"spec": {"containers": containers}}}}
        bot.world.kubernetes.cluster.edit("deployments", SPACE, BASE, change)
    else:
        status = {"forbidden": 403, "down": 503}[how]
        fault = Fault("status", path=BASE, method="GET", times=None, status=status)
        bot.world.kubernetes.faults.append(fault)
    await bot.clicks("Roll back", by=DAN)
    asked = bot.world.clock.now()
    ended = await bot.until(lambda r: r.ended, release)
    assert ended.state is State.ROLLED_BACK
    assert ended.ended_at is not None
    assert ended.ended_at - asked < timedelta(minutes=1)
    assert not ended.needs_attention
    assert "! The baseline may still have pods of the old version: " in bot.thread(release)
    assert "scale deployment orders-baseline --replicas=0" in bot.thread(release)
    assert bot.live("orders") == "blue"


async def test_with_gaps_in_its_samples_nothing_is_judged(given: Given) -> None:
    bot = seeded(await given(catalog=BASED))
    release = await begun(bot)
    await bot.until(partial(has_weight, 10), release)
    bot.world.prometheus.streams.silences(*PLACE, version="v2.0.5")
    await bot.passes(timedelta(minutes=5))
    found = await bot.release(release)
    assert found.progress.analysis.left_out is not None
    paused = await bot.until("paused", release)
    assert paused.reason is Reason.METRICS_UNDECIDED
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)


async def test_without_the_deployment_no_release_begins(given: Given) -> None:
    bot = await given(catalog=BASED)
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("blocked")
    assert "There is no Deployment orders-baseline, the baseline." in bot.card()


async def test_a_release_in_place_needs_none(given: Given) -> None:
    bot = await given(catalog=BASED)
    await bot.says("/release orders v2.1.0 prod --strategy rolling")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")


async def test_a_service_without_one_is_compared_as_ever(given: Given) -> None:
    bot = await given(catalog=BY_PODS)
    await begun(bot)
    release = await bot.until("succeeded")
    assert "(blue " in bot.thread()
    assert "baseline" not in (release.plan_text or "")
    assert not [s for s in release.steps() if s.kind == "baseline"]
