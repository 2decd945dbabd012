"""A whole release, and each way back, where Argo Rollouts runs the pods and moves the traffic."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.audit import AuditTag
from bot.domain.releases import Release
from bot.engine.unmanaged import look
from integrations.simulated.kubernetes import rollouts, seeding
from integrations.simulated.kubernetes.objects import Object
from integrations.simulated.kubernetes.pods import Behaviour
from integrations.simulated.prometheus import Load
from integrations.simulated.server import Fault, FaultKind
from tests.scenarios.conftest import Given
from tests.scenarios.gated import entries
from tests.scenarios.test_analysis import MEASURED
from tests.tester import ANA, BEN, DAN, Bot, World
from tests.ways import ARGO

OLD, NEW = "quantivista/orders:v2.0.5", "quantivista/orders:v2.1.0"
SPACE = "production"


METRICS = MEASURED.replace("{slot}", "{role}")
MEASURING = ARGO.replace("bake: 30s, watch: 1m}", "bake: 10m, watch: 1m}" + METRICS)


@pytest.fixture
async def rolled(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot whose `orders` is a Rollout, and no two Deployments."""
    seed(world)
    made = await Bot(world, database, tmp_path, catalog=ARGO).start()
    yield made
    await made.finish()


def seed(world: World) -> None:
    cluster = world.kubernetes.cluster
    for space, running in (("staging", NEW), (SPACE, OLD)):
        for kind, names in {
            "deployments": ("orders-blue", "orders-green"),
            "services": ("orders", "orders-blue", "orders-green", "orders-preview"),
            "httproutes": ("orders",),
        }.items():
            for name in names:
                cluster.delete(kind, space, name)
        seeding.seed_rollout(cluster, space, "orders", running)


async def approved(bot: Bot) -> str:
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


def rollout(bot: Bot) -> Object:
    cluster = bot.world.kubernetes.cluster
    cluster.argo.follow(SPACE)
    return cluster.objects.get(rollouts.KIND, SPACE, "orders")


