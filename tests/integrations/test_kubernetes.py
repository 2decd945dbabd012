"""The Kubernetes adapter against the simulated API server, over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.surroundings import Surroundings
from bot.domain.targets import Target, target_of
from bot.errors import (
    ConflictError,
    ForbiddenError,
    MissingError,
    PermanentError,
    TemporaryError,
)
from bot.ports import SlotPatch
from integrations.kubernetes import KubernetesCluster
from integrations.simulated.kubernetes import Behaviour, SimulatedKubernetes, seeding
from integrations.simulated.server import Fault
from tests.domain.facts import catalog
from tests.patience import PATIENT
from tests.virtual import VirtualClock

PAYMENTS = target_of(catalog(), "payments", "production")
ORDERS = target_of(catalog(), "orders", "production")


class Kit:
    """A cluster, its adapter and their clock."""

    def __init__(self, folder: Path, token: str | None = None) -> None:
        self.clock = VirtualClock()
        self.sim = SimulatedKubernetes(self.clock.now, self.clock.sleep, token=token)
        self.folder = folder

    async def start(self) -> "Kit":
        await self.sim.start()
        world = self.sim.cluster
        for service, kind in (("payments", "service"), ("orders", "gateway")):
            seeding.seed_blue_green(
                world,
                "production",
                service,
                f"quantivista/{service}:v2.0.5",
                other_image=f"quantivista/{service}:v1.9.0",
                traffic=kind,  # type: ignore[arg-type]
            )
        config = self.sim.kubeconfig(self.folder / "kubeconfig", ["main", "other"])
        self.cluster = KubernetesCluster(str(config), self.clock, seconds=PATIENT)
        self.hasty = KubernetesCluster(str(config), self.clock, seconds=0.5)
        return self

    def pass_time(self, seconds: float) -> None:
        from datetime import timedelta

        self.clock.moment += timedelta(seconds=seconds)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    made = await Kit(tmp_path).start()
    yield made
    await made.cluster.close()
    await made.hasty.close()
    await made.sim.stop()


async def test_a_look_tells_all_of_a_target(kit: Kit) -> None:
    fact = await kit.cluster.look(PAYMENTS)
    assert fact.missing == fact.forbidden == ()
    assert fact.around == Surroundings()
    assert fact.traffic.weights == {"blue": 100, "green": 0}
    assert fact.traffic.serving == {"blue": 3, "green": 0}
    assert fact.traffic.preview == "green"
    assert fact.traffic.fence is None
    blue = fact.blue
    assert (blue.image, blue.wanted, blue.ready, blue.rolled_out) == (
        "quantivista/payments:v2.0.5", 3, 3, True,
    )  # fmt: skip
    assert fact.live == blue
    assert blue.since is not None


async def test_a_route_tells_shares_in_per_cent_and_how_to_set_them_by_hand(kit: Kit) -> None:
    assert not (await kit.cluster.look_at_traffic(ORDERS)).accepted
    kit.pass_time(1)
    traffic = await kit.cluster.look_at_traffic(ORDERS)
    assert traffic.weights == {"blue": 100, "green": 0}
    assert traffic.serving == {"blue": 3, "green": 3}
    assert traffic.accepted
    assert '"path":"/spec/rules/0/backendRefs/1/weight","value":100' in traffic.by_hand["green"]


async def test_missing_objects_come_in_words(kit: Kit) -> None:
    for kind, name in (
        ("deployments", "payments-green"),
        ("services", "payments-blue"),
        ("services", "payments"),
    ):
        kit.sim.cluster.delete(kind, "production", name)
    fact = await kit.cluster.look(PAYMENTS)
    assert set(fact.missing) == {
        "Deployment payments-green", "Service payments-blue", "Service payments",
    }  # fmt: skip
    assert not fact.green.exists
    assert fact.live is None
    kit.sim.cluster.delete("httproutes", "production", "orders")
    assert "HTTPRoute orders" in (await kit.cluster.look(ORDERS)).missing


async def test_rights_are_asked_for_and_named(kit: Kit) -> None:
    kit.sim.cluster.deny("patch", "httproutes")
    assert (await kit.cluster.look(ORDERS)).forbidden == ("patch httproutes",)
    await kit.cluster.look(ORDERS)
    reviews = [e for e in kit.sim.journal if "selfsubjectaccessreviews" in e.path]
    # What was granted is believed for a while; what was denied is asked again.
    assert len(reviews) == 3 + 1


async def test_the_switch_confirms_by_endpoints(kit: Kit) -> None:
    seen = await kit.cluster.look_at_traffic(PAYMENTS)
    await kit.cluster.shift(PAYMENTS, seen, {"blue": 0, "green": 100}, fence=4, release="rel-1")
    after = await kit.cluster.look_at_traffic(PAYMENTS)
    assert after.weights == {"blue": 0, "green": 100}
    assert after.fence == 4
    assert after.serving == {"blue": 3, "green": 0}
    kit.pass_time(0.1)
    assert (await kit.cluster.look_at_traffic(PAYMENTS)).serving == {"blue": 0, "green": 3}


async def test_a_second_shift_needs_no_second_look(kit: Kit) -> None:
    seen = await kit.cluster.look_at_traffic(PAYMENTS)
    await kit.cluster.shift(PAYMENTS, seen, {"blue": 0, "green": 100}, fence=4, release="rel-1")
    seen = await kit.cluster.look_at_traffic(PAYMENTS)
    before = len(kit.sim.journal)
    await kit.cluster.shift(PAYMENTS, seen, {"blue": 100, "green": 0}, fence=5, release="rel-1")
    assert [e.method for e in kit.sim.journal[before:]] == ["PATCH"]


@pytest.mark.parametrize("target", [PAYMENTS, ORDERS])
async def test_what_was_seen_must_still_be_so(kit: Kit, target: Target) -> None:
    """Even where the old value is back (ABA): the fence tells."""
    first = await kit.cluster.look_at_traffic(target)
    to_green, to_blue = {"blue": 0, "green": 100}, {"blue": 100, "green": 0}
    await kit.cluster.shift(target, first, to_green, fence=1, release="a")  # type: ignore[arg-type]
    with pytest.raises(ConflictError):
        await kit.cluster.shift(target, first, to_green, fence=2, release="b")  # type: ignore[arg-type]
    second = await kit.cluster.look_at_traffic(target)
    await kit.cluster.shift(target, second, to_blue, fence=2, release="a")  # type: ignore[arg-type]
    again = second.model_copy(update={"weights": to_blue})
    with pytest.raises(ConflictError):
        await kit.cluster.shift(target, again, to_green, fence=3, release="b")  # type: ignore[arg-type]
    assert (await kit.cluster.look_at_traffic(target)).fence == 2


async def test_a_selector_can_not_be_split(kit: Kit) -> None:
    seen = await kit.cluster.look_at_traffic(PAYMENTS)
    with pytest.raises(PermanentError, match="can't split traffic"):
        await kit.cluster.shift(PAYMENTS, seen, {"blue": 90, "green": 10}, fence=1, release="a")


async def test_every_rule_of_a_route_is_shifted_in_one_patch(kit: Kit) -> None:
    route = kit.sim.cluster.objects.get("httproutes", "production", "orders")
    refs = [{"name": "orders-blue"}, {"name": "orders-green", "weight": 0}]
    rules = [*route["spec"]["rules"], {"backendRefs": refs}]
    kit.sim.cluster.edit("httproutes", "production", "orders", {"spec": {"rules": rules}})
    seen = await kit.cluster.look_at_traffic(ORDERS)
    assert seen.weights == {"blue": 100, "green": 0}
    await kit.cluster.shift(ORDERS, seen, {"blue": 75, "green": 25}, fence=1, release="a")
    after = kit.sim.cluster.objects.get("httproutes", "production", "orders")["spec"]["rules"]
    weights = [[ref["weight"] for ref in rule["backendRefs"]] for rule in after]
    assert weights == [[75, 25], [75, 25]]
    rules[1]["backendRefs"][0] = {"name": "orders-other", "weight": 7}
    kit.sim.cluster.edit("httproutes", "production", "orders", {"spec": {"rules": rules}})
    assert (await kit.cluster.look_at_traffic(ORDERS)).weights == {}


async def test_a_slot_changes_image_label_and_size_in_one_patch(kit: Kit) -> None:
    template = {"metadata": {"labels": {"app.kubernetes.io/version": "v1.9.0"}}}
    change = {"spec": {"template": template}}
    kit.sim.cluster.edit("deployments", "production", "payments-green", change)
    kit.pass_time(5)
    seen = await kit.cluster.look_at_slot(PAYMENTS, "green")
    assert seen.version == "v1.9.0"
    patch = SlotPatch(image="quantivista/payments:v2.1.0", version="v2.1.0", replicas=5)
    await kit.cluster.change_slot(PAYMENTS, seen, patch, fence=9, release="rel-9")
    after = await kit.cluster.look_at_slot(PAYMENTS, "green")
    assert (after.image, after.wanted, after.fence, after.release) == (
        "quantivista/payments:v2.1.0", 5, 9, "rel-9",
    )  # fmt: skip
    assert not after.rolled_out
    with pytest.raises(ConflictError):
        await kit.cluster.change_slot(PAYMENTS, seen, patch, fence=10, release="rel-9")
    kit.pass_time(5)
    done = await kit.cluster.look_at_slot(PAYMENTS, "green")
    assert (done.rolled_out, done.ready, done.version) == (True, 5, "v2.1.0")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("crashes", "CrashLoopBackOff"), ("unpullable", "ImagePullBackOff"),
        ("config_error", "CreateContainerConfigError"), ("unschedulable", "Unschedulable"),
        ("oom", "OOMKilled"),
    ],
)  # fmt: skip
async def test_trouble_is_told_in_the_clusters_own_word(kit: Kit, kind: str, word: str) -> None:
    kit.sim.cluster.behaves("bad", Behaviour(kind))  # type: ignore[arg-type]
    kit.sim.cluster.deploy("production", "payments-green", "bad:1")
    kit.pass_time(3)
    slot = await kit.cluster.look_at_slot(PAYMENTS, "green")
    assert {t.word for t in slot.trouble} == {word}
    assert slot.ready == 0


async def test_the_preview_moves_if_it_is_where_it_was_seen(kit: Kit) -> None:
    seen = await kit.cluster.look_at_traffic(PAYMENTS)
    await kit.cluster.point_preview(PAYMENTS, seen, "blue", fence=1, release="a")
    moved = await kit.cluster.look_at_traffic(PAYMENTS)
    assert moved.preview == "blue"
    with pytest.raises(ConflictError):
        await kit.cluster.point_preview(PAYMENTS, seen, "blue", fence=2, release="a")
    await kit.cluster.point_preview(PAYMENTS, moved, "blue", fence=2, release="a")
    bare = PAYMENTS.model_copy(update={"preview": None})
    await kit.cluster.point_preview(bare, moved, "green", fence=2, release="a")
    assert (await kit.cluster.look_at_traffic(bare)).preview is None


async def test_errors_are_told_by_meaning(kit: Kit) -> None:
    seen = await kit.cluster.look_at_traffic(PAYMENTS)
    green = {"blue": 0, "green": 100}
    for cluster, fault in (
        (kit.cluster, Fault("status", method="PATCH")),
        (kit.cluster, Fault("drop_before", method="PATCH")),
        (kit.hasty, Fault("hang", method="PATCH", seconds=2)),
    ):
        kit.sim.fail(fault)
        with pytest.raises(TemporaryError) as caught:
            await cluster.shift(PAYMENTS, seen, green, fence=1, release="a")  # type: ignore[arg-type]
        assert caught.value.unknown
    kit.sim.cluster.deny("get", "services")
    with pytest.raises(ForbiddenError, match="may not get Service payments"):
        await kit.cluster.look_at_traffic(PAYMENTS)
    gone = PAYMENTS.model_copy(update={"namespace": "nowhere"})
    kit.sim.cluster.denied.clear()
    with pytest.raises(MissingError):
        await kit.cluster.look_at_traffic(gone)


async def test_a_cluster_that_is_not_configured_says_so_on_use(tmp_path: Path) -> None:
    clock = VirtualClock()
    cluster = KubernetesCluster(str(tmp_path / "none"), clock, seconds=0.5)
    with pytest.raises(TemporaryError, match="isn't configured"):
        await cluster.look_at_traffic(PAYMENTS)
    findings = (await cluster.check([PAYMENTS])).findings
    assert [f.good for f in findings] == [False]
    await cluster.close()


async def test_a_wrong_token_is_forbidden(tmp_path: Path) -> None:
    kit = await Kit(tmp_path, token="right").start()
    kit.sim.token = "another"
    with pytest.raises(ForbiddenError):
        await kit.cluster.look_at_traffic(PAYMENTS)
    await kit.cluster.close()
    await kit.sim.stop()


async def test_the_doctor_names_what_is_missing(kit: Kit) -> None:
    kit.sim.cluster.deny("patch", "services")
    kit.sim.cluster.delete("services", "production", "orders-preview")
    found = (await kit.cluster.check([PAYMENTS, ORDERS])).findings
    said = [f.sentence for f in found if not f.good]
    assert "The bot may not patch services in production." in said
    assert "There is no Service orders-preview." in said
    kit.sim.cluster.denied.clear()
    assert all(f.good for f in (await kit.cluster.check([PAYMENTS])).findings)
