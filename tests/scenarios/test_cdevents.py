"""CDEvents: a release from its queue to its end in one chain, back again, and its incident."""

import json
from typing import Any

import pytest

from integrations.simulated.server import Fault
from integrations.simulated.sink import SimulatedSink
from tests import official
from tests.scenarios.conftest import Given
from tests.scenarios.telling import COMPLETED, STARTED, approved, command, listed, released
from tests.scenarios.test_analysis import CATALOGUE, PLACE
from tests.scenarios.test_analysis import approved as baking
from tests.tester import ANA, CATALOG, DAN, Bot


def taking(sink: SimulatedSink, contracts: str, catalog: str = CATALOG) -> str:
    """The catalogue with a sink that takes these contracts."""
    place = f"url: '{sink.url}/events', secret: PLATFORM_KEY, contracts: [{contracts}]"
    return f"{catalog}events:\n  sinks:\n    delivery: {{{place}}}\n"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_KEY", "a key")


@pytest.fixture
async def bot(given: Given, sink: SimulatedSink) -> Bot:
    return await given(catalog=taking(sink, "cdevents"))


def kinds(sink: SimulatedSink) -> list[str]:
    """What came, in the order of coming, in short."""
    found = [got.attributes["type"] for got in sink.received]
    return [kind.removeprefix("dev.cdevents.").removesuffix(".0.3.0") for kind in found]


def contents(sink: SimulatedSink) -> dict[str, Any]:
    return {
        kind: got.data["subject"]["content"]
        for kind, got in zip(kinds(sink), sink.received, strict=True)
    }


def chains(sink: SimulatedSink) -> set[str]:
    return {got.data["context"]["chainId"] for got in sink.received}


FORWARD = [
    "pipelinerun.queued",
    "pipelinerun.started",
    "service.upgraded",
    "service.published",
    "pipelinerun.finished",
]
IMAGE = "pkg:oci/payments?repository_url=quantivista/payments"
NEW, OLD = f"{IMAGE}&tag=v2.1.0", f"{IMAGE}&tag=v2.0.5"


async def test_a_release_is_one_chain_in_the_order_in_which_it_happened(
    bot: Bot, sink: SimulatedSink
) -> None:
    found = await bot.release(await released(bot))
    assert kinds(sink) == FORWARD
    assert len(chains(sink)) == 1
    said = contents(sink)
    assert said["service.upgraded"] == {"environment": {"id": "production"}, "artifactId": NEW}
    assert said["pipelinerun.finished"]["outcome"] == "success"
    # Each at its moment: live before the watch, the end after it.
    moments = [got.at for got in sink.received]
    assert moments[1] == found.started_at
    assert moments[2] == moments[3] == found.live_since
    assert moments[4] == found.ended_at
    ids = [got.attributes["id"] for got in sink.received]
    links = [got.data["context"].get("links", []) for got in sink.received]
    assert [[one["from"]["contextId"] for one in some] for some in links] == [
        [],
        [ids[0]],
        [ids[1]],
        [ids[2]],
        [ids[1]],
    ]
    assert set(sink.times.values()) == {1}


async def test_what_is_sent_is_a_cloudevent_and_the_official_schemas_hold(
    bot: Bot, sink: SimulatedSink
) -> None:
    schemas = official.cdevents()
    await released(bot)
    for got in sink.received:
        schemas[got.attributes["type"]].validate(got.data)
        assert got.attributes["datacontenttype"] == "application/cdevents+json"
        assert got.attributes["subject"] == got.data["subject"]["id"]
        assert got.attributes["id"] == got.data["context"]["id"]


async def test_a_rollback_is_a_chain_of_its_own_and_serves_the_old_version(
    bot: Bot, sink: SimulatedSink
) -> None:
    await released(bot)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("succeeded")
    # It begins on its way: it waits in no queue.
    assert kinds(sink)[len(FORWARD) :] == [
        "pipelinerun.started",
        "service.rolledback",
        "pipelinerun.finished",
    ]
    assert contents(sink)["service.rolledback"]["artifactId"] == OLD
    assert contents(sink)["pipelinerun.finished"]["outcome"] == "success"
    assert len(chains(sink)) == 2
    # A person's wish is no incident, and no incident is resolved.
    await bot.clicks("Cause is mended", by=DAN)
    assert len(sink.received) == len(FORWARD) + 3


async def test_one_that_a_person_takes_back_under_way_is_no_incident(
    bot: Bot, sink: SimulatedSink
) -> None:
    found = await approved(bot, "orders")
    await bot.until(lambda r: r.progress.weight >= 25, found)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", found)
    assert kinds(sink)[2:] == ["service.rolledback", "pipelinerun.finished"]
    assert contents(sink)["pipelinerun.finished"]["outcome"] == "failure"