def image(bot: Bot) -> str:
    """What the template names."""
    found: str = rollout(bot)["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def serves(bot: Bot) -> str:
    """Image of the pods that are stable, where nothing is under way."""
    status = rollout(bot)["status"]
    assert status["currentPodHash"] == status["stableRS"]
    assert status["phase"] == "Healthy", status
    name = f"orders-{status['stableRS']}"
    item = bot.world.kubernetes.cluster.objects.get(rollouts.SETS, SPACE, name)
    found: str = item["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def by_hand(bot: Bot, **body: Any) -> None:
    bot.world.kubernetes.cluster.edit(rollouts.KIND, SPACE, "orders", body)


def told(bot: Bot) -> list[str]:
    """What the bot told the Rollout, in order: an image, a step, an abort."""
    found = []
    for effect in bot.world.kubernetes.cluster.effects:
        if effect.kind != rollouts.KIND or effect.by_hand or not (effect.before and effect.after):
            continue
        before, after = effect.before["status"], effect.after["status"]
        if effect.before["spec"] != effect.after["spec"]:
            image = effect.after["spec"]["template"]["spec"]["containers"][0]["image"]
            found.append(image.rpartition(":")[2])
        if after.get("abort") and not before.get("abort"):
            found.append("abort")
        elif after["currentStepIndex"] != before["currentStepIndex"]:
            found.append(f"step {after['currentStepIndex']}")
    return found


def at(weight: int) -> Any:
    def reached(release: Release) -> bool:
        return release.progress.weight == weight

    return reached


async def test_a_release_goes_from_pause_to_pause_and_rests(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(25), release)
    status = rollout(rolled)["status"]
    assert status["phase"] == "Paused"
    assert status["canary"]["weights"]["canary"]["weight"] == 25
    done = await rolled.until("succeeded", release)
    assert told(rolled) == ["v2.1.0", "step 2", "step 5", "step 7", "step 9", "step 11"]
    assert serves(rolled) == NEW
    assert rolled.live("orders") == "green"
    assert await rolled.runs("orders") == "v2.1.0"
    assert done.window_until is None
    marks = rollout(rolled)["metadata"]["annotations"]
    assert marks["release-bot/release"] == release


async def test_nothing_has_traffic_before_its_smoke_test(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(lambda r: r.steps()[r.progress.step].kind == "smoke", release)
    status = rollout(rolled)["status"]
    assert status["pauseConditions"]
    assert status["canary"]["weights"]["canary"]["weight"] == 0
    assert rolled.live("orders") == "blue"
    await rolled.until("succeeded", release)


async def test_a_second_release_goes_to_the_other_slot(rolled: Bot) -> None:
    await rolled.until("succeeded", await approved(rolled))
    world = rolled.world
    world.github.seed_release(
        "quantivista/platform", "v2.2.0", commits=[("ana", "More")], checks=("unit-tests", "e2e")
    )
    await rolled.says("/release orders v2.2.0 stage")
    await rolled.until("succeeded")
    await rolled.passes(timedelta(hours=2))
    await rolled.says("/release orders v2.2.0 prod")
    release = (await rolled.until("awaiting_approval")).id
    await rolled.clicks("Approve", by=BEN)
    await rolled.until("succeeded", release)
    assert serves(rolled) == "quantivista/orders:v2.2.0"
    assert rolled.live("orders") == "blue"


async def test_a_bad_version_is_put_back_before_traffic(rolled: Bot) -> None:
    rolled.world.kubernetes.cluster.behaves("v2.1.0", Behaviour("crashes"))
    release = await approved(rolled)
    done = await rolled.until("failed", release)
    assert done.reason == "pods_crash"
    assert told(rolled) == ["v2.1.0", "v2.0.5"]
    assert (serves(rolled), image(rolled)) == (OLD, OLD)
    assert rolled.live("orders") == "blue"


async def test_a_version_without_progress_is_put_back(rolled: Bot) -> None:
    rolled.world.kubernetes.cluster.behaves("v2.1.0", Behaviour("never_ready"))
    by_hand(rolled, spec={"progressDeadlineSeconds": 60})
    done = await rolled.until("failed", await approved(rolled))
    assert done.reason == "rollout_failed"
    assert serves(rolled) == OLD


async def test_a_version_that_turns_bad_goes_back_by_itself(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(25), release)
    rolled.world.kubernetes.cluster.behaves("v2.1.0", Behaviour("crashes"))
    done = await rolled.until("rolled_back", release)
    assert done.reason in ("pods_crash", "pods_unready")
    assert told(rolled)[-2:] == ["abort", "v2.0.5"]
    assert (serves(rolled), image(rolled)) == (OLD, OLD)


async def test_pods_that_crash_as_the_share_rises_take_it_back_at_once(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(
        lambda r: r.progress.weight == 25 and "not there yet" in (r.progress.note or ""), release
    )
    begun = rolled.world.clock.now()
    rolled.world.kubernetes.cluster.behaves("v2.1.0", Behaviour("crashes"))
    done = await rolled.until("rolled_back", release)
    assert done.reason == "pods_crash"
    assert done.ended_at is not None
    assert done.ended_at - begun < timedelta(minutes=1)
    assert serves(rolled) == OLD


async def test_a_click_in_the_middle_aborts_and_puts_the_image_back(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(50), release)
    await rolled.clicks("Roll back", by=DAN)
    done = await rolled.until("rolled_back", release)
    assert done.reason == "rolled_back_by_person"
    assert told(rolled)[-2:] == ["abort", "v2.0.5"]
    assert (serves(rolled), image(rolled)) == (OLD, OLD)
    assert rolled.live("orders") == "blue"


async def test_a_click_at_100_per_cent_goes_back_through_the_last_pause(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(100), release)
    await rolled.clicks("Roll back", by=DAN)
    await rolled.until("rolled_back", release)
    assert told(rolled)[-2:] == ["abort", "v2.0.5"]
    assert serves(rolled) == OLD


async def test_after_the_end_a_rollback_is_a_release_of_what_ran_before(rolled: Bot) -> None:
    await rolled.until("succeeded", await approved(rolled))
    await rolled.clicks("Roll back", by=ANA)
    back = await rolled.until("succeeded")
    assert back.kind == "rollback"
    assert back.former is not None
    assert told(rolled)[6:] == ["v2.0.5", "step 2", "step 5", "step 7", "step 9", "step 11"]
    assert serves(rolled) == OLD
    assert rolled.live("orders") == "blue"
    assert await rolled.runs("orders") == "v2.0.5"


async def test_metrics_by_role_take_a_worse_version_back(world: World, given: Given) -> None:
    seed(world)
    bot = await given(catalog=MEASURING)
    world.prometheus.streams.serves(SPACE, "orders", Load(rate=200.0, failing=0.001))
    release = await approved(bot)
    await bot.until(at(10), release)
    await bot.passes(timedelta(minutes=3))
    seen = (await bot.release(release)).progress.analysis.evidence["errors"]
    assert seen.n_s > 8 * seen.n_c > 0
    world.prometheus.streams.fails(SPACE, "orders", version="v2.1.0", share=0.05)
    done = await bot.until("rolled_back", release)
    assert done.reason == "metrics_unhealthy"
    assert serves(bot) == OLD


async def test_the_line_by_hand_is_in_the_details(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(10), release)
    await rolled.clicks("⋯ Details", by=DAN)
    said = rolled.told(DAN).replace("&gt;", ">").replace("&amp;", "&")
    abort = """--subresource=status --type=merge -p '{"status":{"abort":true}}'"""
    assert f"kubectl --context main -n production patch rollout orders {abort} && kubectl" in said
    assert f'"path":"/spec/template/spec/containers/0/image","value":"{OLD}"' in said


# Somebody else's hand.


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"abort": True}, "Traffic is blue 100 %, green 0 %; this release left it at blue 75 %"),
        ({"promoteFull": True}, "Traffic is blue 0 %, green 100 %; this release left it at blue"),
        ({"pauseConditions": None}, "Traffic is blue 50 %, green 50 %; this release left it at"),
    ],
)
async def test_what_somebody_else_told_it_holds_the_release(
    rolled: Bot, status: Object, said: str
) -> None:
    release = await approved(rolled)
    await rolled.until(at(25), release)
    before = told(rolled)
    by_hand(rolled, status=status)
    held = await rolled.until("paused", release)
    assert held.reason == "held"
    assert said in rolled.card(release)
    assert "Rollout orders has an update under way" in rolled.card(release)
    await rolled.passes(timedelta(minutes=2))
    assert told(rolled) == before


