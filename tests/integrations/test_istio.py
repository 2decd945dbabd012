"""What is special about `traffic: istio`: its forms, its findings, its status, its patches."""

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.targets import target_of
from bot.errors import PermanentError
from integrations.catalog_file import parse_catalog
from integrations.kubernetes import patches
from integrations.kubernetes.traffic.istio import Istio
from integrations.simulated.kubernetes.objects import ApiError
from tests.ways import BLUE, GREEN, ISTIO, SPACE, Kit, made


@pytest.fixture
async def istio(tmp_path: Path) -> AsyncIterator[Kit]:
    async for ready in made("istio", tmp_path):
        yield ready


def entry(host: str, weight: int | None = None, subset: str | None = None) -> dict[str, Any]:
    destination = {"host": host} | ({"subset": subset} if subset else {})
    return {"destination": destination} | ({} if weight is None else {"weight": weight})


def http(kit: Kit, *routes: list[dict[str, Any]], **more: Any) -> None:
    """Somebody writes the http routes anew."""
    kit.edit(lambda item: item["spec"].update(http=[{"route": r} for r in routes], **more))


SLOTS = [entry("orders-blue", 100), entry("orders-green", 0)]
FQDN = "production.svc.cluster.local"


@pytest.mark.parametrize(
    "route",
    [
        SLOTS,
        [entry("orders-green"), entry("orders-blue", 100)],
        [entry(f"orders-blue.{FQDN}", 100), entry("orders-green.production", 0)],
        [entry("orders", 100, "blue"), entry("orders", 0, "green")],
        [entry(f"orders.{FQDN}", 100, "blue"), entry(f"orders.{FQDN}", None, "green")],
        [entry("orders-blue", 100, "v1"), entry("orders", 0, "green")],
    ],
)
async def test_a_slot_is_named_by_its_service_or_by_a_subset(istio: Kit, route: Any) -> None:
    http(istio, route)
    seen = await istio.look()
    assert (seen.weights, seen.unfit) == (BLUE, ())
    await istio.shift(seen, {"blue": 90, "green": 10})
    after = istio.item["spec"]["http"][0]["route"]
    assert [e["destination"] for e in after] == [e["destination"] for e in route]
    assert (await istio.look()).weights == {"blue": 90, "green": 10}


async def test_all_routes_to_both_slots_move_and_others_stay(istio: Kit) -> None:
    routes = [
        {"match": [{"headers": {"tester": {"exact": "yes"}}}], "route": [entry("orders-preview")]},
        {"match": [{"uri": {"prefix": "/api?a&b<c"}}], "route": SLOTS, "timeout": "3s"},
        {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}},
        {
            "route": [entry("orders", 0, "green"), entry("orders", 100, "blue")],
            "mirror": {"host": "orders-green"},
            "fault": {"delay": {"percentage": {"value": 0.1}, "fixedDelay": "5s"}},
        },
        {"route": [entry("elsewhere", 50), entry("orders-blue.staging", 50)]},
    ]
    istio.edit(lambda item: item["spec"].update(http=routes))
    before = copy.deepcopy(istio.item["spec"])
    await istio.shift(await istio.look(), {"blue": 75, "green": 25})
    before["http"][1]["route"] = [entry("orders-blue", 75), entry("orders-green", 25)]
    before["http"][3]["route"] = [entry("orders", 25, "green"), entry("orders", 75, "blue")]
    assert istio.item["spec"] == before


async def test_weights_that_are_no_per_cent_are_read_as_shares(istio: Kit) -> None:
    """Newer versions of Istio take any sum; the simulated webhook is as strict as the older."""
    item = copy.deepcopy(istio.item)
    item["spec"]["http"] = [{"route": [entry("orders-blue", 3), entry("orders-green", 1)]}]
    istio.sim.cluster.objects.put(istio.plural, SPACE, item)
    assert (await istio.look()).weights == {"blue": 75, "green": 25}
    item["spec"]["http"] = [{"route": [entry("orders-blue"), entry("orders-green")]}]
    istio.sim.cluster.objects.put(istio.plural, SPACE, item)
    assert (await istio.look()).weights == {}


WHAT = "VirtualService orders"
ALONE = "the bot leaves it alone."
NONE = f"{WHAT} has no http route that leads to orders-blue and orders-green alone."
THIRD = [entry("orders-blue", 60), entry("orders-green", 20), entry("elsewhere", 20)]


