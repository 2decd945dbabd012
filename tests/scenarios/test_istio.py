"""A whole release and the way back where an Istio VirtualService carries the traffic."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.simulated.kubernetes import istio, seeding
from tests.tester import ANA, BEN, DAN, Bot, World
from tests.ways import ISTIO


@pytest.fixture
async def meshed(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot whose `orders` has a VirtualService, and no route."""
    cluster = world.kubernetes.cluster
    for space in ("staging", "production"):
        cluster.objects.remove("httproutes", space, "orders")
        cluster.create(istio.GATEWAYS, space, istio.gateway())
        cluster.create(istio.KIND, space, istio.virtual_service("orders", "blue"))
    made = await Bot(world, database, tmp_path, catalog=ISTIO).start()
    yield made
    await made.finish()


async def approved(bot: Bot) -> str:
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


def shares_set(bot: Bot) -> list[int]:
    """Green's share after each write of the bot to the VirtualService."""
    effects = bot.world.kubernetes.cluster.effects
    return [
        istio.weights(e.after, "orders")["green"]
        for e in effects
        if e.kind == istio.KIND and e.after and not e.by_hand
    ]


def routed(bot: Bot, **spec: object) -> None:
    cluster = bot.world.kubernetes.cluster
    cluster.edit(istio.KIND, "production", "orders", {"spec": spec})


async def test_a_release_and_its_rollback(meshed: Bot) -> None:
    meshed.world.kubernetes.cluster.istio.tells = True
    await meshed.until("succeeded", await approved(meshed))
    assert shares_set(meshed) == [10, 25, 50, 100]
    assert meshed.live("orders") == "green"
    assert await meshed.runs("orders") == "v2.1.0"
    await meshed.clicks("Roll back", by=ANA)
    back = await meshed.until("succeeded")
    assert back.kind == "rollback"
    assert shares_set(meshed) == [10, 25, 50, 100, 0]
    assert meshed.live("orders") == "blue"


async def test_the_line_by_hand_is_in_the_details(meshed: Bot) -> None:
    await approved(meshed)
    await meshed.until(lambda r: r.progress.weight == 10)
    await meshed.clicks("⋯ Details", by=DAN)
    line = "kubectl --context main -n production patch virtualservice orders --type=json -p '["
    assert line in meshed.told(DAN).replace("&gt;", ">")
    assert '"path":"/spec/http/0/route/0/weight","value":100' in meshed.told(DAN)


async def test_a_refusal_by_istio_takes_it_back(meshed: Bot) -> None:
    world = meshed.world.kubernetes.cluster
    release = await approved(meshed)
    await meshed.until(lambda r: r.progress.weight == 10, release)
    world.istio.messages = [{"level": "ERROR", "type": {"code": "IST0101"}}]
    await meshed.until(lambda r: r.state != "running", release)
    world.istio.messages = []
    done = await meshed.until("rolled_back", release)
    assert done.reason == "route_rejected"
    assert "The route was not accepted: IST0101" in meshed.thread(release)
    assert meshed.live("orders") == "blue"


THIRD = [
    {"destination": {"host": "orders-blue"}, "weight": 80},
    {"destination": {"host": "orders-green"}, "weight": 10},
    {"destination": {"host": "orders-other"}, "weight": 10},
]


async def test_a_route_that_does_not_fit_is_said_before_anything_begins(meshed: Bot) -> None:
    routed(meshed, http=[{"route": THIRD}])
    await meshed.says("/release orders v2.1.0 prod")
    blocked = await meshed.until("blocked")
    assert blocked.reason == "cluster_not_ready"
    assert "http route 1 leads to orders-other beside the slots" in meshed.card()
    assert shares_set(meshed) == []


async def test_a_third_destination_set_meanwhile_holds_it(meshed: Bot) -> None:
    release = await approved(meshed)
    await meshed.until(lambda r: r.progress.weight == 10, release)
    routed(meshed, http=[{"route": THIRD}])
    held = await meshed.until("paused", release)
    assert held.reason == "held"
    said = "Traffic is blue 80 %, green 10 %; this release left it at blue 90 %, green 10 %"
    assert said in meshed.card(release)
    assert shares_set(meshed) == [10]
    cluster = meshed.world.kubernetes.cluster
    back = istio.virtual_service("orders", "blue")["spec"]
    cluster.edit(istio.KIND, "production", "orders", {"spec": back})
    assert seeding.weights(cluster, "production", "orders") == {"blue": 100, "green": 0}
    await meshed.clicks("Roll back", by=DAN)
    await meshed.until("rolled_back", release)
    assert meshed.live("orders") == "blue"


async def test_a_right_that_is_missing_names_both_files(meshed: Bot) -> None:
    meshed.world.kubernetes.cluster.deny("patch", "virtualservices")
    await meshed.says("/release orders v2.1.0 prod")
    blocked = await meshed.until("blocked")
    assert blocked.reason == "cluster_forbidden"
    assert "The bot may not patch virtualservices in production." in meshed.card()
    assert "Apply deploy/kubernetes/rbac.yaml and rbac-istio.yaml there" in meshed.card()
