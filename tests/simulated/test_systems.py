"""The simulated systems obey the rules that matter, as the real clients see them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kubernetes.aio import client, config, watch

from integrations.simulated.kubernetes import Behaviour, SimulatedKubernetes, seeding
from integrations.simulated.server import Fault
from integrations.simulated.slack.limits import Rates, SlackError, check_blocks
from integrations.simulated.slack.messages import show
from tests.virtual import VirtualClock


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedKubernetes]:
    clock = VirtualClock()
    made = SimulatedKubernetes(clock.now, clock.sleep, token="t")
    await made.start()
    seeding.seed_blue_green(made.cluster, "prod", "pay", "q/pay:v1", traffic="gateway")
    yield made
    await made.stop()


@pytest.fixture
async def api(sim: SimulatedKubernetes, tmp_path: Path) -> AsyncIterator[client.ApiClient]:
    made = client.Configuration()
    path = str(sim.kubeconfig(tmp_path / "config", ["main"]))
    await config.load_kube_config(config_file=path, client_configuration=made)
    async with client.ApiClient(made) as found:
        yield found


async def test_the_real_client_reads_and_writes(
    sim: SimulatedKubernetes, api: client.ApiClient
) -> None:
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    found = await apps.read_namespaced_deployment("pay-blue", "prod")
    assert found.status.ready_replicas == 3
    listed = await apps.list_namespaced_deployment("prod")
    assert {d.metadata.name for d in listed.items} == {"pay-blue", "pay-green"}
    pods = await core.list_namespaced_pod("prod", label_selector="app=pay,slot=blue")
    assert len(pods.items) == 3
    assert (await client.VersionApi(api).get_code()).git_version == "v1.34.0"
    assert (await core.read_namespace("prod")).metadata.name == "prod"
    with pytest.raises(client.ApiException) as caught:
        await core.read_namespace("none")
    assert caught.value.status == 404
    body: dict[str, Any] = {
        "metadata": {"name": "extra"},
        "spec": {"selector": {"app": "none"}, "ports": [{"port": 80}]},
    }
    await core.create_namespaced_service("prod", body)
    with pytest.raises(client.ApiException) as caught:
        await core.create_namespaced_service("prod", body)
    assert caught.value.status == 409
    await core.delete_namespaced_service("extra", "prod")
    assert sim.cluster.objects.find("services", "prod", "extra") is None


async def test_versions_generations_and_conflicts(api: client.ApiClient) -> None:
    apps = client.AppsV1Api(api)
    first = await apps.read_namespaced_deployment("pay-blue", "prod")
    scaled = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    second = await apps.patch_namespaced_deployment("pay-blue", "prod", scaled)
    assert int(second.metadata.resource_version) > int(first.metadata.resource_version)
    assert second.metadata.generation == (first.metadata.generation or 0) + 1
    note = {"metadata": {"annotations": {"a": "b"}}}
    third = await apps.patch_namespaced_deployment("pay-blue", "prod", note)
    assert third.metadata.generation == second.metadata.generation
    with pytest.raises(client.ApiException) as caught:
        await apps.replace_namespaced_deployment("pay-blue", "prod", first)
    assert (caught.value.status, json.loads(caught.value.body)["reason"]) == (409, "Conflict")
    wrong = [{"op": "test", "path": "/spec/replicas", "value": 9}]
    with pytest.raises(client.ApiException) as caught:
        await apps.patch_namespaced_deployment("pay-blue", "prod", wrong)
    assert (caught.value.status, json.loads(caught.value.body)["reason"]) == (422, "Invalid")
    other = {"spec": {"selector": {"matchLabels": {"app": "x"}}}}
    for bad in (other, {"spec": {"replicas": -1}}, {"metadata": {"annotations": {"a": 1}}}):
        with pytest.raises(client.ApiException) as caught:
            await apps.patch_namespaced_deployment("pay-blue", "prod", bad)
        assert caught.value.status == 422
    dry = await apps.patch_namespaced_deployment("pay-blue", "prod", scaled, dry_run="All")
    assert dry.spec.replicas == 5


async def test_watches_tell_what_changed(sim: SimulatedKubernetes, api: client.ApiClient) -> None:
    apps = client.AppsV1Api(api)
    version = (await apps.list_namespaced_deployment("prod")).metadata.resource_version
    sim.cluster.edit("deployments", "prod", "pay-blue", {"spec": {"replicas": 4}})
    sim.cluster.delete("deployments", "prod", "pay-green")
    seen = []
    async with watch.Watch() as stream:
        async for event in stream.stream(
            apps.list_namespaced_deployment,
            "prod",
            resource_version=version,
            timeout_seconds=1,
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 2:
                break
    assert seen == [("MODIFIED", "pay-blue"), ("DELETED", "pay-green")]


async def test_rights_and_tokens(sim: SimulatedKubernetes, api: client.ApiClient) -> None:
    sim.cluster.deny("list", "pods")
    with pytest.raises(client.ApiException) as caught:
        await client.CoreV1Api(api).list_namespaced_pod("prod")
    assert caught.value.status == 403
    sim.token = "another"
    with pytest.raises(client.ApiException) as caught:
        await client.CoreV1Api(api).read_namespaced_service("pay", "prod")
    assert caught.value.status == 401


def test_a_rollout_keeps_its_old_pods_until_the_new_are_ready(sim: SimulatedKubernetes) -> None:
    world = sim.cluster
    world.behaves("bad", Behaviour("never_ready"))
    world.deploy("prod", "pay-blue", "bad:1")
    item = world.objects.get("deployments", "prod", "pay-blue")
    status = world.deployment_status("prod", item)
    assert (status["replicas"], status["updatedReplicas"], status["readyReplicas"]) == (6, 3, 3)
    world.deploy("prod", "pay-blue", "q/pay:v2")
    assert world.deployment_status("prod", item)["updatedReplicas"] == 3


def test_a_route_to_nothing_is_not_resolved(sim: SimulatedKubernetes) -> None:
    sim.cluster.delete("services", "prod", "pay-green")
    item = sim.cluster.objects.get("httproutes", "prod", "pay")
    conditions = sim.cluster.route_status("prod", item)["parents"][0]["conditions"]
    assert "no such service: pay-green" in conditions[1]["message"]


async def test_faults_can_be_made_from_another_process(sim: SimulatedKubernetes) -> None:
    async with aiohttp.ClientSession() as session:
        made = {"kind": "slow", "path": "/version", "seconds": 0.05}
        async with session.post(f"{sim.url}/_control/faults", json=made) as answer:
            assert await answer.json() == {"faults": 1}
        headers = {"Authorization": "Bearer t"}
        async with session.get(f"{sim.url}/version", headers=headers) as answer:
            assert answer.status == 200
        async with session.delete(f"{sim.url}/_control/faults") as answer:
            assert await answer.json() == {"faults": 0}
        async with session.get(f"{sim.url}/_control/journal") as answer:
            assert [row["path"] for row in await answer.json()] == ["/version"]
    assert not Fault("slow", times=0).matches("GET", "/")
    from integrations.simulated.slack.app_side import AppSide
    from integrations.simulated.slack.workspace import Workspace

    side = AppSide(Workspace("T"), sim.now, "s")
    with pytest.raises(RuntimeError, match="nothing was sent"):
        await side.again()


def element(**changes: Any) -> dict[str, Any]:
    base = {"type": "button", "action_id": "a", "value": "v",
            "text": {"type": "plain_text", "text": "x"}}  # fmt: skip
    return base | changes


LONG = {"type": "plain_text", "text": "x" * 400}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "marquee"},
        {"type": "section"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "actions", "elements": []},
        {"type": "actions", "elements": [element()] * 26},
        {"type": "actions", "elements": [element(action_id="")]},
        {"type": "actions", "elements": [element(text={"type": "plain_text", "text": "x" * 76})]},
        {"type": "actions", "elements": [element(value="x" * 2001)]},
        {"type": "actions", "elements": [element(type="overflow", options=[])]},
        {"type": "actions", "elements": [element(type="datepicker")]},
        {"type": "actions", "elements": [element(
            confirm={"title": LONG, "text": LONG, "confirm": LONG, "deny": LONG})]},
    ],
)  # fmt: skip
def test_slack_refuses_odd_blocks(block: dict[str, Any]) -> None:
    with pytest.raises(SlackError, match="invalid_blocks"):
        check_blocks([block])


def test_slack_takes_no_more_than_fifty_blocks() -> None:
    with pytest.raises(SlackError):
        check_blocks([{"type": "divider"}] * 51)
    check_blocks([{"type": "divider"}] * 50)


def test_slacks_rates() -> None:
    clock, rates = VirtualClock(), Rates()
    assert [rates.post("C", clock.now()) for _ in range(4)] == [None, None, None, 3.0]
    assert [rates.update(clock.now()) for _ in range(51)][-1] == 60.0
    assert [rates.group(clock.now()) for _ in range(21)][-1] == 60.0
    rates.on = False
    assert rates.post("C", clock.now()) is None


def test_markup_is_shown_as_a_person_sees_it() -> None:
    text = (
        "*bold* <@U1> <#C1|x> <https://a|b> <https://c> <!date^0^{date_short_pretty} {time}|x> &lt;"
    )
    assert show(text, lambda key: key.lower()) == ("bold @u1 #c1 [b] https://c 1 Jan 00:00 <")


async def test_sleepers_wake_at_their_own_time() -> None:
    clock = VirtualClock()
    woken = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.now()))

    tasks = [asyncio.create_task(sleeper(s)) for s in (5, 1, 3)]
    await asyncio.sleep(0)
    from datetime import timedelta

    await clock.advance_to(clock.now() + timedelta(seconds=4))
    assert [s for s, _ in woken] == [1, 3]
    tasks[0].cancel()