async def test_going_back_by_itself_is_an_incident_until_its_cause_is_mended(
    given: Given, sink: SimulatedSink
) -> None:
    bot = await given(catalog=taking(sink, "cdevents", CATALOGUE))
    await baking(bot)
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    release = await bot.until("rolled_back")
    assert kinds(sink)[2:] == [
        "incident.detected",
        "service.rolledback",
        "pipelinerun.finished",
    ]
    said = contents(sink)
    assert said["incident.detected"]["description"] == release.detail
    assert said["incident.detected"]["artifactId"].endswith("/orders&tag=v2.1.0")
    assert said["service.rolledback"]["artifactId"].endswith("/orders&tag=v2.0.5")
    await bot.clicks("Cause is mended", by=DAN)
    await bot.works()
    assert kinds(sink)[5:] == ["incident.resolved"]
    detected, resolved = sink.received[2], sink.received[5]
    assert detected.data["subject"]["id"] == resolved.data["subject"]["id"]
    assert resolved.data["context"]["links"][0]["from"]["contextId"] == detected.attributes["id"]
    assert len(chains(sink)) == 1


async def test_one_that_ends_in_its_queue_is_finished_too(bot: Bot, sink: SimulatedSink) -> None:
    # A run that never was queued is not told of at all.
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled")
    assert sink.received == []
    found = await approved(bot)
    await bot.until("running", found)
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled", found)
    assert kinds(sink) == ["pipelinerun.queued", "pipelinerun.started", "pipelinerun.finished"]
    assert contents(sink)["pipelinerun.finished"]["outcome"] == "cancel"


async def test_a_crash_in_between_tells_nothing_twice_and_leaves_nothing_out(
    bot: Bot, sink: SimulatedSink
) -> None:
    sink.fail(Fault("drop_after", times=2))
    found = await approved(bot)
    await bot.until("running", found)
    await bot.crashes_and_restarts()
    await bot.until("succeeded", found)
    assert kinds(sink) == FORWARD


async def test_an_environment_that_comes_or_goes_with_the_catalogue_is_told(
    bot: Bot, sink: SimulatedSink
) -> None:
    # What stood in the first catalogue was there before.
    await bot.works()
    assert sink.received == []
    more = "  preview: {cluster: main, namespace: preview}\n  production:\n"
    first = bot.catalog
    bot.catalog = first.replace("  production:\n", more, 1)
    await bot.crashes_and_restarts()
    await bot.works()
    bot.catalog = first
    await bot.crashes_and_restarts()
    await bot.works()
    assert kinds(sink) == ["environment.created", "environment.deleted"]
    assert {got.attributes["subject"] for got in sink.received} == {"preview"}
    _, said = await command(bot, "list")
    assert "dev.cdevents.environment.deleted.0.3.0  environment/preview  delivery: deliv" in said
    assert json.loads((await command(bot, "list", "--json"))[1])[0]["release"] is None


# Who takes what.


async def test_each_sink_has_the_contracts_that_it_takes(
    given: Given, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    both = taking(sink, "platform, cdevents")
    bot = await given(catalog=f"{both}    audit: {{url: '{audit.url}', secret: PLATFORM_KEY}}\n")
    found = await released(bot)
    assert kinds(sink) == [
        "pipelinerun.queued",
        "pipelinerun.started",
        # The platform's start names the run, and is told once that is known.
        STARTED,
        "service.upgraded",
        "service.published",
        COMPLETED,
        "pipelinerun.finished",
    ]
    # Who says nothing of contracts has what it always had.
    assert audit.told == [(STARTED, found), (COMPLETED, found)]


async def test_where_no_sink_takes_them_none_are_kept(given: Given, sink: SimulatedSink) -> None:
    bot = await given(catalog=taking(sink, "platform"))
    await released(bot)
    assert [row.event.type for row in await listed(bot)] == [COMPLETED, STARTED]


async def test_no_sink_is_sent_by_hand_what_it_does_not_take(
    given: Given, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    bot = await given(catalog=taking(sink, "cdevents"))
    await released(bot)
    bot.catalog = f"{bot.catalog}    audit: {{url: '{audit.url}/x', secret: PLATFORM_KEY}}\n"
    await bot.crashes_and_restarts()
    event = sink.received[0].attributes["id"]
    status, said = await command(bot, "resend", event, "--sink", "audit")
    assert status == 1
    assert said == (
        f"Event {event} is of the contract cdevents, and sink audit takes platform. "
        "Add it to the contracts of the sink, if it is to have such events.\n"
    )
    assert audit.received == []
