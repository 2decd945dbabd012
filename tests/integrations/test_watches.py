"""Watches: a change to what is followed is reported, however the connection fares."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.domain.targets import Target, target_of
from integrations.catalog_file import parse_catalog
from integrations.kubernetes import KubernetesCluster
from integrations.simulated.kubernetes import Behaviour
from tests.chaos.driver import RealClock
from tests.patience import PATIENT
from tests.tester import CATALOG, World

Place = tuple[str, str]


class Told:
    """What was reported, and how to wait for it."""

    def __init__(self) -> None:
        self.places: list[Place] = []

    def __call__(self, place: Place) -> None:
        self.places.append(place)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():  # noqa: ASYNC110 - a report rings no bell
                await asyncio.sleep(0.01)


@pytest.fixture
async def real_world() -> AsyncIterator[World]:
    made = await World.made(RealClock())
    made.seed()
    yield made
    await made.stop()


@pytest.fixture
async def cluster(real_world: World, tmp_path: Path) -> AsyncIterator[KubernetesCluster]:
    config = real_world.kubernetes.kubeconfig(tmp_path / "kubeconfig", ["main"])
    made = KubernetesCluster(str(config), RealClock(), seconds=PATIENT)
    yield made
    await made.close()


def target(service: str) -> Target:
    return target_of(parse_catalog(CATALOG).catalog, service, "production")


async def followed(cluster: KubernetesCluster, service: str, told: Told) -> None:
    cluster.report_changes(told)
    await told.until(lambda: cluster.follow(target(service)))
    told.places.clear()


async def test_nothing_is_followed_before_anybody_listens(cluster: KubernetesCluster) -> None:
    assert not cluster.follow(target("payments"))


async def test_a_change_by_hand_is_reported_and_others_are_not(
    cluster: KubernetesCluster, real_world: World
) -> None:
    told = Told()
    await followed(cluster, "payments", told)
    world = real_world.kubernetes.cluster
    world.edit("services", "production", "config", {"metadata": {"labels": {"a": "b"}}})
    world.edit("services", "production", "payments", {"spec": {"selector": {"slot": "green"}}})
    await told.until(lambda: ("payments", "production") in told.places)
    assert set(told.places) == {("payments", "production")}


async def test_a_route_and_a_pod_that_crashes_are_reported(
    cluster: KubernetesCluster, real_world: World
) -> None:
    told = Told()
    await followed(cluster, "orders", told)
    real_world.kubernetes.cluster.behaves("orders:v2.0.5", Behaviour("crashes"))
    await told.until(lambda: ("orders", "production") in told.places)


async def test_after_a_broken_watch_everything_is_reported_once_more(
    real_world: World, tmp_path: Path
) -> None:
    config = real_world.kubernetes.kubeconfig(tmp_path / "kubeconfig", ["main"])
    cluster = KubernetesCluster(str(config), RealClock(), seconds=PATIENT, watch_seconds=1)
    told = Told()
    await followed(cluster, "payments", told)
    # The server ends each watch after its time; what changed in the gap nobody has told.
    await told.until(lambda: told.places.count(("payments", "production")) >= 3)
    await cluster.close()


async def test_where_the_right_is_missing_the_target_is_not_followed(
    cluster: KubernetesCluster, real_world: World
) -> None:
    real_world.kubernetes.cluster.deny("watch", "pods")
    told = Told()
    cluster.report_changes(told)
    cluster.follow(target("payments"))
    await asyncio.sleep(0.5)
    assert not cluster.follow(target("payments"))