async def test_what_somebody_aborted_goes_back_when_resumed(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(25), release)
    by_hand(rolled, status={"abort": True})
    await rolled.until("paused", release)
    await rolled.clicks("Resume", by=ANA)
    done = await rolled.until("rolled_back", release)
    assert done.reason == "rollout_failed"
    assert serves(rolled) == OLD


async def test_a_pause_by_hand_holds_it_and_says_so(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(25), release)
    by_hand(rolled, spec={"paused": True})
    held = await rolled.until("paused", release)
    assert held.reason == "held"
    assert "Rollout orders is paused by hand (spec.paused)." in rolled.card(release)
    by_hand(rolled, spec={"paused": False})
    await rolled.clicks("Resume", by=ANA)
    await rolled.until("succeeded", release)
    assert serves(rolled) == NEW


async def test_another_image_set_meanwhile_holds_it_and_is_left(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(25), release)
    other = "quantivista/orders:v9"
    containers = [{"name": "orders", "image": other}]
    by_hand(rolled, spec={"template": {"spec": {"containers": containers}}})
    held = await rolled.until("paused", release)
    assert held.reason == "held"
    await rolled.clicks("Roll back", by=DAN)
    stuck = await rolled.until(lambda r: r.needs_attention, release)
    assert "Rollout orders is set to quantivista/orders:v9" in (stuck.detail or "")
    assert image(rolled) == other
    by_hand(rolled, spec={"template": {"spec": {"containers": [{**containers[0], "image": OLD}]}}})
    await rolled.until("rolled_back", release)
    assert serves(rolled) == OLD


async def test_what_somebody_promoted_before_traffic_is_not_undone_over_their_head(
    rolled: Bot,
) -> None:
    release = await approved(rolled)
    await rolled.until(lambda r: r.steps()[r.progress.step].kind == "smoke", release)
    by_hand(rolled, status={"promoteFull": True})
    held = await rolled.until("paused", release)
    assert held.reason == "held"
    # The simulated controller acts when somebody looks.
    for _ in range(10):
        rollout(rolled)
        await rolled.passes(timedelta(seconds=1))
    assert serves(rolled) == NEW
    await rolled.clicks("Cancel", by=ANA)
    stuck = await rolled.until(lambda r: r.needs_attention, release)
    assert "green is the stable version of Rollout orders now" in (stuck.detail or "")
    assert serves(rolled) == NEW
    await rolled.clicks("Repaired by hand", by=BEN)
    await rolled.until("succeeded", release)


