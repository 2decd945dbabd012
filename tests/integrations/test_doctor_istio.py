"""`release-bot doctor` where traffic is moved by Istio: one fault at a time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrations.simulated.kubernetes import istio as simulated
from tests.ways import SPACE, Kit, made

WHERE = f"Kubernetes (main), {SPACE}"
WHAT = "VirtualService orders"


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async for ready in made("istio", tmp_path):
        yield ready


async def wrong(kit: Kit) -> list[str]:
    """What is wrong, without the service's name, each with something to do about it."""
    bad = [f for f in (await kit.cluster.check([kit.target])).findings if not f.good]
    assert all(f.remedy for f in bad)
    return [f.sentence for f in bad]


async def remedies(kit: Kit) -> list[str | None]:
    return [f.remedy for f in (await kit.cluster.check([kit.target])).findings if not f.good]


async def test_where_all_is_well_rights_and_objects_are_counted(kit: Kit) -> None:
    found = (await kit.cluster.check([kit.target])).findings
    assert [(f.subject, f.sentence) for f in found] == [
        (WHERE, "All 17 rights are there."),
        (WHERE, "1 of 1 services have all of their objects."),
    ]
    kit.sim.cluster.istio.tells = True
    assert await wrong(kit) == []


async def test_a_right_that_is_missing_names_its_file(kit: Kit) -> None:
    kit.sim.cluster.deny("patch", "virtualservices")
    assert await wrong(kit) == [f"The bot may not patch virtualservices in {SPACE}."]
    apply = f"kubectl --context main -n {SPACE} apply -f deploy/kubernetes"
    assert await remedies(kit) == [f"{apply}/rbac-istio.yaml"]
    kit.sim.cluster.denied = {(v, "virtualservices") for v in ("get", "list", "watch", "patch")}
    said = await wrong(kit)
    assert said[-1] == "VirtualServices: not known, the bot may not read them."
    assert len(said) == 5
    assert set(await remedies(kit)) == {f"{apply}/rbac-istio.yaml"}


async def test_a_virtual_service_that_is_not_there(kit: Kit) -> None:
    kit.sim.cluster.delete("virtualservices", SPACE, "orders")
    assert await wrong(kit) == [f"There is no {WHAT}."]


def routes(kit: Kit, *found: list[dict[str, Any]]) -> None:
    kit.edit(lambda item: item["spec"].update(http=[{"route": route} for route in found]))


async def test_routes_that_do_not_fit_or_differ(kit: Kit) -> None:
    blue, green = kit.item["spec"]["http"][0]["route"]
    third = {"destination": {"host": "elsewhere"}, "weight": 0}
    routes(kit, [blue, green], [blue, green, third])
    assert await wrong(kit) == [
        f"{WHAT}: http route 2 leads to elsewhere beside the slots; the bot leaves it alone."
    ]
    assert await remedies(kit) == [
        "Let its http routes lead to orders-blue and orders-green and to nothing beside them."
    ]
    routes(kit, [third])
    assert await wrong(kit) == [
        f"{WHAT} has no http route that leads to orders-blue and orders-green alone."
    ]
    routes(kit, [blue, green], [blue | {"weight": 0}, green | {"weight": 100}])
    differently = "its routes share the traffic differently, or give weight to none"
    assert await wrong(kit) == [f"{WHAT}: {differently}."]


async def test_what_istio_says_of_it(kit: Kit) -> None:
    world = kit.sim.cluster
    world.istio.tells = True
    kit.edit(lambda item: item["spec"].update(hosts=["shop"]))
    assert await wrong(kit) == [f"{WHAT}: Istio has not taken up its present state."]
    kit.settle()
    world.istio.messages = [{"level": "ERROR", "type": {"code": "IST0101"}}]
    assert await wrong(kit) == [f"{WHAT} is refused. IST0101."]
    [remedy] = await remedies(kit)
    assert remedy == (
        f"kubectl --context main -n {SPACE} get virtualservice orders -o yaml says more, "
        "under status."
    )


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("front", SPACE), ("./front", SPACE), ("edge/front", "edge"),
        ("front.edge.svc.cluster.local", "edge"),
    ],
)  # fmt: skip
async def test_the_gateway_that_it_is_bound_to(kit: Kit, name: str, space: str) -> None:
    kit.edit(lambda item: item["spec"].update(gateways=["mesh", name]))
    assert await wrong(kit) == [f"{WHAT}: there is no Gateway front in {space}."]
    kit.sim.cluster.create(
        simulated.GATEWAYS, space, simulated.gateway() | {"metadata": {"name": "front"}}
    )
    assert await wrong(kit) == []
    kit.sim.cluster.deny("get", "gateways")
    assert await wrong(kit) == [f"Gateway front in {space}: not known, the bot may not read it."]
    [remedy] = await remedies(kit)
    assert remedy == (
        f"kubectl --context main -n {space} apply -f deploy/kubernetes/rbac-gateways.yaml"
    )


async def test_in_the_mesh_alone_no_gateway_is_asked_for(kit: Kit) -> None:
    kit.edit(lambda item: item["spec"].pop("gateways"))
    before = len(kit.sim.journal)
    assert await wrong(kit) == []
    assert not [entry for entry in kit.sim.journal[before:] if "gateways" in entry.path]


async def test_a_virtual_service_that_others_own(kit: Kit) -> None:
    mark = {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}
    kit.edit(lambda item: item["metadata"].update(mark))
    assert await wrong(kit) == [f"Flux owns {WHAT} and may undo what the bot sets."]
