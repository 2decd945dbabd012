"""What else acts on a target, over HTTP: autoscalers, budgets, owners, and the doctor's word."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.surroundings import Owned, Surroundings
from bot.domain.targets import Target, target_of
from integrations.kubernetes import KubernetesCluster
from integrations.kubernetes.surroundings import budgets_of, selects
from integrations.simulated.kubernetes import SimulatedKubernetes, autoscaling, budgets, seeding
from tests.domain.facts import catalog
from tests.patience import PATIENT
from tests.virtual import VirtualClock

SPACE = "production"
PAYMENTS = target_of(catalog(), "payments", SPACE)
ORDERS = target_of(catalog(), "orders", SPACE)
GREEN, BLUE = "payments-green", "payments-blue"
ARGO = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop"}}}


@dataclass
class Kit:
    clock: VirtualClock
    sim: SimulatedKubernetes
    cluster: KubernetesCluster

    async def around(self, target: Target = PAYMENTS) -> Surroundings:
        return (await self.cluster.look(target)).around

    async def wrong(self) -> dict[str, str]:
        found = (await self.cluster.check([PAYMENTS, ORDERS])).findings
        return {f.sentence: f.remedy or "" for f in found if not f.good}

    def scale(self, deployment: str, *size: int, **more: Any) -> None:
        item = autoscaling.autoscaler(deployment, *size, **more)
        self.sim.cluster.create(autoscaling.KIND, SPACE, item)

    def protect(self, name: str, labels: dict[str, str], **bounds: Any) -> None:
        self.sim.cluster.create(budgets.KIND, SPACE, budgets.budget(name, labels, **bounds))

    def edit(self, kind: str, name: str, change: Any) -> None:
        self.sim.cluster.edit(kind, SPACE, name, change)

    def pass_time(self, seconds: float) -> None:
        self.clock.moment += timedelta(seconds=seconds)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    clock = VirtualClock()
    sim = SimulatedKubernetes(clock.now, clock.sleep)
    await sim.start()
    for service, kind in (("payments", "service"), ("orders", "gateway")):
        seeding.seed_blue_green(sim.cluster, SPACE, service, "q/x:1", traffic=kind)  # type: ignore[arg-type]
    clock.moment += timedelta(seconds=1)
    config = sim.kubeconfig(tmp_path / "kubeconfig", ["main"])
    made = Kit(clock, sim, KubernetesCluster(str(config), clock, seconds=PATIENT))
    yield made
    await made.cluster.close()
    await sim.stop()


async def test_autoscalers_of_the_slots_and_of_no_other(kit: Kit) -> None:
    kit.scale(GREEN, 2, 9)
    kit.scale("orders-green", 1, 1)
    [one] = (await kit.around()).autoscalers
    assert (one.slot, one.words) == ("green", f"HorizontalPodAutoscaler {GREEN}")
    assert (one.least, one.most, one.shrinks, one.wants) == (2, 9, True, None)
    assert await kit.cluster.surroundings.autoscaler(PAYMENTS, "blue") is None
    assert await kit.cluster.surroundings.autoscaler(PAYMENTS, "green") == one


async def test_what_another_kind_of_that_name_is_scaled_by_is_not_ours(kit: Kit) -> None:
    other = autoscaling.autoscaler(GREEN, 1, 2)
    other["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"
    kit.sim.cluster.create(autoscaling.KIND, SPACE, other)
    assert (await kit.around()).autoscalers == ()


async def test_an_autoscaler_that_never_shrinks_and_one_without_a_least(kit: Kit) -> None:
    kit.scale(GREEN, 2, 9)
    down = {"spec": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}, "minReplicas": None}}
    kit.edit(autoscaling.KIND, GREEN, down)
    [one] = (await kit.around()).autoscalers
    assert not one.shrinks
    assert one.least == 1


async def test_what_keda_makes_bears_the_name_of_what_people_edit(kit: Kit) -> None:
    kit.scale(GREEN, 1, 4, keda="payments-scaler")
    [one] = (await kit.around()).autoscalers
    assert one.words == "ScaledObject payments-scaler"
    assert (one.least_key, one.most_key) == ("minReplicaCount", "maxReplicaCount")


async def test_an_autoscaler_takes_away_what_is_added_and_says_when(kit: Kit) -> None:
    kit.scale(GREEN, 1, 9, wants=2)
    before = kit.clock.now()
    await kit.around()
    kit.pass_time(16)
    slot = await kit.cluster.look_at_slot(PAYMENTS, "green")
    assert slot.wanted == 2
    [one] = (await kit.around()).autoscalers
    assert one.wants == 2
    assert one.undercut(2, before)
    assert not one.undercut(3, before)
    assert not one.undercut(2, before + timedelta(minutes=1))


async def test_budgets_by_the_labels_of_the_pods(kit: Kit) -> None:
    kit.protect("live", {"app": "payments", "slot": "blue"}, minAvailable=3)
    kit.protect("both", {"app": "payments"}, maxUnavailable="50%")
    kit.protect("others", {"app": "orders"}, minAvailable=6)
    found = {one.name: one for one in (await kit.around()).budgets}
    assert found.keys() == {"live", "both"}
    live, both = found["live"], found["both"]
    assert (live.slots, live.allowed, live.healthy, live.needed) == (("blue",), 0, 3, 3)
    assert (both.slots, both.allowed, both.expected) == (("blue", "green"), 3, 6)


async def test_where_there_is_one_copy_a_budget_covers_one(kit: Kit) -> None:
    kit.protect("all", {"app": "payments"}, minAvailable=1)
    deployment = kit.sim.cluster.objects.get("deployments", SPACE, BLUE)
    item = kit.sim.cluster.objects.get(budgets.KIND, SPACE, "all")
    listed = item | {"status": budgets.status(kit.sim.cluster, SPACE, item)}
    [one] = budgets_of({"blue": deployment, "green": deployment}, [listed])
    assert len(one.slots) == 1


async def test_a_budget_whose_status_is_old_is_not_told_of(kit: Kit) -> None:
    kit.protect("live", {"app": "payments"}, minAvailable=6)
    item = kit.sim.cluster.objects.get(budgets.KIND, SPACE, "live")
    [good] = (await kit.around()).budgets
    assert good.allowed == 0
    deployment = kit.sim.cluster.objects.get("deployments", SPACE, BLUE)
    assert budgets_of({"blue": deployment}, [item]) == ()


@pytest.mark.parametrize(
    ("selector", "takes"),
    [
        ({}, True),
        ({"matchLabels": {"app": "shop"}}, True),
        ({"matchLabels": {"app": "shop", "slot": "green"}}, False),
        ({"matchExpressions": [{"key": "slot", "operator": "In", "values": ["blue"]}]}, True),
        ({"matchExpressions": [{"key": "slot", "operator": "NotIn", "values": ["blue"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "slot", "operator": "Gt", "values": ["1"]}]}, False),
    ],
)
def test_label_selectors(selector: dict[str, Any], takes: bool) -> None:  # noqa: FBT001 - a table
    assert selects(selector, {"app": "shop", "slot": "blue"}) is takes


async def test_owners_of_what_is_patched(kit: Kit) -> None:
    kit.edit("deployments", GREEN, ARGO)
    kit.edit("services", "payments", ARGO)
    kit.edit("services", GREEN, ARGO)
    flux = {"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}
    kit.edit("services", "payments-preview", flux)
    assert set((await kit.around()).owned) == {
        Owned(owner="argocd", kind="Deployment", name=GREEN),
        Owned(owner="argocd", kind="Service", name="payments"),
        Owned(owner="flux", kind="Service", name="payments-preview"),
    }
    kit.edit("httproutes", "orders", ARGO)
    assert (await kit.around(ORDERS)).owned == (
        Owned(owner="argocd", kind="HTTPRoute", name="orders"),
    )


@pytest.mark.parametrize(
    ("marks", "alone"),
    [
        ({"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}, True),
        ({"kustomize.toolkit.fluxcd.io/ssa": "ignore"}, True),
        ({"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}, True),
        ({"kustomize.toolkit.fluxcd.io/ssa": "Merge"}, False),
        ({"helm.toolkit.fluxcd.io/driftDetection": "disabled"}, False),
    ],
)
@pytest.mark.parametrize("owner", ["kustomize", "helm"])
async def test_flux_may_be_told_on_the_object(
    kit: Kit, owner: str, marks: dict[str, str], *, alone: bool
) -> None:
    labels = {f"{owner}.toolkit.fluxcd.io/name": "apps"}
    kit.edit("deployments", GREEN, {"metadata": {"labels": labels, "annotations": marks}})
    [one] = (await kit.around()).owned
    assert one.left_alone is (alone and owner == "kustomize")


@pytest.mark.parametrize("kind", [autoscaling.KIND, budgets.KIND])
async def test_what_may_not_be_listed_is_not_told_and_the_doctor_says_so(
    kit: Kit, kind: str
) -> None:
    kit.scale(GREEN, 2, 9)
    kit.protect("live", {"app": "payments", "slot": "blue"}, maxUnavailable=1)
    kit.sim.cluster.deny("list", kind)
    around = await kit.around()
    assert (len(around.autoscalers), len(around.budgets)) == (
        (0, 1) if kind == autoscaling.KIND else (1, 0)
    )
    [(sentence, remedy)] = (await kit.wrong()).items()
    assert sentence.startswith(f"The bot may not list {kind} in {SPACE}, so it can't tell ")
    assert remedy.endswith("apply -f deploy/kubernetes/rbac.yaml")


async def test_the_doctor_on_autoscalers_budgets_and_owners(kit: Kit) -> None:
    assert await kit.wrong() == {}
    kit.scale(GREEN, 1, 2)
    kit.protect("live", {"app": "payments", "slot": "blue"}, minAvailable=3)
    kit.edit("deployments", BLUE, ARGO)
    said = await kit.wrong()
    assert list(said) == [
        f"Argo CD owns Deployment {BLUE} and may undo what the bot sets.",
        f"HorizontalPodAutoscaler {GREEN} lets green have 2 pods at the most, and blue has 3.",
        (
            "PodDisruptionBudget live wants all 3 pods healthy, and they are: it allows no "
            "eviction, and a node's drain would hang."
        ),
    ]
    owner, scaler, _ = said.values()
    assert 'ignoreDifferences: [{group: "apps", kind: Deployment' in owner
    assert "`kubernetes: {shared_with: [argocd]}`" in owner
    assert scaler == "Set its maxReplicas to 3 or more."


async def test_the_doctor_believes_what_the_team_declares(kit: Kit) -> None:
    kit.edit("deployments", BLUE, ARGO)
    shared = PAYMENTS.model_copy(update={"shared_with": ("argocd",)})
    found = (await kit.cluster.check([shared])).findings
    assert [f.sentence for f in found if not f.good] == []


async def test_the_right_to_logs_is_asked_for_only_where_a_policy_allows_them(kit: Kit) -> None:
    kit.sim.cluster.deny("get", "pods/log")
    assert await kit.wrong() == {}
    found = (await kit.cluster.check([PAYMENTS, ORDERS], with_logs=[ORDERS])).findings
    [bad] = [f for f in found if not f.good]
    assert bad.sentence == f"The bot may not get pods/log in {SPACE}."
    assert bad.remedy == (
        f"kubectl --context main -n {SPACE} apply -f deploy/kubernetes/rbac-logs.yaml"
    )