# What is not ready.


async def test_steps_that_do_not_fit_are_said_before_anything_begins(rolled: Bot) -> None:
    steps = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 40}, {"pause": {"duration": "10m"}}]
    by_hand(rolled, spec={"strategy": {"canary": {"steps": steps}}})
    await rolled.says("/release orders v2.1.0 prod")
    blocked = await rolled.until("blocked")
    assert blocked.reason == "cluster_not_ready"
    assert "step 4 pauses for a time, and the bot says when it goes on" in rolled.card()
    assert "{setCanaryScale: {matchTrafficWeight: true}}" in rolled.card()
    assert told(rolled) == []


async def test_rights_that_are_missing_name_their_file(rolled: Bot) -> None:
    rolled.world.kubernetes.cluster.deny("patch", "rollouts/status")
    await rolled.says("/release orders v2.1.0 prod")
    blocked = await rolled.until("blocked")
    assert blocked.reason == "cluster_forbidden"
    assert "The bot may not patch rollouts/status in production." in rolled.card()
    assert "Apply deploy/kubernetes/rbac.yaml and rbac-argo.yaml there" in rolled.card()


# Faults.


async def test_a_controller_that_is_down_is_waited_for(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(10), release)
    argo = rolled.world.kubernetes.cluster.argo
    argo.is_down = True
    waiting = await rolled.until(
        lambda r: "Argo Rollouts is not there yet" in (r.progress.note or ""), release
    )
    assert waiting.progress.weight == 10
    before = told(rolled)
    await rolled.passes(timedelta(minutes=1))
    assert told(rolled) == before
    argo.is_down = False
    await rolled.until("succeeded", release)


async def test_a_router_that_takes_no_weight_ends_in_time(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(10), release)
    rolled.world.kubernetes.cluster.argo.router_fails = "the ingress is gone"
    await rolled.until(lambda r: r.state != "running", release)
    rolled.world.kubernetes.cluster.argo.router_fails = None
    done = await rolled.until("rolled_back", release)
    assert done.reason in ("rollout_failed", "deadline")
    assert serves(rolled) == OLD


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_crash_at_the_second_of_the_two_patches(rolled: Bot, kind: FaultKind) -> None:
    """Before it only the mark has changed; after it the Rollout goes on, and nobody knows."""
    release = await approved(rolled)
    await rolled.until(at(10), release)
    fault = Fault(kind, path="rollouts/orders/status", method="PATCH")
    rolled.world.kubernetes.faults.append(fault)
    before = told(rolled)
    await rolled.until(lambda _: not fault.times, release)
    assert told(rolled) == ([*before, "step 5"] if kind == "drop_after" else before)
    await rolled.crashes_and_restarts()
    await rolled.until("succeeded", release)
    # Whatever was done and not heard of is not done again.
    assert told(rolled) == ["v2.1.0", "step 2", "step 5", "step 7", "step 9", "step 11"]
    assert serves(rolled) == NEW


async def test_a_crash_at_the_abort(rolled: Bot) -> None:
    release = await approved(rolled)
    await rolled.until(at(50), release)
    fault = Fault("drop_before", path="rollouts/orders/status", method="PATCH")
    rolled.world.kubernetes.faults.append(fault)
    await rolled.clicks("Roll back", by=DAN)
    await rolled.crashes_and_restarts()
    await rolled.until("rolled_back", release)
    assert told(rolled)[-2:] == ["abort", "v2.0.5"]
    assert serves(rolled) == OLD


async def test_what_rests_after_a_release_is_no_unmanaged_change(rolled: Bot) -> None:
    await rolled.until("succeeded", await approved(rolled))
    await rolled.passes(timedelta(hours=2))
    await look(rolled.app.world)
    assert await entries(rolled, AuditTag.CHANGE_SEEN) == []