@pytest.mark.parametrize(
    ("spec", "unfit", "weights"),
    [
        ({"http": [{"route": SLOTS}, {"route": THIRD}]},
         (f"{WHAT}: http route 2 leads to elsewhere beside the slots; {ALONE}",), {}),
        ({"http": [{"route": THIRD}]},
         (NONE, f"{WHAT}: http route 1 leads to elsewhere beside the slots; {ALONE}"),
         {"blue": 60, "green": 20}),
        # A single destination has everything, whatever its weight.
        ({"http": [{"route": [entry("orders-green")]}]},
         (NONE, f"{WHAT}: http route 1 leads to green only; {ALONE}"), GREEN),
        ({"http": [{"route": [*SLOTS, entry("orders-green", 0, "v2")]}]},
         (NONE, f"{WHAT}: http route 1 names a slot twice; {ALONE}"), BLUE),
        ({"http": [{"route": SLOTS}], "tcp": [{"route": SLOTS}]},
         (f"{WHAT}: tcp route 1 leads to a slot, and the bot moves http routes only.",), BLUE),
        ({"http": [{"route": SLOTS}], "tls": [{"match": [], "route": [entry("orders-blue")]}]},
         (f"{WHAT}: tls route 1 leads to a slot, and the bot moves http routes only.",), BLUE),
        ({"http": [{"route": SLOTS}], "tcp": [{"route": [entry("elsewhere")]}]}, (), BLUE),
        ({"http": [{"route": [entry("elsewhere")]}]}, (NONE,), {}),
        ({"http": [{"delegate": {"name": "other"}}]}, (NONE,), {}),
        ({}, (NONE,), {}),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_said_and_left_alone(
    istio: Kit, spec: Any, unfit: tuple[str, ...], weights: Any
) -> None:
    istio.edit(lambda item: item.update(spec={"hosts": ["orders"], **spec}))
    seen = await istio.look()
    assert (seen.unfit, seen.weights) == (unfit, weights)
    before = copy.deepcopy(istio.item)
    if not unfit:
        return
    if any("has no http route" in sentence for sentence in unfit):
        with pytest.raises(PermanentError, match="VirtualService orders"):
            await istio.shift(seen, BLUE if seen.weights == GREEN else GREEN)
        assert istio.item == before
        return
    # A way back moves what it can, and then says what it can't.
    await istio.shift(seen, {"blue": 75, "green": 25})
    after = istio.item["spec"]
    assert [e["weight"] for e in after["http"][0]["route"]] == [75, 25]
    assert after["http"][1:] == before["spec"]["http"][1:]
    seen = await istio.look()
    if seen.weights:
        # Where the shares agree there is nothing more to do: it is only marked.
        await istio.shift(seen, seen.weights, fence=6)
        assert istio.item["spec"] == after
        return
    with pytest.raises(PermanentError) as caught:
        await istio.shift(seen, {"blue": 75, "green": 25})
    assert f"{caught.value}." == unfit[0]


async def test_what_status_says_is_heeded_where_there_is_one(istio: Kit) -> None:
    world = istio.sim.cluster
    seen = await istio.look()
    world.istio.tells = True
    assert (await istio.look()).accepted
    await istio.shift(seen, {"blue": 90, "green": 10})
    spreading = await istio.look()
    # 1 of 2 proxies knows: that is no refusal.
    assert (spreading.accepted, spreading.rejected) == (False, None)
    istio.settle()
    assert (await istio.look()).accepted
    warning = {"level": "WARNING", "type": {"code": "IST0132"}}
    world.istio.messages = [warning]
    assert (await istio.look()).accepted


PAGE = "https://istio.io/v1.29/docs/reference/config/analysis/ist0101/"
IST0101 = {"type": {"code": "IST0101"}, "documentationUrl": PAGE}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"validationMessages": [{"level": "ERROR", **IST0101}]}, f"IST0101 ({PAGE})"),
        ({"validationMessages": [{"level": 3, "type": {"code": "IST0101"}}]}, "IST0101"),
        ({"validationMessages": [{"level": "Error", "code": "IST0101", "message": "No gateway"}]},
         "IST0101 No gateway"),
        ({"validationMessages": [{"level": "ERROR"}]}, "an error without a text"),
        ({"conditions": [{"type": "Reconciled", "status": "False", "reason": "Bad"}]},
         "Reconciled is false: Bad"),
        ({"conditions": [{"type": "Reconciled", "status": "False", "message": "61/122 complete",
                          "reason": "stillPropagating"}]}, None),
        ({"observedGeneration": "1", "validationMessages": [{"level": "ERROR"}]}, None),
        ({"conditions": [{"type": "Reconciled", "status": "True", "observedGeneration": 1}]}, None),
    ],
)  # fmt: skip
async def test_each_form_of_a_status(istio: Kit, status: Any, said: str | None) -> None:
    istio.edit(lambda item: item["spec"].update(hosts=["orders", "shop"]))
    item = istio.item
    assert item["metadata"]["generation"] == 2
    item["status"] = status
    seen = await istio.look()
    assert (seen.accepted, seen.rejected) == (False, said)


