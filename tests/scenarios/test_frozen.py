"""A process that is frozen before its patch, and wakes when somebody has undone the release.

Its patch must be refused by the cluster, also where the way back found nothing to undo.
"""

from collections.abc import Callable

import pytest

from bot.domain.releases import Release
from bot.errors import ConflictError
from bot.ports import SlotPatch
from integrations.kubernetes import KubernetesCluster, patches
from integrations.kubernetes.kinds import DEPLOYMENTS, ROLLOUTS
from integrations.kubernetes.traffic import way_of
from integrations.kubernetes.traffic.way import Move
from integrations.simulated.kubernetes import istio
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.test_argo import seed as seed_rollout
from tests.tester import ANA, BEN, CATALOG, Bot, World
from tests.ways import ARGO, ISTIO

SPACE = "production"
KINDS = {
    "service": ("payments", "services/payments"),
    "gateway": ("orders", "httproutes/orders"),
    "istio": ("orders", "virtualservices/orders"),
    "argo-rollouts": ("orders", "rollouts/orders"),
}
SET_IMAGE = CATALOG.replace("deploy: {workflow: deploy.yml}", "deploy: {kubernetes: set-image}")


def is_at(kind: str) -> Callable[[Release], bool]:
    return lambda release: release.steps()[release.progress.step].kind == kind


def seeded(world: World, way: str) -> str:
    """Seed what carries the traffic; the catalogue."""
    cluster = world.kubernetes.cluster
    if way == "istio":
        for space in ("staging", SPACE):
            cluster.objects.remove("httproutes", space, "orders")
            cluster.create(istio.GATEWAYS, space, istio.gateway())
            cluster.create(istio.KIND, space, istio.virtual_service("orders", "blue"))
    if way == "argo-rollouts":
        seed_rollout(world)
    return {"istio": ISTIO, "argo-rollouts": ARGO}.get(way, CATALOG)


async def approved(bot: Bot, service: str) -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN, settle=False)
    return release


def no_patch_arrives(bot: Bot, path: str) -> None:
    """Nothing that is patched there takes effect: the process is about to, and is frozen."""
    bot.world.kubernetes.fail(Fault("status", path=path, method="PATCH", times=None))


def adapter(bot: Bot) -> KubernetesCluster:
    cluster = bot.app.world.cluster
    assert isinstance(cluster, KubernetesCluster)
    return cluster


@pytest.mark.parametrize("way", KINDS)
async def test_no_traffic_moves_after_the_way_back(world: World, given: Given, way: str) -> None:
    service, path = KINDS[way]
    bot = await given(catalog=seeded(world, way))
    release = await approved(bot, service)
    await bot.until(is_at("smoke"), release)
    no_patch_arrives(bot, path)
    found = await bot.until(lambda r: is_at("shift")(r) and r.progress.moved, release)
    assert found.plan is not None
    cluster, target = adapter(bot), found.plan.target
    share = found.plan.steps[found.progress.step].weight or 0
    seen = await cluster.look_at_traffic(target)
    move = Move(seen, {"green": share, "blue": 100 - share}, 1, release)
    carrier = way_of(target)
    patch = await carrier.patch(cluster._reader, target, move)
    bot.world.kubernetes.heal()
    await bot.clicks("Roll back", by=ANA)
    await bot.until("rolled_back", release)
    with pytest.raises(ConflictError):
        await cluster._patch(target, carrier.kind, carrier.name(target), patch)
    assert bot.live(service) == "blue"


@pytest.mark.parametrize("way", ["service", "argo-rollouts"])
async def test_no_image_is_set_after_the_end(world: World, given: Given, way: str) -> None:
    service = KINDS[way][0]
    catalog = seeded(world, way)
    bot = await given(catalog=SET_IMAGE if catalog is CATALOG else catalog)
    path = "deployments/payments-green" if way == "service" else KINDS[way][1]
    no_patch_arrives(bot, path)
    release = await approved(bot, service)
    found = await bot.until(lambda r: is_at("deploy")(r) and r.progress.before is not None, release)
    assert found.plan is not None
    cluster, target = adapter(bot), found.plan.target
    seen = await cluster.look_at_slot(target, "green")
    wanted = SlotPatch(image=f"quantivista/{service}:v2.1.0")
    if target.is_rollout:
        kind, name = ROLLOUTS, service
        patch = await cluster._rollouts.set_image(target, seen, wanted, 1, release)
    else:
        kind, name = DEPLOYMENTS, target.deployment("green")
        item = await cluster._deployment(target, "green")
        marks = patches.marks(item, 1, release)
        patch = [*marks, *patches.slot_change(item, target.container("green"), seen, wanted)]
    bot.world.kubernetes.heal()
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled", release)
    assert "as it was before" not in bot.thread(release)
    with pytest.raises(ConflictError):
        await cluster._patch(target, kind, name, patch)
    assert (await cluster.look_at_slot(target, "green")).image == seen.image


async def test_a_mark_that_is_newer_holds_no_cancel_up(given: Given) -> None:
    bot = await given(catalog=SET_IMAGE)
    no_patch_arrives(bot, "deployments/payments-green")
    release = await approved(bot, "payments")
    await bot.until(lambda r: is_at("deploy")(r) and r.progress.before is not None, release)
    marked = {"metadata": {"annotations": {"release-bot/fence": "9000"}}}
    bot.world.kubernetes.cluster.edit("deployments", SPACE, "payments-green", marked)
    bot.world.kubernetes.heal()
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled", release)


async def test_a_mark_leaves_the_weights_as_somebody_wrote_them(given: Given) -> None:
    bot = await given()
    release = await approved(bot, "orders")
    await bot.until(is_at("smoke"), release)
    no_patch_arrives(bot, "httproutes/orders")
    await bot.until(lambda r: is_at("shift")(r) and r.progress.moved, release)
    cluster = bot.world.kubernetes.cluster
    before = cluster.objects.get("httproutes", SPACE, "orders")["spec"]
    bot.world.kubernetes.heal()
    await bot.clicks("Roll back", by=ANA)
    await bot.until("rolled_back", release)
    after = cluster.objects.get("httproutes", SPACE, "orders")
    assert after["spec"] == before
    assert after["metadata"]["annotations"]["release-bot/release"] == release
