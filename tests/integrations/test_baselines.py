"""Baselines over HTTP: whose pods are whose, what patches test first, and what makes one unfit."""

import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.facts import BaselineFact
from bot.domain.targets import Target, target_of
from bot.errors import ConflictError, PermanentError
from bot.ports_baseline import BaselinePatch
from integrations.catalog_file import parse_catalog
from integrations.kubernetes import KubernetesCluster
from integrations.simulated.kubernetes import SimulatedKubernetes, seeding
from integrations.simulated.kubernetes.seeding import VERSION_LABEL, Traffic
from tests.tester import CATALOG
from tests.virtual import VirtualClock
from tests.ways import CATALOGS

SPACE, NAME = "production", "orders-baseline"
OLD = "quantivista/orders:v2.0.5"
FULL = BaselinePatch(image=OLD, version="2.0.5", replicas=3, slot="blue")


@dataclass
class Kit:
    target: Target
    clock: VirtualClock
    sim: SimulatedKubernetes
    cluster: KubernetesCluster

    async def look(self) -> BaselineFact:
        return await self.cluster.look_at_baseline(self.target)

    async def change(self, seen: BaselineFact, patch: BaselinePatch, fence: int = 7) -> None:
        await self.cluster.change_baseline(self.target, seen, patch, fence=fence, release="rel-1")

    async def brought(self) -> BaselineFact:
        await self.change(await self.look(), FULL)
        self.pass_time()
        return await self.look()

    def pass_time(self) -> None:
        self.clock.moment += timedelta(seconds=5)

    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sim.cluster.objects.get("deployments", SPACE, NAME)["spec"]
        return found

    def rebuild(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Somebody makes the Deployment anew, since a selector never changes."""
        item = copy.deepcopy(self.sim.cluster.objects.get("deployments", SPACE, NAME))
        self.sim.cluster.delete("deployments", SPACE, NAME)
        change(item)
        self.sim.cluster.create("deployments", SPACE, item)


@pytest.fixture(params=["gateway", "istio"])
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kit]:
    word: Traffic = request.param
    clock = VirtualClock()
    sim = SimulatedKubernetes(clock.now, clock.sleep)
    await sim.start()
    seeding.seed_blue_green(sim.cluster, SPACE, "orders", OLD, traffic=word, version="2.0.5")
    seeding.seed_baseline(sim.cluster, SPACE, "orders", "quantivista/orders:v1.9.0", "1.9.0")
    target = target_of(parse_catalog(CATALOGS.get(word, CATALOG)).catalog, "orders", SPACE)
    cluster = KubernetesCluster(str(sim.kubeconfig(tmp_path / "k", ["main"])), clock, seconds=2.0)
    made = Kit(target.model_copy(update={"baseline": NAME}), clock, sim, cluster)
    made.pass_time()
    yield made
    await cluster.close()
    await sim.stop()


async def test_it_is_brought_in_one_patch_and_serves_beside_the_live_slot(kit: Kit) -> None:
    before = await kit.look()
    assert (before.exists, before.wanted, before.slot) == (True, 0, None)
    effects = len(kit.sim.cluster.effects)
    now = await kit.brought()
    assert len(kit.sim.cluster.effects) == effects + 1
    assert (now.image, now.version, now.slot) == (OLD, "2.0.5", "blue")
    assert (now.wanted, now.ready, now.rolled_out) == (3, 3, True)
    assert (now.fence, now.release) == (7, "rel-1")
    service = kit.sim.cluster.objects.get("services", SPACE, "orders-blue")
    assert len(kit.sim.cluster.endpoints(SPACE, service)) == 6


async def test_its_pods_are_no_slots_pods_whatever_labels_they_bear(kit: Kit) -> None:
    await kit.brought()
    blue = await kit.cluster.look_at_slot(kit.target, "blue")
    assert (blue.ready, blue.wanted) == (3, 3)
    # Endpoints begin to follow when somebody looks.
    await kit.cluster.look_at_traffic(kit.target)
    kit.pass_time()
    traffic = await kit.cluster.look_at_traffic(kit.target)
    assert traffic.serving["blue"] == 3
    pods = await kit.cluster.logs.pods(kit.target, "blue")
    assert len(pods) == 3
    assert all(pod.name.startswith("orders-blue-") for pod in pods)


async def test_a_slot_whose_own_pods_are_gone_serves_nobody(kit: Kit) -> None:
    await kit.brought()
    kit.sim.cluster.edit("deployments", SPACE, "orders-blue", {"spec": {"replicas": 0}})
    kit.pass_time()
    assert (await kit.cluster.look_at_slot(kit.target, "blue")).ready == 0
    await kit.cluster.look_at_traffic(kit.target)
    kit.pass_time()
    assert (await kit.cluster.look_at_traffic(kit.target)).serving["blue"] == 0


async def test_the_label_is_turned_round_and_only_what_differs_is_written(kit: Kit) -> None:
    now = await kit.brought()
    await kit.change(now, BaselinePatch(slot="green"), fence=8)
    labels = kit.spec()["template"]["metadata"]["labels"]
    assert labels == {"app": "orders", "track": "baseline", "slot": "green", VERSION_LABEL: "2.0.5"}
    await kit.change(await kit.look(), BaselinePatch(replicas=0), fence=9)
    assert kit.spec()["replicas"] == 0
    assert (await kit.look()).image == OLD


@pytest.mark.parametrize(
    "hand",
    [
        {"spec": {"replicas": 1}},
        {"metadata": {"annotations": {"release-bot/fence": "6"}}},
        {"spec": {"template": {"spec": {"containers": [{"name": "orders", "image": "x:1"}]}}}},
    ],
    ids=["size", "mark", "image"],
)
async def test_what_isnt_as_seen_is_not_changed(kit: Kit, hand: dict[str, Any]) -> None:
    seen = await kit.look()
    kit.sim.cluster.edit("deployments", SPACE, NAME, hand)
    before = copy.deepcopy(kit.spec())
    with pytest.raises(ConflictError):
        await kit.change(seen, FULL)
    assert kit.spec() == before


async def test_a_process_that_was_frozen_can_bring_nothing_back(kit: Kit) -> None:
    seen = await kit.look()
    now = await kit.brought()
    await kit.change(now, BaselinePatch(replicas=0), fence=8)
    with pytest.raises(ConflictError):
        await kit.change(seen, FULL, fence=7)
    assert kit.spec()["replicas"] == 0


async def test_one_that_is_gone_is_a_fact(kit: Kit) -> None:
    kit.sim.cluster.delete("deployments", SPACE, NAME)
    assert await kit.look() == BaselineFact(exists=False)
    assert (await kit.cluster.look(kit.target)).baseline == BaselineFact(exists=False)


async def test_a_look_at_all_says_that_it_is_well(kit: Kit) -> None:
    fact = await kit.cluster.look(kit.target)
    assert fact.missing == ()
    assert fact.baseline is not None
    assert fact.baseline.unfit == ()
    plain = kit.target.model_copy(update={"baseline": None})
    assert (await kit.cluster.look(plain)).baseline is None


def no_app(item: dict[str, Any]) -> None:
    for labels in (item["spec"]["selector"]["matchLabels"], _labels(item)):
        labels["app"] = "baselines"


def by_slot(item: dict[str, Any]) -> None:
    for labels in (item["spec"]["selector"]["matchLabels"], _labels(item)):
        labels["slot"] = "blue"


def by_app_only(item: dict[str, Any]) -> None:
    del item["spec"]["selector"]["matchLabels"]["track"]


def other_container(item: dict[str, Any]) -> None:
    item["spec"]["template"]["spec"]["containers"][0]["name"] = "main"


def _labels(item: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = item["spec"]["template"]["metadata"]["labels"]
    return found


UNFIT = [
    (
        no_app,
        "Deployment orders-baseline: its pods lack app: orders, by which orders-blue selects.",
    ),
    (by_slot, "Deployment orders-baseline: its selector names slot, which changes with the live "),
    (by_app_only, "Deployment orders-baseline: its selector takes the slots' pods too."),
    (other_container, "Deployment orders-baseline has no container orders."),
]


@pytest.mark.parametrize(("change", "said"), UNFIT)
async def test_what_keeps_it_from_being_one_is_said_by_the_look_and_by_the_doctor(
    kit: Kit, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    kit.rebuild(change)
    fact = (await kit.cluster.look(kit.target)).baseline
    assert fact is not None
    assert any(said in sentence for sentence in fact.unfit), fact.unfit
    bad = [one for one in (await kit.cluster.check([kit.target])).findings if not one.good]
    assert any(said in one.sentence and one.remedy for one in bad), bad


async def test_the_doctor_says_that_it_is_missing_or_has_pods(kit: Kit) -> None:
    async def wrong() -> list[str]:
        found = (await kit.cluster.check([kit.target])).findings
        return [one.sentence for one in found if not one.good]

    assert await wrong() == []
    await kit.brought()
    assert await wrong() == ["Deployment orders-baseline has pods, from rel-1, and takes traffic."]
    kit.sim.cluster.delete("deployments", SPACE, NAME)
    assert await wrong() == ["There is no Deployment orders-baseline."]


async def test_argo_cds_mark_on_it_counts_like_the_slots(kit: Kit) -> None:
    mark = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}}
    kit.sim.cluster.edit("deployments", SPACE, NAME, mark)
    fact = await kit.cluster.look(kit.target)
    assert [one.name for one in fact.around.owned] == [NAME]


async def test_the_cluster_refuses_labels_that_the_selector_does_not_match(kit: Kit) -> None:
    kit.rebuild(by_slot)
    with pytest.raises(PermanentError):
        await kit.change(await kit.look(), BaselinePatch(slot="green"))