async def test_the_webhook_refuses_weights_that_do_not_add_up(istio: Kit) -> None:
    for weights in ((50, 40), (110, -10)):
        pairs = zip(("orders-blue", "orders-green"), weights, strict=True)
        with pytest.raises(ApiError, match=r"validation\.istio\.io") as caught:
            http(istio, [entry(host, weight) for host, weight in pairs])
        assert caught.value.code == 400
    seen = await istio.look()
    with pytest.raises(PermanentError, match="total destination weight 110 != 100"):
        await istio.shift(seen, {"blue": 100, "green": 10})
    assert (await istio.look()).weights == BLUE


async def test_an_absent_weight_under_a_mark_is_guarded_by_the_version(istio: Kit) -> None:
    istio.annotate(fence="4")
    http(istio, [entry("orders-blue", 100), entry("orders-green")])
    before = len(istio.sim.journal)
    await istio.shift(await istio.look(), GREEN)
    assert [e.method for e in istio.sim.journal[before:]].count("PATCH") == 1
    assert (await istio.look()).weights == GREEN


# Whatever the routes.

ORDERS = target_of(parse_catalog(ISTIO).catalog, "orders", SPACE)
WEIGHTS = st.none() | st.integers(0, 100)
HOSTS = ("orders-blue", "orders-green", f"orders-green.{FQDN}", "orders", "elsewhere")
SUBSETS = (None, "blue", "green")
BOTH = st.builds(
    lambda blue, green: [entry("orders-blue", blue), entry("orders", green, "green")],
    WEIGHTS,
    WEIGHTS,
).flatmap(st.permutations)
ANY = st.lists(st.builds(entry, st.sampled_from(HOSTS), WEIGHTS, st.sampled_from(SUBSETS)))
REST = st.sampled_from([{}, {"match": []}, {"mirror": entry("orders-green")["destination"]}])
ROUTES = st.lists(
    st.builds(lambda rest, route: rest | {"route": route}, REST, BOTH | ANY), max_size=4
)
ANNOTATIONS = st.sampled_from([{}, {"a": "b"}, {"release-bot/fence": "4", "a": "b"}])


def bare(item: Any) -> Any:
    """The object without weights of http routes, and without the bot's marks."""
    rest = copy.deepcopy(item)
    for route in rest["spec"]["http"]:
        for one in route["route"]:
            one.pop("weight", None)
    marks = rest["metadata"]["annotations"]
    for mark in ("release-bot/fence", "release-bot/release"):
        marks.pop(mark, None)
    return rest


@given(ROUTES, ROUTES, ANNOTATIONS, st.integers(0, 100))
def test_a_patch_changes_weights_and_marks_only(
    routes: Any, tcp: Any, annotations: Any, green: int
) -> None:
    metadata = {"name": "orders", "resourceVersion": "7", "annotations": annotations}
    item = {"metadata": metadata, "spec": {"http": routes, "tcp": tcp}}
    way, before = Istio(), copy.deepcopy(item)
    weights = {"blue": 100 - green, "green": green}
    try:
        change = list(way.change(item, ORDERS, weights))
    except PermanentError:
        assert way.read(item, ORDERS).unfit
        return
    after = jsonpatch.apply_patch(item, [*patches.marks(item, 5, "rel-1"), *change])
    assert item == before
    assert bare(after) == bare(before)
    assert after["metadata"]["annotations"]["release-bot/fence"] == "5"
    pairs = zip(before["spec"]["http"], after["spec"]["http"], strict=True)
    touched = [new["route"] for old, new in pairs if new != old]
    assert all(sum(one["weight"] for one in route) == 100 for route in touched)
    assert all(len(route) == 2 for route in touched)
    fact = way.read(after, ORDERS)
    assert fact.unfit or fact.weights == weights
